/** @import {Int3} from "../../src/microtome/serve/page/types.js" */

import assert from "node:assert/strict";
import { test } from "node:test";

import { likelyErrors, unseen } from "../../src/microtome/serve/page/likely.js";
import { UNLABELLED } from "../../src/microtome/serve/page/types.js";
import { Walk } from "../../src/microtome/serve/page/walk.js";
import { editorOf } from "./fakes.js";

/** @type {Int3} */
const SHAPE = [2, 40, 60];
const at = (/** @type {number} */ z, /** @type {number} */ y, /** @type {number} */ x) => (z * 40 + y) * 60 + x;

/** Squares of class 1 on background. @param {Int3[]} corners @param {number} side */
function squares(corners, side) {
  const labels = new Uint32Array(2 * 40 * 60);
  for (const [z, y, x] of corners) {
    for (let row = y; row < y + side; row++) {
      labels.fill(1, at(z, row, x), at(z, row, x + side));
    }
  }
  return labels;
}

test("contours come in pieces of a cell and a section, the least certain first", () => {
  const labels = squares([[0, 2, 2], [0, 2, 40], [1, 30, 30]], 5);
  const unsure = new Uint8Array(labels.length).fill(10);
  unsure.fill(90, at(1, 0, 0)); // the second section
  unsure[at(0, 2, 40)] = 170; // one of 16 voxels of a contour
  const pieces = likelyErrors(labels, SHAPE, unsure);
  assert.deepEqual(pieces.map(({ size, uncertainty }) => [size, uncertainty]), [[16, 90], [16, 20], [16, 10]]);
  assert.deepEqual(pieces.map(({ at: [z] }) => z), [1, 0, 0]);
  assert.ok(pieces.every(({ at: [z, y, x] }) => labels[at(z, y, x)] === 1));
});

test("a long contour is cut where cells meet, and the edge of the box is no contour", () => {
  const labels = new Uint32Array(2 * 40 * 60).fill(UNLABELLED);
  labels.fill(1, at(0, 20, 0), at(0, 40, 0)); // the lower half of a section
  const pieces = likelyErrors(labels, SHAPE, new Uint8Array(labels.length));
  assert.deepEqual(pieces.map(({ size }) => size), [24, 24, 12]);
  assert.ok(pieces.every(({ at: [z, y] }) => z === 0 && y === 20));
  assert.deepEqual(likelyErrors(new Uint32Array(labels.length), SHAPE, labels), []);
});

test("what is near what was seen is not offered, nor what is near a better one", () => {
  const piece = (/** @type {Int3} */ place) => ({ at: place, uncertainty: 1, size: 1 });
  const pieces = [piece([0, 5, 5]), piece([0, 10, 10]), piece([1, 5, 5]), piece([0, 30, 30])];
  assert.deepEqual(unseen(pieces, []).map(({ at: place }) => place), [[0, 5, 5], [1, 5, 5], [0, 30, 30]]);
  assert.deepEqual(unseen(pieces, [[1, 8, 0], [0, 30, 40]]).map(({ at: place }) => place), [[0, 5, 5]]);
});

/** A walk over a draft of three squares of which the last is the least certain. */
function begun() {
  const unsure = new Uint8Array(2 * 40 * 60).map((_, index) => Math.floor(index / 60) + (index % 60));
  /** @type {import("../../src/microtome/serve/page/types.js").Box} */
  const box = { start: [2, 10, 20], stop: [4, 50, 80] };
  const planes = { classes: new Uint8Array(unsure.length), uncertainty: unsure, foreground: null };
  const made = editorOf(SHAPE, {}, { model: 3, box, shape: SHAPE, ...planes });
  /** @type {Int3[]} */
  const shown = [];
  const views = { open: made.open, point: (/** @type {Int3} */ voxel) => shown.push(voxel) };
  const walk = new Walk(made.editor, /** @type {any} */ (views));
  const labels = squares([[0, 2, 2], [0, 2, 40], [1, 30, 40]], 5);
  made.editor.edit("accept", Array.from(labels.keys()), labels, 3);
  return { ...made, walk, shown };
}

test("one likely error is shown after the other, and those before again", () => {
  const { walk, shown } = begun();
  assert.equal(walk.step(-1), "This is the first one.");
  assert.deepEqual([1, 2, 3].map(() => walk.step(1)), [1, 2, 3].map((k) => `Likely error ${k} of 3`));
  assert.equal(walk.step(1), "That was the last one.");
  assert.equal(walk.step(-1), "Likely error 2 of 3");
  assert.equal(walk.step(1), "Likely error 3 of 3");
  assert.deepEqual(shown.map(([z]) => z), [3, 2, 2, 2, 2]);
  assert.deepEqual(shown[1], shown[3]);
});

test("what was edited is not offered again", () => {
  const { editor, walk } = begun();
  editor.edit("brush", [at(1, 32, 42)], 0);
  assert.equal(walk.step(1), "Likely error 1 of 2");
  editor.edit("erase", [at(0, 3, 3)], 255);
  assert.equal(walk.step(1), "That was the last one.");
});

test("without a prediction, or a contour, it says so", () => {
  const { editor, open, walk } = begun();
  editor.clear();
  assert.equal(walk.step(1), "There is no contour to look at.");
  open.prediction = null;
  assert.equal(walk.step(1), "There is no prediction that could tell.");
});
