/**
 * Tables from bytes and values to pixels, for all layers.
 *
 * @import {ClassInfo} from "./types.js"
 * @import {LabelColours} from "./layer.js"
 */

import { LUT_MASK, classColour, css, lut, valueColour } from "./palette.js";

/** From sure to unsure (magma, Smith & van der Walt 2015). */
const HEAT = [
  [0, 0, 4],
  [81, 18, 124],
  [183, 55, 121],
  [252, 137, 97],
  [252, 253, 191],
];

/**
 * What a prediction misses is vermilion, what it makes up yellow (Okabe & Ito 2008): as far apart in lightness as in
 * hue, and the yellow comes in stripes.
 */
const MISSED = [213, 64, 0];
const MADE_UP = [250, 232, 60];
const BETWEEN_STRIPES = 110; // alpha

const AREA = 175; // alpha of a labelled area; its edge is opaque
const PREDICTED_AREA = 70;

export class Colours {
  /** @param {ClassInfo[]} classes */
  constructor(classes) {
    const solid = lut(classes);
    /** @type {LabelColours} */
    this.areas = { edge: solid.slice(), inside: lut(classes, AREA) };
    for (const table of Object.values(this.areas)) {
      table[0] = quiet(table[0]);
    }
    /** @type {LabelColours} */
    this.outlines = { edge: solid, inside: new Uint32Array(solid.length) };
    /** @type {LabelColours} */
    this.predicted = { edge: solid.slice(), inside: lut(classes, PREDICTED_AREA) };
    for (const table of Object.values(this.predicted)) {
      table[0] = 0;
    } // what is background shows the image
    this.heat = heat();
    this.errors = {
      missed: pixel(MISSED[0], MISSED[1], MISSED[2], 255),
      madeUp: pixel(MADE_UP[0], MADE_UP[1], MADE_UP[2], 255),
      between: pixel(MADE_UP[0], MADE_UP[1], MADE_UP[2], BETWEEN_STRIPES),
    };
    this.greys = new Uint32Array(256);
    this.adjust(0, 0);
  }

  /** The pixel of a value while it is painted. @param {number} value */
  of(value) {
    return this.areas.inside[value & LUT_MASK];
  }

  /** The colour of a class and instance, for the page. @param {{cls: number, instance: number}} label */
  css({ cls, instance }) {
    if (cls === 0) {
      return "rgb(150 150 170)";
    } // the background's own colour is too dark for a cursor
    return css(instance > 0 ? valueColour(cls + 256 * instance) : classColour(cls));
  }

  /** @param {number} brightness -1 to 1 @param {number} contrast -1 to 1 */
  adjust(brightness, contrast) {
    const gain = contrast < 0 ? 1 + contrast * 0.9 : 1 + contrast * 4;
    for (let byte = 0; byte < 256; byte++) {
      const grey = Math.min(Math.max((byte - 128) * gain + 128 + brightness * 128, 0), 255) & 255;
      this.greys[byte] = pixel(grey, grey, grey, 255);
    }
  }
}

/** The colour as a veil: background must show and not hide the image. @param {number} colour */
function quiet(colour) {
  const [red, green, blue] = new Uint8Array(Uint32Array.of(colour).buffer);
  return pixel(red, green, blue, 110);
}

function heat() {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    const at = (byte / 256) * (HEAT.length - 1);
    const [low, high] = [HEAT[Math.floor(at)], HEAT[Math.floor(at) + 1]];
    const [red, green, blue] = low.map((part, i) => Math.round(part + (high[i] - part) * (at % 1)));
    return pixel(red, green, blue, Math.min(255, 2 * byte));
  });
}

/** RGBA in the order of the machine's bytes. @param {number} red @param {number} green @param {number} blue @param {number} alpha */
function pixel(red, green, blue, alpha) {
  return new Uint32Array(Uint8Array.of(red, green, blue, alpha).buffer)[0];
}
