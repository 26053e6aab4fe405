/**
 * Where a draft is likely to be wrong: pieces of its contours, the least certain first.
 *
 * @import {Int3} from "./types.js"
 *
 * A piece of contour: the voxel in its middle, in the box; how unsure the model is of its voxels, on average; how many
 * they are.
 * @typedef {{at: Int3, uncertainty: number, size: number}} Piece
 */

import { UNLABELLED } from "./types.js";

const CELL = 24; // voxels in y and x: as much as one look takes in
const NEAR = 12; // voxels in y and x
const AROUND = [-1, 0, 1].flatMap((row) => [-1, 0, 1].map((col) => [row, col]));

/**
 * @param {ArrayLike<number>} labels values of the draft @param {Int3} shape z y x
 * @param {ArrayLike<number>} uncertainty of each voxel
 * @returns {Piece[]} contour voxels that are connected within a section and a cell of it, the least certain first
 */
export function likelyErrors(labels, shape, uncertainty) {
  const contour = contourOf(labels, shape);
  /** @type {Piece[]} */
  const pieces = [];
  for (let index = contour.indexOf(1); index >= 0; index = contour.indexOf(1, index + 1)) {
    pieces.push(pieceOf(taken(contour, shape, index), shape, uncertainty));
  }
  return pieces.sort((a, b) => b.uncertainty - a.uncertainty);
}

/** Those that are near none of these voxels, nor one another. @param {Piece[]} pieces @param {Int3[]} seen @returns {Piece[]} */
export function unseen(pieces, seen) {
  const places = [...seen];
  return pieces.filter(({ at }) => {
    const fresh = !places.some((place) => isNear(at, place));
    if (fresh) {
      places.push(at);
    }
    return fresh;
  });
}

/** @param {Int3} a @param {Int3} b */
function isNear(a, b) {
  return a[0] === b[0] && Math.abs(a[1] - b[1]) <= NEAR && Math.abs(a[2] - b[2]) <= NEAR;
}

/** @param {ArrayLike<number>} labels @param {Int3} shape @returns {Uint8Array} 1 where a class borders on another */
function contourOf(labels, [nz, ny, nx]) {
  const contour = new Uint8Array(nz * ny * nx);
  for (let index = 0; index < contour.length; index++) {
    const cls = labels[index] & 255;
    if (cls === 0 || cls === UNLABELLED) {
      continue;
    }
    const x = index % nx;
    const y = Math.floor(index / nx) % ny;
    const differs = (/** @type {number} */ other) => (labels[other] & 255) !== cls;
    const borders =
      (x > 0 && differs(index - 1)) ||
      (x < nx - 1 && differs(index + 1)) ||
      (y > 0 && differs(index - nx)) ||
      (y < ny - 1 && differs(index + nx));
    contour[index] = Number(borders);
  }
  return contour;
}

/**
 * Takes a piece out of the contour.
 *
 * @param {Uint8Array} contour changed in place @param {Int3} shape @param {number} first voxel
 * @returns {number[]} its voxels
 */
function taken(contour, [, ny, nx], first) {
  const cellOf = (/** @type {number} */ row, /** @type {number} */ col) =>
    Math.floor(row / CELL) * nx + Math.floor(col / CELL);
  const top = Math.floor(first / (ny * nx)) * ny;
  const cell = cellOf(Math.floor(first / nx) - top, first % nx);
  const piece = [first];
  contour[first] = 0;
  for (const index of piece) {
    const [row, col] = [Math.floor(index / nx) - top, index % nx];
    for (const [down, right] of AROUND) {
      const [y, x] = [row + down, col + right];
      const other = (top + y) * nx + x;
      const inside = y >= 0 && x >= 0 && y < ny && x < nx;
      if (inside && contour[other] === 1 && cellOf(y, x) === cell) {
        contour[other] = 0;
        piece.push(other);
      }
    }
  }
  return piece;
}

/** @param {number[]} voxels @param {Int3} shape @param {ArrayLike<number>} uncertainty @returns {Piece} */
function pieceOf(voxels, [, ny, nx], uncertainty) {
  const size = voxels.length;
  const places = voxels.map((index) => [Math.floor(index / nx), index % nx]);
  const mean = [0, 1].map((axis) => places.reduce((sum, place) => sum + place[axis], 0) / size);
  const away = places.map(([row, col]) => Math.hypot(row - mean[0], col - mean[1]));
  const [row, col] = places[away.indexOf(Math.min(...away))];
  const z = Math.floor(row / ny);
  const sum = voxels.reduce((total, index) => total + uncertainty[index], 0);
  return { at: [z, row - z * ny, col], uncertainty: sum / size, size };
}
