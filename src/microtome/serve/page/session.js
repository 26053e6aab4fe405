/**
 * Which query is on the table, which comes next, and which were before.
 *
 * @import {Op, ProjectInfo, Report, State} from "./types.js"
 * @import {Item, Outbox} from "./outbox.js"
 */

import * as api from "./api.js";
import { OpenQuery } from "./openquery.js";

const RETRY_MS = 1000;

/**
 * Dispatches "show" when another query is on the table or none is, and
 * "prediction" when the prediction of the one that is there has changed, "overtaken" (detail: its id) when the one
 * that is not answered yet was answered elsewhere.
 */
export class Session extends EventTarget {
  /** @type {Promise<OpenQuery | null> | null} the query after the live one, on its way or here; the only one fetched */
  #upcoming = null;
  /** @type {OpenQuery | null} the one that is not answered yet, perhaps behind an earlier one */
  #live = null;
  /** @type {Set<number>} ids of the queries that this page was given and the server may still think open */
  #held = new Set();
  /** @type {number[]} answered queries, oldest first */
  #trail = [];
  #place = 0;
  /** @type {Map<number, number>} by answered query: the model whose prediction was asked for */
  #asked = new Map();
  /** Counts what was asked to be shown, so that what comes late is not shown. */
  #turn = 0;

  /**
   * @param {ProjectInfo} project
   * @param {string} annotator
   * @param {Outbox} outbox
   * @param {() => Report[]} reports of the time that the query on the table took
   * @param {() => boolean} predictionInView
   */
  constructor(project, annotator, outbox, reports, predictionInView) {
    super();
    this.project = project;
    this.annotator = annotator;
    this.outbox = outbox;
    this.reports = reports;
    this.predictionInView = predictionInView;
    /** @type {OpenQuery | null} */
    this.current = null;
    /** @type {number | null | undefined} the latest model, undefined while that is not known */
    this.model = undefined;
    /** Why there is no query. */
    this.reason = "";
  }

  /** Whether the query on the table was answered before and is looked at again. */
  get revisiting() {
    return this.current !== this.#live;
  }

  /**
   * Puts the first query on the table.
   *
   * @param {number} [wanted] the answered query to begin with
   * @returns {Promise<boolean>} whether that was possible, if it was wanted
   */
  async start(wanted) {
    const answered = await api.answered(this.annotator).catch(() => []);
    this.#trail = answered.map(({ query }) => query);
    this.#place = this.#trail.length;
    const place = wanted === undefined ? -1 : this.#trail.indexOf(wanted);
    await (place < 0 ? this.#advance() : this.#goBack(place));
    return wanted === undefined || place >= 0;
  }

  /** Hands the query in and goes on to the next. */
  submit() {
    const { current } = this;
    if (!current) {
      return;
    }
    const { seq } = current.draft;
    const shown = (this.predictionInView() && current.prediction?.model) || null;
    const body = { seq, crc: current.draft.crc(), shown, reports: this.reports() };
    this.outbox.push({ query: current.id, kind: "answer", body });
    if (!this.#trail.includes(current.id)) {
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
    this.#trail.push(current.id);
    this.#leave();
  }

  /** Goes through the answered queries, and back to the one that is not. @param {1 | -1} step */
  async turn(step) {
    const place = Math.min(Math.max(this.#place + step, 0), this.#trail.length);
    if (place === this.#place) {
      return false;
    }
    if (place < this.#trail.length) {
      await this.#goBack(place);
    } else {
      this.#goOn();
    }
    return true;
  }

  /**
   * Takes over what the server has of a query, where the page's own draft of it was refused.
   *
   * @param {number} id
   * @returns {Promise<boolean>} whether the query is on the table
   */
  async reload(id) {
    const old = [this.current, this.#live].find((open) => open?.id === id);
    if (!old) {
      return false;
    }
    const open = await this.#load(id);
    const shown = old === this.current;
    if (old === this.#live) {
      this.#live = open;
      if (open.query.answer !== null) {
        this.#live = null; // it was answered elsewhere, as by an import
        this.#trail.push(id);
        this.#place = shown ? this.#trail.length - 1 : this.#place;
        this.dispatchEvent(new CustomEvent("overtaken", { detail: id }));
      }
    }
    if (shown) {
      this.#show(open);
    }
    return shown;
  }

  /**
   * Looks for the query after this one, and for a newer prediction as long as nothing was painted; of an answer that
   * is looked at again, as long as it is not changed.
   *
   * @param {State} state
   */
  async follow({ model }) {
    const { current } = this;
    if (model !== this.model) {
      this.model = model;
      this.dispatchEvent(new Event("model"));
    }
    if (this.#live) {
      this.prefetch();
    }
    if (current && model !== null && isUntouched(current) && current.prediction?.model !== model) {
      await this.#ask(current, model);
      await this.#repredict(current);
    }
  }

  /** Asks for the prediction of an answered query, which no worker makes of itself. @param {OpenQuery} current @param {number} model */
  async #ask(current, model) {
    if (current.query.answer !== null && this.#asked.get(current.id) !== model) {
      this.#asked.set(current.id, model);
      await api.look(current.id);
    }
  }

  /** @param {OpenQuery} current of which there may be a newer prediction */
  async #repredict(current) {
    const { preview } = await api.query(current.id, this.annotator);
    if (preview && preview.model !== current.prediction?.model && isUntouched(current)) {
      await current.refresh(preview);
      if (current === this.current) {
        this.dispatchEvent(new Event("prediction"));
      }
    }
  }

  /** Shows a query that was answered before. @param {number} place on the trail */
  async #goBack(place) {
    const turn = ++this.#turn;
    this.#place = place;
    try {
      const open = await this.#load(this.#trail[place]);
      if (turn === this.#turn) {
        this.#show(open);
      }
    } catch (error) {
      if (turn === this.#turn) {
        this.#stay();
      }
      throw error;
    }
  }

  /** Goes nowhere, but goes on waiting if no query is on the table. */
  #stay() {
    this.#place = this.current && this.revisiting ? this.#trail.indexOf(this.current.id) : this.#trail.length;
    if (!this.current) {
      this.#goOn();
    }
  }

  #leave() {
    if (!this.revisiting) {
      this.#live = null;
    }
    this.#goOn();
  }

