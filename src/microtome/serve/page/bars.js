/**
 * A bar chart from zero, each bar with its value on top, and a line for the whole.
 *
 * @import {Frame} from "./plot.js"
 * @import {Facts, Tooltip} from "./tooltip.js"
 */

import { Plot, horizontals, label, titles } from "./plot.js";
import { shape } from "./nodes.js";
import { axis, linear } from "./scale.js";
import { significant } from "./numbers.js";

/** @typedef {{name: string, value: number | null, facts: Facts}} Bar */
/**
 * @typedef {{
 *   label: string, across: string, up: string, bars: Bar[], whole: {name: string, value: number} | null
 * }} BarSpec
 *   `whole` is drawn as a line across
 */

const NARROWEST_WITH_VALUE = 26;
const NARROWEST_WITH_NAME = 26;
const [LETTER, LINE] = [6.5, 15]; // pixels of the name of the whole

export class BarChart {
  #plot;

  /** @param {Element} host @param {Tooltip} tooltip */
  constructor(host, tooltip) {
    this.#plot = new Plot(host, tooltip);
  }

  /** @param {BarSpec} spec */
  show(spec) {
    this.#plot.show(spec.label, (width, height) => this.#draw(spec, width, height));
  }

  /** @param {BarSpec} spec @param {number} width @param {number} height */
  #draw({ bars, whole, across, up: upTitle }, width, height) {
    /** @type {Frame} */
    const frame = { left: 34, right: width - 8, top: 38, bottom: height - 44 };
    const up = axis(0, Math.max(...bars.map((bar) => bar.value ?? 0), whole?.value ?? 0), 5);
    const y = linear([up.low, up.high], [frame.bottom, frame.top]);
    const pitch = Math.min((frame.right - frame.left) / bars.length, 84);
    const centre = (/** @type {number} */ k) => frame.left + (k + 0.5) * pitch;
    const every = Math.ceil(NARROWEST_WITH_NAME / pitch);
    const columns = bars.flatMap(({ value }, k) => {
      const top = value === null ? frame.bottom : y(value);
      const bar = { x: centre(k) - pitch * 0.32, y: top, width: pitch * 0.64, height: frame.bottom - top };
      return value === null ? [] : [shape("rect", { class: "bar", ...bar })];
    });
    const words = bars.flatMap(({ name, value }, k) => {
      const named = k % every === 0 ? [label(centre(k), frame.bottom + 17, name, "middle")] : [];
      const said = value === null || pitch < NARROWEST_WITH_VALUE ? [] : [[value, k]];
      return [...named, ...said.map(([top, at]) => label(centre(at), y(top) - 6, significant(top), "middle"))];
    });
    const grid = horizontals(up, frame, y);
    const clashes = bars.some(({ value }, k) => {
      const beside = centre(k) + pitch / 2 > frame.right - LETTER * (whole?.name.length ?? 0);
      return beside && value !== null && Math.abs(y(value) - y(whole?.value ?? 0)) < LINE;
    });
    const line = whole === null ? [] : mean(whole, frame, y(whole.value), clashes ? LINE : -5);
    this.#plot.replace(
      [...grid, ...columns, ...line, ...words, ...titles(frame, { across, up: upTitle })],
      frame,
      bars.map((bar, k) => ({ x: centre(k), facts: bar.facts })),
    );
  }
}

/** @param {{name: string}} whole @param {Frame} frame @param {number} y @param {number} down from there to its name */
function mean(whole, frame, y, down) {
  const name = label(frame.right, y + down, whole.name, "end");
  name.setAttribute("class", "plot-text plot-whole-name");
  return [shape("line", { class: "plot-whole", x1: frame.left, x2: frame.right, y1: y, y2: y }), name];
}
