/**
 * From one likely error to the next.
 *
 * @import {Int3, Op} from "./types.js"
 * @import {Editor} from "./editor.js"
 * @import {Piece} from "./likely.js"
 * @import {OpenQuery, Prediction} from "./openquery.js"
 * @import {Views} from "./views.js"
 */

import { likelyErrors, unseen } from "./likely.js";
import { fromRuns } from "./runs.js";

/** Tools that change labels everywhere and at no place in particular. */
const EVERYWHERE = new Set(["accept", "threshold", "clear", "background", "restore"]);
const EDITED_CELL = 8; // voxels in y and x that an edit counts for

export class Walk {
  /** @type {OpenQuery | null} */
  #open = null;
  /** @type {Prediction | null} */
  #prediction = null;
  /** @type {Int3[]} voxels of the box that were visited, in their order */
  #trail = [];
  #at = -1;
  /** @type {Map<string, Int3>} places of the box that were edited */
  #edited = new Map();

  /** @param {Editor} editor @param {Views} views */
  constructor(editor, views) {
    this.views = views;
    editor.addEventListener("edit", (event) => this.#note(/** @type {CustomEvent<Op>} */ (event).detail));
  }

  /**
   * Shows the next likely error, or the one before.
   *
   * @param {1 | -1} step
   * @returns {string} where that is among all of them, or why there is none
   */
  step(step) {
    const { open } = this.views;
    if (!open?.within) {
      return "There is no prediction that could tell.";
    }
    this.#begin(open);
    const seen = [...this.#trail, ...this.#edited.values()];
    const rest = unseen(likelyErrors(open.draft.labels, open.shape, open.within.uncertainty), seen);
    const next = this.#at + step;
    if (next < 0) {
      return "This is the first one.";
    }
    if (next === this.#trail.length) {
      if (rest.length === 0) {
        return this.#trail.length > 0 ? "That was the last one." : "There is no contour to look at.";
      }
      this.#trail.push(.../** @type {[Piece]} */ (rest.splice(0, 1)).map(({ at }) => at));
    }
    this.#at = next;
    this.#show(open, this.#trail[next]);
    return `Likely error ${next + 1} of ${this.#trail.length + rest.length}`;
  }

  /** Begins anew with another query, or another prediction of it. @param {OpenQuery} open */
  #begin(open) {
    if (this.#open === open && this.#prediction === open.prediction) {
      return;
    }
    this.#open = open;
    this.#prediction = open.prediction;
    this.#trail = [];
    this.#at = -1;
    this.#edited.clear();
  }

  /** @param {OpenQuery} open @param {Int3} at */
  #show({ box: { start } }, at) {
    this.views.point([start[0] + at[0], start[1] + at[1], start[2] + at[2]]);
  }

  /** @param {Op} op */
  #note({ tool, runs = [] }) {
    const { open } = this.views;
    if (!open || !tool || EVERYWHERE.has(tool)) {
      return;
    }
    this.#begin(open);
    const [, ny, nx] = open.shape;
    for (const index of fromRuns(runs).indices) {
      const [z, y, x] = [Math.floor(index / (ny * nx)), Math.floor(index / nx) % ny, index % nx];
      this.#edited.set([z, Math.floor(y / EDITED_CELL), Math.floor(x / EDITED_CELL)].join(), [z, y, x]);
    }
  }
}
