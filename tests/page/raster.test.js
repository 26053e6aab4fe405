import assert from "node:assert/strict";
import { test } from "node:test";

import { disc, flood, polygon, stroke } from "../../src/microtome/serve/page/raster.js";
import { integers } from "./random.js";

const W = 23;
const H = 17;

/** Voxels of a plane for whose centre something holds. @param {(x: number, y: number) => boolean} holds */
const where = (holds) =>
  Array.from({ length: W * H }, (_, i) => i).filter((i) => holds((i % W) + 0.5, Math.floor(i / W) + 0.5));

/** @param {number} x @param {number} y @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 */
function distance(x, y, x0, y0, x1, y1) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const t = dx === 0 && dy === 0 ? 0 : ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy);
  const near = Math.min(Math.max(t, 0), 1);
  return Math.hypot(x - x0 - near * dx, y - y0 - near * dy);
}

/** @param {number} x @param {number} y */
const indexOf = (x, y) => Math.floor(y) * W + Math.floor(x);

/** @param {number} x @param {number} y */
const isInPlane = (x, y) => x >= 0 && y >= 0 && x < W && y < H;

/** @param {(n: number) => number} random @param {number} n @returns {number} continuous, also outside the plane */
const position = (random, n) => random(1000 * (n + 8)) / 1000 - 4;

/** @param {number[]} a @param {Iterable<number>} b @returns {number[]} sorted, each once */
const union = (a, b) => [...new Set([...a, ...b])].sort((p, q) => p - q);

test("a disc is the voxels whose centre lies within its radius, and the one under the pointer", () => {
  const random = integers(1);
  for (let trial = 0; trial < 300; trial++) {
    const [x, y] = [position(random, W), position(random, H)];
    const radius = 0.501 + random(9000) / 1000;
    const near = where((cx, cy) => Math.hypot(cx - x, cy - y) <= radius);
    const expected = union(near, isInPlane(x, y) ? [indexOf(x, y)] : []);
    assert.deepEqual(Array.from(disc(W, H, x, y, radius)), expected, `${x} ${y} ${radius}`);
  }
});

test("a disc of radius 0.5 is the voxel under the pointer", () => {
  const places = [[3, 4], [3.001, 4.999], [3.5, 4.5], [3.999, 4]];
  places.forEach(([x, y]) => assert.deepEqual(Array.from(disc(W, H, x, y, 0.5)), [4 * W + 3]));
});

test("a disc whose border runs through centres has them", () => {
  const expected = where((x, y) => (x - 10.5) ** 2 + (y - 8.5) ** 2 <= 25);
  assert.deepEqual(Array.from(disc(W, H, 10.5, 8.5, 5)), expected);
  assert.equal(expected.length, 81);
});

test("discs and strokes beyond the plane are empty", () => {
  assert.equal(disc(W, H, -9, 3, 4).length, 0);
  assert.equal(disc(W, H, 3, H + 9, 4).length, 0);
  assert.equal(stroke(W, H, -5, -5, -5, H + 5, 0.5).length, 0);
});

test("a stroke is what its disc sweeps", () => {
  const random = integers(2);
  for (let trial = 0; trial < 300; trial++) {
    const ends = /** @type {[number, number, number, number]} */ (
      [position(random, W), position(random, H), position(random, W), position(random, H)]
    );
    const radius = 0.72 + random(6000) / 1000;
    const expected = where((x, y) => distance(x, y, ...ends) <= radius);
    assert.deepEqual(Array.from(stroke(W, H, ...ends, radius)), expected, `${ends} ${radius}`);
  }
});

test("strokes along rows, columns and diagonals are what their disc sweeps", () => {
  for (const ends of /** @type {[number, number, number, number][]} */ ([
    [2.5, 3.5, 19.5, 3.5],
    [19.5, 3.5, 2.5, 3.5],
    [4.5, 14.5, 4.5, 1.5],
    [3.5, 2.5, 12.5, 11.5],
  ])) {
    const expected = where((x, y) => distance(x, y, ...ends) <= 2 + 1e-12);
    assert.deepEqual(Array.from(stroke(W, H, ...ends, 2)), expected, `${ends}`);
  }
});

