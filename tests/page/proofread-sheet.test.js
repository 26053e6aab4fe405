import assert from "node:assert/strict";
import { test } from "node:test";

import { OpenSheet } from "../../src/microtome/serve/page/proofread-sheet.js";
import { auditOf, sheetOf } from "./proofread-sheets.js";

/** @param {OpenSheet} sheet */
const words = (sheet) =>
  sheet.tiles.map((_, place) => {
    const { word, touched } = sheet.verdict(place);
    return touched ? word : `(${word})`;
  });

test("everything is correct until it is touched", () => {
  const sheet = new OpenSheet(sheetOf(1));
  assert.deepEqual(words(sheet), ["(correct)", "(correct)", "(correct)"]);
  assert.deepEqual(sheet.judge([0, 2], "incorrect"), [
    { query: 11, verdict: "incorrect", was: null },
    { query: 13, verdict: "incorrect", was: null },
  ]);
  assert.deepEqual(words(sheet), ["incorrect", "(correct)", "incorrect"]);
  assert.deepEqual([sheet.count("correct"), sheet.count("incorrect")], [1, 2]);
});

test("what is said again is no change", () => {
  const sheet = new OpenSheet(sheetOf(1));
  sheet.judge([0], "unsure");
  assert.deepEqual(sheet.judge([0], "unsure"), []);
  assert.deepEqual(sheet.judge([0, 1], "unsure"), [{ query: 12, verdict: "unsure", was: null }]);
});

test("saying correct of what nobody touched is a verdict", () => {
  const sheet = new OpenSheet(sheetOf(1));
  assert.deepEqual(sheet.judge([1], "correct"), [{ query: 12, verdict: "correct", was: null }]);
  assert.deepEqual(words(sheet), ["(correct)", "correct", "(correct)"]);
});

test("undo says what takes the last change back, and redo makes it again", () => {
  const sheet = new OpenSheet(sheetOf(1));
  sheet.judge([0], "incorrect");
  sheet.judge([0, 1], "unsure");
  assert.deepEqual(sheet.undo(), {
    verdicts: [
      { query: 11, verdict: "incorrect", was: "unsure" },
      { query: 12, verdict: "withdrawn", was: "unsure" },
    ],
  });
  assert.deepEqual(words(sheet), ["incorrect", "(correct)", "(correct)"]);
  sheet.redo();
  assert.deepEqual(words(sheet), ["unsure", "unsure", "(correct)"]);
  sheet.undo();
  sheet.judge([2], "incorrect");
  assert.equal(sheet.redo(), null);
  sheet.undo();
  sheet.undo();
  assert.equal(sheet.undo(), null);
  assert.deepEqual(words(sheet), ["(correct)", "(correct)", "(correct)"]);
});

test("a confirmed sheet says correct of the rest, and opened again it does not", () => {
  const sheet = new OpenSheet(sheetOf(1));
  sheet.judge([1], "incorrect");
  assert.deepEqual(sheet.close(), { said: [{ query: 12, verdict: "incorrect" }], points: [] });
  assert.equal(sheet.closed, true);
  assert.deepEqual(sheet.judge([0], "unsure"), [{ query: 11, verdict: "unsure", was: "correct" }]);
  sheet.reopen();
  assert.deepEqual(words(sheet), ["unsure", "incorrect", "(correct)"]);
  assert.deepEqual(sheet.close().said.length, 2);
});

test("marks are set and taken back as a whole", () => {
  const sheet = new OpenSheet(auditOf(1));
  assert.deepEqual(sheet.mark([[1, 2, 3]]), { points: [[1, 2, 3]], was: [] });
  sheet.mark([]);
  assert.deepEqual(sheet.undo(), { points: [[1, 2, 3]], was: [] });
  assert.deepEqual(sheet.close(), { said: [], points: [[1, 2, 3]] });
});

test("what the server does not have yet is caught up with", () => {
  const sheet = new OpenSheet(sheetOf(1));
  const about = { key: "k", reports: [] };
  sheet.catchUp([
    { query: 1, kind: "verdicts", body: { ...about, verdicts: [{ query: 11, verdict: "incorrect", was: null }] } },
    { query: 1, kind: "verdicts", body: { ...about, verdicts: [{ query: 12, verdict: "unsure", was: null }] } },
    { query: 1, kind: "verdicts", body: { ...about, verdicts: [{ query: 11, verdict: "withdrawn", was: "incorrect" }] } },
  ]);
  assert.deepEqual(words(sheet), ["(correct)", "unsure", "(correct)"]);
});
