/** Bytes of one section into pixels: smaller, grey, and coloured by what they mean. */

import { UNLABELLED } from "./types.js";

/** @typedef {{bytes: Uint8Array, rows: number, columns: number}} Plane */

const FILL = 56;
const EDGE = 235;
const HATCH = 6;
const WHITE = 0xffffff;

/**
 * Means over squares of `factor` pixels; what is left over at the far ends is averaged alone.
 *
 * @param {Plane} plane
 * @param {number} factor
 * @returns {Plane}
 */
export function shrunk({ bytes, rows, columns }, factor) {
  if (factor === 1) {return { bytes, rows, columns };}
  const high = Math.ceil(rows / factor);
  const wide = Math.ceil(columns / factor);
  const result = new Uint8Array(high * wide);
  const sums = new Uint32Array(wide);
  for (let row = 0; row < high; row += 1) {
    const last = Math.min((row + 1) * factor, rows);
    sums.fill(0);
    for (let y = row * factor; y < last; y += 1) {
      for (let x = 0; x < columns; x += 1) {sums[(x / factor) | 0] += bytes[y * columns + x] ?? 0;}
    }
    for (let column = 0; column < wide; column += 1) {
      const width = Math.min((column + 1) * factor, columns) - column * factor;
      result[row * wide + column] = (sums[column] ?? 0) / (width * (last - row * factor)) + 0.5;
    }
  }
  return { bytes: result, rows: high, columns: wide };
}

/** The nearest pixels. @param {Plane} plane @param {number} rows @param {number} columns @returns {Plane} */
export function sampled(plane, rows, columns) {
  const bytes = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row += 1) {
    const from = Math.floor(((row + 0.5) * plane.rows) / rows) * plane.columns;
    for (let column = 0; column < columns; column += 1) {
      const x = Math.floor(((column + 0.5) * plane.columns) / columns);
      bytes[row * columns + column] = plane.bytes[from + x] ?? 0;
    }
  }
  return { bytes, rows, columns };
}

/** @param {Uint8Array} bytes */
export function grey(bytes) {
  const rgba = new Uint8ClampedArray(bytes.length * 4);
  const pixels = new Uint32Array(rgba.buffer);
  bytes.forEach((value, k) => (pixels[k] = 0xff000000 | (value << 16) | (value << 8) | value));
  return rgba;
}

/**
 * Classes as a light fill with a strong outline, and the unlabelled hatched; background is left clear.
 *
 * @param {Plane} plane
 * @param {Uint32Array} table the colour of every byte
 */
export function overlay({ bytes, rows, columns }, table) {
  const rgba = new Uint8ClampedArray(bytes.length * 4);
  const pixels = new Uint32Array(rgba.buffer);
  for (let y = 0; y < rows; y += 1) {
    for (let x = 0; x < columns; x += 1) {
      const k = y * columns + x;
      const value = bytes[k] ?? 0;
      const hatch = value === UNLABELLED;
      if (value === 0 || (hatch && (x + y) % HATCH !== 0)) {continue;}
      const edge = !hatch && onEdge(bytes, k, x, columns);
      const colour = hatch ? WHITE : (table[value] ?? WHITE);
      pixels[k] = (colour & WHITE) | ((edge ? EDGE : FILL) << 24);
    }
  }
  return rgba;
}

/**
 * Whether a neighbour that is there differs.
 *
 * @param {Uint8Array} bytes @param {number} k
 * @param {number} x of k @param {number} columns
 */
function onEdge(bytes, k, x, columns) {
  const value = bytes[k];
  const differs = (/** @type {number} */ other) => other >= 0 && other < bytes.length && bytes[other] !== value;
  const aside = (x > 0 && differs(k - 1)) || (x + 1 < columns && differs(k + 1));
  return aside || differs(k - columns) || differs(k + columns);
}

/** From clear (0) to strong in one colour (255). @param {Uint8Array} bytes @param {[number, number, number]} colour */
export function heat(bytes, colour) {
  const rgba = new Uint8ClampedArray(bytes.length * 4);
  bytes.forEach((value, k) => {
    rgba.set(colour, k * 4);
    rgba[k * 4 + 3] = value * 0.85;
  });
  return rgba;
}
