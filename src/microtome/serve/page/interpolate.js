/**
 * Labels between two labelled planes, by interpolation of signed distances (Raya & Udupa 1990), which are exact and
 * take linear time.
 */

import { Envelope } from "./envelope.js";
import { UNLABELLED } from "./types.js";

/** @typedef {{x0: number, y0: number, w: number, h: number}} Window part of a plane */

/**
 * The mask at a fraction of the way between two masks.
 *
 * @param {Uint8Array} a w * h, nonzero inside
 * @param {Uint8Array} b w * h, nonzero inside
 * @param {number} w @param {number} h
 * @param {number} t 0 at a, 1 at b
 * @returns {Uint8Array} w * h, 1 inside
 */
export function between(a, b, w, h, t) {
  const depthA = signedDistance(a, w, h);
  const depthB = signedDistance(b, w, h);
  return Uint8Array.from(depthA, (depth, i) => Number((1 - t) * depth + t * depthB[i] > 0));
}

/**
 * The planes between two labelled ones. The mask of every value that both have is interpolated, background too; where
 * masks overlap, the one with its border farthest away wins, and where there is none the voxel is UNLABELLED.
 *
 * @param {ArrayLike<number>} first w * h values
 * @param {ArrayLike<number>} last w * h values
 * @param {number} w @param {number} h
 * @param {number} n how many planes lie between
 * @returns {Uint32Array[]} n planes of w * h values, evenly spaced
 */
export function interpolate(first, last, w, h, n) {
  const planes = Array.from({ length: n }, () => new Uint32Array(w * h).fill(UNLABELLED));
  const depths = planes.map(() => new Float32Array(w * h));
  for (const [value, window] of sharedValues(first, last, w, h)) {
    const depthA = signedDistance(cut(first, w, value, window), window.w, window.h);
    const depthB = signedDistance(cut(last, w, value, window), window.w, window.h);
    planes.forEach((plane, k) => {
      const t = (k + 1) / (n + 1);
      const depth = depthA.map((inside, i) => (1 - t) * inside + t * depthB[i]);
      keepDeepest(plane, depths[k], w, value, depth, window);
    });
  }
  return planes;
}

/**
 * How far inside a mask each voxel lies, or outside, if negative: the distance between its centre and the nearest one
 * on the other side, less half a voxel. What lies beyond the plane counts as neither. A mask that is empty or full
 * has its border as far away as the plane is large.
 *
 * @param {Uint8Array} mask w * h, nonzero inside
 * @param {number} w @param {number} h
 * @returns {Float32Array} w * h, in voxels
 */
export function signedDistance(mask, w, h) {
  const inward = squaredDistance(mask, w, h, false);
  const outward = squaredDistance(mask, w, h, true);
  const depth = new Float32Array(w * h);
  for (let i = 0; i < depth.length; i++) {
    const far = Math.min(Math.sqrt(inward[i] + outward[i]), w + h) - 0.5;
    depth[i] = mask[i] ? far : -far;
  }
  return depth;
}

/**
 * Squared distance of each voxel from the nearest one that is inside a mask (or outside).
 *
 * @param {Uint8Array} mask @param {number} w @param {number} h
 * @param {boolean} inside
 * @returns {Float64Array} Infinity where there is none
 */
function squaredDistance(mask, w, h, inside) {
  const distances = Float64Array.from(mask, (value) => ((value !== 0) === inside ? 0 : Infinity));
  const envelope = new Envelope(Math.max(w, h));
  for (let x = 0; x < w; x++) {
    envelope.transform(distances, x, w, h);
  }
  for (let y = 0; y < h; y++) {
    envelope.transform(distances, y * w, 1, w);
  }
  return distances;
}

/**
 * The values that both planes have, each with the part of the plane that holds its two masks and a margin of a voxel.
 * Outside it no voxel can be inside the interpolated mask, and inside it no distance depends on what is outside.
 *
 * @param {ArrayLike<number>} first @param {ArrayLike<number>} last @param {number} w @param {number} h
 * @returns {[value: number, window: Window][]}
 */
function sharedValues(first, last, w, h) {
  const a = extents(first, w);
  const b = extents(last, w);
  return [...a.keys()].filter((value) => b.has(value)).map((value) => {
    const [p, q] = [/** @type {Extent} */ (a.get(value)), /** @type {Extent} */ (b.get(value))];
    const [x0, y0] = [Math.max(Math.min(p.x0, q.x0) - 1, 0), Math.max(Math.min(p.y0, q.y0) - 1, 0)];
    const [x1, y1] = [Math.min(Math.max(p.x1, q.x1) + 1, w - 1), Math.min(Math.max(p.y1, q.y1) + 1, h - 1)];
    return [value, { x0, y0, w: x1 - x0 + 1, h: y1 - y0 + 1 }];
  });
}

/** @typedef {{x0: number, y0: number, x1: number, y1: number}} Extent first and last column and row */

/** @param {ArrayLike<number>} plane @param {number} w @returns {Map<number, Extent>} of each value but UNLABELLED */
function extents(plane, w) {
  /** @type {Map<number, Extent>} */
  const found = new Map();
  for (let i = 0; i < plane.length; i++) {
    const [x, y] = [i % w, Math.floor(i / w)];
    const extent = found.get(plane[i]);
    if (extent === undefined) {
      found.set(plane[i], { x0: x, y0: y, x1: x, y1: y });
    } else {
      extent.x0 = Math.min(extent.x0, x);
      extent.x1 = Math.max(extent.x1, x);
      extent.y1 = y;
    }
  }
  found.delete(UNLABELLED);
  return found;
}

/** @param {ArrayLike<number>} plane @param {number} w @param {number} value @param {Window} window @returns {Uint8Array} */
function cut(plane, w, value, window) {
  const mask = new Uint8Array(window.w * window.h);
  for (let i = 0; i < mask.length; i++) {
    mask[i] = Number(plane[placeIn(window, i, w)] === value);
  }
  return mask;
}

/**
 * Write a value wherever it lies deeper inside than what is there.
 *
 * @param {Uint32Array} plane changed in place
 * @param {Float32Array} deepest changed in place
 * @param {number} w @param {number} value
 * @param {Float32Array} depth of the window's voxels
 * @param {Window} window
 */
function keepDeepest(plane, deepest, w, value, depth, window) {
  for (let i = 0; i < depth.length; i++) {
    const at = placeIn(window, i, w);
    if (depth[i] > deepest[at]) {
      deepest[at] = depth[i];
      plane[at] = value;
    }
  }
}

/** @param {Window} window @param {number} i @param {number} w @returns {number} index in the plane */
function placeIn(window, i, w) {
  return (window.y0 + Math.floor(i / window.w)) * w + window.x0 + (i % window.w);
}
