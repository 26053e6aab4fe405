/**
 * Which sheet is on the table, which comes next, and which were confirmed before.
 *
 * @import {Item, Outbox} from "./outbox.js"
 * @import {Pictures, SheetInfo, SheetMessage} from "./proofread-types.js"
 * @import {Report} from "./types.js"
 *
 * @typedef {{sheet: OpenSheet, pictures: Pictures}} Table
 */

import * as api from "./proofread-api.js";
import { OpenSheet } from "./proofread-sheet.js";
import { uuid } from "./uuid.js";

const RETRY_MS = 1000;
const LOOK_AGAIN_MS = 5000; // where the server has nothing, which costs it some time to find out

/** Says "show" when another sheet is on the table or none is, and "change" when something was said on the one there. */
export class SheetSession extends EventTarget {
  /** @type {Table | null} */
  current = null;
  /** Why there is no sheet. */
  reason = "";
  /** Whether the server was asked and has no sheet left. */
  finished = false;
  /** Whether that is so since every object is decided. */
  done = false;
  /** @type {Table | null} the one that is not confirmed yet, perhaps behind an earlier one */
  #live = null;
  /** @type {Table[]} what comes after it, as far as it is here */
  #ready = [];
  /** @type {Promise<void> | null} */
  #fetching = null;
  /** @type {number[]} confirmed sheets, the oldest first */
  #trail = [];
  #place = 0;
  /** @type {Table | null} the sheet that was confirmed last, as long as that can be undone */
  #confirmed = null;
  /** @type {Set<number>} sheets that the page has and the server may still think open */
  #held = new Set();
  /** Counts what was asked to be shown, so that what comes late is not shown. */
  #turn = 0;

  /** @param {string} annotator @param {Outbox} outbox @param {() => Report[]} reports of the time that was spent */
  constructor(annotator, outbox, reports) {
    super();
    this.annotator = annotator;
    this.outbox = outbox;
    this.reports = reports;
  }

  /** Whether the sheet on the table was confirmed before and is looked at again. */
  get revisiting() {
    return this.current !== this.#live;
  }

  /** How many sheets were confirmed. */
  get pages() {
    return this.#trail.length;
  }

  /** The number of the sheet on the table, from 1. */
  get page() {
    return this.#place + 1;
  }

  /** Put the first sheet on the table. */
  async start() {
    this.#trail = await api.closed(this.annotator).catch(() => []);
    await this.#advance();
  }

  /** @param {number[]} places of tiles @param {import("./proofread-types.js").Said} word */
  judge(places, word) {
    const verdicts = this.current?.sheet.judge(places, word) ?? [];
    if (verdicts.length > 0) {
      this.#said({ verdicts });
    }
  }

  /** @param {import("./types.js").Int3[]} points in place of the marks so far */
  mark(points) {
    if (this.current) {
      this.#said(this.current.sheet.mark(points));
    }
  }

  /** @returns {Promise<boolean>} whether there was something to undo */
  async undo() {
    const back = this.current?.sheet.undo();
    if (back) {
      this.#said(back);
    }
    return back ? true : this.#reopen();
  }

  /** @returns {boolean} whether there was something to redo */
  redo() {
    const again = this.current?.sheet.redo();
    if (again) {
      this.#said(again);
    }
    return Boolean(again);
  }

  /** Confirm the sheet and go on to the next. */
  confirm() {
    const { current } = this;
    if (!current) {
      return;
    }
    if (!current.sheet.closed) {
      const { id } = current.sheet;
      this.#push(id, { kind: "confirm", body: { key: uuid(), ...current.sheet.close(), reports: this.reports() } });
      this.#trail.push(id);
      this.#confirmed = current;
      this.#live = null;
    }
    this.#goOn();
  }