  /** Shows the query that is not answered yet. */
  #goOn() {
    this.#place = this.#trail.length;
    if (!this.#live) {
      void this.#advance();
      return;
    }
    this.#turn++;
    if (this.revisiting) {
      this.#show(this.#live);
    }
  }

  /** Puts the next query on the table, waiting for one if need be. */
  async #advance() {
    const turn = ++this.#turn;
    if (this.current) {
      this.#show(null); // nothing more can be done to the query that was left
    }
    for (;;) {
      this.prefetch();
      const open = await this.#upcoming;
      if (turn !== this.#turn) {
        return;
      }
      if (open) {
        this.#upcoming = null;
        this.#live = open;
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
        if (!open) {
          this.#upcoming = null; // it is asked for again
        }
        return open;
      });
  }

  /** @returns {Promise<OpenQuery | null>} */
  async #fetch() {
    this.#forgetSettled();
    const waiting = this.outbox.pending();
    const { query, reason } = await api.next(this.annotator, [...this.#held]);
    this.reason = reason ?? "";
    if (!query) {
      return null;
    }
    if (this.outbox.pending(query.id).some(({ kind }) => kind !== "op")) {
      await this.outbox.drained(query.id); // an earlier page has finished it, which the server does not know yet
      return this.#fetch();
    }
    const open = await OpenQuery.load(query, opsOf(waiting, query.id), this.project);
    this.#held.add(query.id);
    return open;
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
    const waiting = this.outbox.pending();
    return OpenQuery.load(await api.query(id, this.annotator), opsOf(waiting, id), this.project);
  }
}

/** Whether the draft is empty, or the answer that was given. @param {OpenQuery} open */
function isUntouched({ draft, query: { answer } }) {
  return draft.seq === (answer?.seq ?? 0);
}

/**
 * What waited before the server was asked: it may be missing from the server's answer though it has arrived since.
 *
 * @param {Item[]} waiting @param {number} id of a query
 * @returns {Op[]}
 */
function opsOf(waiting, id) {
  return waiting.flatMap((item) => (item.query === id && item.kind === "op" ? [item.body] : []));
}
