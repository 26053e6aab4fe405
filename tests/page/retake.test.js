/** @import {Int3} from "../../src/microtome/serve/page/types.js" */

import assert from "node:assert/strict";
import { test } from "node:test";

import { HALF, classesAt, nearestClass } from "../../src/microtome/serve/page/retake.js";
import { integers } from "./random.js";

test("at one half a voxel of probability one half and more is foreground, as it is predicted", () => {
  assert.deepEqual([...classesAt([0, 127, 128, 255], [1, 1, 1, 2], HALF)], [0, 0, 1, 2]);
  assert.deepEqual([...classesAt([0, 3, 250, 253], [1, 1, 1, 1], 99)], [0, 0, 0, 1]);
  assert.deepEqual([...classesAt([0, 3, 250, 253], [1, 1, 1, 1], 1)], [0, 1, 1, 1]);
});

test("a voxel without a class takes the nearest one, in nanometres, through the sections", () => {
  const random = integers(3);
  /** @type {Int3} */
  const shape = [3, 5, 6];
  /** @type {Int3} */
  const side = [30, 8, 4];
  const classes = Uint8Array.from({ length: 90 }, () => (random(12) === 0 ? 1 + random(3) : 0));
  const placeOf = (/** @type {number} */ i) => [Math.floor(i / 30) * 30, (Math.floor(i / 6) % 5) * 8, (i % 6) * 4];
  const away = (/** @type {number} */ a, /** @type {number} */ b) =>
    Math.hypot(...placeOf(a).map((at, axis) => at - placeOf(b)[axis]));
  const found = nearestClass(classes, shape, side);
  const labelled = [...classes.keys()].filter((i) => classes[i] > 0);
  assert.ok(labelled.length > 3);
  for (const i of classes.keys()) {
    const least = Math.min(...labelled.map((other) => away(i, other)));
    const nearest = labelled.filter((other) => away(i, other) < least + 1e-9).map((other) => classes[other]);
    assert.ok(nearest.includes(found[i]), `voxel ${i}`);
  }
});

test("without any foreground all that is found at a lower threshold is of the first class", () => {
  assert.deepEqual([...nearestClass(new Uint8Array(4), [1, 2, 2], [1, 1, 1])], [1, 1, 1, 1]);
});
