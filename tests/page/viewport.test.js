/** @import {Box, Int3} from "../../src/microtome/serve/page/types.js" */

import assert from "node:assert/strict";
import { test } from "node:test";

import { PLANES } from "../../src/microtome/serve/page/planes.js";
import { Viewport } from "../../src/microtome/serve/page/viewport.js";

/** @type {Int3} */
const VOXEL_NM = [45, 4.6, 4.6];

/** @type {Box} */
const BOX = { start: [10, 100, 200], stop: [20, 164, 328] };

/** @param {"xy" | "xz" | "yz"} name */
function viewOf(name) {
  const viewport = new Viewport(PLANES[name], VOXEL_NM, { centre: [0, 0, 0] });
  [viewport.width, viewport.height] = [800, 600];
  return viewport;
}

/** @param {number} found @param {number} expected */
function assertNear(found, expected) {
  assert.ok(Math.abs(found - expected) < 1e-6, `${found} is not ${expected}`);
}

/** @param {{row: number, col: number}} found @param {{row: number, col: number}} expected */
function assertSame(found, expected) {
  assertNear(found.row, expected.row);
  assertNear(found.col, expected.col);
}

test("what lies under the pointer stays there when the view is zoomed, in every plane", () => {
  for (const name of /** @type {("xy" | "xz" | "yz")[]} */ (["xy", "xz", "yz"])) {
    const viewport = viewOf(name);
    viewport.fit(BOX, 1.2);
    for (const factor of [1.25, 0.3, 40, 1e-9, 1e9]) {
      const before = viewport.toPlane(123, 456);
      viewport.zoomAt(factor, 123, 456);
      assertSame(viewport.toPlane(123, 456), before);
    }
  }
});

test("the zoom says what its limits allowed, so that other views can follow", () => {
  const viewport = viewOf("xy");
  assertNear(viewport.zoomAt(2, 0, 0), 2);
  const scale = viewport.scale;
  assertNear(viewport.zoomAt(1e9, 0, 0) * scale, viewport.scale);
  assertNear(viewport.zoom, 160);
  assertNear(viewport.zoomAt(2, 0, 0), 1);
  viewport.zoomAt(1e-9, 0, 0);
  assertNear(viewport.zoom, 1 / 16);
});

test("voxels of 45 x 4.6 x 4.6 nm have their true aspect", () => {
  for (const [name, width, height] of /** @type {["xy" | "xz" | "yz", number, number][]} */ ([
    ["xy", 4.6, 4.6],
    ["xz", 4.6, 45],
    ["yz", 45, 4.6],
  ])) {
    const voxel = viewOf(name).rectToScreen({ row0: 3, row1: 4, col0: 7, col1: 8 });
    assertNear(voxel.height / voxel.width, height / width);
  }
});

test("a place on the screen and a place in the plane are told from each other", () => {
  const viewport = viewOf("xz");
  viewport.fit(BOX, 1.2);
  const { x, y } = viewport.toScreen(12.25, 230.5);
  assertSame(viewport.toPlane(x, y), { row: 12.25, col: 230.5 });
});

test("a fitted box lies in the middle, whole, with its margin", () => {
  for (const name of /** @type {("xy" | "xz" | "yz")[]} */ (["xy", "xz", "yz"])) {
    const viewport = viewOf(name);
    viewport.fit(BOX, 1.25);
    const { row, col } = viewport.plane;
    const [row0, row1, col0, col1] = [BOX.start[row], BOX.stop[row], BOX.start[col], BOX.stop[col]];
    const { x, y, width, height } = viewport.rectToScreen({ row0, row1, col0, col1 });
    assertNear(x + width / 2, 400);
    assertNear(y + height / 2, 300);
    assertNear(Math.max(width / 800, height / 600), 0.8);
  }
});

test("a box of one voxel is not blown up beyond the limit", () => {
  const viewport = viewOf("xy");
  viewport.fit({ start: [0, 0, 0], stop: [1, 1, 1] }, 1.2);
  assertNear(viewport.zoom, 160);
});

test("a view without any size can be fitted and zoomed, and shows something once it has one", () => {
  const viewport = viewOf("xy");
  [viewport.width, viewport.height] = [0, 0];
  viewport.fit(BOX, 1.2);
  viewport.zoomAt(1.25, 0, 0);
  [viewport.width, viewport.height] = [800, 600];
  const { row, col } = viewport.toPlane(400, 300);
  assertSame({ row, col }, { row: 132, col: 264 });
});

test("panning moves the view by as many pixels, and the other views that share its camera", () => {
  const camera = { centre: /** @type {[number, number, number]} */ ([0, 0, 0]) };
  const [xy, xz] = [new Viewport(PLANES.xy, VOXEL_NM, camera), new Viewport(PLANES.xz, VOXEL_NM, camera)];
  const before = [xy.toScreen(1, 1), xz.toScreen(1, 1)];
  xy.pan(30, -20);
  const after = [xy.toScreen(1, 1), xz.toScreen(1, 1)];
  assertNear(after[0].x - before[0].x, 30);
  assertNear(after[0].y - before[0].y, -20);
  assertNear(after[1].x - before[1].x, 30);
  assertNear(after[1].y - before[1].y, 0);
});
