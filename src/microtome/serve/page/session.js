/**
 * Which query is on the table, which comes next, and which were before.
 *
 * @import {Op, ProjectInfo, Report, State} from "./types.js"
 * @import {Outbox} from "./outbox.js"
 */

import * as api from "./api.js";
import { OpenQuery } from "./openquery.js";

const RETRY_MS = 1000;

/**
 * Dispatches "show" when another query is on the table or none is, and
 * "prediction" when the prediction of the one that is there has changed.
 */
export class Session extends EventTarget {
  /** @type {Promise<OpenQuery | null> | null} the query after the live one, on its way or here */
  #upcoming = null;
  /** @type {OpenQuery | null} the one that is not answered yet, perhaps behind an earlier one */
  #live = null;
  /** @type {Set<number>} ids of the queries that this page was given and the server may still think open */
  #held = new Set();
  /** @type {number[]} answered queries, oldest first */
  #trail = [];
  #place = 0;
  /** Counts what was asked to be shown, so that what comes late is not shown. */
  #turn = 0;

  /**
   * @param {ProjectInfo} project
   * @param {string} annotator
   * @param {Outbox} outbox
   * @param {() => Report[]} reports of the time that the query on the table took
   */
  constructor(project, annotator, outbox, reports) {
    super();
    this.project = project;
    this.annotator = annotator;
    this.outbox = outbox;
    this.reports = reports;
    /** @type {OpenQuery | null} */
    this.current = null;
    /** Why there is no query. */
    this.reason = "";
  }

  /** Whether the query on the table was answered before and is looked at again. */
  get revisiting() {
    return this.#place < this.#trail.length;
  }

  async start() {
    const answered = await api.answered(this.annotator).catch(() => []);
    this.#trail = answered.map(({ query }) => query);
    await this.#advance();
  }

  /** Hands the query in and goes on to the next. */
  submit() {
    const { current } = this;
    if (!current) {
      return;
    }
    const { seq } = current.draft;
    const body = { seq, crc: current.draft.crc(), reports: this.reports() };
    this.outbox.push({ query: current.id, kind: "answer", body });
    if (!this.revisiting) {
      this.#trail.push(current.id);
    }
    this.#leave();
  }

  /** @param {string} reason */
  skip(reason) {
    const { current } = this;
    if (!current || this.revisiting) {
      return;
    }
    this.outbox.push({ query: current.id, kind: "skip", body: { reason, reports: this.reports() } });
    this.#leave();
  }

  /** Goes through the answered queries, and back to the one that is not. @param {1 | -1} step */
  async turn(step) {
    const place = Math.min(Math.max(this.#place + step, 0), this.#trail.length);
    if (place === this.#place) {
      return false;
    }
    this.#place = place;
    if (place < this.#trail.length) {
      await this.reload(this.#trail[place]);
    } else if (this.#live) {
      this.#turn++;
      this.#show(this.#live);
    } else {
      void this.#advance();
    }
    return true;
  }

  /** Shows a query as the server has it. @param {number} id */
  async reload(id) {
    const turn = ++this.#turn;
    const open = await this.#load(id);
    if (turn === this.#turn) {
      if (id === this.#live?.id) {
        this.#live = open;
      }
      this.#show(open);
    }
  }

  /** Looks for the query after this one, and for a newer prediction as long as nothing was painted. @param {State} state */
  async follow({ model }) {
    const { current } = this;
    if (this.#live) {
      this.prefetch();
    }
    if (!current || model === null || current.draft.seq > 0 || current.prediction?.model === model) {
      return;
    }
    const { preview } = await api.query(current.id, this.annotator);
    if (preview && preview.model !== current.prediction?.model) {
      await current.refresh(preview);
      if (current === this.current) {
        this.dispatchEvent(new Event("prediction"));
      }
    }
  }

  #leave() {
    if (!this.revisiting || this.#live === this.current) {
      this.#live = null;
    }
    this.#place = this.#trail.length;
    if (this.#live) {
      this.#show(this.#live);
    } else {
      void this.#advance();
    }
  }

  /** Puts the next query on the table, waiting for one if need be. */
  async #advance() {
    const turn = ++this.#turn;
    this.#place = this.#trail.length;
    for (;;) {
      const open = await (this.#upcoming ?? this.#fetch().catch(() => null));
      this.#upcoming = null;
      if (open) {
        this.#live = open;
      }
      if (turn !== this.#turn) {
        return;
      }
      if (open) {
        this.#show(open);
        return;
      }
      this.#show(null);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      if (turn !== this.#turn) {
        return;
      }
    }
  }

  /** @param {OpenQuery | null} open */
  #show(open) {
    this.current = open;
    this.dispatchEvent(new Event("show"));
  }

  /** Fetches the query after the live one, so that it is there when it is wanted. */
  prefetch() {
    this.#upcoming ??= this.#fetch()
      .catch(() => null)
      .then((open) => {
        this.#upcoming = open && Promise.resolve(open); // if there was none, it is asked for again
        return open;
      });
  }

  /** @returns {Promise<OpenQuery | null>} */
  async #fetch() {
    this.#forgetSettled();
    const { query, reason } = await api.next(this.annotator, [...this.#held]);
    if (!query) {
      this.reason = reason ?? "";
      return null;
    }
    if (this.outbox.pending(query.id).some(({ kind }) => kind !== "op")) {
      await this.outbox.drained(query.id); // an earlier page has finished it, which the server does not know yet
      return this.#fetch();
    }
    this.#held.add(query.id);
    return OpenQuery.load(query, this.#waitingOps(query.id), this.project);
  }

  /** Lets go of queries whose answer the server has. */
  #forgetSettled() {
    for (const id of this.#held) {
      if (id !== this.#live?.id && this.outbox.pending(id).length === 0) {
        this.#held.delete(id);
      }
    }
  }

  /** @param {number} id */
  async #load(id) {
    const waiting = this.#waitingOps(id);
    return OpenQuery.load(await api.query(id, this.annotator), waiting, this.project);
  }

  /** @param {number} id @returns {Op[]} */
  #waitingOps(id) {
    return this.outbox.pending(id).flatMap((item) => (item.kind === "op" ? [item.body] : []));
  }
}
