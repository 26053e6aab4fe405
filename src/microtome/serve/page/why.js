/**
 * Why this query is asked, and where it lies in the volume.
 *
 * @import {ProjectInfo, Query} from "./types.js"
 */

import { byId, element, setText, shape } from "./nodes.js";
import { significant } from "./numbers.js";

const WIDTH = 124;
const HEIGHT = 110;
const MAP = 92; // the longest side of the volume, seen from above
const BAR = { x: 108, width: 8 };
const SMALLEST = 3; // so that a small box can still be seen

const BY_PLACE = ["outward", "audit"]; // strategies that go by where a box lies, which its reason says

export class WhyPanel {
  /** @param {ProjectInfo} project */
  constructor(project) {
    this.project = project;
    this.map = /** @type {SVGSVGElement} */ (/** @type {unknown} */ (document.getElementById("map")));
    this.section = shape("line", { class: "section" });
  }

  /** @param {Query} query */
  show(query) {
    setText(byId("why-reason", HTMLParagraphElement), query.reason);
    const { start, stop } = query.box;
    /** @type {[string, string][]} */
    const facts = [
      ["Strategy", query.strategy],
      ...scored(query),
      ["Rank", query.rank < 0 ? "before its round" : `${query.rank + 1} of its round`],
      ["Size", stop.map((end, axis) => end - start[axis]).join(" × ")],
    ];
    byId("facts", HTMLDListElement).replaceChildren(
      ...facts.flatMap(([name, value]) => [element("dt", { text: name }), element("dd", { text: value })]),
    );
    this.#draw(query);
  }

  /** @param {number} z the section shown */
  at(z) {
    const y = String(this.#barAt(z + 0.5));
    for (const [name, value] of [
      ["x1", String(BAR.x - 4)],
      ["x2", String(BAR.x + BAR.width + 4)],
      ["y1", y],
      ["y2", y],
    ]) {
      this.section.setAttribute(name, value);
    }
  }

  /** @param {Query} query */
  #draw({ box }) {
    const {
      shape: [nz, ny, nx],
      voxel_size_nm: [, dy, dx],
    } = this.project;
    const scale = MAP / Math.max(ny * dy, nx * dx);
    const [top, height] = [box.start[1] * dy * scale, (box.stop[1] - box.start[1]) * dy * scale];
    const [left, width] = [box.start[2] * dx * scale, (box.stop[2] - box.start[2]) * dx * scale];
    const zTop = this.#barAt(box.start[0]);
    this.map.setAttribute("viewBox", `-1 -1 ${WIDTH + 2} ${HEIGHT + 2}`);
    this.map.setAttribute("aria-label", `The box starts at z ${box.start[0]}, y ${box.start[1]}, x ${box.start[2]}`);
    this.map.replaceChildren(
      shape("rect", { class: "volume", x: 0, y: 0, width: nx * dx * scale, height: ny * dy * scale, rx: 2 }),
      shape("rect", {
        class: "box",
        x: left,
        y: top,
        width: Math.max(width, SMALLEST),
        height: Math.max(height, SMALLEST),
      }),
      shape("rect", { class: "volume", x: BAR.x, y: 0, width: BAR.width, height: MAP, rx: 2 }),
      shape("rect", {
        class: "box",
        x: BAR.x,
        y: zTop,
        width: BAR.width,
        height: Math.max(this.#barAt(box.stop[0]) - zTop, SMALLEST),
      }),
      this.section,
      shape("text", { x: 0, y: HEIGHT - 3 }, "y, x"),
      shape("text", { x: WIDTH, y: HEIGHT - 3, "text-anchor": "end" }, `z of ${nz}`),
    );
  }

  /** @param {number} z @returns {number} where it is on the bar */
  #barAt(z) {
    return (z / this.project.shape[0]) * MAP;
  }
}

/** @param {Query} query @returns {[string, string][]} */
function scored({ strategy, score }) {
  return BY_PLACE.includes(strategy) ? [] : [["Score", significant(score)]];
}
