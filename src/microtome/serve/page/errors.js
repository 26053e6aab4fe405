/** Where labels differ from a prediction. */

import { UNLABELLED } from "./types.js";

export const RIGHT = 0;
export const MISSED = 1;
export const MADE_UP = 2;

/**
 * What is wrong with a prediction, by what the annotator says of a voxel.
 *
 * @param {number} value of the draft @param {number} predicted class
 * @returns {0 | 1 | 2} MISSED where a class is labelled that was not predicted, MADE_UP where background is labelled
 *   and a class was predicted, RIGHT where they agree or nothing was said
 */
export function errorOf(value, predicted) {
  const cls = value & 255;
  if (cls === UNLABELLED || cls === predicted) {
    return RIGHT;
  }
  return cls === 0 ? MADE_UP : MISSED;
}

/**
 * @param {ArrayLike<number>} labels values of the draft @param {ArrayLike<number>} predicted classes of the same voxels
 * @returns {{missed: number, madeUp: number}} voxels
 */
export function countErrors(labels, predicted) {
  const counts = [0, 0, 0];
  for (let i = 0; i < labels.length; i++) {
    counts[errorOf(labels[i], predicted[i])] += 1;
  }
  return { missed: counts[MISSED], madeUp: counts[MADE_UP] };
}
