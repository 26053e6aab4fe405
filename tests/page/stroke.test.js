/**
 * @import {Point} from "../../src/microtome/serve/page/brush.js"
 * @import {Values} from "../../src/microtome/serve/page/settings.js"
 */

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Stroke } from "../../src/microtome/serve/page/stroke.js";
import { UNLABELLED } from "../../src/microtome/serve/page/types.js";
import { editorOf, paneOf, viewsOf } from "./fakes.js";

const U = UNLABELLED;

let ms = 0;

beforeEach(() => {
  ms = 0;
  mock.method(performance, "now", () => ms);
});
afterEach(() => mock.restoreAll());

/** @param {number} col @returns {Point} */
const at = (col) => [0.5, col + 0.5];

/** A row of ten voxels under a brush as large as one of them. @param {Partial<Values>} [values] */
function bench(values = {}) {
  const made = editorOf([1, 1, 10], { radius: 0.5, ...values });
  const { pane, seen } = paneOf(made.open);
  const press = (/** @type {number} */ col, erasing = false) => new Stroke(made.editor, viewsOf(), pane, at(col), erasing);
  return { ...made, seen, press };
}

test("a stroke shows at once and is one op, which is sent when it ends", () => {
  const { press, sent, labels, seen } = bench();
  const stroke = press(1);
  stroke.move([at(2), at(3)]);
  stroke.move([at(5)]);
  assert.deepEqual([sent.length, seen.sketched], [0, [1, 2, 3, 4, 5]]);
  stroke.release();
  assert.deepEqual(sent.map(({ tool, runs }) => [tool, runs]), [["brush", [1, 5, 1]]]);
  assert.equal(labels[5], 1);
});

test("a click paints", () => {
  const { press, sent } = bench();
  press(4).release();
  assert.deepEqual(sent.map(({ runs }) => runs), [[4, 1, 1]]);
});

test("a stroke that lasts is saved every three seconds, without a gap", () => {
  const { press, sent, labels } = bench();
  const stroke = press(0);
  for (const [time, col] of [[1000, 2], [3001, 4], [4000, 6], [6003, 8]]) {
    ms = time;
    stroke.move([at(col)]);
  }
  stroke.move([at(9)]);
  stroke.release();
  assert.deepEqual(sent.map(({ runs }) => runs), [[0, 5, 1], [5, 4, 1], [9, 1, 1]]);
  assert.ok(labels.every((value) => value === 1));
});

test("a stroke that is cancelled leaves no trace", () => {
  const { press, sent, labels, seen } = bench();
  const stroke = press(2);
  stroke.move([at(6)]);
  stroke.cancel();
  stroke.release();
  assert.deepEqual(sent, []);
  assert.ok(labels.every((value) => value === U));
  assert.deepEqual(seen.restored, [{ row0: 0, row1: 1, col0: 2, col1: 7 }]);
});

test("of a long stroke that is cancelled stays what is saved", () => {
  const { press, sent, labels } = bench();
  const stroke = press(0);
  ms = 3001;
  stroke.move([at(1)]);
  stroke.move([at(9)]);
  stroke.cancel();
  assert.equal(sent.length, 1);
  assert.deepEqual([...labels.subarray(0, 3)], [1, 1, U]);
});

test("painting over what has the label already changes nothing, neither in the draft nor on the screen", () => {
  const { press, editor, sent, seen } = bench();
  editor.edit("brush", [3, 4, 5], 1);
  const stroke = press(3);
  stroke.move([at(5)]);
  stroke.release();
  assert.deepEqual([sent.length, seen.sketched], [1, []]);
});

test("a stroke goes on with the label it began with", () => {
  const { press, settings, sent } = bench();
  const stroke = press(0);
  settings.set({ cls: 2, instance: 3, tool: "erase" });
  stroke.move([at(1)]);
  stroke.release();
  assert.deepEqual(sent.map(({ tool, runs }) => [tool, runs]), [["brush", [0, 2, 1]]]);
});

test("only empty voxels, or only those of the class under the first point, are painted where that is chosen", () => {
  for (const [overwrite, start, expected] of /** @type {["empty" | "same", number, number[]][]} */ ([
    ["empty", 0, [1, 1, 0, 0, 1]],
    ["same", 2, [U, U, 1, 1, U]],
  ])) {
    const { press, editor, labels } = bench({ overwrite });
    editor.edit("brush", [2, 3], 0);
    const stroke = press(start);
    stroke.move([at(0), at(4)]);
    stroke.release();
    assert.deepEqual([...labels.subarray(0, 5)], expected, overwrite);
  }
});

test("a long stroke over one class does not stop at what it saved itself", () => {
  const { press, editor, labels } = bench({ overwrite: "same" });
  editor.edit("brush", [0, 1, 2, 3, 4, 5], 0);
  const stroke = press(0);
  ms = 3001;
  stroke.move([at(2)]);
  stroke.move([at(5)]);
  stroke.release();
  assert.deepEqual([...labels.subarray(0, 7)], [1, 1, 1, 1, 1, 1, U]);
});

test("the eraser makes voxels unlabelled, even where only empty ones may be painted", () => {
  for (const overwrite of /** @type {const} */ (["everything", "empty"])) {
    const { press, editor, labels, sent } = bench({ overwrite });
    editor.edit("brush", [2, 3], 1);
    const stroke = press(3, true);
    stroke.move([at(9)]);
    stroke.release();
    assert.deepEqual([...labels.subarray(2, 4)], [1, U]);
    assert.deepEqual(sent.at(-1)?.runs, [3, 1, U]);
    assert.equal(sent.at(-1)?.tool, "erase");
  }
});
