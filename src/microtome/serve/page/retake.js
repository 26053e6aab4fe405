/**
 * A prediction at another threshold than its own.
 *
 * @import {Int3} from "./types.js"
 */

import { Envelope } from "./envelope.js";

/** The threshold of a prediction with one class, percent. */
export const HALF = 50;

/**
 * The classes of a prediction whose foreground reaches a threshold.
 *
 * @param {ArrayLike<number>} foreground 255 · (1 - p(background)) of each voxel
 * @param {ArrayLike<number>} candidates the class of each voxel, should it be foreground
 * @param {number} percent from which on a voxel is foreground
 * @returns {Uint8Array} 0 for background
 */
export function classesAt(foreground, candidates, percent) {
  const least = (percent * 255) / 100;
  return Uint8Array.from(foreground, (likely, i) => (likely >= least ? candidates[i] : 0));
}

/**
 * What each voxel is if it is foreground: the class that is predicted, else that of the nearest voxel with one.
 *
 * @param {Uint8Array} classes predicted, 0 for background
 * @param {Int3} shape z y x
 * @param {Int3} voxelNm sides of a voxel
 * @returns {Uint8Array} class 1 everywhere if no foreground is predicted
 */
export function nearestClass(classes, shape, voxelNm) {
  const found = classes.slice();
  const distances = Float64Array.from(classes, (cls) => (cls > 0 ? 0 : Infinity));
  const envelope = new Envelope(Math.max(...shape));
  const strides = [shape[1] * shape[2], shape[2], 1];
  for (const axis of [2, 1, 0]) {
    const [outer, inner] = [0, 1, 2].filter((other) => other !== axis);
    for (let a = 0; a < shape[outer]; a++) {
      for (let b = 0; b < shape[inner]; b++) {
        const offset = a * strides[outer] + b * strides[inner];
        envelope.transform(distances, offset, strides[axis], shape[axis], voxelNm[axis], found);
      }
    }
  }
  return found.map((cls) => cls || 1);
}
