import assert from "node:assert/strict";
import { test } from "node:test";

import { duration, minutes, percent, plural, signed, significant } from "../../src/microtome/serve/page/numbers.js";

test("significant digits are kept, and no more", () => {
  assert.deepEqual(
    [0, 0.01234, 0.5, 4.2137, 12.345, 128.4, 12345.6].map((value) => significant(value)),
    ["0", "0.0123", "0.500", "4.21", "12.3", "128", "12,346"],
  );
});

test("a number that is not there is a dash", () => {
  assert.equal(significant(null), "–");
});

test("spans of time are given in the unit that a person would choose", () => {
  assert.deepEqual(
    [0, 42, 59.6, 204, 600, 1500, 3600, 12240, 90000, 1220700].map(duration),
    ["0 s", "42 s", "1 min", "3.4 min", "10 min", "25 min", "1 h", "3 h 24 min", "25 h", "339 h"],
  );
});

test("minutes in tables have a decimal below a hundred", () => {
  assert.deepEqual([3.42, 99.94, 99.96, 1234.4].map(minutes), ["3.4", "99.9", "100", "1,234"]);
});

test("nearly all is not all", () => {
  assert.deepEqual([0.943, 0.9961, 1].map(percent), ["94 %", "99.6 %", "100 %"]);
});

test("a change has a sign, and none at all has both", () => {
  assert.deepEqual(
    [0.034, -0.2, 0.001, -0.001].map((value) => signed(value, 2)),
    ["+0.03", "−0.20", "±0.00", "±0.00"],
  );
});

test("one thing is singular", () => {
  assert.deepEqual([plural(1, "query", "queries"), plural(2, "query", "queries")], ["1 query", "2 queries"]);
});
