import assert from "node:assert/strict";
import { test } from "node:test";

import { KeyMap } from "../../src/microtome/serve/page/keys.js";
import { commands } from "../../src/microtome/serve/page/proofread-commands.js";
import { ACTIONS } from "../../src/microtome/serve/page/proofread-keys.js";

const NO_MODIFIERS = { ctrlKey: false, metaKey: false, shiftKey: false, altKey: false };

/** @param {string} key @param {string} code */
const action = (key, code) => new KeyMap({}, ACTIONS).action({ key, code, ...NO_MODIFIERS });

test("no two actions share a key", () => {
  const chords = ACTIONS.flatMap(({ keys }) => keys.map((key) => key.replace("hold:", "")));
  assert.equal(new Set(chords).size, chords.length);
});

test("the keys of the painting page mean something else here", () => {
  const found = ["j", "k", "l", "c", "x", "u"].map((key) => action(key, `Key${key.toUpperCase()}`));
  assert.deepEqual(found, ["correct", "incorrect", "unsure", "correct", "incorrect", "unsure"]);
  assert.equal(action("b", "KeyB"), null);
});

test("every action does something", () => {
  const run = commands(/** @type {any} */ ({}));
  const missing = ACTIONS.filter(({ id, keys }) => !(id in run) && !keys.some((key) => key.startsWith("hold:")));
  assert.deepEqual(missing, []);
});
