/** @import {Box} from "../../src/microtome/serve/page/types.js" */

import assert from "node:assert/strict";
import { test } from "node:test";

import { shapeOf } from "../../src/microtome/serve/page/planes.js";
import { UNLABELLED } from "../../src/microtome/serve/page/types.js";
import { editorOf, openOf } from "./fakes.js";

const U = UNLABELLED;
const M1 = 2 + 256; // mitochondrion 1

/** What is predicted in a box: class `z + y + x mod 3`, in the volume. @param {Box} box */
function predictionIn(box) {
  const [nz, ny, nx] = shapeOf(box);
  const classes = Uint8Array.from({ length: nz * ny * nx }, (_, index) => {
    const [z, y, x] = [Math.floor(index / (ny * nx)), Math.floor(index / nx) % ny, index % nx];
    return (z + y + x + box.start[0] + box.start[1] + box.start[2]) % 3;
  });
  return { model: 7, box, shape: shapeOf(box), classes, uncertainty: classes, foreground: null };
}

test("what is accepted is what is predicted at each voxel of the query, though the prediction's box is larger", () => {
  const prediction = predictionIn({ start: [1, 7, 15], stop: [6, 14, 31] });
  const { editor, sent, labels } = editorOf([2, 3, 4], {}, prediction);
  assert.ok(editor.accept());
  const expected = Array.from({ length: 24 }, (_, index) => {
    const [z, y, x] = [2 + Math.floor(index / 12), 10 + (Math.floor(index / 4) % 3), 20 + (index % 4)];
    return [0, 1, M1][(z + y + x) % 3]; // what is told apart becomes the first of its kind
  });
  assert.deepEqual([...labels], expected);
  assert.deepEqual(sent.map(({ seq, tool, model }) => [seq, tool, model]), [[1, "accept", 7]]);
});

test("a prediction is accepted whole, and only once", () => {
  const { editor, sent } = editorOf([1, 2, 2], {}, predictionIn({ start: [2, 10, 20], stop: [3, 12, 22] }));
  editor.edit("brush", [0, 1, 2, 3], 1);
  assert.ok(editor.accept());
  assert.ok(!editor.accept());
  assert.equal(sent.length, 2);
});

test("where only empty voxels may be painted, a prediction fills those alone", () => {
  const prediction = predictionIn({ start: [2, 10, 20], stop: [3, 12, 22] });
  const { editor, labels } = editorOf([1, 2, 2], { overwrite: "empty" }, prediction);
  editor.edit("brush", [0, 3], 1);
  assert.ok(editor.accept());
  assert.deepEqual([labels[0], labels[3]], [1, 1]);
  assert.ok(!labels.includes(255));
});

test("without a prediction, or without a query, nothing is accepted", () => {
  const { editor, sent } = editorOf([1, 2, 2]);
  assert.ok(!editor.accept());
  editor.show(null);
  assert.ok(!editor.accept() && !editor.clear() && !editor.backgroundRest() && !editor.undo() && !editor.redo());
  assert.deepEqual([editor.copyPrevious(0), editor.interpolate(0), editor.newInstance()], [null, null, false]);
  assert.deepEqual(sent, []);
});

test("a query that asks to correct it has its prediction filled in once, and not after anything was done", () => {
  const prediction = predictionIn({ start: [2, 10, 20], stop: [3, 12, 22] });
  const plain = editorOf([1, 2, 2], {}, prediction);
  assert.ok(!plain.editor.prefill());
  const { editor, open, sent } = editorOf([1, 2, 2], {}, null);
  open.query.correction = true;
  assert.ok(!editor.prefill(), "nothing is predicted yet");
  open.prediction = prediction;
  assert.ok(editor.prefill());
  assert.ok(!editor.prefill());
  assert.deepEqual(sent.map(({ tool, model }) => [tool, model]), [["accept", 7]]);
  editor.undo();
  assert.ok(!editor.prefill(), "it was undone");
});

/** A prediction of six voxels in a row with how likely their foreground is, in percent. @param {number[]} percent @param {number[]} classes */
function likelyIn(percent, classes) {
  /** @type {Box} */
  const box = { start: [2, 10, 20], stop: [3, 11, 26] };
  const foreground = Uint8Array.from(percent, (part) => Math.round(part * 2.55));
  const planes = { classes: Uint8Array.from(classes), uncertainty: foreground, foreground };
  return { model: 7, box, shape: shapeOf(box), ...planes };
}

