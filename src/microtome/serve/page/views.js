/**
 * The linked views of a query: one for a single section, three orthogonal ones that share a crosshair for more.
 * Redrawing is gathered until the next frame.
 *
 * @import {Int3, ProjectInfo} from "./types.js"
 * @import {OpenQuery} from "./openquery.js"
 * @import {Settings} from "./settings.js"
 * @import {Colours} from "./colours.js"
 * @import {Region} from "./regions.js"
 * @import {Camera} from "./viewport.js"
 * @import {LassoPath} from "./lasso.js"
 * @import {OpenBridge} from "./bridge.js"
 * @import {Target} from "./removal.js"
 * @import {Ring} from "./marks.js"
 */

import { element } from "./nodes.js";
import { drawOverlay } from "./overlay.js";
import { Pane } from "./pane.js";
import { PLANES, bounds, grown, whole } from "./planes.js";
import { stillRings } from "./marks.js";
import { union } from "./regions.js";

const MARGIN = 1.22; // of what is shown around the box, times its size

/**
 * @typedef {{pane: Pane, x: number, y: number, shift?: boolean}} Hover  where the pointer is, in pixels of the pane
 * @typedef {{pane: Pane, overlay: HTMLCanvasElement, region: Region | null, all: boolean}} View
 */

/** Dispatches "move" when the crosshair or the hover moved, "frame" after each drawn frame. */
export class Views extends EventTarget {
  /** @param {HTMLElement} root @param {ProjectInfo} project @param {Settings} settings @param {Colours} colours */
  constructor(root, project, settings, colours) {
    super();
    this.root = root;
    this.project = project;
    this.settings = settings;
    this.colours = colours;
    /** @type {View[]} */
    this.views = [];
    /** @type {OpenQuery | null} */
    this.open = null;
    /** @type {Int3} a voxel of the volume */
    this.crosshair = [0, 0, 0];
    /** @type {Hover | null} */
    this.hover = null;
    /** @type {LassoPath | null} */
    this.lasso = null;
    /** @type {OpenBridge | null} */
    this.bridge = null;
    /** @type {Target | null} */
    this.target = null;
    /** @type {Ring | null} */
    this.ring = null;
    /** @type {"paint" | "erase" | "pan" | "ready to pan" | null} */
    this.doing = null;
    new ResizeObserver(() => this.#resize()).observe(root);
    settings.onChange((names) => this.#restyle(names));
  }

  /** Of the browser's animation, 0 if none was asked for. */
  #frame = 0;

  /** The view of sections, which all keys act on. */
  get main() {
    return this.views[0]?.pane ?? null;
  }

  /** @param {OpenQuery} open */
  show(open) {
    this.hide();
    this.open = open;
    /** @type {Camera} */
    const camera = { centre: [0, 0, 0] };
    const { project, settings, colours } = this;
    const planes = open.deep ? [PLANES.xy, PLANES.yz, PLANES.xz] : [PLANES.xy];
    this.root.classList.toggle("deep", open.deep);
    this.views = planes.map((plane) => {
      const picture = element("canvas", { class: "picture" });
      const overlay = element("canvas", { class: "overlay" });
      this.root.append(element("div", { class: "pane", "data-plane": plane.name }, picture, overlay));
      const scene = { open, voxelNm: project.voxel_size_nm, camera, settings, colours };
      return { pane: new Pane(picture, plane, scene), overlay, region: null, all: true };
    });
    const { start, stop } = open.box;
    open.draft.onchange = (indices) => this.recolour(indices);
    open.sections.addEventListener("load", this.#onLoad);
    const middle = (/** @type {0 | 1 | 2} */ axis) => Math.floor((start[axis] + stop[axis]) / 2);
    this.crosshair = [middle(0), middle(1), middle(2)];
    this.#resize();
    this.fit();
    for (const { pane } of this.views) {
      pane.show(this.crosshair[pane.plane.normal]);
    }
    open.sections.focus(this.crosshair[0]);
    this.dispatchEvent(new Event("move"));
  }

  hide() {
    if (this.open) {
      this.open.draft.onchange = null;
      this.open.sections.removeEventListener("load", this.#onLoad);
      this.open.sections.close();
    }
    this.open = null;
    this.hover = null;
    this.lasso = null;
    this.bridge = null;
    this.target = null;
    this.ring = null;
    this.views = [];
    this.root.replaceChildren();
  }

  /** @param {Int3} voxel of the volume */
  goTo(voxel) {
    if (!this.open) {
      return;
    }
    const { shape } = this.project;
    const { start, stop } = this.open.query.view;
    const old = this.crosshair;
    this.crosshair = [
      Math.min(Math.max(voxel[0], 0), shape[0] - 1),
      Math.min(Math.max(voxel[1], start[1]), stop[1] - 1),
      Math.min(Math.max(voxel[2], start[2]), stop[2] - 1),
    ];
    for (const view of this.views) {
      const { normal } = view.pane.plane;
      if (old[normal] === this.crosshair[normal]) {
        continue;
      }
      view.pane.show(this.crosshair[normal]);
      this.invalidate(view.pane);
    }
    if (old[0] !== this.crosshair[0]) {
      this.open.sections.focus(this.crosshair[0]);
    }
    this.touch();
    this.dispatchEvent(new Event("move"));
  }

  /** Shows a voxel in the middle of all views, with a ring around it for a moment. @param {Int3} voxel of the volume */
  point(voxel) {
    this.goTo(voxel);
    this.ring = { voxel, since: performance.now() };
    for (const { pane } of this.views) {
      voxel.forEach((at, axis) => (pane.viewport.camera.centre[axis] = (at + 0.5) * this.project.voxel_size_nm[axis]));
    }
    this.invalidate();
  }

  /** Moves along the normal of a view. @param {number} step @param {Pane | null} pane */
  step(step, pane = this.main) {
    if (!pane || this.doing === "paint" || this.doing === "erase") {
      return;
    }
    /** @type {Int3} */
    const voxel = [...this.crosshair];
    voxel[pane.plane.normal] += step;
    this.goTo(voxel);
  }

  /** @param {Hover | null} hover */
  hoverAt(hover) {
    this.hover = hover;
    this.touch();
    this.dispatchEvent(new Event("move"));
  }

  /** Shows the whole box, and a section of it. */
  fit() {
    if (!this.open) {
      return;
    }
    const [z, y, x] = this.crosshair;
    const { start, stop } = this.open.box;
    this.goTo([Math.min(Math.max(z, start[0]), stop[0] - 1), y, x]);
    for (const { pane } of [...this.views].reverse()) {
      pane.viewport.fit(this.open.box, MARGIN);
    }
    this.invalidate();
  }

  /** @param {number} factor @param {Hover | null} hover what stays in place; the middle if there is none */
  zoom(factor, hover = this.hover) {
    const main = hover?.pane ?? this.main;
    if (!main) {
      return;
    }
    const { width, height } = main.viewport;
    const allowed = main.viewport.zoomAt(factor, hover?.x ?? width / 2, hover?.y ?? height / 2);
    for (const { pane } of this.views) {
      if (pane !== main) {
        pane.viewport.scale *= allowed;
      }
    }
    this.invalidate();
    this.dispatchEvent(new Event("move"));
  }

  /** @param {number} dx @param {number} dy @param {Pane | null} pane */
  pan(dx, dy, pane = this.main) {
    pane?.viewport.pan(dx, dy);
    this.invalidate();
  }

  /** Has something drawn again in the next frame. @param {Pane | null} pane @param {Region | null} region */
  invalidate(pane = null, region = null) {
    for (const view of this.views) {
      if (pane !== null && view.pane !== pane) {
        continue;
      }
      view.all ||= region === null;
      if (region) {
        view.region = view.region ? union(view.region, region) : region;
      }
    }
    this.touch();
  }

  /** Has what lies over the images drawn again: cursor, crosshair, scale bar. */
  touch() {
    if (this.#frame === 0) {
      this.#frame = requestAnimationFrame(() => this.#draw());
    }
  }

  /** @param {Views["doing"]} doing what the pointer does */
  does(doing) {
    this.doing = doing;
    this.root.classList.toggle("grab", doing === "ready to pan");
    this.root.classList.toggle("grabbing", doing === "pan");
    this.touch();
  }

  /** The prediction has come, or another one, or what the voxels weigh. */
  repredict() {
    for (const { pane } of this.views) {
      pane.repredict();
    }
    this.invalidate();
  }

  /** Draws at once what was to be drawn in the next frame. */
  flush() {
    cancelAnimationFrame(this.#frame);
    this.#draw();
  }

  #draw() {
    this.#frame = 0;
    for (const view of this.views) {
      if (view.all || view.region) {
        view.pane.draw(view.all ? null : view.region);
      }
      view.all = false;
      view.region = null;
      drawOverlay(view.overlay, view.pane, this);
    }
    if (this.ring && stillRings(this.ring)) {
      this.touch();
    } else {
      this.ring = null;
    }
    this.dispatchEvent(new Event("frame"));
  }

  /** Colours labels again. @param {Uint32Array | null} [indices] of the draft that changed, null for all */
  recolour(indices = null) {
    for (const { pane } of this.views) {
      if (!pane.inBox) {
        continue;
      }
      const plane = pane.cut;
      if (indices === null) {
        pane.colourLabels(whole(plane));
        this.invalidate(pane);
        continue;
      }
      const rect = bounds(pane.shown(indices), plane.cols);
      if (!rect) {
        continue;
      }
      pane.colourLabels(rect);
      this.invalidate(pane, pane.region(grown(rect, 1, plane)));
    }
  }

  #onLoad = (/** @type {Event} */ event) => {
    const { z0, z1 } = /** @type {CustomEvent<{z0: number, z1: number}>} */ (event).detail;
    for (const { pane } of this.views) {
      if (pane.plane.normal === 0 && (pane.at < z0 || pane.at >= z1)) {
        continue;
      }
      pane.colourImage();
      this.invalidate(pane);
    }
  };

  /** @param {string[]} names of settings that changed */
  #restyle(names) {
    const has = (/** @type {string[]} */ ...some) => some.some((name) => names.includes(name));
    if (has("brightness", "contrast")) {
      this.colours.adjust(this.settings.now.brightness, this.settings.now.contrast);
      for (const { pane } of this.views) {
        pane.colourImage();
      }
    }
    if (has("outline")) {
      for (const { pane } of this.views) {
        if (pane.inBox) {
          pane.colourLabels(whole(pane.cut));
        }
      }
    }
    if (has("shown")) {
      for (const { pane } of this.views) {
        pane.repredict();
      }
    }
    if (has("brightness", "contrast", "outline", "raw", "shown", "opacity")) {
      this.invalidate();
    }
    this.touch();
  }

  #resize() {
    for (const { pane, overlay } of this.views) {
      pane.resize();
      overlay.width = pane.canvas.width;
      overlay.height = pane.canvas.height;
    }
    this.invalidate();
  }
}
