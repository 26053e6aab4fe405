/**
 * What the charts have in common: a drawing as wide as its place, axes, and a reader that moves along x.
 *
 * @import {Axis} from "./scale.js"
 * @import {Facts, Tooltip} from "./tooltip.js"
 */

import { setAttribute, shape } from "./nodes.js";

/** @typedef {{left: number, right: number, top: number, bottom: number}} Frame  of the data, in the drawing */
/** @typedef {{x: number, facts: Facts}} Stop  a place where the reader stops, and what is said there */

const HEIGHT = 248;

export class Plot {
  #svg = shape("svg", { class: "plot", role: "img", tabindex: "0", height: HEIGHT });
  #rule = shape("line", { class: "plot-rule", visibility: "hidden" });
  /** @type {Stop[]} */
  #stops = [];
  #stop = -1;
  #width = 0;
  #tooltip;
  /** @type {(width: number, height: number) => void} */
  #draw = () => {};

  /** @param {Element} host @param {Tooltip} tooltip */
  constructor(host, tooltip) {
    this.#tooltip = tooltip;
    host.append(this.#svg);
    new ResizeObserver(([entry]) => this.#resize(entry?.contentRect.width ?? 0)).observe(host);
    this.#svg.addEventListener("pointermove", (event) => this.#follow(event));
    this.#svg.addEventListener("pointerleave", () => this.#leave());
    this.#svg.addEventListener("blur", () => this.#leave());
    this.#svg.addEventListener("keydown", (event) => this.#step(event));
  }

  /** @param {string} name @param {(width: number, height: number) => void} draw calls `replace` */
  show(name, draw) {
    setAttribute(this.#svg, "aria-label", name);
    this.#draw = draw;
    if (this.#width > 0) {draw(this.#width, HEIGHT);}
  }

  /** @param {SVGElement[]} parts @param {Frame} frame @param {Stop[]} stops from left to right */
  replace(parts, frame, stops) {
    this.#stops = stops;
    setAttribute(this.#rule, "y1", String(frame.top));
    setAttribute(this.#rule, "y2", String(frame.bottom));
    this.#svg.replaceChildren(this.#rule, ...parts);
    if (this.#stop >= 0) {this.#leave();}
  }

  /** @param {number} width */
  #resize(width) {
    if (width === this.#width || width === 0) {return;}
    this.#width = width;
    setAttribute(this.#svg, "width", String(width));
    this.#draw(width, HEIGHT);
  }

  /** @param {PointerEvent} event */
  #follow(event) {
    const x = event.clientX - this.#svg.getBoundingClientRect().left;
    const distances = this.#stops.map((stop) => Math.abs(stop.x - x));
    this.#go(distances.indexOf(Math.min(...distances)));
  }

  /** @param {KeyboardEvent} event */
  #step(event) {
    const last = this.#stops.length - 1;
    const here = this.#stop;
    if (event.key === "ArrowRight") {this.#go(Math.min(here + 1, last));}
    else if (event.key === "ArrowLeft") {this.#go(here < 0 ? last : Math.max(here - 1, 0));}
    else if (event.key === "Escape") {this.#leave();}
    else {return;}
    event.preventDefault();
  }

  /** @param {number} index */
  #go(index) {
    const stop = this.#stops[index];
    if (stop === undefined) {return;}
    this.#stop = index;
    setAttribute(this.#rule, "x1", String(stop.x));
    setAttribute(this.#rule, "x2", String(stop.x));
    setAttribute(this.#rule, "visibility", "visible");
    const { left, top } = this.#svg.getBoundingClientRect();
    const x = left + stop.x;
    this.#tooltip.show(stop.facts, { left: x, right: x, top: top + 8, bottom: top + 8 }, "beside");
  }

  #leave() {
    this.#stop = -1;
    setAttribute(this.#rule, "visibility", "hidden");
    this.#tooltip.hide();
  }
}

/** @param {Axis} axis @param {Frame} frame @param {(value: number) => number} y */
export function horizontals(axis, frame, y) {
  return axis.ticks.flatMap((tick) => [
    shape("line", { class: "plot-grid", x1: frame.left, x2: frame.right, y1: y(tick), y2: y(tick) }),
    label(frame.left - 8, y(tick) + 4, tick.toFixed(axis.decimals), "end"),
  ]);
}

/** @param {Axis} axis @param {Frame} frame @param {(value: number) => number} x */
export function verticals(axis, frame, x) {
  return axis.ticks.flatMap((tick) => [
    shape("line", { class: "plot-tick", x1: x(tick), x2: x(tick), y1: frame.bottom, y2: frame.bottom + 4 }),
    label(x(tick), frame.bottom + 17, tick.toFixed(axis.decimals), "middle"),
  ]);
}

/** @param {Frame} frame @param {{across: string, up: string}} names of the axes */
export function titles(frame, { across, up }) {
  return [label((frame.left + frame.right) / 2, frame.bottom + 36, across, "middle"), label(0, 12, up, "start")];
}

/** @param {number} x @param {number} y @param {string} text @param {"start" | "middle" | "end"} anchor */
export function label(x, y, text, anchor) {
  return shape("text", { class: "plot-text", x, y, "text-anchor": anchor }, text);
}