test("the prediction is taken at another threshold, each voxel with its class or the nearest one", () => {
  const { editor, sent, labels } = editorOf([1, 1, 6], {}, likelyIn([90, 60, 40, 20, 90, 90], [1, 1, 0, 0, 2, 2]));
  editor.accept();
  assert.ok(editor.retake(30));
  assert.deepEqual([...labels], [1, 1, 1, 0, M1, M1]);
  assert.ok(editor.retake(10));
  assert.deepEqual([...labels], [1, 1, 1, M1, M1, M1]);
  assert.ok(editor.retake(70));
  assert.deepEqual([...labels], [1, 0, 0, 0, M1, M1]);
  assert.deepEqual(sent.map(({ tool, model }) => [tool, model]), [["accept", 7], ...[0, 0, 0].map(() => ["threshold", 7])]);
  assert.ok(!editor.retake(70));
});

test("what was painted by hand stays when the threshold changes, until the box is cleared", () => {
  const { editor, labels } = editorOf([1, 1, 6], {}, likelyIn([90, 60, 40, 20, 90, 90], [1, 1, 0, 0, 2, 2]));
  editor.accept();
  editor.edit("brush", [0], 0);
  editor.edit("erase", [4], U);
  editor.retake(10);
  assert.deepEqual([...labels], [0, 1, 1, M1, U, M1]);
  editor.accept();
  editor.retake(70);
  assert.deepEqual([...labels], [1, 0, 0, 0, M1, M1], "what was accepted again is nobody's any more");
  editor.edit("brush", [1], 1);
  editor.clear();
  editor.retake(70);
  assert.deepEqual([...labels], [1, 0, 0, 0, M1, M1]);
  editor.edit("brush", [1], 1);
  editor.undo();
  editor.retake(95);
  assert.deepEqual([...labels], [0, 0, 0, 0, 0, 0], "what was undone was never painted");
});

test("without what is needed to tell, no threshold is taken", () => {
  const { editor, open } = editorOf([1, 2, 2], {}, predictionIn({ start: [2, 10, 20], stop: [3, 12, 22] }));
  assert.deepEqual([editor.retaken(30), editor.retake(30), open.draft.seq], [null, false, 0]);
  open.prediction = null;
  assert.ok(!editor.retake(30));
});

test("the rest becomes background, and what is labelled stays", () => {
  const { editor, sent, labels } = editorOf([1, 2, 3]);
  editor.edit("brush", [1, 4], 1);
  assert.ok(editor.backgroundRest());
  assert.deepEqual([...labels], [0, 1, 0, 0, 1, 0]);
  assert.ok(!editor.backgroundRest());
  assert.deepEqual(sent.map(({ tool }) => tool), ["brush", "background"]);
});

test("where nothing changed there is no op and no event", () => {
  const { editor, sent } = editorOf([1, 2, 2]);
  let edits = 0;
  editor.addEventListener("edit", () => (edits += 1));
  assert.ok(editor.edit("brush", [0], 1));
  assert.ok(!editor.edit("brush", [0], 1));
  assert.ok(!editor.edit("erase", [1, 2], U));
  assert.ok(!editor.edit("brush", [], 1));
  assert.ok(!editor.redo());
  assert.deepEqual([sent.length, edits], [1, 1]);
});

test("undo and redo are ops, too", () => {
  const { editor, sent, labels } = editorOf([1, 1, 2]);
  editor.edit("brush", [0], 1);
  assert.ok(editor.undo() && editor.redo());
  assert.ok(!editor.redo());
  assert.deepEqual(sent.map(({ seq, kind }) => [seq, kind]), [[1, "edit"], [2, "undo"], [3, "redo"]]);
  assert.deepEqual([...labels], [1, U]);
});

test("each mode overwrites what it says", () => {
  const { editor, settings } = editorOf([1, 1, 1]);
  const seen = [0, 1, M1, M1 + 256, U];
  const allowed = (/** @type {number | null} */ start) => seen.filter(editor.allowed(start));
  assert.deepEqual(allowed(M1), seen);
  settings.set({ overwrite: "empty" });
  assert.deepEqual(allowed(M1), [U]);
  settings.set({ overwrite: "same" });
  assert.deepEqual(allowed(M1), [M1, M1 + 256]);
  assert.deepEqual(allowed(0), [0]);
  assert.deepEqual(allowed(U), [U]);
  assert.deepEqual(allowed(null), [U]);
});

/** Paint one voxel in each of some sections of a box of 12 sections of 3 x 3. @param {number[]} sections */
function painted(sections) {
  const made = editorOf([12, 3, 3]);
  sections.forEach((z) => made.editor.edit("brush", [9 * z + 4], 1));
  return made;
}

