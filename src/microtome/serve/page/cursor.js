/**
 * Painting without a pointer: the arrows move the crosshair by a voxel, holding the pan key presses the tool.
 *
 * @import {Pane} from "./pane.js"
 * @import {Tools, Gesture} from "./tools.js"
 * @import {Point} from "./brush.js"
 * @import {Views} from "./views.js"
 */

export class KeyboardCursor {
  /** @type {Gesture | null} */
  #gesture = null;

  /** @param {Views} views @param {Tools} tools */
  constructor(views, tools) {
    this.views = views;
    this.tools = tools;
  }

  get on() {
    return this.views.settings.now.keyboard;
  }

  /** Whether the tool is pressed. */
  get pressing() {
    return this.#gesture !== null;
  }

  toggle() {
    this.release();
    this.views.settings.set({ keyboard: !this.on });
  }

  /** @param {number} rows @param {number} cols */
  move(rows, cols) {
    const pane = this.views.main;
    if (!pane) {
      return;
    }
    const [z, y, x] = this.views.crosshair;
    this.views.goTo([z, y + rows, x + cols]);
    this.#reveal(pane);
    this.#gesture?.move([this.#point(pane)]);
  }

  /** Presses the tool, or lets it go. @param {boolean} down */
  hold(down) {
    if (down) {
      this.#press();
    } else {
      this.release();
    }
  }

  #press() {
    const pane = this.views.main;
    if (pane && !this.#gesture) {
      this.#gesture = this.tools.press(pane, this.#point(pane), false);
    }
  }

  release() {
    this.#gesture?.release();
    this.#gesture = null;
  }

  cancel() {
    this.#gesture?.cancel();
    this.#gesture = null;
  }

  /** The middle of the crosshair's voxel. @param {Pane} pane @returns {Point} */
  #point(pane) {
    const [, y, x] = this.views.crosshair;
    return [y + 0.5 - pane.labels.row0, x + 0.5 - pane.labels.col0];
  }

  /** Pans so far that the crosshair can be seen. @param {Pane} pane */
  #reveal(pane) {
    const [, row, col] = this.views.crosshair;
    const { x, y } = pane.viewport.toScreen(row + 0.5, col + 0.5);
    const dx = Math.min(Math.max(x, 40), pane.viewport.width - 40) - x;
    const dy = Math.min(Math.max(y, 40), pane.viewport.height - 40) - y;
    if (dx !== 0 || dy !== 0) {
      this.views.pan(dx, dy, pane);
    }
  }
}
