import assert from "node:assert/strict";
import { test } from "node:test";

import { outwards, union } from "../../src/microtome/serve/page/regions.js";

test("the union of two regions is the smallest that holds both, wherever they lie", () => {
  const a = { x: -5, y: 2, width: 3, height: 1 };
  const b = { x: 4.5, y: -1, width: 1, height: 2 };
  assert.deepEqual(union(a, b), { x: -5, y: -1, width: 10.5, height: 4 });
  assert.deepEqual(union(b, a), union(a, b));
  assert.deepEqual(union(a, a), a);
});

test("a region grows to whole pixels, and by two for the smoothing", () => {
  assert.deepEqual(outwards({ x: 1.2, y: -0.5, width: 2, height: 0.25 }), { x: -1, y: -3, width: 7, height: 5 });
  assert.deepEqual(outwards({ x: 1, y: 1, width: 1, height: 1 }), { x: -1, y: -1, width: 5, height: 5 });
});
