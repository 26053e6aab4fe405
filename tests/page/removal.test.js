/** @import {Int3} from "../../src/microtome/serve/page/types.js" */
/** @import {Values} from "../../src/microtome/serve/page/settings.js" */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { component } from "../../src/microtome/serve/page/component.js";
import { outlineOf, removalWords } from "../../src/microtome/serve/page/removal.js";
import { Tools } from "../../src/microtome/serve/page/tools.js";
import { UNLABELLED } from "../../src/microtome/serve/page/types.js";
import { editorOf, paneOf, viewsOf } from "./fakes.js";
import { integers } from "./random.js";

/** @type {{hidden: boolean, textContent: string}} */
let said;

beforeEach(() => {
  class Line {}
  said = Object.assign(new Line(), { hidden: true, textContent: "" });
  Object.assign(globalThis, { HTMLParagraphElement: Line, document: { getElementById: () => said } });
});

test("a component is what can be reached over faces", () => {
  const random = integers(8);
  /** @type {Int3} */
  const shape = [3, 5, 4];
  const values = Array.from({ length: 60 }, () => Number(random(10) < 6));
  for (const start of values.keys()) {
    const reached = new Set([start]);
    for (const index of reached) {
      besides(index).filter((other) => values[other] === values[start]).forEach((other) => reached.add(other));
    }
    assert.deepEqual([...component(shape, values, start)], [...reached].sort((a, b) => a - b));
  }
});

/** The voxels of three sections of 5 x 4 that share a face with one. @param {number} index */
function besides(index) {
  const place = [Math.floor(index / 20), Math.floor(index / 4) % 5, index % 4];
  return [0, 1, 2].flatMap((axis) => {
    const [sides, strides] = [[3, 5, 4], [20, 4, 1]];
    const down = place[axis] > 0 ? [index - strides[axis]] : [];
    return place[axis] < sides[axis] - 1 ? [...down, index + strides[axis]] : down;
  });
}

test("an outline runs between a region and what is beside it, also at the edges of the plane", () => {
  assert.equal(outlineOf(Uint32Array.of(0), 4).length, 4);
  assert.equal(outlineOf(Uint32Array.of(0, 1, 4, 5), 4).length, 8);
  assert.equal(outlineOf(Uint32Array.of(3, 4), 4).length, 8, "they lie at the ends of two rows");
});

test("what a click would remove is said before it", () => {
  const { tools, views, pane, fake } = bench();
  assert.equal(removalWords(null), "remove");
  Object.assign(fake, { pointAt: () => [0.5, 0.5] });
  const words = (/** @type {boolean} */ shift) => {
    Object.assign(views, { hover: { pane, x: 0.5, y: 0.5, shift } });
    tools.removal.follow();
    return removalWords(views.target);
  };
  assert.equal(words(false), "remove 2 voxels, 12 %");
  assert.equal(words(true), "remove 4 voxels, 12 % in 2 sections");
});

/** Two sections of 4 x 4 with a column of class 1 through both, and an object of its own in the first. @param {Partial<Values>} values */
function bench(values = {}) {
  const made = editorOf([2, 4, 4], { tool: "remove", ...values });
  const { pane, fake } = paneOf(made.open);
  Object.assign(fake, { at: 2, shown: (/** @type {Uint32Array} */ voxels) => voxels.filter((index) => index < 16) });
  const views = viewsOf();
  Object.assign(views, { settings: made.settings, hover: null, main: null, crosshair: [0, 0, 0], target: null });
  const tools = new Tools(made.editor, views);
  made.editor.edit("brush", [0, 1, 16, 17, 10], 1);
  return { ...made, pane, fake, views, tools };
}

test("a click makes a region of the section background, in one step", () => {
  const { tools, pane, labels, sent, editor } = bench();
  tools.press(pane, [0.5, 0.5], false).release();
  assert.deepEqual([labels[0], labels[1], labels[16], labels[10]], [0, 0, 1, 1]);
  assert.deepEqual([sent.length, sent[1].tool], [2, "remove"]);
  assert.ok(editor.undo());
  assert.equal(labels[0], 1);
});

test("with Shift, or where that was chosen, it goes through all sections", () => {
  for (const [through, shift] of [[false, true], [true, false]]) {
    const { tools, pane, labels } = bench({ through });
    tools.press(pane, [0.5, 0.5], false, shift).release();
    assert.deepEqual([labels[0], labels[16], labels[17], labels[10]], [0, 0, 0, 1]);
  }
});

test("the other button makes it unlabelled, and where no class is there is nothing to remove", () => {
  const { tools, pane, labels, sent } = bench();
  tools.press(pane, [2.5, 2.5], true).release();
  assert.equal(labels[10], UNLABELLED);
  tools.press(pane, [2.5, 2.5], false).release();
  tools.press(pane, [-2, 9], false).release();
  assert.equal(said.textContent, "There is nothing to remove here.");
  assert.equal(sent.length, 2);
});

test("what a click would remove is outlined, and known as long as nothing changes", () => {
  const { tools, pane, views, fake, editor } = bench();
  Object.assign(fake, { pointAt: (/** @type {number} */ x, /** @type {number} */ y) => [y, x] });
  Object.assign(views, { hover: { pane, x: 0.5, y: 0.5 } });
  tools.removal.follow();
  const first = views.target;
  assert.deepEqual([first?.voxels.length, first?.outline.length], [2, 6]);
  Object.assign(views, { hover: { pane, x: 1.5, y: 0.5 } });
  tools.removal.follow();
  assert.equal(views.target, first);
  Object.assign(views, { hover: { pane, x: 1.5, y: 0.5, shift: true } });
  tools.removal.follow();
  assert.deepEqual([views.target?.voxels.length, views.target?.outline.length], [4, 6]);
  editor.edit("erase", [1], UNLABELLED);
  tools.removal.follow();
  assert.equal(views.target, null);
});
