import assert from "node:assert/strict";
import { test } from "node:test";

import { fromRuns, toRuns } from "../../src/microtome/serve/page/runs.js";
import { integers } from "./random.js";

test("neighbours of equal value share a run", () => {
  assert.deepEqual(toRuns([2, 3, 4, 6, 7, 8], [1, 1, 2, 2, 2, 3]), [2, 2, 1, 4, 1, 2, 6, 2, 2, 8, 1, 3]);
});

test("nothing has no runs", () => {
  assert.deepEqual(toRuns([], []), []);
  assert.equal(fromRuns([]).indices.length, 0);
});

test("voxels come back from their runs", () => {
  const random = integers(1);
  for (let trial = 0; trial < 100; trial++) {
    const indices = Uint32Array.from({ length: 40 }, (_, i) => i).filter(() => random(3) > 0);
    const values = indices.map(() => random(2));
    assert.deepEqual(fromRuns(toRuns(indices, values)), { indices, values });
  }
});
