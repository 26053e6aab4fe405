/**
 * One section of the volume with something drawn over it, as a pair of canvases of the right proportions.
 *
 * @import {Plane} from "./pixels.js"
 * @import {Box} from "./types.js"
 */

import { element } from "./nodes.js";
import { grey, heat, overlay, sampled, shrunk } from "./pixels.js";

const WIDEST = 1024;
const UNKNOWN_WIDTH = 256;
const MOST_AT_ONCE = 4_000_000;
/** @type {[number, number, number]} */
const HEAT = [255, 64, 160];

export class Patch {
  #image = element("canvas", { class: "patch-image" });
  #over = element("canvas", { class: "patch-over" });
  node = element("div", { class: "patch" }, this.#image, this.#over);
  #rows;
  #columns;

  /** @param {Box} box @param {[number, number, number]} voxelNm */
  constructor(box, voxelNm) {
    this.#rows = box.stop[1] - box.start[1];
    this.#columns = box.stop[2] - box.start[2];
    this.node.style.aspectRatio = `${this.#columns * voxelNm[2]} / ${this.#rows * voxelNm[1]}`;
  }

  /**
   * Draws the image as it comes in, band by band, never larger than it can be seen.
   *
   * @param {(from: number, to: number) => Promise<Uint8Array>} rowsOf
   */
  async image(rowsOf) {
    const factor = Math.max(1, Math.floor(this.#columns / WIDEST));
    const band = Math.max(1, Math.floor(MOST_AT_ONCE / this.#columns / factor)) * factor;
    this.#image.width = Math.ceil(this.#columns / factor);
    this.#image.height = Math.ceil(this.#rows / factor);
    for (let from = 0; from < this.#rows; from += band) {
      const to = Math.min(from + band, this.#rows);
      const bytes = await rowsOf(from, to);
      const small = shrunk({ bytes, rows: to - from, columns: this.#columns }, factor);
      put(this.#image, grey(small.bytes), small.columns, from / factor);
    }
  }

  /** @param {Uint8Array} bytes @param {Uint32Array} table the colour of every class */
  classes(bytes, table) {
    const plane = this.#fitted(bytes);
    this.#size(plane);
    put(this.#over, overlay(plane, table), plane.columns, 0);
  }

  /** @param {Uint8Array} bytes */
  uncertainty(bytes) {
    const plane = this.#fitted(bytes);
    this.#size(plane);
    put(this.#over, heat(plane.bytes, HEAT), plane.columns, 0);
  }

  clear() {
    this.#over.width = 0;
  }

  /** As fine as it is seen, so that outlines are a pixel wide. @param {Uint8Array} bytes @returns {Plane} */
  #fitted(bytes) {
    const seen = Math.round(this.node.clientWidth * window.devicePixelRatio);
    const columns = Math.min(WIDEST, seen || UNKNOWN_WIDTH);
    const rows = Math.max(1, Math.round((this.#rows * columns) / this.#columns));
    return sampled({ bytes, rows: this.#rows, columns: this.#columns }, rows, columns);
  }

  /** @param {Plane} plane */
  #size({ rows, columns }) {
    this.#over.width = columns;
    this.#over.height = rows;
  }
}

/**
 * @param {HTMLCanvasElement} canvas @param {Uint8ClampedArray<ArrayBuffer>} rgba
 * @param {number} columns @param {number} row
 */
function put(canvas, rgba, columns, row) {
  canvas.getContext("2d")?.putImageData(new ImageData(rgba, columns), 0, row);
}
