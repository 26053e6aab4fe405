/**
 * A part of the volume with objects outlined in it, in three orthogonal views, or in one where it is a single section.
 * Says "move" when the crosshair moved, and "pick" (detail: a voxel) after a click.
 *
 * @import {Plane} from "./planes.js"
 * @import {Look} from "./proofread-picture.js"
 * @import {Box, Int3} from "./types.js"
 *
 * `asked`, where there is one, is the part that is asked about; the rest is context.
 * @typedef {{box: Box, image: Uint8Array, mask: Uint8Array, asked: Box | null}} Block  x fastest
 * @typedef {{plane: Plane, canvas: HTMLCanvasElement, viewport: Viewport}} View
 */

import { element } from "./nodes.js";
import { drawCrosshair, drawName, drawScaleBar } from "./overlay.js";
import { PLANES, cut, planeValues, shapeOf } from "./planes.js";
import { drawPicture } from "./proofread-picture.js";
import { Viewport } from "./viewport.js";

const MARGIN = 1.06; // of what is shown, times the size of the block
const DRAGGED = 4; // pixels from which on a press is no click
const WHEEL_STEP = 50;
const ZOOM_PER_TURN = 0.0018;
const MARK_RADIUS = 9; // pixels
const MARK = "#ff7ab8";
const CONTEXT = "rgb(15 15 17 / 0.45)";
const ASKED = "#f2c14e";

export class Slices extends EventTarget {
  /** @type {Block | null} */
  block = null;
  /** @type {Int3} a voxel of the volume */
  at = [0, 0, 0];
  /** @type {Int3[]} marked places */
  points = [];
  /** @type {View[]} */
  #views = [];
  #turned = 0;
  #frame = 0;

  /** @param {HTMLElement} root @param {Int3} voxelNm @param {Look} look */
  constructor(root, voxelNm, look) {
    super();
    this.root = root;
    this.voxelNm = voxelNm;
    this.look = look;
    root.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    root.addEventListener("pointerdown", (event) => this.#press(event));
    new ResizeObserver(() => this.#resize()).observe(root);
  }

  /** @param {Block} block @param {Int3} at the voxel to look at first */
  show(block, at) {
    this.hide();
    this.block = block;
    const deep = shapeOf(block.box)[0] > 1;
    this.root.classList.toggle("deep", deep);
    /** @type {import("./viewport.js").Camera} */
    const camera = { centre: [0, 0, 0] };
    this.#views = (deep ? [PLANES.xy, PLANES.yz, PLANES.xz] : [PLANES.xy]).map((plane) => {
      const canvas = element("canvas");
      this.root.append(element("div", { class: "pane", "data-plane": plane.name }, canvas));
      return { plane, canvas, viewport: new Viewport(plane, this.voxelNm, camera) };
    });
    this.#resize();
    this.fit();
    this.goTo(at);
  }

  hide() {
    this.block = null;
    this.points = [];
    this.#views = [];
    this.root.replaceChildren();
  }

