import assert from "node:assert/strict";
import { test } from "node:test";

import { LUT_MASK, classColour, css, lut, oklab, valueColour } from "../../src/microtome/serve/page/palette.js";
import { UNLABELLED } from "../../src/microtome/serve/page/types.js";

const CLASSES = [
  { name: "mitochondrion", instances: true },
  { name: "membrane", instances: false },
];

/** @typedef {import("../../src/microtome/serve/page/palette.js").Colour} Colour */

/** @param {Colour} a @param {Colour} b */
const difference = (a, b) => Math.hypot(...oklab(a).map((part, i) => part - oklab(b)[i]));

test("the first classes have the colours of Okabe and Ito", () => {
  assert.deepEqual([classColour(1), classColour(7)], [[230, 159, 0], [204, 121, 167]]);
  assert.equal(css(classColour(1)), "rgb(230 159 0)");
});

test("all 254 classes have colours of their own", () => {
  const colours = Array.from({ length: 255 }, (_, cls) => css(classColour(cls)));
  assert.equal(new Set(colours).size, 255);
});

test("the first 20 classes are easily told apart, from background too", () => {
  const colours = Array.from({ length: 21 }, (_, cls) => classColour(cls));
  colours.forEach((colour, i) =>
    colours.slice(0, i).forEach((other, j) => assert.ok(difference(colour, other) > 0.08, `${i} and ${j}`)),
  );
});

test("instances of a class in a row differ, and the first keeps the colour of the class", () => {
  assert.deepEqual(valueColour(1), classColour(1));
  for (let instance = 1; instance < 20; instance++) {
    assert.ok(difference(valueColour(1 + 256 * instance), valueColour(1 + 256 * (instance + 1))) > 0.04, `${instance}`);
  }
});

test("a table has the colour of every value", () => {
  const pixels = new Uint8Array(lut(CLASSES, 200).buffer);
  for (const value of [0, 1, 2, 1 + 256 * 5, 1 + 256 * 1003]) {
    const at = 4 * (value & LUT_MASK);
    assert.deepEqual(Array.from(pixels.subarray(at, at + 4)), [...valueColour(value), 200]);
  }
});

test("unlabelled voxels and classes that do not exist are transparent", () => {
  const table = lut(CLASSES);
  assert.deepEqual([table[UNLABELLED], table[3]], [0, 0]);
});

test("nobody can change the colours of others", () => {
  classColour(1)[0] = 0;
  classColour(0)[0] = 0;
  assert.deepEqual([classColour(1)[0], classColour(0)[0]], [230, 40]);
});
