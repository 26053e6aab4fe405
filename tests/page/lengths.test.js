import assert from "node:assert/strict";
import { test } from "node:test";

import { length } from "../../src/microtome/serve/page/lengths.js";

test("lengths have the unit that keeps them short, and four digits", () => {
  assert.deepEqual([0, 4.6, 999, 1000, 1234.56, -2500].map(length), ["0 nm", "4.6 nm", "999 nm", "1 µm", "1.235 µm", "-2.5 µm"]);
  assert.equal(length(123_456_789), "123500 µm");
});
