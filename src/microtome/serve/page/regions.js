/**
 * Parts of a canvas, in CSS pixels.
 *
 * @typedef {{x: number, y: number, width: number, height: number}} Region
 */

/** @param {Region} a @param {Region} b @returns {Region} the smallest that holds both */
export function union(a, b) {
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  const right = Math.max(a.x + a.width, b.x + b.width);
  const bottom = Math.max(a.y + a.height, b.y + b.height);
  return { x, y, width: right - x, height: bottom - y };
}

/** @param {Region} region @returns {Region} the whole pixels that it touches, and two more for the smoothing */
export function outwards({ x, y, width, height }) {
  const left = Math.floor(x) - 2;
  const top = Math.floor(y) - 2;
  return { x: left, y: top, width: Math.ceil(x + width) + 2 - left, height: Math.ceil(y + height) + 2 - top };
}
