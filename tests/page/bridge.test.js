/** @import {Point} from "../../src/microtome/serve/page/brush.js" */
/** @import {Values} from "../../src/microtome/serve/page/settings.js" */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { widened } from "../../src/microtome/serve/page/bridge.js";
import { PLANES } from "../../src/microtome/serve/page/planes.js";
import { thicknessNear } from "../../src/microtome/serve/page/thickness.js";
import { Tools } from "../../src/microtome/serve/page/tools.js";
import { editorOf, paneOf, viewsOf } from "./fakes.js";

const [ROWS, COLS] = [9, 30];
const plane = { rows: ROWS, cols: COLS };
const at = (/** @type {number} */ row, /** @type {number} */ col) => row * COLS + col;

/** @type {{hidden: boolean, textContent: string}} */
let said;

beforeEach(() => {
  // the line in which the page says what it did
  class Line {}
  said = Object.assign(new Line(), { hidden: true, textContent: "" });
  Object.assign(globalThis, { HTMLParagraphElement: Line, document: { getElementById: () => said } });
});

/** Voxels of rows, from one column up to another. @type {(rows: number[], col0: number, col1: number) => number[]} */
const bar = (rows, col0, col1) =>
  rows.flatMap((row) => Array.from({ length: col1 - col0 }, (_, k) => at(row, col0 + k)));

test("thickness is that of the class across, whatever its direction", () => {
  const of = (/** @type {number[]} */ voxels, /** @type {[number, number]} */ place) => {
    const mask = new Set(voxels);
    return thicknessNear((row, col) => mask.has(at(row, col)), plane, [place]);
  };
  for (const rows of [[4], [4, 5], [3, 4, 5], [2, 3, 4, 5]]) {
    assert.equal(of(bar(rows, 0, 30), [4, 2]), rows.length);
  }
  assert.equal(of(bar([0, 1, 2, 3, 4, 5, 6, 7, 8], 5, 8), [4, 2]), 3);
  assert.equal(of([], [4, 2]), null);
  assert.equal(of(bar([4], 28, 30), [4, 2]), null, "too far away");
});

test("a thick knot beside a thin piece does not make it thick", () => {
  const mask = new Set([...bar([4], 0, 14), ...bar([0, 1, 2, 3, 4, 5, 6, 7, 8], 14, 22)]);
  const inside = (/** @type {number} */ row, /** @type {number} */ col) => mask.has(at(row, col));
  assert.equal(Math.round(thicknessNear(inside, plane, [[4, 8]]) ?? 0), 1);
});

test("a path is widened to as many voxels as the class is thick", () => {
  for (const [thickness, rows] of [[1, 1], [2, 2], [3, 3], [4, 4]]) {
    const found = widened(bar([4], 5, 25), plane, thickness);
    assert.equal([...found].filter((index) => index % COLS === 15).length, rows, `${thickness}`);
  }
});

/** A bar of class 1, three voxels thick, with a gap; foreground is likely in a detour below. @param {Partial<Values>} values */
function bench(values = {}) {
  /** @type {import("../../src/microtome/serve/page/types.js").Box} */
  const box = { start: [2, 10, 20], stop: [3, 10 + ROWS, 20 + COLS] };
  const zeros = new Uint8Array(ROWS * COLS);
  const foreground = zeros.slice();
  [...bar([3], 0, 12), ...bar([4], 12, 18), ...bar([3], 18, 30)].forEach((index) => (foreground[index] = 255));
  const prediction = { model: 3, box, shape: /** @type {[number, number, number]} */ ([1, ROWS, COLS]) };
  const made = editorOf([1, ROWS, COLS], { tool: "bridge", ...values }, { ...prediction, classes: zeros, uncertainty: zeros, foreground });
  const { pane, fake } = paneOf(made.open);
  Object.assign(fake, { plane: PLANES.xy, at: 2 });
  const views = viewsOf();
  const tools = new Tools(made.editor, views);
  made.editor.edit("brush", [...bar([2, 3, 4], 0, 10), ...bar([2, 3, 4], 20, 30)], 1);
  return { ...made, pane, fake, views, tools };
}

test("two clicks close a gap along what is predicted, as thick as the class, in one step", () => {
  const { tools, pane, views, sent, labels, editor } = bench();
  tools.press(pane, [3.5, 9.5], false).release();
  assert.deepEqual([sent.length, views.bridge?.from], [1, [3, 9]]);
  tools.press(pane, [3.5, 20.5], false).release();
  assert.deepEqual([sent.length, sent[1].tool, views.bridge], [2, "bridge", null]);
  const column = (/** @type {number} */ col) => [2, 3, 4, 5, 6].map((row) => Number(labels[at(row, col)] === 1));
  assert.deepEqual(column(10), [1, 1, 1, 0, 0]);
  assert.deepEqual(column(15), [0, 1, 1, 1, 0], "where the foreground is likely");
  assert.ok(editor.undo());
  assert.deepEqual(column(15), [0, 0, 0, 0, 0]);
});

test("a drag from end to end does the same, and the brush is as thick where there is no class", () => {
  const { tools, pane, sent, labels } = bench({ cls: 2, radius: 1 });
  const gesture = tools.press(pane, [3.5, 9.5], false);
  gesture.move([[3.5, 15.5], [3.5, 20.5]]);
  gesture.release();
  assert.equal(sent.at(-1)?.tool, "bridge");
  assert.equal([0, 1, 2, 3, 4, 5, 6, 7].filter((row) => (labels[at(row, 14)] & 255) === 2).length, 2);
});

test("the other button forgets the first end", () => {
  const { tools, pane, views, sent } = bench();
  tools.press(pane, [3.5, 9.5], false).release();
  tools.press(pane, [3.5, 20.5], true).release();
  assert.deepEqual([views.bridge, sent.length], [null, 1]);
});

test("a bridge overwrites what may be overwritten", () => {
  const { tools, pane, editor, labels } = bench({ overwrite: "empty" });
  editor.edit("brush", [at(4, 15)], 0);
  tools.press(pane, [3.5, 9.5], false).release();
  tools.press(pane, [3.5, 20.5], false).release();
  assert.deepEqual([labels[at(4, 15)], labels[at(3, 15)]], [0, 1]);
});

test("no bridge begins in background, beside the box, or in a side view", () => {
  const { tools, pane, fake, views, settings, sent } = bench();
  tools.press(pane, /** @type {Point} */ ([-1, 3]), false).release();
  assert.match(said.textContent, /in the box/);
  settings.set({ cls: 0 });
  tools.press(pane, [3.5, 9.5], false).release();
  assert.match(said.textContent, /Choose the class/);
  settings.set({ cls: 1 });
  Object.assign(fake, { plane: PLANES.xz });
  tools.press(pane, [3.5, 9.5], false).release();
  assert.match(said.textContent, /view of sections/);
  assert.deepEqual([views.bridge, sent.length], [null, 1]);
});

test("without a prediction a bridge follows what is dark", () => {
  const { tools, pane, open, labels } = bench();
  open.prediction = null;
  const greys = new Uint8Array(ROWS * COLS).fill(200);
  bar([6], 0, 30).forEach((index) => (greys[index] = 0));
  Object.assign(open.sections, { get: () => greys });
  tools.press(pane, [3.5, 9.5], false).release();
  tools.press(pane, [3.5, 20.5], false).release();
  assert.equal(labels[at(6, 15)], 1);
});
