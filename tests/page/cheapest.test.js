import assert from "node:assert/strict";
import { test } from "node:test";

import { Ways } from "../../src/microtome/serve/page/cheapest.js";

const PLANE = { rows: 5, cols: 7 };
const at = (/** @type {number} */ row, /** @type {number} */ col) => row * 7 + col;

test("where all costs the same the way is straight, from end to end", () => {
  const ways = new Ways(() => 0.5, PLANE, 2, 1);
  assert.deepEqual(ways.to(2, 5), [1, 2, 3, 4, 5].map((col) => at(2, col)));
  assert.deepEqual(ways.to(4, 3), [at(2, 1), at(3, 2), at(4, 3)]);
  assert.deepEqual(ways.to(2, 1), [at(2, 1)]);
});

test("a way round that costs little is taken", () => {
  const free = new Set([at(2, 1), at(1, 2), at(0, 3), at(1, 4), at(2, 5)]);
  const ways = new Ways((index) => (free.has(index) ? 0 : 1), PLANE, 2, 1);
  assert.deepEqual(ways.to(2, 5), [...free]);
});

test("what is out of reach is approached", () => {
  const ways = new Ways(() => 0, { rows: 1, cols: 400 }, 0, 100);
  assert.equal(ways.to(0, 399).at(-1), 228);
  assert.equal(ways.to(0, 3).at(-1), 3);
});