  /** Show all of the block. */
  fit() {
    if (this.block) {
      const shown = this.block.asked ?? this.block.box;
      [...this.#views].reverse().forEach(({ viewport }) => viewport.fit(shown, MARGIN));
      this.redraw();
    }
  }

  /** @param {Int3} voxel of the volume */
  goTo([z, y, x]) {
    if (!this.block) {
      return;
    }
    const { start, stop } = this.block.box;
    const inside = (/** @type {number} */ at, /** @type {0 | 1 | 2} */ axis) =>
      Math.min(Math.max(at, start[axis]), stop[axis] - 1);
    this.at = [inside(z, 0), inside(y, 1), inside(x, 2)];
    this.redraw();
    this.dispatchEvent(new Event("move"));
  }

  /** Go through the sections. @param {number} sections */
  step(sections) {
    this.goTo([this.at[0] + sections, this.at[1], this.at[2]]);
  }

  /** @param {number} factor @param {View} [view] @param {number} [x] @param {number} [y] pixels that stay in place */
  zoom(factor, view = this.#views[0], x = view?.viewport.width / 2, y = view?.viewport.height / 2) {
    const allowed = view?.viewport.zoomAt(factor, x, y) ?? 1;
    this.#views.filter((other) => other !== view).forEach(({ viewport }) => (viewport.scale *= allowed));
    this.redraw();
  }

  /** Draw in the next frame. */
  redraw() {
    if (this.#frame === 0) {
      this.#frame = requestAnimationFrame(() => {
        this.#frame = 0;
        this.#views.forEach((view) => this.#draw(view));
      });
    }
  }

  /** Where the middle of a voxel lies on the page, in the view of sections. @param {Int3} voxel */
  toPage([, y, x]) {
    const { canvas, viewport } = this.#views[0];
    const { left, top } = canvas.getBoundingClientRect();
    const at = viewport.toScreen(y + 0.5, x + 0.5);
    return { x: left + at.x, y: top + at.y };
  }

  #resize() {
    for (const { canvas, viewport } of this.#views) {
      viewport.width = canvas.clientWidth;
      viewport.height = canvas.clientHeight;
      canvas.width = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
      canvas.height = Math.max(1, Math.round(canvas.clientHeight * devicePixelRatio));
    }
    this.fit();
  }

  /** @param {View} view */
  #draw(view) {
    const context = view.canvas.getContext("2d", { alpha: false });
    if (!this.block || !context) {
      return;
    }
    const { plane, viewport, canvas } = view;
    const { box, image, mask } = this.block;
    const slice = cut(shapeOf(box), plane, this.at[plane.normal] - box.start[plane.normal]);
    const picture = {
      image: planeValues(image, slice),
      mask: planeValues(mask, slice),
      rows: slice.rows,
      cols: slice.cols,
    };
    const to = viewport.rectToScreen(rectOf(box, plane));
    const scale = devicePixelRatio;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#141416";
    context.fillRect(0, 0, canvas.width, canvas.height);
    const pixels = { x: to.x * scale, y: to.y * scale, width: to.width * scale, height: to.height * scale };
    drawPicture(context, picture, { x: 0, y: 0, width: slice.cols, height: slice.rows }, pixels, this.look);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    this.#drawAsked(context, view);
    this.points.forEach((point) => this.#drawMark(context, view, point));
    if (!this.look.raw) {
      drawCrosshair(context, view, this.at);
    }
    drawScaleBar(context, view);
    if (this.#views.length > 1) {
      drawName(context, view);
    }
  }

  /** Dim the context. @param {CanvasRenderingContext2D} context @param {View} view */
  #drawAsked(context, { plane, viewport }) {
    const asked = this.block?.asked;
    if (!asked) {
      return;
    }
    const isIn = this.at[plane.normal] >= asked.start[plane.normal] && this.at[plane.normal] < asked.stop[plane.normal];
    const { x, y, width, height } = viewport.rectToScreen(rectOf(asked, plane));
    context.fillStyle = CONTEXT;
    context.beginPath();
    context.rect(0, 0, viewport.width, viewport.height);
    if (isIn) {
      context.rect(x, y, width, height);
    }
    context.fill("evenodd");
    context.strokeStyle = ASKED;
    context.lineWidth = 1.5;
    context.setLineDash(isIn ? [] : [6, 5]);
    context.strokeRect(x, y, width, height);
    context.setLineDash([]);
  }

  /** A ring, faint where the mark lies in another plane. @param {CanvasRenderingContext2D} context @param {View} view @param {Int3} point */
  #drawMark(context, { plane, viewport }, point) {
    const { x, y } = viewport.toScreen(point[plane.row] + 0.5, point[plane.col] + 0.5);
    context.globalAlpha = point[plane.normal] === this.at[plane.normal] ? 1 : 0.35;
    context.beginPath();
    context.arc(x, y, MARK_RADIUS, 0, 2 * Math.PI);
    context.moveTo(x - 3, y);
    context.lineTo(x + 3, y);
    context.moveTo(x, y - 3);
    context.lineTo(x, y + 3);
    context.strokeStyle = "rgb(0 0 0 / 0.7)";
    context.lineWidth = 4.5;
    context.stroke();
    context.strokeStyle = MARK;
    context.lineWidth = 2.5;
    context.stroke();
    context.globalAlpha = 1;
  }

  /** Press, then either drag the view or, without moving, pick a voxel. @param {PointerEvent} event */
  #press(event) {
    const view = this.#viewOf(event);
    if (!view) {
      return;
    }
    event.preventDefault();
    view.canvas.setPointerCapture(event.pointerId);
    const [x0, y0] = [event.clientX, event.clientY];
    let [x, y] = [x0, y0];
    let dragged = event.button === 1;
    const stop = new AbortController();
    const onMove = (/** @type {PointerEvent} */ move) => {
      dragged ||= Math.hypot(move.clientX - x0, move.clientY - y0) > DRAGGED;
      if (dragged) {
        view.viewport.pan(move.clientX - x, move.clientY - y);
        [x, y] = [move.clientX, move.clientY];
        this.redraw();
      }
    };
    const onUp = () => {
      stop.abort();
      if (!dragged) {
        this.#pick(view, event);
      }
    };
    view.canvas.addEventListener("pointermove", onMove, { signal: stop.signal });
    view.canvas.addEventListener("pointerup", onUp, { signal: stop.signal });
    view.canvas.addEventListener("pointercancel", () => stop.abort(), { signal: stop.signal });
  }

  /** @param {View} view @param {PointerEvent} event */
  #pick({ plane, canvas, viewport }, event) {
    const { left, top } = canvas.getBoundingClientRect();
    const { row, col } = viewport.toPlane(event.clientX - left, event.clientY - top);
    /** @type {Int3} */
    const voxel = [...this.at];
    voxel[plane.row] = Math.floor(row);
    voxel[plane.col] = Math.floor(col);
    this.goTo(voxel);
    this.dispatchEvent(new CustomEvent("pick", { detail: voxel }));
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    const view = this.#viewOf(event);
    event.preventDefault();
    if (!view) {
      return;
    }
    const turn = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1);
    if (event.ctrlKey || event.metaKey) {
      const { left, top } = view.canvas.getBoundingClientRect();
      this.zoom(Math.exp(-turn * ZOOM_PER_TURN), view, event.clientX - left, event.clientY - top);
      return;
    }
    this.#turned += turn;
    if (Math.abs(this.#turned) >= WHEEL_STEP) {
      /** @type {Int3} */
      const voxel = [...this.at];
      voxel[view.plane.normal] += Math.sign(this.#turned);
      this.#turned = 0;
      this.goTo(voxel);
    }
  }

  /** @param {Event} event */
  #viewOf(event) {
    return this.#views.find(({ canvas }) => canvas === event.target) ?? null;
  }
}

/** @param {Box} box @param {Plane} plane */
function rectOf({ start, stop }, { row, col }) {
  return { row0: start[row], row1: stop[row], col0: start[col], col1: stop[col] };
}
