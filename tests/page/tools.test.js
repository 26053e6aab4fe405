/**
 * @import {Point} from "../../src/microtome/serve/page/brush.js"
 * @import {Values} from "../../src/microtome/serve/page/settings.js"
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Tools } from "../../src/microtome/serve/page/tools.js";
import { UNLABELLED } from "../../src/microtome/serve/page/types.js";
import { editorOf, paneOf, viewsOf } from "./fakes.js";

const U = UNLABELLED;

/** Six rows of six voxels, 10 pixels each. @param {Partial<Values>} values */
function bench(values) {
  const made = editorOf([1, 6, 6], values);
  const { pane, fake } = paneOf(made.open);
  const tools = new Tools(made.editor, viewsOf());
  const press = (/** @type {number} */ row, /** @type {number} */ col, erasing = false) => {
    return tools.press(pane, [row, col], erasing);
  };
  const count = (/** @type {number} */ value) => made.labels.filter((other) => other === value).length;
  return { ...made, tools, pane, fake, press, count };
}

test("a fill takes the region of one label around the click", () => {
  const { editor, press, count } = bench({ tool: "fill" });
  editor.edit("brush", [6, 7, 8, 9, 10, 11], 0); // a wall across the second row
  press(0.5, 3.5).release();
  assert.deepEqual([count(1), count(0), count(U)], [6, 6, 24]);
});

test("a fill with the other button empties the region, and one outside the box does nothing", () => {
  const { editor, press, count, sent } = bench({ tool: "fill" });
  editor.edit("brush", [0, 1], 1);
  press(0.5, 0.5, true).release();
  assert.equal(count(U), 36);
  press(-0.5, 2).release();
  press(2, 6.5).release();
  assert.equal(sent.length, 2);
});

test("a fill leaves alone what may not be overwritten", () => {
  const { editor, press, sent } = bench({ tool: "fill", overwrite: "empty", cls: 0 });
  editor.edit("brush", [0], 1);
  press(0.5, 0.5).release();
  assert.equal(sent.length, 1);
});

test("a label is picked with its object", () => {
  const { editor, press, settings } = bench({ tool: "pick" });
  editor.edit("brush", [35], 2 + 256 * 3);
  press(5.9, 5.9).release();
  assert.deepEqual([settings.now.cls, settings.now.instance, settings.now.tool], [2, 3, "brush"]);
});

test("a lasso that is drawn in one go is closed when it is let go", () => {
  const { press, tools, count, sent } = bench({ tool: "lasso" });
  const gesture = press(1, 1);
  gesture.move([[1, 4], [4, 4], [4, 1]]);
  assert.deepEqual([tools.lasso.isOpen, sent.length], [true, 0]);
  gesture.release();
  assert.deepEqual([tools.lasso.isOpen, count(1), sent[0].tool], [false, 9, "lasso"]);
});

/** Click corners, with a hand that trembles by two pixels. @param {ReturnType<typeof bench>} bench @param {Point[]} corners */
function clickCorners({ press }, corners) {
  for (const [row, col] of corners) {
    const gesture = press(row, col);
    gesture.move([[row + 0.2, col], [row, col + 0.2]]);
    gesture.release();
  }
}

test("a lasso of clicked corners waits for its end, even if the hand trembles", () => {
  const made = bench({ tool: "lasso" });
  clickCorners(made, [[1, 1], [1, 4], [4, 4], [4, 1]]);
  assert.deepEqual([made.tools.lasso.isOpen, made.sent.length], [true, 0]);
  assert.equal(made.tools.lasso.views.lasso?.points.length, 4);
  made.tools.lasso.close();
  assert.deepEqual([made.tools.lasso.isOpen, made.count(1)], [false, 9]);
});

test("a lasso of less than three corners, one that is cancelled, or one beside the box paints nothing", () => {
  const made = bench({ tool: "lasso" });
  clickCorners(made, [[1, 1], [4, 4]]);
  made.tools.lasso.close();
  clickCorners(made, [[1, 1], [1, 4], [4, 4]]);
  made.tools.lasso.cancel();
  made.tools.lasso.close();
  clickCorners(made, [[1, 1], [1, 4], [4, 4]]);
  made.fake.inBox = false;
  made.tools.lasso.close();
  assert.deepEqual([made.tools.lasso.isOpen, made.sent], [false, []]);
});

test("a lasso goes by the class under its first corner, and erases whatever it holds", () => {
  const made = bench({ tool: "lasso", overwrite: "same" });
  made.editor.edit("brush", [7, 8], 0);
  const gesture = made.press(1, 1);
  gesture.move([[1, 4], [4, 4], [4, 1]]);
  gesture.release();
  assert.deepEqual([made.count(1), made.count(0)], [2, 0]);
  const eraser = made.press(0, 0, true);
  eraser.move([[0, 6], [6, 6], [6, 0]]);
  eraser.release();
  assert.equal(made.count(U), 36);
});
