import assert from "node:assert/strict";
import { test } from "node:test";

import { keep, recall } from "../../src/microtome/serve/page/kept.js";
import { KeyMap } from "../../src/microtome/serve/page/keys.js";
import { storageOf } from "./fakes.js";

const CORRUPT = ["", "{", "undefined", "null", "5", '"x"', "[1, 2]", '{"brush": 5}', '{"brush": [null]}', '{"none": ["Q"]}'];

test("what was kept is there again", () => {
  const storage = storageOf();
  keep(storage, "place", { brush: ["Q"] });
  assert.deepEqual(recall(storage, "place"), { brush: ["Q"] });
  assert.equal(recall(storage, "elsewhere"), null);
});

test("keys are the default ones if what was kept of them is corrupt", () => {
  for (const content of CORRUPT) {
    const keymap = new KeyMap(recall(storageOf({ keys: content }), "keys"));
    assert.deepEqual(keymap.keysOf("brush"), ["B"], content);
    assert.deepEqual(keymap.keysOf("undo"), ["Ctrl+Z"], content);
  }
});

test("a storage that is full or forbidden stops nothing", () => {
  const refuse = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  const storage = { ...storageOf(), getItem: refuse, setItem: refuse };
  keep(storage, "place", 1);
  assert.equal(recall(storage, "place"), null);
});
