/** @import {Desk} from "../../src/microtome/serve/page/commands.js" */

import assert from "node:assert/strict";
import { test } from "node:test";

import { commands } from "../../src/microtome/serve/page/commands.js";
import { ACTIONS } from "../../src/microtome/serve/page/keys.js";
import { projectOf } from "./fakes.js";

/** Commands that note what they set going. */
function bench() {
  /** @type {string[]} */
  const done = [];
  const note = (/** @type {string} */ what, /** @type {unknown} */ answer = true) => () => {
    done.push(what);
    return answer;
  };
  const desk = {
    views: { project: projectOf(), settings: {}, crosshair: [4, 0, 0], open: null, step: note("step") },
    editor: { undo: note("undo"), redo: note("redo") },
    threshold: { finish: note("let go of the slider") },
    cursor: { release: note("let go of the key") },
    pointers: { finish: note("let go of the pointer") },
    session: { current: { draft: { labelled: () => 1, labels: [1] } }, submit: note("submit"), turn: note("turn") },
    tools: {},
    skipMenu: {},
    help: {},
  };
  return { done, run: commands(/** @type {Desk} */ (/** @type {unknown} */ (desk))) };
}

test("every action but the held ones has a command, as far as there are classes", () => {
  const { run } = bench();
  const missing = ACTIONS.map(({ id }) => id).filter((id) => !(id in run));
  assert.deepEqual(missing, ["pan", "class-3", "class-4", "class-5", "class-6", "class-7", "class-8", "class-9", "raw"]);
});

test("a stroke in hand ends before the query is handed in, left, or the stroke undone", async () => {
  for (const [id, what] of [["submit", "submit"], ["query-previous", "turn"], ["query-next", "turn"], ["undo", "undo"]]) {
    const { done, run } = bench();
    await run[id]();
    assert.deepEqual(done, ["let go of the key", "let go of the pointer", "let go of the slider", what], id);
  }
});

test("leafing ends what the keyboard paints, and nothing else", () => {
  const { done, run } = bench();
  run["slice-next"]();
  assert.deepEqual(done, ["let go of the key", "step"]);
});
