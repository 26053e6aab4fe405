import assert from "node:assert/strict";
import { test } from "node:test";

import { changes, onChange } from "../../src/microtome/serve/page/nodes.js";

/** What a list is after `changes`, carried out in their order. @param {string[]} there @param {string[]} wished */
function carriedOut(there, wished) {
  const { gone, placed } = changes(there, wished);
  const list = there.filter((key) => !gone.includes(key));
  for (const { key, before } of placed) {
    if (list.includes(key)) {
      list.splice(list.indexOf(key), 1);
    }
    list.splice(before === null ? list.length : list.indexOf(before), 0, key);
  }
  return list;
}

test("a list that is as wished is not touched", () => {
  assert.deepEqual(changes(["a", "b"], ["a", "b"]), { gone: [], placed: [] });
});

test("a newcomer moves nobody", () => {
  assert.deepEqual(changes(["4", "3"], ["5", "4", "3"]), { gone: [], placed: [{ key: "5", before: "4" }] });
});

test("who leaves moves nobody", () => {
  assert.deepEqual(changes(["a", "b", "c"], ["a", "c"]), { gone: ["b"], placed: [] });
});

test("every change of a list arrives at what is wished", () => {
  const lists = ["", "a", "abc", "cab", "bd", "dcba", "abcdef", "fbe"].map((text) => [...text]);
  for (const there of lists) {
    for (const wished of lists) {
      assert.deepEqual(carriedOut(there, wished), wished, `${there} to ${wished}`);
    }
  }
});

test("the same value again is not rendered again", () => {
  /** @type {number[][]} */
  const rendered = [];
  const show = onChange((/** @type {number[]} */ value) => rendered.push(value));
  for (const value of [[1], [1], [2], [2], [1]]) {
    show(value);
  }
  assert.deepEqual(rendered, [[1], [2], [1]]);
});
