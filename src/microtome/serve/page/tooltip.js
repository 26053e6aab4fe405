/** One small card of facts that floats beside what the pointer or the focus is on. */

import { element } from "./nodes.js";

/** @typedef {{title: string, rows?: {name: string, value: string, colour?: string}[], note?: string}} Facts */
/** @typedef {{left: number, right: number, top: number, bottom: number}} Area  in the window */

const MARGIN = 10;

export class Tooltip {
  #card = element("div", { class: "tooltip", role: "status", hidden: "" });
  #said = "";

  constructor() {
    document.body.append(this.#card);
    window.addEventListener("scroll", () => this.hide(), { passive: true });
  }

  /** @param {Facts} facts @param {Area} area @param {"under" | "beside"} [where] */
  show(facts, area, where = "under") {
    const said = JSON.stringify(facts);
    if (said !== this.#said) {this.#card.replaceChildren(...content(facts));}
    this.#said = said;
    this.#card.hidden = false;
    this.#place(area, where);
  }

  hide() {
    this.#card.hidden = true;
  }

  /**
   * Shows `facts` of an element while it is pointed at or has the focus.
   *
   * @param {Element} node
   * @param {() => Facts} facts
   */
  describe(node, facts) {
    const show = () => this.show(facts(), node.getBoundingClientRect());
    node.addEventListener("pointerenter", show);
    node.addEventListener("focusin", show);
    node.addEventListener("pointerleave", () => this.hide());
    node.addEventListener("focusout", () => this.hide());
  }

  /** @param {Area} area @param {"under" | "beside"} where */
  #place({ left, right, top, bottom }, where) {
    const { width, height } = this.#card.getBoundingClientRect();
    const across = document.documentElement.clientWidth;
    let x = (left + right - width) / 2;
    let y = bottom + MARGIN + height <= window.innerHeight ? bottom + MARGIN : top - MARGIN - height;
    if (where === "beside") {
      x = right + MARGIN + width <= across ? right + MARGIN : left - MARGIN - width;
      y = top;
    }
    x = Math.max(MARGIN, Math.min(x, across - width - MARGIN));
    y = Math.max(MARGIN, y);
    this.#card.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  }
}

/** @param {Facts} facts @returns {Node[]} */
function content({ title, rows = [], note }) {
  /** @type {Node[]} */
  const parts = [element("p", { class: "tooltip-title", text: title })];
  if (rows.length > 0) {parts.push(element("dl", {}, ...rows.flatMap(row)));}
  if (note !== undefined) {parts.push(element("p", { class: "tooltip-note", text: note }));}
  return parts;
}

/** @param {{name: string, value: string, colour?: string}} row */
function row({ name, value, colour }) {
  const term = element("dt", { text: name });
  if (colour !== undefined) {
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = colour;
    term.prepend(swatch);
  }
  return [term, element("dd", { text: value })];
}
