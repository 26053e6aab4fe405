/**
 * One picture of a plane, a pixel a voxel, and the ways in which voxels become pixels.
 *
 * @typedef {import("./planes.js").Cut} Cut
 * @typedef {import("./planes.js").Rect} Rect
 * @typedef {import("./viewport.js").Viewport} Viewport
 * @typedef {{edge: Uint32Array, inside: Uint32Array}} LabelColours  tables as palette.js makes them
 * @typedef {{missed: number, madeUp: number, between: number}} ErrorColours  pixels; `between` two stripes
 */

import { LUT_MASK } from "./palette.js";
import { UNLABELLED } from "./types.js";

/** A picture whose first voxel lies at (row0, col0) of the volume's plane. Pixels are RGBA, in the machine's order. */
export class Layer {
  /** @param {number} row0 @param {number} col0 @param {number} rows @param {number} cols */
  constructor(row0, col0, rows, cols) {
    this.row0 = row0;
    this.col0 = col0;
    this.rows = rows;
    this.cols = cols;
    this.canvas = new OffscreenCanvas(cols, rows);
    this.context = /** @type {OffscreenCanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.image = new ImageData(cols, rows);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  /** Hands the changed pixels over to the canvas. @type {(rect: Rect) => void} */
  put({ row0, row1, col0, col1 }) {
    this.context.putImageData(this.image, 0, 0, col0, row0, col1 - col0, row1 - row0);
  }

  /** The rectangle that the layer covers in the volume's plane. @returns {Rect} */
  get extent() {
    return { row0: this.row0, row1: this.row0 + this.rows, col0: this.col0, col1: this.col0 + this.cols };
  }

  /** @type {(context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D, viewport: Viewport) => void} */
  draw(context, viewport) {
    const { x, y, width, height } = viewport.rectToScreen(this.extent);
    context.drawImage(this.canvas, x, y, width, height);
  }
}

/**
 * Grey pixels from image bytes: line `line` of the layer (a row, or a column if `down`) shows the bytes that lie at
 * `offset`, `offset + stride`, …; nothing at all where there are no bytes.
 * @type {(layer: Layer, line: number, down: boolean, bytes: Uint8Array | undefined, offset: number, stride: number,
 *   greys: Uint32Array) => void}
 */
export function greyLine(layer, line, down, bytes, offset, stride, greys) {
  const step = down ? layer.cols : 1;
  const length = down ? layer.rows : layer.cols;
  let target = down ? line : line * layer.cols;
  for (let i = 0; i < length; i++, target += step) {
    layer.pixels[target] = bytes ? greys[bytes[offset + i * stride]] : 0;
  }
}

/**
 * Each byte of a plane by a table of colours.
 * @type {(layer: Layer, cut: Cut, bytes: Uint8Array, colours: Uint32Array) => void}
 */
export function tablePixels(layer, cut, bytes, colours) {
  let target = 0;
  for (let row = 0; row < cut.rows; row++) {
    let source = cut.offset + row * cut.rowStride;
    for (let col = 0; col < cut.cols; col++, source += cut.colStride) {
      layer.pixels[target++] = colours[bytes[source]];
    }
  }
}

/**
 * Labels in their colours, those at the edge of a region in others than those inside it.
 * @type {(layer: Layer, cut: Cut, labels: ArrayLike<number>, rect: Rect, colours: LabelColours) => void}
 */
export function labelPixels(layer, cut, labels, rect, { edge, inside }) {
  const { rowStride, colStride, rows, cols } = cut;
  for (let row = rect.row0; row < rect.row1; row++) {
    let source = cut.offset + row * rowStride + rect.col0 * colStride;
    for (let col = rect.col0; col < rect.col1; col++, source += colStride) {
      const value = labels[source];
      const within =
        (row === 0 || labels[source - rowStride] === value) &&
        (row === rows - 1 || labels[source + rowStride] === value) &&
        (col === 0 || labels[source - colStride] === value) &&
        (col === cols - 1 || labels[source + colStride] === value);
      layer.pixels[row * cols + col] = (within ? inside : edge)[value & LUT_MASK];
    }
  }
}

/**
 * Opaque pixels where something is labelled.
 * @type {(layer: Layer, cut: Cut, labels: Uint32Array, rect: Rect) => void}
 */
export function labelledPixels(layer, cut, labels, rect) {
  for (let row = rect.row0; row < rect.row1; row++) {
    let source = cut.offset + row * cut.rowStride + rect.col0 * cut.colStride;
    for (let col = rect.col0; col < rect.col1; col++, source += cut.colStride) {
      layer.pixels[row * cut.cols + col] = labels[source] === UNLABELLED ? 0 : 0xffffffff;
    }
  }
}
