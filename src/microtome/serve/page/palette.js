/**
 * Colours of classes and instances.
 *
 * @import {ClassInfo} from "./types.js"
 *
 * @typedef {[red: number, green: number, blue: number]} Colour 0 to 255 each
 */

import { UNLABELLED } from "./types.js";

/** @type {Colour} darker than most of an image, so that background shows and does not shout */
const BACKGROUND = [40, 40, 56];

/** @type {Colour[]} told apart by colour-blind people (Okabe & Ito 2008), without black */
const OKABE_ITO = [
  [230, 159, 0],
  [86, 180, 233],
  [0, 158, 115],
  [240, 228, 66],
  [0, 114, 178],
  [213, 94, 0],
  [204, 121, 167],
];

/** How much of white (or black, if negative) is mixed in for instances 0, 1, 2, … of a class, and over again. */
const SHADES = [0, 0.22, -0.35, 0.45, -0.18, 0.6, -0.5, 0.33];

/** `value & LUT_MASK` is where the colour of a value stands in a table of `lut`: its class and its shade. */
export const LUT_MASK = 256 * SHADES.length - 1;

/** Most classes that a value can hold. */
const MOST_CLASSES = 254;

/** @type {Colour[]} of classes 1, 2, …, as far as they were asked for */
const colours = [...OKABE_ITO];

/** Colours to choose from: a grid that leaves out what is too dark, too bright or too grey to stand out on an image. */
const CANDIDATES = grid().filter((colour) => {
  const [lightness, a, b] = oklab(colour);
  return lightness > 0.45 && lightness < 0.92 && Math.hypot(a, b) > 0.06;
});

/**
 * The colour of a class: Okabe and Ito's, then whatever is farthest from all before.
 *
 * @param {number} cls 0 for background
 * @returns {Colour}
 */
export function classColour(cls) {
  if (cls === 0) {
    return [...BACKGROUND];
  }
  while (colours.length < Math.min(cls, MOST_CLASSES)) {
    colours.push(farthest(colours));
  }
  return [...colours[(cls - 1) % MOST_CLASSES]];
}

/**
 * The colour of a value: its class's, lighter or darker by the instance.
 *
 * @param {number} value class + 256 * instance
 * @returns {Colour}
 */
export function valueColour(value) {
  return shaded(classColour(value & 255), SHADES[(value >>> 8) % SHADES.length]);
}

/** @param {Colour} colour @returns {string} for CSS, such as "rgb(230 159 0)" */
export function css(colour) {
  return `rgb(${colour.join(" ")})`;
}

/**
 * Colours of all values, for writing into the pixels of ImageData as uint32. Unlabelled voxels and classes that do
 * not exist are transparent.
 *
 * @param {ClassInfo[]} classes
 * @param {number} [alpha] 0 to 255
 * @returns {Uint32Array} to be indexed by `value & LUT_MASK`
 */
export function lut(classes, alpha = 255) {
  const table = new Uint8ClampedArray(4 * (LUT_MASK + 1));
  for (let entry = 0; entry <= LUT_MASK; entry++) {
    const cls = entry & 255;
    if (cls !== UNLABELLED && cls <= classes.length) {
      table.set([...valueColour(entry), alpha], 4 * entry);
    }
  }
  return new Uint32Array(table.buffer);
}

/** @returns {Colour[]} */
function grid() {
  const levels = [0, 36, 73, 109, 146, 182, 219, 255];
  return levels.flatMap((red) => levels.flatMap((green) => levels.map((blue) => /** @type {Colour} */ ([red, green, blue]))));
}

/** @param {Colour[]} taken @returns {Colour} the candidate whose nearest neighbour is farthest */
function farthest(taken) {
  const others = taken.map(oklab);
  let best = { colour: CANDIDATES[0], distance: 0 };
  for (const colour of CANDIDATES) {
    const place = oklab(colour);
    const distance = Math.min(...others.map((other) => Math.hypot(...place.map((part, i) => part - other[i]))));
    best = distance > best.distance ? { colour, distance } : best;
  }
  return best.colour;
}

/** @param {Colour} colour @param {number} amount of white, or of black if negative @returns {Colour} */
function shaded([red, green, blue], amount) {
  const end = amount > 0 ? 255 : 0;
  const mix = (/** @type {number} */ part) => Math.round(part + (end - part) * Math.abs(amount));
  return [mix(red), mix(green), mix(blue)];
}

/**
 * Coordinates in which distance is as the eye sees it (Ottosson 2020).
 *
 * @param {Colour} colour
 * @returns {[lightness: number, a: number, b: number]} lightness from 0 to 1
 */
export function oklab(colour) {
  const [r, g, b] = colour.map((part) => linear(part / 255));
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

/** @param {number} part of sRGB, 0 to 1 @returns {number} its light */
function linear(part) {
  return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
}