test("the thinnest stroke is a path without gaps through all voxels under the pointer", () => {
  const random = integers(3);
  for (let trial = 0; trial < 300; trial++) {
    const [x0, x1] = [random(W * 100) / 100, random(W * 100) / 100];
    const [y0, y1] = [random(H * 100) / 100, random(H * 100) / 100];
    const path = new Set(stroke(W, H, x0, y0, x1, y1, 0.5));
    for (let t = 0; t <= 1; t += 1 / 64) {
      assert.ok(path.has(indexOf(x0 * (1 - t) + x1 * t, y0 * (1 - t) + y1 * t)), `${x0} ${y0} ${x1} ${y1} at ${t}`);
    }
    for (const index of path) {
      const near = distance((index % W) + 0.5, Math.floor(index / W) + 0.5, x0, y0, x1, y1);
      assert.ok(near <= Math.SQRT1_2 + 1e-9, `${x0} ${y0} ${x1} ${y1}`);
    }
    const values = Uint8Array.from({ length: W * H }, (_, i) => Number(path.has(i)));
    assert.equal(flood(W, H, values, Math.floor(x0), Math.floor(y0)).length, path.size);
  }
});

/** @param {number[][]} points @param {number} x @param {number} y */
function isInside(points, x, y) {
  const crossed = points.filter(([ax, ay], i) => {
    const [bx, by] = points[(i + 1) % points.length];
    return ay <= y !== by <= y && x < ax + ((y - ay) / (by - ay)) * (bx - ax);
  });
  return crossed.length % 2 === 1;
}

test("a lasso has the voxels whose centre is inside, however it crosses itself", () => {
  const random = integers(4);
  for (let trial = 0; trial < 200; trial++) {
    const points = Array.from({ length: 3 + random(9) }, () => [position(random, W), position(random, H)]);
    const expected = where((x, y) => isInside(points, x, y));
    assert.deepEqual(Array.from(polygon(W, H, points)), expected, JSON.stringify(points));
  }
});

test("lassos side by side share no voxel and leave none out", () => {
  const left = polygon(W, H, [[0, 0], [7.5, 0], [7.5, H], [0, H]]);
  const right = polygon(W, H, [[7.5, 0], [W, 0], [W, H], [7.5, H]]);
  assert.equal(new Set([...left, ...right]).size, W * H);
  assert.equal(left.length + right.length, W * H);
});

test("a lasso of fewer than three points is empty", () => {
  assert.deepEqual([[], [[3, 3]], [[3, 3], [9, 9]]].map((points) => polygon(W, H, points).length), [0, 0, 0]);
});

/** @param {ArrayLike<number>} values @param {number} start @returns {number[]} */
function slowFlood(values, start) {
  const region = new Set([start]);
  for (const index of region) {
    const [x, y] = [index % W, Math.floor(index / W)];
    for (const [nx, ny] of [[x - 1, y], [x + 1, y], [x, y - 1], [x, y + 1]]) {
      if (isInPlane(nx, ny) && values[ny * W + nx] === values[start]) {
        region.add(ny * W + nx);
      }
    }
  }
  return union([...region], []);
}

test("a flood reaches the equal neighbours of equal neighbours", () => {
  const random = integers(5);
  for (let trial = 0; trial < 200; trial++) {
    const values = Uint32Array.from({ length: W * H }, () => Number(random(100) < 60));
    const [x, y] = [random(W), random(H)];
    assert.deepEqual(Array.from(flood(W, H, values, x, y)), slowFlood(values, y * W + x));
  }
});

test("a flood fills an empty plane, and starts nowhere outside", () => {
  assert.equal(flood(W, H, new Uint8Array(W * H), 3, 3).length, W * H);
  assert.equal(flood(W, H, new Uint8Array(W * H), W, 3).length, 0);
  assert.equal(flood(W, H, new Uint8Array(W * H), 3, -1).length, 0);
});