  /** Go through the confirmed sheets, and back to the one that is not. @param {1 | -1} step @returns {Promise<boolean>} */
  async turn(step) {
    const place = Math.min(Math.max(this.#place + step, 0), this.#trail.length);
    if (place === this.#place) {
      return false;
    }
    if (place === this.#trail.length) {
      this.#goOn();
      return true;
    }
    const turn = ++this.#turn;
    const id = this.#trail[place];
    const table = this.#confirmed?.sheet.id === id ? this.#confirmed : await this.#load(id);
    if (turn === this.#turn) {
      this.#place = place;
      this.#show(table);
    }
    return true;
  }

  /**
   * Take over what the server has of a sheet, where what the page said of it was refused.
   *
   * @param {number} id
   * @returns {Promise<void>}
   */
  async reload(id) {
    const table = await this.#load(id);
    const isIt = (/** @type {Table | null} */ other) => other?.sheet.id === id;
    const [shown, live] = [isIt(this.current), isIt(this.#live)];
    this.#confirmed = isIt(this.#confirmed) ? null : this.#confirmed;
    this.#ready = this.#ready.map((other) => (isIt(other) ? table : other));
    if (live && table.sheet.closed) {
      this.#live = null; // somebody confirmed it elsewhere under the same name
      this.#trail.push(id);
      this.#goOn();
    } else if (live) {
      this.#live = table;
    } else if (!table.sheet.closed && this.#trail.includes(id)) {
      this.#trail = this.#trail.filter((other) => other !== id);
      this.#place = Math.min(this.#place, this.#trail.length);
      this.#ready.unshift(table);
    }
    if (shown && !(live && table.sheet.closed)) {
      this.#show(table);
    }
  }

  /** Fetch the sheet after the live one, so that it is there when it is wanted. */
  prefetch() {
    if (this.#ready.length === 0) {
      this.#fetching ??= this.#fetch()
        .catch(() => {})
        .finally(() => (this.#fetching = null));
    }
    return this.#fetching;
  }

  /** Open the sheet again that was confirmed last, if nothing was said since. */
  #reopen() {
    const table = this.#confirmed;
    if (!table || this.revisiting) {
      return false;
    }
    table.sheet.reopen();
    this.#push(table.sheet.id, { kind: "reopen", body: { key: uuid(), reports: this.reports() } });
    if (this.#live) {
      this.#ready.unshift(this.#live);
    }
    this.#trail = this.#trail.filter((id) => id !== table.sheet.id);
    this.#held.add(table.sheet.id);
    this.#confirmed = null;
    this.#live = table;
    this.#goOn();
    return true;
  }

  /** @param {import("./proofread-sheet.js").Step} step on the sheet on the table */
  #said(step) {
    if (!this.current) {
      return;
    }
    const about = { key: uuid(), reports: this.reports() };
    this.#push(
      this.current.sheet.id,
      "verdicts" in step ? { kind: "verdicts", body: { ...about, ...step } } : { kind: "marks", body: { ...about, ...step } },
    );
    this.#confirmed = this.revisiting ? this.#confirmed : null;
    this.dispatchEvent(new Event("change"));
  }

  /**
   * @typedef {SheetMessage extends infer M ? M extends SheetMessage ? Omit<M, "query"> : never : never} Bare
   * @param {number} query the sheet @param {Bare} message
   */
  #push(query, message) {
    this.outbox.push(/** @type {SheetMessage} */ ({ query, ...message }));
  }

  /** Show the sheet that is not confirmed yet. */
  #goOn() {
    this.#place = this.#trail.length;
    if (!this.#live) {
      void this.#advance();
      return;
    }
    this.#turn++;
    this.#show(this.#live);
  }

  /** Put the next sheet on the table, waiting for one if need be. */
  async #advance() {
    const turn = ++this.#turn;
    this.#place = this.#trail.length;
    if (this.#ready.length === 0) {
      this.finished = false; // what the server said while the sheet before was open
      if (this.current) {
        this.#show(null);
      }
      await this.outbox.drained(this.#trail.at(-1) ?? 0);
      if (turn !== this.#turn) {
        return;
      }
    }
    for (;;) {
      const table = this.#ready.shift();
      if (table) {
        this.#live = table;
        this.#show(table);
        return;
      }
      await this.prefetch();
      if (turn === this.#turn && this.#ready.length === 0) {
        this.#show(null);
        await new Promise((resolve) => setTimeout(resolve, this.finished ? LOOK_AGAIN_MS : RETRY_MS));
      }
      if (turn !== this.#turn) {
        return;
      }
    }
  }

  /** @param {Table | null} table */
  #show(table) {
    this.current = table;
    this.dispatchEvent(new Event("show"));
  }

  /** @returns {Promise<void>} */
  async #fetch() {
    this.#forgetSettled();
    const waiting = this.outbox.pending();
    performance.mark("sheet-asked");
    const { sheet, done, reason } = await api.next(this.annotator, [...this.#held]);
    this.finished = sheet === null;
    this.done = done;
    this.reason = reason ?? "";
    if (!sheet) {
      return;
    }
    if (this.outbox.pending(sheet.id).some(({ kind }) => kind === "confirm")) {
      await this.outbox.drained(sheet.id); // an earlier page has confirmed it, which the server does not know yet
      await this.#fetch();
      return;
    }
    const table = await this.#opened(sheet, waiting);
    this.#held.add(sheet.id);
    this.#ready.push(table);
  }

  /** @param {number} id @returns {Promise<Table>} */
  async #load(id) {
    const waiting = this.outbox.pending();
    return this.#opened(await api.sheet(id, this.annotator), waiting);
  }

  /** @param {SheetInfo} info @param {Item[]} waiting what the server may not have known @returns {Promise<Table>} */
  async #opened(info, waiting) {
    const sheet = new OpenSheet(info);
    sheet.catchUp(/** @type {SheetMessage[]} */ (waiting.filter(({ query }) => query === info.id)));
    return { sheet, pictures: await api.tiles(info.id) };
  }

  /** Let go of sheets of which the server knows that they are confirmed. */
  #forgetSettled() {
    const here = new Set([this.#live, ...this.#ready].map((table) => table?.sheet.id));
    for (const id of this.#held) {
      if (!here.has(id) && this.outbox.pending(id).length === 0) {
        this.#held.delete(id);
      }
    }
  }
}
