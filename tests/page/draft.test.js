/** @import {Op} from "../../src/microtome/serve/page/types.js" */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Draft, crc32 } from "../../src/microtome/serve/page/draft.js";
import { UNLABELLED } from "../../src/microtome/serve/page/types.js";
import { integers } from "./random.js";

const U = UNLABELLED;

/** @param {Draft} draft */
const values = (draft) => Array.from(draft.labels);

/** The ops by their definition, on plain arrays: a slow, obvious second program. @param {number} size @param {Op[]} ops */
function obvious(size, ops) {
  /** @type {number[][]} */
  const inEffect = [];
  /** @type {number[][]} */
  let undone = [];
  for (const { kind, runs } of ops) {
    if (kind === "edit") {
      inEffect.push(runs ?? []);
      undone = [];
    } else {
      const [from, to] = kind === "undo" ? [inEffect, undone] : [undone, inEffect];
      to.push(/** @type {number[]} */ (from.pop()));
    }
  }
  const labels = new Array(size).fill(U);
  for (const runs of inEffect) {
    for (let r = 0; r < runs.length; r += 3) {
      labels.fill(runs[r + 2], runs[r], runs[r] + runs[r + 1]);
    }
  }
  return labels;
}

/** Some edit of a box of 24 voxels. @param {Draft} draft @param {(n: number) => number} random @returns {Op | null} */
function someStep(draft, random) {
  const step = random(8);
  if (step < 2) {
    return step === 0 ? draft.undo() : draft.redo();
  }
  const indices = Array.from({ length: random(10) }, () => random(24));
  const choices = [U, 0, 1, 2, 1 + 256, 1 + 512];
  const some = indices.map(() => choices[random(choices.length)]);
  return draft.edit("brush", indices, step < 5 ? choices[random(choices.length)] : some);
}

test("a new draft is unlabelled and has nothing to undo", () => {
  const draft = new Draft([1, 2, 3]);
  assert.deepEqual(values(draft), [U, U, U, U, U, U]);
  assert.deepEqual([draft.seq, draft.canUndo, draft.canRedo, draft.labelled()], [0, false, false, 0]);
  assert.equal(draft.undo(), null);
  assert.equal(draft.redo(), null);
  assert.equal(draft.seq, 0);
});

test("an edit is an op with runs in increasing order", () => {
  const draft = new Draft([1, 2, 4]);
  const op = draft.edit("brush", [5, 1, 2, 0], [7, 1, 1, 3]);
  assert.deepEqual(op, { seq: 1, key: op?.key, kind: "edit", tool: "brush", runs: [0, 1, 3, 1, 2, 1, 5, 1, 7], model: null });
  assert.match(op?.key ?? "", /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.deepEqual(values(draft), [3, 1, 1, U, U, 7, U, U]);
});

test("an edit can name the model whose prediction it accepts", () => {
  assert.equal(new Draft([1, 1, 2]).edit("accept", [0, 1], [0, 1], 4)?.model, 4);
});

test("only voxels that change are in the op", () => {
  const draft = new Draft([1, 1, 5]);
  draft.edit("brush", [1, 2], 1);
  assert.deepEqual(draft.edit("brush", [0, 1, 2, 3], 1)?.runs, [0, 1, 1, 3, 1, 1]);
});

test("of a voxel named twice the last value counts", () => {
  const draft = new Draft([1, 1, 3]);
  assert.deepEqual(draft.edit("brush", [2, 0, 2, 2], [5, 6, 7, 8])?.runs, [0, 1, 6, 2, 1, 8]);
  assert.equal(draft.edit("brush", [2, 2], [1, 8]), null);
  assert.deepEqual(values(draft), [6, U, 8]);
});

test("an edit that changes nothing is none, and leaves what was undone", () => {
  const draft = new Draft([1, 1, 3]);
  draft.edit("brush", [0], 1);
  draft.undo();
  assert.equal(draft.edit("erase", [0, 1], U), null);
  assert.equal(draft.edit("brush", [], 1), null);
  assert.deepEqual([draft.seq, draft.canUndo, draft.canRedo], [2, false, true]);
});

test("undo and redo go back and forth, and a new edit forgets what was undone", () => {
  const draft = new Draft([1, 1, 3]);
  draft.edit("brush", [0, 1], 1);
  draft.edit("brush", [1, 2], 2);
  const undo = draft.undo();
  assert.deepEqual(undo, { seq: 3, key: undo?.key, kind: "undo" });
  assert.deepEqual(values(draft), [1, 1, U]);
  const redo = draft.redo();
  assert.deepEqual(redo, { seq: 4, key: redo?.key, kind: "redo" });
  assert.deepEqual(values(draft), [1, 2, 2]);
  draft.undo();
  draft.edit("brush", [2], 3);
  assert.equal(draft.redo(), null);
  assert.deepEqual(values(draft), [1, 1, 3]);
});

test("an edit outside the box, or with too few values, is refused and changes nothing", () => {
  const draft = new Draft([1, 1, 3]);
  assert.throws(() => draft.edit("brush", [0, 3], 1), RangeError);
  assert.throws(() => draft.edit("brush", [-1], 1), RangeError);
  assert.throws(() => draft.edit("brush", [0, 1], [1]), RangeError);
  assert.deepEqual([values(draft), draft.seq, draft.canUndo], [[U, U, U], 0, false]);
});

test("every change is told with the voxels that changed", () => {
  const draft = new Draft([1, 1, 4]);
  /** @type {number[][]} */
  const told = [];
  draft.onchange = (indices) => told.push(Array.from(indices));
  draft.edit("brush", [3, 0], 1);
  draft.edit("brush", [0, 1], 1);
  draft.undo();
  draft.undo();
  draft.redo();
  draft.edit("brush", [0], 1);
  assert.deepEqual(told, [[0, 3], [1], [1], [0, 3], [0, 3]]);
});

test("any steps equal the replay of their ops, and the ops by their definition", () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = integers(seed);
    const draft = new Draft([2, 3, 4]);
    /** @type {Op[]} */
    const ops = [];
    for (let step = 0; step < 40; step++) {
      ops.push(...[someStep(draft, random)].filter((op) => op !== null));
      const labelled = values(draft).filter((value) => value !== U).length;
      assert.equal(draft.labelled(), labelled, `seed ${seed}`);
    }
    const replayed = Draft.replay([2, 3, 4], /** @type {Op[]} */ (JSON.parse(JSON.stringify(ops))));
    assert.deepEqual(values(draft), obvious(24, ops), `seed ${seed}`);
    assert.deepEqual(replayed.labels, draft.labels, `seed ${seed}`);
    const state = (/** @type {Draft} */ d) => [d.seq, d.canUndo, d.canRedo, d.labelled(), d.crc(), d.method()];
    assert.deepEqual(state(replayed), state(draft), `seed ${seed}`);
    while (draft.undo()) {
      assert.notEqual(replayed.undo(), null);
      assert.deepEqual(replayed.labels, draft.labels, `seed ${seed}`);
    }
    assert.ok(draft.labels.every((value) => value === U));
  }
});

