/**
 * What an annotator says on one sheet, with undo; every change is a message for the server.
 *
 * @import {Change, Said, SheetInfo, SheetMessage, Confirmation} from "./proofread-types.js"
 * @import {Int3} from "./types.js"
 *
 * @typedef {{verdicts: Change[]} | {points: Int3[], was: Int3[]}} Step  a change that can be taken back
 */

export class OpenSheet {
  /** @type {Map<number, Said>} what was said, by query */
  #said = new Map();
  /** @type {Set<number>} queries on which nothing was said before the sheet was confirmed */
  #defaults = new Set();
  /** @type {Step[]} */
  #done = [];
  /** @type {Step[]} */
  #undone = [];

  /** @param {SheetInfo} info */
  constructor(info) {
    this.info = info;
    this.closed = info.closed;
    /** @type {Int3[]} marks of missed objects */
    this.points = info.audit?.points ?? [];
    for (const { query, verdict } of info.tiles) {
      if (verdict !== null) {
        this.#said.set(query, verdict);
      }
    }
  }

  get id() {
    return this.info.id;
  }

  get tiles() {
    return this.info.tiles;
  }

  get audit() {
    return this.info.audit;
  }

  get canUndo() {
    return this.#done.length > 0;
  }

  /**
   * A tile's verdict, correct where nothing was said.
   *
   * @param {number} place
   * @returns {{word: Said, touched: boolean}}
   */
  verdict(place) {
    const { query } = this.tiles[place];
    return { word: this.#said.get(query) ?? "correct", touched: this.#said.has(query) && !this.#defaults.has(query) };
  }

  /** How many tiles have this verdict. @param {Said} word */
  count(word) {
    return this.tiles.filter((_, place) => this.verdict(place).word === word).length;
  }

  /**
   * @param {number[]} places of tiles @param {Said} word
   * @returns {Change[]} what changed; none where all of them have it already
   */
  judge(places, word) {
    /** @type {Change[]} */
    const verdicts = places
      .map((place) => this.tiles[place].query)
      .filter((query) => this.#said.get(query) !== word || this.#defaults.has(query))
      .map((query) => ({ query, verdict: word, was: this.#said.get(query) ?? null }));
    if (verdicts.length > 0) {
      this.#do({ verdicts });
    }
    return verdicts;
  }

  /** @param {Int3[]} points in place of the marks so far @returns {{points: Int3[], was: Int3[]}} */
  mark(points) {
    const step = { points, was: this.points };
    this.#do(step);
    return step;
  }

  /** @returns {Step | null} the change that takes the last one back */
  undo() {
    const step = this.#done.pop();
    if (!step) {
      return null;
    }
    this.#undone.push(step);
    const back = reversed(step);
    this.apply(back);
    return back;
  }

  /** @returns {Step | null} the change that was taken back last */
  redo() {
    const step = this.#undone.pop();
    if (!step) {
      return null;
    }
    this.#done.push(step);
    this.apply(step);
    return step;
  }

  /** @param {Step} step that somebody made before */
  apply(step) {
    if ("points" in step) {
      this.points = step.points;
      return;
    }
    for (const { query, verdict } of step.verdicts) {
      this.#defaults.delete(query);
      if (verdict === "withdrawn") {
        this.#said.delete(query);
      } else {
        this.#said.set(query, verdict);
      }
    }
  }

  /** Confirm what is shown. @returns {Pick<Confirmation, "said" | "points">} what that is */
  close() {
    const said = [...this.#said].map(([query, verdict]) => ({ query, verdict }));
    for (const { query } of this.tiles.filter((tile) => !this.#said.has(tile.query))) {
      this.#said.set(query, "correct");
      this.#defaults.add(query);
    }
    this.closed = true;
    return { said, points: this.points };
  }

  /** Take back that it was confirmed. */
  reopen() {
    this.#defaults.forEach((query) => this.#said.delete(query));
    this.#defaults.clear();
    this.closed = false;
  }

  /** Take up what the server may not have yet. @param {SheetMessage[]} waiting in order */
  catchUp(waiting) {
    for (const { kind, body } of waiting) {
      if (kind === "verdicts" || kind === "marks") {
        this.apply(body);
      } else if (kind === "confirm") {
        this.close();
      } else {
        this.reopen();
      }
    }
  }

  /** @param {Step} step */
  #do(step) {
    this.#done.push(step);
    this.#undone = [];
    this.apply(step);
  }
}

/** @param {Step} step @returns {Step} */
function reversed(step) {
  if ("points" in step) {
    return { points: step.was, was: step.points };
  }
  const verdicts = step.verdicts.map(({ query, verdict, was }) => ({
    query,
    verdict: was ?? /** @type {const} */ ("withdrawn"),
    was: verdict === "withdrawn" ? null : verdict,
  }));
  return { verdicts };
}
