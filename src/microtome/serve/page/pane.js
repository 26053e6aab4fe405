/**
 * One view of the query: a plane of the image with labels, prediction and uncertainty over it. Only what changed
 * is coloured and drawn again.
 *
 * @import {Int3} from "./types.js"
 * @import {Plane, Rect} from "./planes.js"
 * @import {Camera} from "./viewport.js"
 * @import {OpenQuery} from "./openquery.js"
 * @import {Settings} from "./settings.js"
 * @import {Point} from "./brush.js"
 * @import {Region} from "./regions.js"
 * @import {Colours} from "./colours.js"
 */

import { fillHatched } from "./hatch.js";
import { ErrorLayer } from "./errorlayer.js";
import { Layer, greyLine, labelPixels, labelledPixels, tablePixels } from "./layer.js";
import { cut, grown, whole } from "./planes.js";
import { outwards } from "./regions.js";
import { UNLABELLED } from "./types.js";
import { Viewport } from "./viewport.js";

const DIMMED = "rgb(20 20 22 / 0.42)"; // over the context beside the box
const DIMMED_ALL = "rgb(20 20 22 / 0.22)"; // where all of it is context
const OUTLINE = "#f2c14e"; // of the box

export class Pane {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Plane} plane
   * @param {{open: OpenQuery, voxelNm: Int3, camera: Camera, settings: Settings, colours: Colours}} scene
   */
  constructor(canvas, plane, { open, voxelNm, camera, settings, colours }) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
    this.plane = plane;
    this.open = open;
    this.settings = settings;
    this.colours = colours;
    this.viewport = new Viewport(plane, voxelNm, camera);
    this.at = open.box.start[plane.normal];
    const { box, query } = open;
    this.image = layerOf(plane, query.view.start, query.view.stop);
    this.labels = layerOf(plane, box.start, box.stop);
    this.labelled = layerOf(plane, box.start, box.stop);
    /** Whether the labels' layers are still clear, as they are made. */
    this.blank = true;
    /** @type {Layer | null} */
    this.prediction = null;
    /** @type {Layer | null} */
    this.uncertainty = null;
    /** @type {ErrorLayer | null} */
    this.errors = null;
    /** @type {Layer | null} */
    this.weights = null;
    this.resize();
  }

  /** Whether the plane shown goes through the box, so that it can be painted. */
  get inBox() {
    const { start, stop } = this.open.box;
    return this.at >= start[this.plane.normal] && this.at < stop[this.plane.normal];
  }

  /** The plane shown, as a cut of the draft. */
  get cut() {
    return cut(this.open.shape, this.plane, this.at - this.open.box.start[this.plane.normal]);
  }

  /**
   * The draft's value at a point of the box's plane, null outside the box.
   *
   * @param {Point} point
   */
  valueAt([row, col]) {
    if (!this.inBox) {
      return null;
    }
    const { offset, rows, cols, rowStride, colStride } = this.cut;
    const [r, c] = [Math.floor(row), Math.floor(col)];
    if (r < 0 || c < 0 || r >= rows || c >= cols) {
      return null;
    }
    return this.open.draft.labels[offset + r * rowStride + c * colStride];
  }

  /**
   * Which voxels of the draft lie in the plane shown, as indices of that plane.
   *
   * @param {Uint32Array} indices of the draft
   */
  shown(indices) {
    const [, ny, nx] = this.open.shape;
    const { normal, row, col } = this.plane;
    const at = this.at - this.open.box.start[normal];
    const { cols } = this.cut;
    const inside = [];
    const voxel = [0, 0, 0];
    for (const index of indices) {
      voxel[0] = Math.floor(index / (ny * nx));
      voxel[1] = Math.floor(index / nx) - voxel[0] * ny;
      voxel[2] = index % nx;
      if (voxel[normal] === at) {
        inside.push(voxel[row] * cols + voxel[col]);
      }
    }
    return inside;
  }

  /** Where a pixel of the canvas lies in the box's plane. @param {number} x @param {number} y @returns {Point} */
  pointAt(x, y) {
    const { row, col } = this.viewport.toPlane(x, y);
    return [row - this.labels.row0, col - this.labels.col0];
  }

  /** Follows the size of the canvas on the page. */
  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    this.viewport.width = clientWidth;
    this.viewport.height = clientHeight;
    this.canvas.width = Math.max(1, Math.round(clientWidth * devicePixelRatio));
    this.canvas.height = Math.max(1, Math.round(clientHeight * devicePixelRatio));
  }

  /** @param {number} at number of the plane to show, along its normal, in the volume */
  show(at) {
    this.at = at;
    this.colourImage();
    this.repredict();
    if (this.inBox) {
      this.colourLabels(whole(this.cut));
    }
  }

  /** Colours the image again: after a change of section or contrast, or when sections arrive. */
  colourImage() {
    const { plane, open, image, at } = this;
    const { start, stop } = open.query.view;
    const { sections } = open;
    const { greys } = this.colours;
    if (plane.normal === 0) {
      const bytes = sections.get(at);
      for (let row = 0; row < image.rows; row++) {
        greyLine(image, row, false, bytes, row * image.cols, 1, greys);
      }
    } else {
      const [offset, stride] =
        plane.name === "xz" ? [(at - start[1]) * sections.cols, 1] : [at - start[2], sections.cols];
      for (let z = start[0]; z < stop[0]; z++) {
        greyLine(image, z - start[0], plane.name === "yz", sections.get(z), offset, stride, greys);
      }
    }
    image.put(whole(image));
  }

  /** Colours what is predicted here and what comes of it, as far as it is shown. */
  repredict() {
    this.prediction = null;
    this.uncertainty = null;
    this.#compare();
    this.#weigh();
    const { prediction } = this.open;
    const at = prediction ? this.at - prediction.box.start[this.plane.normal] : -1;
    if (!prediction || at < 0 || at >= prediction.shape[this.plane.normal]) {
      return;
    }
    const { shown } = this.settings.now;
    const { start, stop } = prediction.box;
    const plane = cut(prediction.shape, this.plane, at);
    if (shown.prediction) {
      this.prediction = layerOf(this.plane, start, stop);
      labelPixels(this.prediction, plane, prediction.classes, whole(plane), this.colours.predicted);
      this.prediction.put(whole(plane));
      if (this.inBox && shown.labels) {
        this.#veilPrediction(whole(this.cut));
      }
    }
    if (shown.uncertainty) {
      this.uncertainty = layerOf(this.plane, start, stop);
      tablePixels(this.uncertainty, plane, prediction.uncertainty, this.colours.heat);
      this.uncertainty.put(whole(plane));
    }
  }

  /** Colours where labels and prediction differ. */
  #compare() {
    this.errors = null;
    if (this.inBox && this.open.within && this.settings.now.shown.errors) {
      const { start, stop } = this.open.box;
      this.errors = new ErrorLayer(layerOf(this.plane, start, stop), this.cut, this.open, this.colours.errors);
    }
  }

  /** Colours how much the voxels will weigh in training. */
  #weigh() {
    const { weights, box } = this.open;
    this.weights = null;
    if (this.inBox && weights && this.settings.now.shown.weights) {
      this.weights = layerOf(this.plane, box.start, box.stop);
      tablePixels(this.weights, this.cut, weights, this.colours.heat);
      this.weights.put(whole(this.cut));
    }
  }

  /** @param {Rect} rect of the box's plane */
  colourLabels(rect) {
    if (this.blank && this.open.proposed === null && this.open.draft.labelled() === 0) {
      return;
    }
    this.blank = false;
    const { outline } = this.settings.now;
    const { labels } = this.open;
    const plane = this.cut;
    const reached = grown(rect, 1, plane); // voxels beside it may have become edges
    labelPixels(this.labels, plane, labels, reached, outline ? this.colours.outlines : this.colours.areas);
    this.labels.put(reached);
    labelledPixels(this.labelled, plane, labels, rect);
    this.labelled.put(rect);
    this.errors?.colour(rect);
    if (this.settings.now.shown.labels) {
      this.#veilPrediction(rect);
    }
  }

  /** Has what was labelled hide what was predicted there. @param {Rect} rect of the box's plane */
  #veilPrediction({ row0, row1, col0, col1 }) {
    const { prediction: layer, labels: above } = this;
    const { prediction, labels } = this.open;
    if (!layer || !prediction) {
      return;
    }
    const plane = cut(prediction.shape, this.plane, this.at - prediction.box.start[this.plane.normal]);
    const { offset, rowStride, colStride } = this.cut;
    const [down, right] = [above.row0 - layer.row0, above.col0 - layer.col0];
    const rect = { row0: row0 + down, row1: row1 + down, col0: col0 + right, col1: col1 + right };
    labelPixels(layer, plane, prediction.classes, rect, this.colours.predicted);
    for (let row = row0; row < row1; row++) {
      for (let col = col0; col < col1; col++) {
        if (labels[offset + row * rowStride + col * colStride] !== UNLABELLED) {
          layer.pixels[(row + down) * layer.cols + col + right] = 0;
        }
      }
    }
    layer.put(rect);
  }

  /**
   * Shows voxels of the box's plane in a value that is not in the draft yet.
   *
   * @param {ArrayLike<number>} indices
   * @param {number} value
   * @param {Rect} rect that holds them
   */
  sketch(indices, value, rect) {
    const colour = this.colours.of(value);
    const opaque = value === UNLABELLED ? 0 : 0xffffffff;
    this.blank = false;
    for (let i = 0; i < indices.length; i++) {
      this.labels.pixels[indices[i]] = colour;
      this.labelled.pixels[indices[i]] = opaque;
    }
    this.labels.put(rect);
    this.labelled.put(rect);
    this.errors?.sketch(indices, value, rect);
  }

  /**
   * Where a rectangle of the box's plane lies on the canvas.
   *
   * @param {Rect} rect
   * @returns {Region}
   */
  region({ row0, row1, col0, col1 }) {
    const { row0: row, col0: col } = this.labels;
    return this.viewport.rectToScreen({ row0: row0 + row, row1: row1 + row, col0: col0 + col, col1: col1 + col });
  }

  /** @param {Region | null} region the part to draw again, null for all */
  draw(region) {
    const { context } = this;
    const scale = devicePixelRatio;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.save();
    const part = region ? outwards(region) : { x: 0, y: 0, width: this.viewport.width, height: this.viewport.height };
    context.beginPath();
    context.rect(part.x, part.y, part.width, part.height);
    context.clip();
    this.#drawLayers(part);
    context.restore();
  }

  /** @param {Region} part */
  #drawLayers(part) {
    const { context, viewport } = this;
    const { raw, shown, opacity } = this.settings.now;
    context.fillStyle = "#141416";
    context.fillRect(part.x, part.y, part.width, part.height);
    context.imageSmoothingEnabled = viewport.zoom < 1;
    this.image.draw(context, viewport);
    if (raw) {
      return;
    }
    context.imageSmoothingEnabled = false;
    this.#drawOver(this.uncertainty, opacity.uncertainty);
    this.#drawOver(this.prediction, opacity.prediction);
    if (this.inBox) {
      fillHatched(context, part, viewport, this.labelled);
    }
    if (this.inBox && shown.labels) {
      this.#drawOver(this.labels, opacity.labels);
    }
    this.#drawOver(this.weights, opacity.weights);
    this.#drawOver(this.errors?.layer ?? null, opacity.errors);
    this.#drawBox();
  }

  /** @param {Layer | null} layer @param {number} opacity */
  #drawOver(layer, opacity) {
    if (!layer) {
      return;
    }
    this.context.globalAlpha = opacity;
    layer.draw(this.context, this.viewport);
    this.context.globalAlpha = 1;
  }

  /** Dims the context and outlines the box; dashed where the plane shown is not of the box. */
  #drawBox() {
    const { context, viewport } = this;
    const { x, y, width, height } = viewport.rectToScreen(this.labels.extent);
    context.fillStyle = this.inBox ? DIMMED : DIMMED_ALL;
    context.beginPath();
    context.rect(0, 0, viewport.width, viewport.height);
    if (this.inBox) {
      context.rect(x, y, width, height);
    }
    context.fill("evenodd");
    context.strokeStyle = OUTLINE;
    context.lineWidth = 1.5;
    context.setLineDash(this.inBox ? [] : [6, 5]);
    context.strokeRect(x - 0.75, y - 0.75, width + 1.5, height + 1.5);
  }
}

/** @param {Plane} plane @param {Int3} start @param {Int3} stop */
function layerOf({ row, col }, start, stop) {
  return new Layer(start[row], start[col], stop[row] - start[row], stop[col] - start[col]);
}
