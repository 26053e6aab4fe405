/**
 * Messages to the server, which are sent in order and never lost: they are kept in the browser until they arrived.
 *
 * @import {Op, Report} from "./types.js"
 * @import {SheetMessage} from "./proofread-types.js"
 * @import {Store} from "./store.js"
 *
 * @typedef {{query: number, kind: "op", body: Op} | {query: number, kind: "answer", body: {seq: number, crc: number,
 *   shown: number | null, reports: Report[]}} | {query: number, kind: "skip", body: {reason: string, reports: Report[]}}} PaintMessage
 * @typedef {PaintMessage | SheetMessage} Message  `query` is what it is about: a query, or a sheet of objects
 * @typedef {Message & {id: string, order: number}} Item  a message in the store; `order` grows
 * @typedef {{item: Item, kept: Promise<void>}} Entry  `kept` is over once the store has it, or cannot have it
 * @typedef {{item: Item, status: number, message: string, dropped: Item[]}} Refusal  what was dropped with the item
 */

import { isRefusal } from "./api.js";
import { memoryStore, openStore } from "./store.js";
import { uuid } from "./uuid.js";

/** Pauses before the next attempt, in milliseconds; the last one over and over. */
const PAUSES_MS = [500, 1000, 2000, 4000, 5000];

/**
 * Sends messages strictly in order, one at a time. Says "change" when any of its properties changed, and "refused"
 * with a Refusal when the server will not have a message, which drops the later ones about the same query too.
 */
export class Outbox extends EventTarget {
  #send;
  #store;
  /** @type {Entry[]} */
  #entries = [];
  /** @type {{query: number, resolve: () => void}[]} */
  #waiters = [];
  #lastOrder = 0;
  #sending = false;
  #failures = 0;
  #wake = () => {};

  /**
   * @param {(item: Item) => Promise<unknown>} send rejects with an ApiError if the server answered with an error
   * @param {Store} store
   */
  constructor(send, store) {
    super();
    this.#send = send;
    this.#store = store;
    /** Whether the last attempt reached the server. */
    this.online = true;
    /** @type {string | null} why the last attempt failed */
    this.problem = null;
    /** @type {number | null} when the server last took a message, in milliseconds since 1970 */
    this.savedAt = null;
    /** Whether what waits would outlive the page. */
    this.durable = true;
  }

  /**
   * The annotator's outbox in this browser, with what earlier pages could not send.
   *
   * @param {{project: () => Promise<{id: string}>, deliver: (annotator: string, item: Item) => Promise<unknown>}} api
   * @param {string} annotator
   * @returns {Promise<Outbox>}
   */
  static async open(api, annotator) {
    const { id } = await api.project();
    const store = await openStore(`microtome outbox: ${id}: ${annotator}`, navigator.locks).catch(() => null);
    const outbox = new Outbox((item) => api.deliver(annotator, item), store ?? memoryStore());
    outbox.durable = store !== null;
    await outbox.restore();
    window.addEventListener("online", () => outbox.retry());
    return outbox;
  }

  /** How many messages the server does not have yet. */
  get waiting() {
    return this.#entries.length;
  }

  /** Take up what earlier pages left in the store, before anything that was pushed here. */
  async restore() {
    const stored = (await this.#keep(() => this.#store.all())) ?? [];
    const items = stored.filter(({ id }) => this.#entries.every(({ item }) => item.id !== id));
    this.#entries.unshift(...items.map((item) => ({ item, kept: Promise.resolve() })));
    this.#lastOrder = Math.max(this.#lastOrder, ...items.map(({ order }) => order));
    this.#changed();
    void this.#run();
  }

  /**
   * Keep a message, and send it when its turn comes.
   *
   * @param {Message} message
   */
  push(message) {
    this.#lastOrder = Math.max(Date.now(), this.#lastOrder + 1);
    const item = { ...message, id: uuid(), order: this.#lastOrder };
    this.#entries.push({ item, kept: this.#keep(() => this.#store.put(item)) });
    this.#changed();
    void this.#run();
  }

  /** @param {number} [query] @returns {Item[]} messages about it, or all, that the server does not have yet, in order */
  pending(query) {
    return this.#entries.map(({ item }) => item).filter((item) => query === undefined || item.query === query);
  }

  /** @param {number} query @returns {Promise<void>} once no message about it waits */
  drained(query) {
    return new Promise((resolve) => {
      this.#waiters.push({ query, resolve });
      this.#release();
    });
  }

  /** Try again now rather than after the pause. */
  retry() {
    this.#wake();
  }

  async #run() {
    if (this.#sending) {
      return;
    }
    this.#sending = true;
    while (this.#entries.length > 0) {
      await this.#attempt(this.#entries[0]);
    }
    this.#sending = false;
  }

  /** @param {Entry} entry */
  async #attempt(entry) {
    await entry.kept;
    try {
      await this.#send(entry.item);
    } catch (error) {
      await (isRefusal(error) ? this.#refused(entry, error) : this.#failed(error));
      return;
    }
    this.savedAt = Date.now();
    await this.#forget([entry]);
  }

  /** @param {Entry} entry @param {{status: number, message: string}} error */
  async #refused({ item }, { status, message }) {
    const entries = this.#entries.filter((entry) => entry.item.query === item.query);
    await this.#forget(entries);
    const dropped = entries.slice(1).map((entry) => entry.item);
    this.dispatchEvent(new CustomEvent("refused", { detail: { item, status, message, dropped } }));
  }

  /** @param {unknown} error */
  async #failed(error) {
    this.online = false;
    this.problem = error instanceof Error ? error.message : String(error);
    const pause = PAUSES_MS[Math.min(this.#failures, PAUSES_MS.length - 1)];
    this.#failures += 1;
    this.#changed();
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, pause);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
    });
  }

  /** @param {Entry[]} entries that the server has taken or refused */
  async #forget(entries) {
    this.online = true;
    this.problem = null;
    this.#failures = 0;
    this.#entries = this.#entries.filter((entry) => !entries.includes(entry));
    for (const { item, kept } of entries) {
      await kept;
      await this.#keep(() => this.#store.remove(item.id));
    }
    this.#changed();
  }

  /**
   * @template T
   * @param {() => Promise<T>} act on the store, which may be full or forbidden
   * @returns {Promise<T | undefined>}
   */
  async #keep(act) {
    try {
      return await act();
    } catch {
      this.durable = false;
      this.#changed();
      return undefined;
    }
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
    this.#release();
  }

  #release() {
    const isDrained = (/** @type {{query: number}} */ { query }) => this.pending(query).length === 0;
    const done = this.#waiters.filter(isDrained);
    this.#waiters = this.#waiters.filter((waiter) => !done.includes(waiter));
    done.forEach(({ resolve }) => resolve());
  }
}
