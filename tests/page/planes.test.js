/**
 * @import {Int3} from "../../src/microtome/serve/page/types.js"
 * @import {Plane} from "../../src/microtome/serve/page/planes.js"
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  PLANES,
  bounds,
  contains,
  cut,
  grown,
  inArray,
  planeValues,
  shapeOf,
  whole,
} from "../../src/microtome/serve/page/planes.js";

/** @type {Int3[]} */
const ODD_SHAPES = [
  [1, 1, 1],
  [3, 5, 7],
  [1, 4, 9],
  [7, 1, 2],
];

/** Values that tell where they are: 100 z + 10 y + x. @param {Int3} shape */
function placesOf([nz, ny, nx]) {
  return Uint32Array.from({ length: nz * ny * nx }, (_, index) => {
    return 100 * Math.floor(index / (ny * nx)) + 10 * (Math.floor(index / nx) % ny) + (index % nx);
  });
}

/** What a plane of them should show. @param {Int3} shape @param {Plane} plane @param {number} at */
function placesIn(shape, { normal, row, col }, at) {
  const weight = [100, 10, 1];
  return Array.from({ length: shape[row] * shape[col] }, (_, index) => {
    const [r, c] = [Math.floor(index / shape[col]), index % shape[col]];
    return weight[normal] * at + weight[row] * r + weight[col] * c;
  });
}

test("every plane of an odd box reads the values that lie in it, rows and columns as on the screen", () => {
  for (const shape of ODD_SHAPES) {
    const values = placesOf(shape);
    for (const plane of Object.values(PLANES)) {
      for (let at = 0; at < shape[plane.normal]; at++) {
        const found = planeValues(values, cut(shape, plane, at));
        assert.deepEqual([...found], placesIn(shape, plane, at), `${plane.name} ${at} of ${shape}`);
      }
    }
  }
});

test("indices of a plane lead to the voxels of the array that the plane shows", () => {
  for (const shape of ODD_SHAPES) {
    const values = placesOf(shape);
    for (const plane of Object.values(PLANES)) {
      const section = cut(shape, plane, shape[plane.normal] - 1);
      const shown = planeValues(values, section);
      const indices = inArray([...shown.keys()], section);
      assert.deepEqual([...indices].map((index) => values[index]), [...shown]);
    }
  }
});

test("the three planes of a voxel meet in it", () => {
  /** @type {Int3} */
  const shape = [3, 5, 7];
  const [z, y, x] = [2, 3, 4];
  const expected = [(z * 5 + y) * 7 + x];
  assert.deepEqual([...inArray([y * 7 + x], cut(shape, PLANES.xy, z))], expected);
  assert.deepEqual([...inArray([z * 7 + x], cut(shape, PLANES.xz, y))], expected);
  assert.deepEqual([...inArray([y * 3 + z], cut(shape, PLANES.yz, x))], expected);
});

test("a box is half-open", () => {
  const box = { start: /** @type {Int3} */ ([1, 2, 3]), stop: /** @type {Int3} */ ([2, 4, 6]) };
  assert.deepEqual(shapeOf(box), [1, 2, 3]);
  assert.ok(contains(box, [1, 2, 3]) && contains(box, [1, 3, 5]));
  for (const outside of /** @type {Int3[]} */ ([[0, 2, 3], [2, 2, 3], [1, 4, 3], [1, 2, 6]])) {
    assert.ok(!contains(box, outside));
  }
});

test("the bounds of voxels hold them and nothing more, and there are none of no voxels", () => {
  assert.equal(bounds([], 7), null);
  assert.deepEqual(bounds([0], 7), { row0: 0, row1: 1, col0: 0, col1: 1 });
  assert.deepEqual(bounds([7 + 6, 21 + 2], 7), { row0: 1, row1: 4, col0: 2, col1: 7 });
});

test("a rectangle does not grow over the edge of its plane", () => {
  const plane = cut([1, 5, 7], PLANES.xy, 0);
  assert.deepEqual(grown({ row0: 2, row1: 3, col0: 2, col1: 3 }, 1, plane), { row0: 1, row1: 4, col0: 1, col1: 4 });
  assert.deepEqual(grown(whole(plane), 2, plane), whole(plane));
});