test("interpolation fills the gap around the section, or the nearest to it", () => {
  /** @type {[number[], number, [number, number] | null][]} */
  const cases = [
    [[2, 5, 9], 3, [2, 5]],
    [[2, 5, 9], 8, [5, 9]],
    [[2, 5, 9], 5, [2, 5]],
    [[2, 5, 9], 0, [2, 5]],
    [[2, 5, 9], 11, [5, 9]],
    [[2, 3, 6], 2, [3, 6]],
    [[2, 5], -4, [2, 5]],
    [[2, 5], 30, [2, 5]],
    [[4, 5, 6], 5, null],
    [[4], 4, null],
    [[], 4, null],
  ];
  for (const [sections, at, expected] of cases) {
    const { editor, sent } = painted(sections);
    assert.deepEqual(editor.interpolate(at), expected, `${sections} at ${at}`);
    assert.equal(sent.length, sections.length + (expected === null ? 0 : 1));
  }
});

test("interpolation looks for the value that is painted now, and fills only what may be overwritten", () => {
  const { editor, settings, labels } = painted([2, 6]);
  editor.edit("brush", [9 * 4 + 4], 0);
  settings.set({ overwrite: "empty" });
  assert.deepEqual(editor.interpolate(3), [2, 6]);
  assert.deepEqual([2, 3, 4, 5, 6].map((z) => labels[9 * z + 4]), [1, 1, 0, 1, 1]);
  settings.set({ cls: 2, instance: 1 });
  assert.equal(editor.interpolate(3), null);
});

test("labels are copied from the section before, else from the one after", () => {
  const { editor, labels, sent } = painted([3, 5]);
  assert.equal(editor.copyPrevious(4), 3);
  assert.equal(labels[9 * 4 + 4], 1);
  assert.equal(editor.copyPrevious(2), 3);
  assert.equal(editor.copyPrevious(11), null);
  assert.equal(editor.copyPrevious(4), null, "nothing changes");
  assert.deepEqual(sent.map(({ tool }) => tool), ["brush", "brush", "copy", "copy"]);
});

test("the first and the last section copy from their only neighbour", () => {
  assert.equal(painted([1]).editor.copyPrevious(0), 1);
  assert.equal(painted([10]).editor.copyPrevious(11), 10);
});

test("nothing is copied into the context beside the box", () => {
  for (const section of [-1, -2, 12, 13]) {
    const { editor } = painted([0, 1, 10, 11]);
    assert.equal(editor.copyPrevious(section), null);
  }
});

test("a copy keeps what may not be overwritten, and does not spread what is unlabelled", () => {
  const { editor, settings, labels } = editorOf([2, 1, 3], { overwrite: "empty" });
  editor.edit("brush", [0, 1], 1);
  editor.edit("brush", [3, 5], 0);
  assert.equal(editor.copyPrevious(1), 0);
  assert.deepEqual([...labels.subarray(3)], [0, 1, 0]);
  settings.set({ overwrite: "everything" });
  assert.equal(editor.copyPrevious(1), 0);
  assert.deepEqual([...labels.subarray(3)], [1, 1, 0]);
});

test("a new object has a number that no other of its class has", () => {
  const { editor, settings } = editorOf([1, 1, 6], { cls: 2, instance: 1 });
  assert.ok(editor.newInstance());
  assert.equal(settings.now.instance, 1, "none is painted yet");
  editor.edit("brush", [0], 2 + 256 * 5);
  editor.edit("brush", [1], 2 + 256 * 3);
  assert.ok(editor.newInstance());
  assert.equal(settings.now.instance, 6);
  assert.ok(editor.newInstance());
  assert.equal(settings.now.instance, 6, "it is not painted yet");
});

test("a class without objects has none, and neither has background", () => {
  const { editor, settings } = editorOf([1, 1, 2]);
  for (const cls of [0, 1]) {
    editor.choose(cls);
    assert.ok(!editor.newInstance());
    assert.deepEqual([settings.now.instance, editor.value], [0, cls]);
  }
});

test("a class that is chosen goes on with its newest object, and lays the eraser down", () => {
  const { editor, settings } = editorOf([1, 1, 2], { tool: "erase" });
  editor.edit("brush", [0], 2 + 256 * 4);
  editor.choose(2);
  assert.deepEqual([editor.value, settings.now.tool], [2 + 256 * 4, "brush"]);
  editor.choose(3);
  assert.equal(editor.value, 2 + 256 * 4, "there is no class 3");
});

test("a picked label is painted with, and unlabelled is none", () => {
  const { editor, settings } = editorOf([1, 1, 2], { tool: "pick" });
  editor.pick(2 + 256 * 300);
  assert.deepEqual([settings.now.cls, settings.now.instance, editor.value], [2, 300, 2 + 256 * 300]);
  editor.pick(U);
  assert.equal(editor.value, 2 + 256 * 300);
});

test("another query begins with its own objects", () => {
  const { editor, settings } = editorOf([1, 1, 2], { cls: 2, instance: 9 });
  editor.show(openOf([1, 1, 2]));
  assert.equal(settings.now.instance, 1);
});
