/**
 * Mouse, pen and fingers on the views.
 *
 * Pressure is ignored. Once a pen was seen, fingers only move the view, so that a palm paints nothing.
 *
 * @import {Pane} from "./pane.js"
 * @import {Tools, Gesture} from "./tools.js"
 * @import {Views} from "./views.js"
 *
 * @typedef {{x: number, y: number}} Place  of a pane, in pixels
 * @typedef {{pane: Pane, pointer: number, gesture: Gesture}} Press
 */

const WHEEL_STEP = 50; // what a trackpad has to turn for a section; a mouse's wheel turns more than that at once
const ZOOM_PER_TURN = 0.0018;

export class Pointers {
  /** @type {Press | null} */
  #press = null;
  /** @type {Map<number, Place>} fingers on the screen */
  #fingers = new Map();
  /** @type {{pane: Pane, pointer: number, last: Place} | null} */
  #drag = null;
  #penSeen = false;
  #turned = 0;

  /** @param {Views} views @param {Tools} tools @param {(stamp: number) => void} onPaint */
  constructor(views, tools, onPaint) {
    this.views = views;
    this.tools = tools;
    this.onPaint = onPaint;
    const { root } = views;
    root.addEventListener("pointerdown", (event) => this.#down(event));
    root.addEventListener("pointermove", (event) => this.#move(event));
    // A view may go away under a finger, which is lifted somewhere else then.
    window.addEventListener("pointerup", (event) => this.#up(event, true));
    window.addEventListener("pointercancel", (event) => this.#up(event, false));
    root.addEventListener("pointerleave", () => this.#press || views.hoverAt(null));
    root.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    root.addEventListener("dblclick", () => tools.lasso.isOpen && tools.lasso.close());
    root.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  /** Lets go of the tool without a trace. */
  cancel() {
    const press = this.#press;
    this.#press = null;
    press?.gesture.cancel();
    this.#drag = null;
    this.#say(null);
  }

  /** Lets go of the tool as if the button were released. */
  finish() {
    this.#press?.gesture.release();
    this.#press = null;
    this.cancel();
  }

  /** @param {PointerEvent} event */
  #down(event) {
    const pane = this.#paneOf(event);
    if (!pane) {
      return;
    }
    event.preventDefault();
    /** @type {HTMLElement} */ (event.target).setPointerCapture(event.pointerId);
    const place = placeIn(pane, event);
    this.#penSeen ||= event.pointerType === "pen";
    if (event.pointerType === "touch") {
      this.#fingers.set(event.pointerId, place);
      if (this.#penSeen || this.#fingers.size > 1) {
        this.cancel();
        this.#drag = { pane, pointer: event.pointerId, last: place };
        return;
      }
    }
    this.views.hoverAt({ pane, ...place, shift: event.shiftKey });
    if (event.button === 1 || this.views.doing === "ready to pan") {
      this.#drag = { pane, pointer: event.pointerId, last: place };
      this.#say("pan");
    } else if (event.altKey) {
      this.#lookAt(pane, place);
    } else if (!this.#press) {
      this.#begin(pane, event, place);
    }
  }

  /** @param {Pane} pane @param {PointerEvent} event @param {Place} place */
  #begin(pane, event, place) {
    const point = pane.pointAt(place.x, place.y);
    const erasing = event.button === 2 || (event.buttons & 32) !== 0; // the other end of a pen
    const gesture = this.tools.press(pane, point, erasing, event.shiftKey);
    this.#press = { pane, pointer: event.pointerId, gesture };
    this.#say(erasing ? "erase" : "paint");
    this.onPaint(event.timeStamp);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const finger = this.#fingers.get(event.pointerId);
    if (finger && this.#drag) {
      this.#pinch(event, finger, this.#drag.pane);
      return;
    }
    const pane = this.#drag?.pane ?? this.#press?.pane ?? this.#paneOf(event);
    if (!pane) {
      return;
    }
    const place = placeIn(pane, event);
    this.views.hoverAt({ pane, ...place, shift: event.shiftKey });
    if (this.#drag) {
      this.views.pan(place.x - this.#drag.last.x, place.y - this.#drag.last.y, pane);
      this.#drag.last = place;
    } else if (this.#press?.pointer === event.pointerId) {
      const events = event.getCoalescedEvents();
      const places = (events.length > 0 ? events : [event]).map((part) => placeIn(pane, part));
      this.#press.gesture.move(places.map(({ x, y }) => pane.pointAt(x, y)));
      this.onPaint(event.timeStamp);
    }
  }

  /** @param {PointerEvent} event @param {boolean} done */
  #up(event, done) {
    this.#fingers.delete(event.pointerId);
    if (this.#drag && (this.#drag.pointer === event.pointerId || this.#fingers.size === 0)) {
      this.#drag = null;
      this.#say(this.views.doing === "pan" && event.button !== 1 ? "ready to pan" : null);
    }
    if (this.#press?.pointer !== event.pointerId) {
      return;
    }
    const { pane, gesture } = this.#press;
    this.#press = null;
    this.#say(null);
    if (done) {
      gesture.release();
      this.#lookAt(pane, placeIn(pane, event));
    } else {
      gesture.cancel();
    }
  }

  /** Moves the crosshair here, so that the other views show the same place. @param {Pane} pane @param {Place} place */
  #lookAt(pane, { x, y }) {
    if (this.views.views.length === 1) {
      return;
    }
    const { row, col } = pane.viewport.toPlane(x, y);
    const voxel = this.views.crosshair.slice();
    voxel[pane.plane.row] = Math.floor(row);
    voxel[pane.plane.col] = Math.floor(col);
    this.views.goTo([voxel[0], voxel[1], voxel[2]]);
  }

  /** One finger pans, two zoom about their middle as well. @param {PointerEvent} event @param {Place} before @param {Pane} pane */
  #pinch(event, before, pane) {
    const now = placeIn(pane, event);
    const others = [...this.#fingers].filter(([pointer]) => pointer !== event.pointerId).map(([, place]) => place);
    this.#fingers.set(event.pointerId, now);
    const share = 1 / (1 + others.length);
    this.views.pan((now.x - before.x) * share, (now.y - before.y) * share, pane);
    if (others.length > 0) {
      const [other] = others;
      const factor = apart(now, other) / Math.max(apart(before, other), 1);
      this.views.zoom(factor, { pane, x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
    }
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    const pane = this.#paneOf(event);
    const delta = (event.deltaY || event.deltaX) * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1);
    if (!pane || delta === 0) {
      return;
    }
    if (event.ctrlKey || event.metaKey || this.views.project.shape[0] === 1) {
      this.views.zoom(Math.exp(-delta * ZOOM_PER_TURN), { pane, ...placeIn(pane, event) });
      return;
    }
    const steps = this.#steps(delta);
    if (event.shiftKey) {
      this.views.settings.grow(-steps);
    } else if (steps !== 0) {
      this.views.step(steps, pane);
    }
  }

  /** Whole steps of the wheel. @param {number} delta */
  #steps(delta) {
    if (Math.abs(delta) >= WHEEL_STEP) {
      this.#turned = 0;
      return Math.sign(delta);
    }
    this.#turned += delta;
    const steps = Math.trunc(this.#turned / WHEEL_STEP);
    this.#turned -= steps * WHEEL_STEP;
    return steps;
  }

  /** @param {Views["doing"]} doing */
  #say(doing) {
    this.views.does(doing);
  }

  /** @param {Event} event */
  #paneOf(event) {
    return this.views.views.find(({ overlay }) => overlay === event.target)?.pane ?? null;
  }
}

/** @param {Pane} pane @param {MouseEvent} event @returns {Place} */
function placeIn(pane, event) {
  const { left, top } = pane.canvas.getBoundingClientRect();
  return { x: event.clientX - left, y: event.clientY - top };
}

/** @param {Place} a @param {Place} b */
function apart(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
