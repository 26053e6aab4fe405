import assert from "node:assert/strict";
import { test } from "node:test";

import { orderOf } from "../../src/microtome/serve/page/proofread-panel.js";
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
