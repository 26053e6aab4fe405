/**
 * What the tools do between press and release, whether a pointer or the keyboard holds them.
 *
 * @import {Editor} from "./editor.js"
 * @import {Pane} from "./pane.js"
 * @import {Point} from "./brush.js"
 * @import {Views} from "./views.js"
 *
 * A tool in use: `move` takes the points since the last, `release` makes the edit, `cancel` leaves no trace.
 * @typedef {{move: (points: Point[]) => void, release: () => void, cancel: () => void}} Gesture
 */

import { Bridge } from "./bridge.js";
import { Lasso } from "./lasso.js";
import { inArray, planeValues } from "./planes.js";
import { flood } from "./raster.js";
import { Removal } from "./removal.js";
import { Stroke } from "./stroke.js";
import { toast } from "./toast.js";
import { UNLABELLED } from "./types.js";

/** @type {Gesture} */
const DONE = { move() {}, release() {}, cancel() {} };

export class Tools {
  /** @param {Editor} editor @param {Views} views */
  constructor(editor, views) {
    this.editor = editor;
    this.views = views;
    this.lasso = new Lasso(editor, views);
    this.bridge = new Bridge(editor, views);
    this.removal = new Removal(editor, views);
  }

  /**
   * Presses the tool that is chosen.
   *
   * @param {Pane} pane @param {Point} point of the box's plane @param {boolean} erasing makes unlabelled
   * @param {boolean} [shift] picks, but for what is removed: that goes through all sections then
   * @returns {Gesture}
   */
  press(pane, point, erasing, shift = false) {
    const { tool, through } = this.editor.settings.now;
    if (tool === "pick" || (shift && tool !== "remove")) {
      return this.pick(pane, point);
    }
    if (!pane.inBox) {
      toast("This section is context: nothing can be painted here. Fit goes back to the box.");
      return DONE;
    }
    if (tool === "fill") {
      return this.#fill(pane, point, erasing);
    }
    if (tool === "bridge") {
      return this.bridge.press(pane, point, erasing);
    }
    if (tool === "remove") {
      this.removal.press(pane, point, erasing, through || shift);
      return DONE;
    }
    if (tool === "lasso") {
      return this.lasso.press(pane, point, erasing);
    }
    return new Stroke(this.editor, this.views, pane, point, erasing || tool === "erase");
  }

  /** Forgets what waits for another click. */
  cancel() {
    this.lasso.cancel();
    this.bridge.cancel();
  }

  /** Takes over the label at a point. @param {Pane} pane @param {Point} point @returns {Gesture} */
  pick(pane, point) {
    const value = pane.valueAt(point);
    if (value !== null) {
      this.editor.pick(value);
    }
    return DONE;
  }

  /** @param {Pane} pane @param {Point} point @param {boolean} erasing @returns {Gesture} */
  #fill(pane, point, erasing) {
    const plane = pane.cut;
    const start = pane.valueAt(point);
    if (start === null || !(erasing || this.editor.allowed(start)(start))) {
      return DONE;
    }
    const values = planeValues(pane.open.draft.labels, plane);
    const region = flood(plane.cols, plane.rows, values, Math.floor(point[1]), Math.floor(point[0]));
    this.editor.edit("fill", inArray(region, plane), erasing ? UNLABELLED : this.editor.value);
    return DONE;
  }
}
