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
  if (rowNm === colNm) {
    return stroke(cols, rows, from[1], from[0], to[1], to[0], radiusNm / colNm);
  }
  const [y0, x0, y1, x1] = [from[0] * rowNm, from[1] * colNm, to[0] * rowNm, to[1] * colNm];
  const indices = new Set(stroke(cols, rows, from[1], from[0], to[1], to[0], 0)); // those that the line runs through
  const [row0, row1] = reached(y0, y1, radiusNm, rowNm, rows);
  const [col0, col1] = reached(x0, x1, radiusNm, colNm, cols);
  for (let row = row0; row < row1; row++) {
    for (let col = col0; col < col1; col++) {
      if (distance((row + 0.5) * rowNm, (col + 0.5) * colNm, y0, x0, y1, x1) <= radiusNm) {
        indices.add(row * cols + col);
      }
    }
  }
  return [...indices];
}

/**
 * Rows or columns that the brush may touch, half-open.
 * @type {(a: number, b: number, radius: number, size: number, count: number) => [number, number]}
 */
function reached(a, b, radius, size, count) {
  return [
    Math.max(Math.floor((Math.min(a, b) - radius) / size), 0),
    Math.min(Math.ceil((Math.max(a, b) + radius) / size), count),
  ];
}

/**
 * Between a point and a line from one point to another.
 * @type {(y: number, x: number, y0: number, x0: number, y1: number, x1: number) => number}
 */
function distance(y, x, y0, x0, y1, x1) {
  const [dy, dx] = [y1 - y0, x1 - x0];
  const length = dy * dy + dx * dx;
  const along = length > 0 ? Math.min(Math.max(((y - y0) * dy + (x - x0) * dx) / length, 0), 1) : 0;
  return Math.hypot(y - y0 - along * dy, x - x0 - along * dx);
}