test("ops that cannot follow on each other are refused", () => {
  const edit = { seq: 1, key: "a", kind: /** @type {const} */ ("edit"), tool: /** @type {const} */ ("brush"), runs: [0, 2, 1] };
  assert.throws(() => Draft.replay([1, 1, 2], [{ ...edit, seq: 2 }]), RangeError);
  assert.throws(() => Draft.replay([1, 1, 2], [{ seq: 1, key: "a", kind: "undo" }]), RangeError);
  assert.throws(() => Draft.replay([1, 1, 2], [edit, { seq: 2, key: "b", kind: "redo" }]), RangeError);
  assert.throws(() => Draft.replay([1, 1, 1], [edit]), RangeError);
});

test("an edit from elsewhere that changes nothing can be undone all the same", () => {
  const draft = Draft.replay([1, 1, 2], [{ seq: 1, key: "a", kind: "edit", tool: "brush", runs: [0, 1, U] }]);
  assert.equal(draft.canUndo, true);
  assert.equal(draft.undo()?.seq, 2);
});

test("CRC-32 is zlib's", () => {
  const ascii = (/** @type {string} */ text) => new TextEncoder().encode(text);
  assert.equal(crc32(ascii("123456789")), 0xcbf43926);
  assert.equal(crc32(ascii("")), 0);
  assert.equal(crc32(ascii("The quick brown fox jumps over the lazy dog")), 0x414fa339);
});

test("a draft's CRC is that of its values as little-endian uint32", () => {
  const draft = new Draft([1, 1, 2]);
  draft.edit("brush", [1], 1 + 256 * 2);
  assert.equal(draft.crc(), crc32(Uint8Array.of(255, 0, 0, 0, 1, 2, 0, 0)));
});

test("the next instance is one more than the largest of its class", () => {
  const draft = new Draft([1, 1, 4]);
  assert.equal(draft.nextInstance(1), 1);
  draft.edit("brush", [0, 1, 2], [1 + 256 * 7, 1 + 256 * 2, 2 + 256 * 70000]);
  assert.deepEqual([draft.nextInstance(1), draft.nextInstance(2), draft.nextInstance(3)], [8, 70001, 1]);
});

test("the method says what the edits in effect were", () => {
  const draft = new Draft([1, 1, 4]);
  assert.equal(draft.method(), "scratch");
  draft.edit("accept", [0, 1, 2, 3], [0, 0, 1, 1], 3);
  assert.equal(draft.method(), "accepted");
  draft.edit("brush", [0], 1);
  assert.equal(draft.method(), "corrected");
  draft.undo();
  assert.equal(draft.method(), "accepted");
  draft.undo();
  draft.edit("brush", [0], 1);
  assert.equal(draft.method(), "scratch");
});

test("a stroke on a large plane costs time by its own size", () => {
  const draft = new Draft([1, 1024, 1024]);
  const rows = Array.from({ length: 60 }, (_, y) => Array.from({ length: 60 }, (__, x) => (y + 400) * 1024 + x + 400));
  const stroke = Uint32Array.from(rows.flat());
  const times = Array.from({ length: 101 }, (_, k) => {
    const start = performance.now();
    draft.edit("brush", stroke, k);
    return performance.now() - start;
  });
  const median = times.sort((a, b) => a - b)[50];
  assert.ok(median < 4, `a stroke of ${stroke.length} voxels took ${median.toFixed(2)} ms`);
});
