import assert from "node:assert/strict";
import { test } from "node:test";

import { driftText, forecastText } from "../../src/microtome/serve/page/growth.js";

test("the forecast says what is left, how long it may take, and between what", () => {
  assert.equal(
    forecastText({ forecast: { boxes: 9, megavoxels: 2.359, minutes: 42, low: 38, high: 90 } }),
    "What is left, 9 boxes of 2.36 megavoxels, may take 42 min (38 min to 1 h 30 min).",
  );
  assert.equal(
    forecastText({ forecast: { boxes: 0, megavoxels: 0, minutes: 0, low: 0, high: 0 } }),
    "Nothing is left to label.",
  );
  assert.match(forecastText({ forecast: null }), /once a prediction was corrected/);
});

test("drift is an alarm that says where to plant the next seed", () => {
  const audit = { model: 3, box: "17:18,0:512,0:512", far: 12, near: 4, ratio: 3, alarm: true };
  assert.equal(
    driftText({ audits: [audit] }),
    "Far away, in 17:18,0:512,0:512 (z,y,x), correcting takes 3.0 times as long as near by. " +
      "Drift: plant the next seed there (microtome grow PROJECT --at 17,0,0).",
  );
  assert.doesNotMatch(driftText({ audits: [{ ...audit, ratio: 1.1, alarm: false }] }), /Drift/);
  assert.equal(driftText({ audits: [] }), "");
});
