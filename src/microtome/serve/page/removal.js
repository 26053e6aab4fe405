/**
 * Removes what is no object: a click makes a connected region of one label background.
 *
 * @import {Editor} from "./editor.js"
 * @import {Pane} from "./pane.js"
 * @import {Point} from "./brush.js"
 * @import {Views} from "./views.js"
 *
 * What a click would remove: voxels of the draft, what share of the plane or the box they are, and their outline in
 * the plane shown, as lines between corners of voxels; `seq` is the draft's step for which that holds.
 * @typedef {{pane: Pane, at: number, seq: number, through: boolean, voxels: Uint32Array, share: number,
 *   sections: number, outline: Line[]}} Target
 * @typedef {[row0: number, col0: number, row1: number, col1: number]} Line
 */

import { component } from "./component.js";
import { inArray, planeValues } from "./planes.js";
import { flood } from "./raster.js";
import { plural } from "./numbers.js";
import { toast } from "./toast.js";
import { UNLABELLED } from "./types.js";

export class Removal {
  /** @param {Editor} editor @param {Views} views */
  constructor(editor, views) {
    this.editor = editor;
    this.views = views;
  }

  /**
   * @param {Pane} pane @param {Point} point @param {boolean} erasing makes it unlabelled
   * @param {boolean} through all sections of the box
   */
  press(pane, point, erasing, through) {
    const target = this.#target(pane, point, through);
    if (!target) {
      toast("There is nothing to remove here.");
      return;
    }
    this.editor.edit("remove", target.voxels, erasing ? UNLABELLED : 0);
    this.follow();
  }

  /** Outlines what a click would remove. */
  follow() {
    const { views } = this;
    const { tool, through, keyboard } = views.settings.now;
    const { hover, main, crosshair } = views;
    const before = views.target;
    views.target = null;
    if (tool === "remove" && keyboard && main) {
      const { row0, col0 } = main.labels;
      views.target = this.#target(main, [crosshair[1] - row0 + 0.5, crosshair[2] - col0 + 0.5], through, before);
    } else if (tool === "remove" && hover) {
      const point = hover.pane.pointAt(hover.x, hover.y);
      views.target = this.#target(hover.pane, point, through || hover.shift === true, before);
    }
    if (views.target !== before) {
      views.touch();
    }
  }

  /**
   * @param {Pane} pane @param {Point} point @param {boolean} through @param {Target | null} [known] perhaps the same
   * @returns {Target | null}
   */
  #target(pane, point, through, known = null) {
    const value = pane.valueAt(point);
    if (value === null || (value & 255) === 0 || value === UNLABELLED) {
      return null;
    }
    const { cut: plane, at } = pane;
    const { seq, labels, shape } = pane.open.draft;
    const [row, col] = point.map(Math.floor);
    const voxel = plane.offset + row * plane.rowStride + col * plane.colStride;
    if (known && isSame(known, { pane, at, seq, through }) && known.voxels.includes(voxel)) {
      return known;
    }
    const region = flood(plane.cols, plane.rows, planeValues(labels, plane), col, row);
    const voxels = through ? component(shape, labels, voxel) : inArray(region, plane);
    const shown = through ? Uint32Array.from(pane.shown(voxels)) : region;
    const [all, section] = through ? [labels.length, shape[1] * shape[2]] : [plane.rows * plane.cols, Infinity];
    const sections = 1 + Math.floor(voxels[voxels.length - 1] / section) - Math.floor(voxels[0] / section);
    return { pane, at, seq, through, voxels, share: voxels.length / all, sections, outline: outlineOf(shown, plane.cols) };
  }
}

/** What a click would do, in words. @param {Target | null} target */
export function removalWords(target) {
  if (!target) {
    return "remove";
  }
  const { voxels, share, through, sections } = target;
  const percent = share < 0.01 ? "" : `, ${Math.floor(100 * share)} %`;
  const where = through ? ` in ${plural(sections, "section")}` : "";
  return `remove ${plural(voxels.length, "voxel")}${percent}${where}`;
}

/** @param {Target} known @param {Pick<Target, "pane" | "at" | "seq" | "through">} now */
function isSame(known, { pane, at, seq, through }) {
  return known.pane === pane && known.at === at && known.seq === seq && known.through === through;
}

/** @param {Uint32Array} region voxels of a plane, row * cols + col, increasing @param {number} cols @returns {Line[]} */
export function outlineOf(region, cols) {
  const inside = new Uint8Array((region.at(-1) ?? 0) + 1);
  region.forEach((index) => (inside[index] = 1));
  /** @type {Line[]} */
  const lines = [];
  for (const index of region) {
    const [row, col] = [Math.floor(index / cols), index % cols];
    if (!inside[index - cols]) {lines.push([row, col, row, col + 1]);}
    if (!inside[index + cols]) {lines.push([row + 1, col, row + 1, col + 1]);}
    if (col === 0 || !inside[index - 1]) {lines.push([row, col, row + 1, col]);}
    if (col === cols - 1 || !inside[index + 1]) {lines.push([row, col + 1, row + 1, col + 1]);}
  }
  return lines;
}
