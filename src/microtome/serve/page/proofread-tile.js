/**
 * One object on the grid: its picture, which can be scrolled through its sections, and its verdict.
 *
 * @import {Look, Picture} from "./proofread-picture.js"
 * @import {Pictures, Said, TileInfo} from "./proofread-types.js"
 */

import { element, setAttribute, setText } from "./nodes.js";
import { drawPicture } from "./proofread-picture.js";

/** @type {Record<Said, string>} so that a verdict is told by its form, not by its colour alone */
export const SIGNS = { correct: "✓", incorrect: "✕", unsure: "?" };

/**
 * How tiles are drawn: `size` in pixels of the page; `wide` shows what lies around, too.
 *
 * @typedef {Look & {size: number, side: number, wide: boolean}} TileLook
 */

export class Tile {
  #canvas = element("canvas", { class: "picture" });
  #sign = element("span", { class: "sign", "aria-hidden": "true" });
  #section = element("span", { class: "tile-section", "aria-hidden": "true" });
  #group = element("span", { class: "tile-group", "aria-hidden": "true" });
  /** @type {Pictures | null} of all sections, once somebody asked for another one */
  #stack = null;
  /** @type {Promise<Pictures> | null} */
  #coming = null;

  /**
   * @param {number} place @param {TileInfo} info @param {Pictures} picture of the section in which it is largest
   * @param {(object: number) => Promise<Pictures>} fetchStack
   */
  constructor(place, info, picture, fetchStack) {
    this.place = place;
    this.info = info;
    this.picture = picture;
    this.fetchStack = fetchStack;
    /** The section that is wanted, and shown as soon as it is here. */
    this.z = info.section;
    const enlarge = element("span", { class: "tile-enlarge", title: "Enlarge", "aria-hidden": "true", text: "⤢" });
    this.node = element(
      "div",
      { class: "tile", role: "option", id: `tile-${place}`, "data-place": String(place) },
      this.#canvas,
      this.#group,
      this.#section,
      this.#sign,
      enlarge,
    );
  }

  /** @param {TileLook} look */
  draw(look) {
    const pixels = Math.round(look.size * devicePixelRatio);
    if (this.#canvas.width !== pixels) {
      this.#canvas.width = pixels;
      this.#canvas.height = pixels;
    }
    const context = /** @type {CanvasRenderingContext2D} */ (this.#canvas.getContext("2d", { alpha: false }));
    const seen = look.wide ? look.side : this.info.close;
    const corner = (look.side - seen) / 2;
    const from = { x: corner, y: corner, width: seen, height: seen };
    drawPicture(context, this.#shown(look.side), from, { x: 0, y: 0, width: pixels, height: pixels }, look);
    const away = this.#stack ? this.z - this.info.section : 0;
    setText(this.#section, away === 0 ? "" : `z ${this.z} (${away > 0 ? "+" : "−"}${Math.abs(away)})`);
  }

  /**
   * Go to another section.
   *
   * @param {number} step 0 back to the one in which it is largest
   * @returns {Promise<void>} once that is here
   */
  async scroll(step) {
    const { section, first, last } = this.info;
    this.z = step === 0 ? section : Math.min(Math.max(this.z + step, first), last);
    if (!this.#stack && this.z !== section) {
      this.#coming ??= this.fetchStack(this.info.object).catch((error) => {
        this.#coming = null;
        this.z = section;
        throw error;
      });
      this.#stack = await this.#coming;
    }
  }

  /** @param {{word: Said, touched: boolean, selected: boolean, current: boolean, pending: boolean}} state */
  update({ word, touched, selected, current, pending }) {
    setAttribute(this.node, "data-verdict", word);
    setAttribute(this.node, "data-touched", touched ? "" : null);
    setAttribute(this.node, "data-pending", pending ? "" : null);
    setAttribute(this.node, "data-current", current ? "" : null);
    setAttribute(this.node, "aria-selected", String(selected));
    setAttribute(this.node, "aria-label", `object no. ${this.info.id}, ${word}${touched ? "" : " unless you object"}`);
    setText(this.#sign, touched || word !== "correct" ? SIGNS[word] : "");
  }

  /** Say which group of alike objects begins here. @param {string} text */
  begin(text) {
    setText(this.#group, text);
  }

  /** @param {number} side @returns {Picture} */
  #shown(side) {
    const at = this.#stack ? (this.z - this.info.first) * side * side : 0;
    const { image, mask } = this.#stack ?? this.picture;
    const part = (/** @type {Uint8Array} */ bytes) => bytes.subarray(at, at + side * side);
    return { image: part(image), mask: part(mask), rows: side, cols: side };
  }
}
