/**
 * The picture of where labels and prediction differ, in one plane of a query's box.
 *
 * @import {Cut, Rect} from "./planes.js"
 * @import {ErrorColours, Layer} from "./layer.js"
 * @import {OpenQuery} from "./openquery.js"
 */

import { MADE_UP, RIGHT, errorOf } from "./errors.js";
import { inArray, whole } from "./planes.js";

export class ErrorLayer {
  /** @param {Layer} layer @param {Cut} plane @param {OpenQuery} open @param {ErrorColours} colours */
  constructor(layer, plane, open, colours) {
    this.layer = layer;
    this.plane = plane;
    this.open = open;
    this.colours = colours;
    this.colour(whole(plane));
  }

  /** Colours labels again. @param {Rect} rect of the plane */
  colour(rect) {
    const { layer, plane, open } = this;
    const predicted = open.within?.classes;
    if (!predicted) {
      return;
    }
    for (let row = rect.row0; row < rect.row1; row++) {
      let source = plane.offset + row * plane.rowStride + rect.col0 * plane.colStride;
      for (let col = rect.col0; col < rect.col1; col++, source += plane.colStride) {
        layer.pixels[row * plane.cols + col] = this.#pixel(open.labels[source], predicted[source], row, col);
      }
    }
    layer.put(rect);
  }

  /**
   * Shows voxels of the plane as they will be with a value that is not in the draft yet.
   *
   * @param {ArrayLike<number>} indices @param {number} value @param {Rect} rect that holds them
   */
  sketch(indices, value, rect) {
    const { layer, plane, open } = this;
    const predicted = open.within?.classes;
    if (!predicted) {
      return;
    }
    const voxels = inArray(indices, plane);
    for (let i = 0; i < indices.length; i++) {
      const row = Math.floor(indices[i] / plane.cols);
      layer.pixels[indices[i]] = this.#pixel(value, predicted[voxels[i]], row, indices[i] - row * plane.cols);
    }
    layer.put(rect);
  }

  /** What is made up comes in diagonal stripes. @type {(value: number, predicted: number, row: number, col: number) => number} */
  #pixel(value, predicted, row, col) {
    const { missed, madeUp, between } = this.colours;
    const error = errorOf(value, predicted);
    if (error === MADE_UP) {
      return (row + col) % 4 < 2 ? madeUp : between;
    }
    return error === RIGHT ? 0 : missed;
  }
}
