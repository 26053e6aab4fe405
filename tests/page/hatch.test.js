/**
 * @import {Layer} from "../../src/microtome/serve/page/layer.js"
 * @import {Viewport} from "../../src/microtome/serve/page/viewport.js"
 */

import assert from "node:assert/strict";
import { after, test } from "node:test";

/** Every canvas that was made, with a context that does nothing. @type {FakeCanvas[]} */
const canvases = [];

class FakeCanvas {
  /** @param {number} width @param {number} height */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    canvases.push(this);
  }

  getContext() {
    const pattern = { setTransform() {} };
    return new Proxy({}, { get: () => () => pattern, set: () => true });
  }
}

const globals = { OffscreenCanvas: FakeCanvas, DOMMatrix: class {}, devicePixelRatio: 2 };
Object.assign(globalThis, globals);
after(() => Object.keys(globals).forEach((name) => Reflect.deleteProperty(globalThis, name)));
const { fillHatched } = await import("../../src/microtome/serve/page/hatch.js");

/**
 * Hatch a part of a view of 100 x 80 pixels, of which the box covers x 20 to 60 and y 10.5 to 50.
 *
 * @type {(x: number, y: number, width: number, height: number) => unknown[][]} what was drawn from where to where
 */
function hatch(x, y, width, height) {
  /** @type {unknown[][]} */
  const drawn = [];
  const context = { drawImage: (/** @type {unknown[]} */ ...[, ...place]) => drawn.push(place) };
  const viewport = { width: 100, height: 80, rectToScreen: () => ({ x: 20, y: 10.5, width: 40, height: 39.5 }) };
  const as = (/** @type {unknown} */ fake) => /** @type {any} */ (fake);
  fillHatched(as(context), { x, y, width, height }, /** @type {Viewport} */ (as(viewport)), /** @type {Layer} */ (as({ draw() {} })));
  return drawn;
}

test("only what lies in the box, in the view and in the part is hatched, at the screen's own resolution", () => {
  assert.deepEqual(hatch(0, 0, 100, 80), [[0, 0, 80, 80, 20, 10, 40, 40]]);
  assert.deepEqual(hatch(50, 40, 30, 30), [[0, 0, 20, 20, 50, 40, 10, 10]]);
});

test("a part beside the box is left alone", () => {
  assert.deepEqual([...hatch(0, 0, 20, 80), ...hatch(60, 0, 40, 80), ...hatch(0, 51, 100, 9)], []);
});

test("one canvas serves all parts, and is as large as the largest", () => {
  const before = canvases.length;
  hatch(0, 0, 100, 80);
  hatch(30, 30, 5, 5);
  assert.deepEqual([canvases.length, canvases[0].width, canvases[0].height], [before, 80, 80]);
});
