/** @import {Point, Aspect} from "../../src/microtome/serve/page/brush.js" */

import assert from "node:assert/strict";
import { test } from "node:test";

import { swept } from "../../src/microtome/serve/page/brush.js";
import { PLANES, cut } from "../../src/microtome/serve/page/planes.js";
import { integers } from "./random.js";

/** A plane of so many rows and columns. @param {number} rows @param {number} cols */
const planeOf = (rows, cols) => cut([1, rows, cols], PLANES.xy, 0);

/** @param {ArrayLike<number>} indices */
const sorted = (indices) => [...new Uint32Array(indices)].sort((a, b) => a - b);

/**
 * Voxels whose centre is no farther than the radius from the line, found by asking each.
 *
 * @type {(rows: number, cols: number, from: Point, to: Point, radiusNm: number, aspect: Aspect) => number[]}
 */
function expected(rows, cols, from, to, radiusNm, { rowNm, colNm }) {
  const found = [];
  for (let index = 0; index < rows * cols; index++) {
    const [row, col] = [Math.floor(index / cols) + 0.5, (index % cols) + 0.5];
    const steps = Array.from({ length: 401 }, (_, k) => k / 400);
    const near = steps.some((t) => {
      const [y, x] = [from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])];
      return Math.hypot((row - y) * rowNm, (col - x) * colNm) <= radiusNm - 1e-6;
    });
    if (near) {
      found.push(index);
    }
  }
  return found;
}

test("the brush is round in nanometres where sections are ten times as thick as voxels are wide", () => {
  const aspect = { rowNm: 40, colNm: 4 };
  const indices = sorted(swept(planeOf(9, 60), [4.5, 30.5], [4.5, 30.5], 84, aspect));
  const widths = [0, 0, 0, 0, 0, 0, 0, 0, 0];
  indices.forEach((index) => (widths[Math.floor(index / 60)] += 1));
  // Half a chord of a circle of 84 nm at 0, 40 and 80 nm from its centre: 84, 73.9 and 25.6 nm.
  assert.deepEqual(widths, [0, 0, 13, 37, 43, 37, 13, 0, 0]);
});

test("no row is left out where voxels are nearly but not quite square", () => {
  const aspect = { rowNm: 5, colNm: 4 };
  const indices = sorted(swept(planeOf(20, 20), [10, 10], [10, 10], 24, aspect));
  assert.deepEqual(indices, expected(20, 20, [10, 10], [10, 10], 24, aspect));
});

test("a sweep takes all that is near the line, whatever the aspect", () => {
  const random = integers(7);
  for (const aspect of [{ rowNm: 45, colNm: 4.6 }, { rowNm: 4.6, colNm: 45 }, { rowNm: 5, colNm: 4 }]) {
    for (let trial = 0; trial < 5; trial++) {
      /** @type {[Point, Point]} */
      const [from, to] = [[random(12), random(12)], [random(12), random(12)]];
      const radiusNm = 10 + random(80);
      const found = new Set(sorted(swept(planeOf(12, 12), from, to, radiusNm, aspect)));
      for (const index of expected(12, 12, from, to, radiusNm, aspect)) {
        assert.ok(found.has(index), `voxel ${index} of ${JSON.stringify({ from, to, radiusNm, aspect })}`);
      }
    }
  }
});

test("the smallest brush paints the voxel under it, even between the centres of flat voxels", () => {
  for (const aspect of [{ rowNm: 4, colNm: 4 }, { rowNm: 40, colNm: 4 }]) {
    assert.deepEqual(sorted(swept(planeOf(5, 5), [2.05, 3.9], [2.05, 3.9], 2, aspect)), [13]);
  }
});

test("a fast stroke across thick sections has no gaps", () => {
  const indices = sorted(swept(planeOf(6, 30), [0.5, 0.5], [5.5, 29.5], 2, { rowNm: 45, colNm: 4.6 }));
  const columns = new Set(indices.map((index) => index % 30));
  assert.equal(columns.size, 30);
});

test("nothing is painted outside the plane, and nothing at all far from it", () => {
  const aspect = { rowNm: 40, colNm: 4 };
  const indices = sorted(swept(planeOf(3, 4), [-0.5, 3.5], [1.5, 8], 90, aspect));
  assert.ok(indices.length > 0 && indices.every((index) => index >= 0 && index < 12));
  assert.equal(swept(planeOf(3, 4), [-50, -50], [-50, -40], 8, aspect).length, 0);
});
