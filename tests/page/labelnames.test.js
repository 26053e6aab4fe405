import assert from "node:assert/strict";
import { test } from "node:test";

import { labelName } from "../../src/microtome/serve/page/labelnames.js";
import { UNLABELLED } from "../../src/microtome/serve/page/types.js";
import { projectOf } from "./fakes.js";

test("a label is called by its class, and by its number if it has one", () => {
  const names = [UNLABELLED, 0, 1, 2, 2 + 256 * 300].map((value) => labelName(value, projectOf()));
  assert.deepEqual(names, ["unlabelled", "background", "cytosol", "mitochondrion", "mitochondrion #300"]);
});
