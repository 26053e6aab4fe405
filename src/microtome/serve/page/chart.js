/**
 * A line chart: thin lines, a point for every value, each line named at its end.
 *
 * @import {Frame} from "./plot.js"
 * @import {Facts, Tooltip} from "./tooltip.js"
 */

import { Plot, horizontals, label, titles, verticals } from "./plot.js";
import { shape } from "./nodes.js";
import { axis, linear, spread } from "./scale.js";

/** @typedef {{name: string, colour: string, main: boolean, values: (number | null)[]}} Line  values by point of x */
/**
 * @typedef {{
 *   label: string, across: string, up: string, whole: boolean, x: number[], lines: Line[], facts: Facts[], most: number
 * }} LineSpec `across` and `up` name the axes, `whole` says that x counts things, `facts` are of the points of
 *   x, no value exceeds `most`
 */

const NAME_GAP = 13;
const LETTER = 8.6;
const WIDEST_NAMES = 0.34;
const DENSE = 12;
const FLATTEST = 0.2;

export class LineChart {
  #plot;

  /** @param {Element} host @param {Tooltip} tooltip */
  constructor(host, tooltip) {
    this.#plot = new Plot(host, tooltip);
  }

  /** @param {LineSpec} spec */
  show(spec) {
    this.#plot.show(spec.label, (width, height) => this.#draw(spec, width, height));
  }

  /** @param {LineSpec} spec @param {number} width @param {number} height */
  #draw(spec, width, height) {
    const [top, bottom] = [28, height - 44];
    const named = spec.lines.filter((line) => line.main || spec.lines.length * NAME_GAP <= bottom - top);
    const longest = Math.max(...named.map((line) => line.name.length));
    const letters = Math.min(longest, Math.floor((width * WIDEST_NAMES) / LETTER));
    /** @type {Frame} */
    const frame = { left: 34, right: width - letters * LETTER - 14, top, bottom };
    const farthest = Math.max(...spec.x, 1);
    const across = axis(0, farthest, (frame.right - frame.left) / 70, { whole: spec.whole, most: farthest });
    const up = axis(...extent(spec), 5, { most: spec.most });
    const x = linear([0, farthest], [frame.left, frame.right]);
    const y = linear([up.low, up.high], [frame.bottom, frame.top]);
    const behindFirst = [...spec.lines].sort((a, b) => Number(a.main) - Number(b.main));
    this.#plot.replace(
      [
        ...horizontals(up, frame, y),
        ...verticals(across, frame, x),
        ...titles(frame, spec),
        ...behindFirst.map((line) => drawn(line, spec.x.map(x), y)),
        ...endNames({ ...spec, lines: named }, frame, letters, x, y),
      ],
      frame,
      spec.x.map((value, k) => ({ x: x(value), facts: spec.facts[k] ?? { title: "" } })),
    );
  }
}

/** The lowest and the highest value, somewhat apart. @param {LineSpec} spec @returns {[number, number]} */
function extent({ lines, most }) {
  const values = lines.flatMap((line) => line.values).filter((value) => value !== null);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const missing = Math.max(0, FLATTEST - (high - low)) / 2;
  return [Math.max(0, low - missing), Math.min(most, high + missing)];
}

/** @param {Line} line @param {number[]} x @param {(value: number) => number} y */
function drawn(line, x, y) {
  const group = shape("g", { class: line.main ? "line main" : "line" });
  group.style.color = line.colour;
  const dense = ((x.at(-1) ?? 0) - (x[0] ?? 0)) / x.length < DENSE;
  let path = "";
  let broken = true;
  line.values.forEach((value, k) => {
    if (value !== null) {
      path += `${broken ? "M" : "L"}${x[k]} ${y(value)}`;
      const alone = broken && (line.values[k + 1] ?? null) === null;
      if (!dense || alone || k === x.length - 1) {
        group.append(shape("circle", { cx: x[k] ?? 0, cy: y(value), r: line.main ? 3.5 : 2.5 }));
      }
    }
    broken = value === null;
  });
  group.prepend(shape("path", { d: path }));
  return group;
}

/**
 * @param {LineSpec} spec @param {Frame} frame @param {number} letters that a name may have
 * @param {(value: number) => number} x @param {(value: number) => number} y
 */
function endNames(spec, frame, letters, x, y) {
  const ends = spec.lines.flatMap((line) => {
    const k = line.values.findLastIndex((value) => value !== null);
    const value = line.values[k];
    return value === undefined || value === null ? [] : [{ line, x: x(spec.x[k] ?? 0), y: y(value) }];
  });
  const heights = spread(ends.map((end) => end.y), NAME_GAP, frame.top, frame.bottom);
  const last = Math.max(...ends.map((end) => end.x));
  return ends.map(({ line: { name, ...line } }, k) => {
    const short = name.length > letters ? `${name.slice(0, letters - 1)}…` : name;
    const text = label(last + 10, (heights[k] ?? 0) + 4, short, "start");
    text.setAttribute("class", line.main ? "line-name main" : "line-name");
    text.style.color = line.colour;
    return text;
  });
}
