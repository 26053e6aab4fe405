import assert from "node:assert/strict";
import { test } from "node:test";

import { unpacked } from "../../src/microtome/serve/page/proofread-api.js";
import { largestSize } from "../../src/microtome/serve/page/proofread-grid.js";
import { edges } from "../../src/microtome/serve/page/proofread-picture.js";

test("the outline of a rectangle is its four sides", () => {
  const mask = new Uint8Array(20);
  for (const place of [6, 7, 8, 11, 12, 13]) {
    mask[place] = 1;
  }
  assert.deepEqual(edges(mask, { rows: 4, cols: 5 }, 1), [
    [1, 1, 4, 1],
    [1, 3, 4, 3],
    [1, 1, 1, 3],
    [4, 1, 4, 3],
  ]);
});

test("an outline closes at the border of the picture, and values are told apart", () => {
  const mask = Uint8Array.of(1, 2);
  assert.deepEqual(edges(mask, { rows: 1, cols: 2 }, 2), [
    [1, 0, 2, 0],
    [1, 1, 2, 1],
    [1, 0, 1, 1],
    [2, 0, 2, 1],
  ]);
  assert.deepEqual(edges(mask, { rows: 1, cols: 2 }, 3), []);
});

test("pictures come as grey values, and then masks of four pixels a byte", () => {
  const { image, mask } = unpacked(Uint8Array.of(9, 8, 7, 6, 0b01_00_10_01));
  assert.deepEqual([[...image], [...mask]], [[9, 8, 7, 6], [1, 2, 0, 1]]);
});

test("tiles are as large as all of them fit", () => {
  const size = largestSize(100, 1000, 700);
  const columns = Math.floor(1000 / (size + 8));
  assert.ok(columns * Math.floor(700 / (size + 8)) >= 100);
  assert.ok(size > 65);
});
