import assert from "node:assert/strict";
import { test } from "node:test";

import { orderOf, recallText } from "../../src/microtome/serve/page/proofread-panel.js";
import { OpenSheet } from "../../src/microtome/serve/page/proofread-sheet.js";
import { auditOf, sheetOf } from "./proofread-sheets.js";

/** @param {number} cluster */
const ofGroup = (cluster) => sheetOf(1).tiles.map((tile) => ({ ...tile, cluster }));

test("alike objects are said to stand together only where groups were made", () => {
  const said = [
    sheetOf(1),
    sheetOf(1, { tiles: ofGroup(7) }),
    sheetOf(1, { tiles: [...ofGroup(0), ...ofGroup(1)] }),
    sheetOf(1, { sorting: "random", tiles: ofGroup(7) }),
    auditOf(1),
  ].map((info) => orderOf(new OpenSheet(info)));
  assert.deepEqual(said, ["", "alike objects together", "alike objects together", "in random order", "audit"]);
});

test("an estimate has the precision of its interval", () => {
  assert.equal(recallText([0.833, 0.012, 0.9996]), "83 %, between 1 % and 100 % (95 %)");
  assert.equal(recallText([0.9961, 0.9912, 1]), "99.6 %, between 99.1 % and 100.0 % (95 %)");
});
