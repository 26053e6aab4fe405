/**
 * The brush: a disc in nanometres, so that it is round on the screen whatever the voxel's aspect.
 *
 * @import {Cut} from "./planes.js"
 */

import { stroke } from "./raster.js";

/** @typedef {[row: number, col: number]} Point  continuous, in voxels of the box's plane */
/** @typedef {{rowNm: number, colNm: number}} Aspect */

/**
 * Voxels of a plane that the brush sweeps from one point to another.
 *
 * @param {Cut} plane @param {Point} from @param {Point} to @param {number} radiusNm @param {Aspect} aspect
 * @returns {ArrayLike<number>} indices row * cols + col
 */
export function swept({ rows, cols }, from, to, radiusNm, { rowNm, colNm }) {
  const unit = Math.min(rowNm, colNm);
  const [high, wide] = [rowNm / unit, colNm / unit];
  const radius = radiusNm / unit;
  if (high === 1 && wide === 1) {
    return stroke(cols, rows, from[1], from[0], to[1], to[0], radius);
  }
  // On a plane of square voxels: a voxel is painted if the square in its middle is, or if the line runs through it.
  const width = Math.ceil(cols * wide);
  const height = Math.ceil(rows * high);
  const squares = stroke(width, height, from[1] * wide, from[0] * high, to[1] * wide, to[0] * high, radius);
  const indices = new Set(stroke(cols, rows, from[1], from[0], to[1], to[0], 0));
  for (const square of squares) {
    const row = Math.floor(Math.floor(square / width) / high);
    const col = Math.floor((square % width) / wide);
    if (square === Math.floor((row + 0.5) * high) * width + Math.floor((col + 0.5) * wide)) {
      indices.add(row * cols + col);
    }
  }
  return [...indices];
}
