/**
 * One stroke of the brush or the eraser. It shows at once and becomes an op when it ends, or every few seconds.
 *
 * @import {Editor} from "./editor.js"
 * @import {Pane} from "./pane.js"
 * @import {Point} from "./brush.js"
 * @import {Views} from "./views.js"
 */

import { swept } from "./brush.js";
import { bounds, inArray } from "./planes.js";
import { UNLABELLED } from "./types.js";

const LONGEST_MS = 3000; // that a stroke stays unsaved

export class Stroke {
  /** @param {Editor} editor @param {Views} views @param {Pane} pane @param {Point} point @param {boolean} erasing */
  constructor(editor, views, pane, point, erasing) {
    this.editor = editor;
    this.views = views;
    this.pane = pane;
    this.plane = pane.cut;
    this.last = point;
    this.erasing = erasing;
    this.value = erasing ? UNLABELLED : editor.value;
    const takesAll = erasing && editor.settings.now.overwrite === "empty"; // else the eraser would do nothing
    this.allowed = takesAll ? () => true : editor.allowed(pane.valueAt(point) ?? UNLABELLED);
    /** @type {number[]} voxels of the plane that are not in the draft yet */
    this.painted = [];
    this.isPainted = new Uint8Array(this.plane.rows * this.plane.cols);
    this.since = performance.now();
    this.move([point]);
  }

  /** @param {Point[]} points */
  move(points) {
    /** @type {number[]} */
    const fresh = [];
    for (const point of points) {
      this.#sweep(point, fresh);
      this.last = point;
    }
    const rect = bounds(fresh, this.plane.cols);
    if (rect) {
      this.pane.sketch(fresh, this.value, rect);
      this.views.invalidate(this.pane, this.pane.region(rect));
    }
    if (performance.now() - this.since > LONGEST_MS) {
      this.#save();
    }
  }

  release() {
    this.#save();
  }

  /** Takes back what is not saved yet. */
  cancel() {
    const rect = bounds(this.painted, this.plane.cols);
    this.painted = [];
    if (rect) {
      this.pane.colourLabels(rect);
      this.views.invalidate(this.pane, this.pane.region(rect));
    }
  }

  /** @param {Point} point @param {number[]} fresh takes the voxels that are new */
  #sweep(point, fresh) {
    const { labels } = this.pane.open.draft;
    const { offset, cols, rowStride, colStride } = this.plane;
    const { rowNm, colNm } = this.pane.viewport;
    const radiusNm = this.editor.settings.now.radius * this.editor.project.voxel_size_nm[2];
    const voxels = swept(this.plane, this.last, point, radiusNm, { rowNm, colNm });
    for (let i = 0; i < voxels.length; i++) {
      const index = voxels[i];
      if (this.isPainted[index] === 1) {
        continue;
      }
      const row = Math.floor(index / cols);
      const value = labels[offset + row * rowStride + (index - row * cols) * colStride];
      if (value === this.value || !this.allowed(value)) {
        continue;
      }
      this.isPainted[index] = 1;
      this.painted.push(index);
      fresh.push(index);
    }
  }

  #save() {
    const indices = inArray(this.painted, this.plane);
    this.painted = [];
    this.isPainted.fill(0);
    this.since = performance.now();
    if (indices.length > 0) {
      this.editor.edit(this.erasing ? "erase" : "brush", indices, this.value);
    }
  }
}
