/**
 * Closes a gap: the path of least cost between two clicks, as thick as the class is there.
 *
 * @import {Editor} from "./editor.js"
 * @import {Pane} from "./pane.js"
 * @import {Point} from "./brush.js"
 * @import {Views} from "./views.js"
 * @import {Cut} from "./planes.js"
 * @import {Gesture} from "./tools.js"
 * @import {Values} from "./settings.js"
 *
 * The end that was clicked first, and the ways from there; `at` is the section.
 * @typedef {{pane: Pane, at: number, from: [row: number, col: number], ways: Ways}} OpenBridge
 */

import { Ways } from "./cheapest.js";
import { JITTER, pixels } from "./lasso.js";
import { inArray } from "./planes.js";
import { disc } from "./raster.js";
import { thicknessNear } from "./thickness.js";
import { toast } from "./toast.js";

/** @type {Gesture} */
const DONE = { move() {}, release() {}, cancel() {} };

export class Bridge {
  /** @param {Editor} editor @param {Views} views */
  constructor(editor, views) {
    this.editor = editor;
    this.views = views;
  }

  /** @param {Pane} pane @param {Point} point @param {boolean} erasing forgets the first end @returns {Gesture} */
  press(pane, point, erasing) {
    if (erasing) {
      this.cancel();
      return DONE;
    }
    const why = this.#refusal(pane, point);
    if (why !== null) {
      toast(why);
      return DONE;
    }
    const open = this.views.bridge;
    if (open?.pane === pane && open.at === pane.at) {
      this.#close(open, voxelAt(point, pane.cut));
      return DONE;
    }
    const from = voxelAt(point, pane.cut);
    const begun = { pane, at: pane.at, from, ways: new Ways(costOf(pane), pane.cut, ...from) };
    this.views.bridge = begun;
    this.views.touch();
    let dragged = false;
    let last = point;
    return {
      move: (points) => {
        dragged ||= points.some((to) => pixels(pane, point, to) > JITTER);
        last = points[points.length - 1] ?? last;
      },
      release: () => dragged && this.#close(begun, voxelAt(last, pane.cut)),
      cancel: () => this.cancel(),
    };
  }

  cancel() {
    this.views.bridge = null;
    this.views.touch();
  }

  /** @param {Pane} pane @param {Point} point @returns {string | null} */
  #refusal({ plane, cut }, [row, col]) {
    if (plane.normal !== 0) {
      return "Gaps are closed in the view of sections.";
    }
    if (this.editor.settings.now.cls === 0) {
      return "Choose the class that has a gap first.";
    }
    const inside = row >= 0 && col >= 0 && row < cut.rows && col < cut.cols;
    return inside ? null : "The end of a gap has to lie in the box.";
  }

  /** @param {OpenBridge} open @param {[row: number, col: number]} to */
  #close({ pane, from, ways }, to) {
    this.cancel();
    const { cut: plane, open } = pane;
    const allowed = this.editor.allowed(null);
    const thickness = thicknessOf(pane, [from, to], this.editor.settings.now);
    const indices = inArray(widened(ways.to(...to), plane, thickness), plane);
    const changed = this.editor.edit(
      "bridge",
      indices.filter((index) => allowed(open.draft.labels[index])),
      this.editor.value,
    );
    if (!changed) {
      toast("There was nothing to paint between these ends.");
    }
  }
}

/**
 * How thick a bridge becomes: as the class at its ends, or as the brush.
 *
 * @param {Pane} pane @param {[row: number, col: number][]} ends @param {Pick<Values, "cls" | "radius">} settings
 * @returns {number} voxels
 */
export function thicknessOf({ open, cut }, ends, { cls, radius }) {
  const inside = (/** @type {number} */ row, /** @type {number} */ col) =>
    (open.draft.labels[cut.offset + row * cut.rowStride + col * cut.colStride] & 255) === cls;
  return thicknessNear(inside, cut, ends) ?? 2 * radius;
}

/**
 * A path as thick as a line of the brush.
 *
 * @param {number[]} path voxels of a plane, row * cols + col @param {{rows: number, cols: number}} plane
 * @param {number} thickness in voxels
 * @returns {Uint32Array} voxels of the plane, in increasing order
 */
export function widened(path, { rows, cols }, thickness) {
  const shift = Math.round(thickness) % 2 === 0 ? 0 : 0.5; // an even number of voxels has its middle between two
  const voxels = new Set(path);
  for (const index of path) {
    const [row, col] = [Math.floor(index / cols), index % cols];
    disc(cols, rows, col + shift, row + shift, thickness / 2).forEach((voxel) => voxels.add(voxel));
  }
  return Uint32Array.from(voxels).sort();
}

/** @param {Point} point @param {Cut} plane @returns {[row: number, col: number]} the voxel of the plane nearest to it */
export function voxelAt([row, col], { rows, cols }) {
  return [Math.min(Math.max(Math.floor(row), 0), rows - 1), Math.min(Math.max(Math.floor(col), 0), cols - 1)];
}

/**
 * What a path costs in each voxel of a section: where no foreground is predicted; without a prediction, where it is
 * bright, since membranes are dark.
 *
 * @param {Pane} pane
 * @returns {(index: number) => number} by row * cols + col, 0 to 1
 */
function costOf({ open, at, cut }) {
  const foreground = open.within?.foreground;
  if (foreground) {
    return (index) => 1 - foreground[cut.offset + index] / 255;
  }
  const { sections, box, query } = open;
  const greys = sections.get(at);
  const [down, right] = [1, 2].map((axis) => box.start[axis] - query.view.start[axis]);
  return (index) => {
    const row = Math.floor(index / cut.cols);
    return greys ? greys[(row + down) * sections.cols + right + index - row * cut.cols] / 255 : 1;
  };
}
