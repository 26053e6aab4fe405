import assert from "node:assert/strict";
import { test } from "node:test";

import { grey, heat, overlay, sampled, shrunk } from "../../src/microtome/serve/page/pixels.js";

/** @param {number[][]} rows @returns {import("../../src/microtome/serve/page/pixels.js").Plane} */
function plane(rows) {
  return { bytes: Uint8Array.from(rows.flat()), rows: rows.length, columns: rows[0]?.length ?? 0 };
}

/** Opacity of every pixel. @param {Uint8ClampedArray} rgba */
function opacity(rgba) {
  return [...rgba].filter((_, k) => k % 4 === 3);
}

test("a smaller image holds means, of what there is at the ends", () => {
  const small = shrunk(plane([[0, 10, 7], [20, 30, 8], [4, 6, 9]]), 2);
  assert.deepEqual([small.rows, small.columns], [2, 2]);
  assert.deepEqual([...small.bytes], [15, 8, 5, 9]);
});

test("an image that is small enough stays as it is", () => {
  const image = plane([[1, 2], [3, 4]]);
  assert.deepEqual(shrunk(image, 1), image);
});

test("labels are sampled, never mixed", () => {
  assert.deepEqual([...sampled(plane([[1, 255]]), 2, 4).bytes], [1, 1, 255, 255, 1, 1, 255, 255]);
  assert.deepEqual([...sampled(plane([[1, 2, 3, 4, 5, 6]]), 1, 2).bytes], [2, 5]);
});

test("grey values are opaque and the same in all channels", () => {
  assert.deepEqual([...grey(Uint8Array.of(0, 200))], [0, 0, 0, 255, 200, 200, 200, 255]);
});

test("background is clear, borders of classes are stronger than their inside", () => {
  const labels = plane([[0, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 1, 1, 1, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]]);
  const strength = opacity(overlay(labels, new Uint32Array(256)));
  assert.equal(strength[0], 0);
  assert.ok((strength[6] ?? 0) > (strength[12] ?? 0) && (strength[12] ?? 0) > 0);
});

test("the end of the box is no border of a class", () => {
  const [first, second, third] = opacity(overlay(plane([[1, 1, 0]]), new Uint32Array(256)));
  assert.ok(first !== undefined && second !== undefined && first < second);
  assert.equal(third, 0);
});

test("classes have the colours of the table", () => {
  const table = new Uint32Array(256);
  table[2] = 0xff030201;
  assert.deepEqual([...overlay(plane([[2]]), table)].slice(0, 3), [1, 2, 3]);
});

test("unlabelled voxels are hatched, not filled", () => {
  const unlabelled = { bytes: new Uint8Array(144).fill(255), rows: 12, columns: 12 };
  const strength = opacity(overlay(unlabelled, new Uint32Array(256)));
  const share = strength.filter((value) => value > 0).length / 144;
  assert.ok(share > 0.1 && share < 0.3);
});

test("what is sure is clear", () => {
  const [sure, unsure] = opacity(heat(Uint8Array.of(0, 255), [255, 0, 0]));
  assert.equal(sure, 0);
  assert.ok((unsure ?? 0) > 200);
});
