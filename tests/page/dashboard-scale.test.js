import assert from "node:assert/strict";
import { test } from "node:test";

import { axis, linear, spread } from "../../src/microtome/serve/page/scale.js";

test("ticks are multiples of 1, 2 or 5 that hold the values", () => {
  assert.deepEqual(axis(0.42, 0.833, 5).ticks, [0.4, 0.5, 0.6, 0.7, 0.8, 0.9]);
  assert.deepEqual(axis(0, 92.3, 5).ticks, [0, 20, 40, 60, 80, 100]);
  assert.deepEqual(axis(0, 1300, 4).ticks, [0, 500, 1000, 1500]);
});

test("ticks are written with as many decimals as they need", () => {
  assert.deepEqual(
    [axis(0, 50, 5), axis(0, 1, 5), axis(0.61, 0.68, 5)].map(({ decimals }) => decimals),
    [0, 1, 2],
  );
});

test("counts get no ticks between integers", () => {
  assert.deepEqual(axis(0, 2, 8, { whole: true }).ticks, [0, 1, 2]);
});

test("no tick lies beyond the most that there can be", () => {
  const { ticks, high } = axis(0.62, 0.99, 4, { most: 1 });
  assert.equal(ticks.at(-1), 1);
  assert.equal(high, 1);
  assert.deepEqual(axis(0, 46, 5, { most: 46 }).ticks, [0, 10, 20, 30, 40]);
});

test("a single value has an axis too", () => {
  for (const value of [0, 0.5, 1, 300]) {
    const { low, high, ticks } = axis(value, value, 5);
    assert.ok(low <= value && value <= high && low < high && ticks.length > 1, `${value} in ${low} to ${high}`);
  }
});

test("a linear scale meets both pairs", () => {
  const y = linear([0, 10], [200, 100]);
  assert.deepEqual([y(0), y(5), y(10)], [200, 150, 100]);
});

test("names that have room stay where they are", () => {
  assert.deepEqual(spread([10, 50, 90], 15, 0, 100), [10, 50, 90]);
});

test("names that collide move apart evenly and keep their order", () => {
  assert.deepEqual(spread([50, 52, 90], 10, 0, 100), [46, 56, 90]);
  assert.deepEqual(spread([52, 50], 10, 0, 100), [56, 46]);
});

test("names stay within the ends, pushing their neighbours", () => {
  assert.deepEqual(spread([98, 99, 85], 10, 0, 100), [90, 100, 80]);
});

test("spread names are never nearer than the gap", () => {
  const wished = [3, 3, 4, 20, 21, 40, 41, 42, 43, 60];
  const heights = spread(wished, 6, 0, 64);
  assert.ok(heights.every((height, k) => k === 0 || height - (heights[k - 1] ?? 0) >= 6 - 1e-6));
  assert.ok(Math.min(...heights) >= 0 && Math.max(...heights) <= 64);
});
