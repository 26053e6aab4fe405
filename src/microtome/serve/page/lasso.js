/**
 * The lasso: drawn in one go, or corner by corner with clicks and closed by a key.
 *
 * @import {Editor} from "./editor.js"
 * @import {Pane} from "./pane.js"
 * @import {Point} from "./brush.js"
 * @import {Views} from "./views.js"
 * @import {Gesture} from "./tools.js"
 *
 * @typedef {{pane: Pane, points: Point[], erasing: boolean}} LassoPath
 */

import { inArray } from "./planes.js";
import { polygon } from "./raster.js";
import { UNLABELLED } from "./types.js";

export const JITTER = 4; // pixels that the pointer may move during a click

export class Lasso {
  /** @param {Editor} editor @param {Views} views */
  constructor(editor, views) {
    this.editor = editor;
    this.views = views;
  }

  /** Whether corners wait for the lasso to be closed. */
  get isOpen() {
    return this.views.lasso !== null;
  }

  /** @param {Pane} pane @param {Point} point @param {boolean} erasing @returns {Gesture} */
  press(pane, point, erasing) {
    const goesOn = this.views.lasso?.pane === pane;
    const path = goesOn ? /** @type {LassoPath} */ (this.views.lasso) : { pane, points: [], erasing };
    path.points.push(point);
    const corners = path.points.length;
    this.views.lasso = path;
    this.views.touch();
    let dragged = false;
    return {
      move: (points) => {
        dragged ||= points.some((to) => pixels(pane, point, to) > JITTER);
        path.points.push(...points);
        this.views.touch();
      },
      release: () => {
        if (dragged) {
          this.close();
        } else {
          path.points.length = corners;
        }
      },
      cancel: () => this.cancel(),
    };
  }

  close() {
    const path = this.views.lasso;
    this.cancel();
    if (!path || path.points.length < 3 || !path.pane.inBox) {
      return;
    }
    const { pane, points, erasing } = path;
    const { rows, cols } = pane.cut;
    const allowed = this.editor.allowed(pane.valueAt(points[0]) ?? UNLABELLED);
    const inside = polygon(
      cols,
      rows,
      points.map(([row, col]) => [col, row]),
    );
    const indices = inArray(inside, pane.cut).filter((index) => erasing || allowed(pane.open.draft.labels[index]));
    this.editor.edit("lasso", indices, erasing ? UNLABELLED : this.editor.value);
  }

  cancel() {
    this.views.lasso = null;
    this.views.touch();
  }
}

/** How far apart two points are on the screen. @param {Pane} pane @param {Point} from @param {Point} to */
export function pixels({ viewport }, from, to) {
  const { rowNm, colNm, scale } = viewport;
  return Math.hypot((to[0] - from[0]) * rowNm, (to[1] - from[1]) * colNm) * scale;
}
