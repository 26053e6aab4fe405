import assert from "node:assert/strict";
import { test } from "node:test";

import { learning, perRound } from "../../src/microtome/serve/page/curves.js";
import { figures } from "../../src/microtome/serve/page/headline.js";
import { agreementText } from "../../src/microtome/serve/page/tables.js";

/**
 * @import {Results} from "../../src/microtome/serve/page/curves.js"
 * @import {Box, CurvePoint, RoundRow} from "../../src/microtome/serve/page/types.js"
 */

/** @type {Box} */
const BOX = { start: [0, 0, 0], stop: [4, 8, 8] };

/** @type {Results} */
const EMPTY = {
  project: {
    id: "em",
    name: "em",
    classes: [{ name: "cell", instances: true }, { name: "cleft", instances: false }],
    shape: [4, 8, 8],
    voxel_size_nm: [30, 8, 8],
    train_box: BOX,
    query_shape: [4, 8, 8],
    skip_reasons: [],
    strength: 0,
  },
  rounds: [],
  curve: [],
  annotators: [],
  agreement: null,
  gallery: [],
  sections: [],
  answers: 0,
  open: 0,
  minutes: 0,
  megavoxels: 0,
  minutes_per_megavoxel: null,
  growth: null,
};

/** @type {CurvePoint[]} */
const CURVE = [
  { model: 1, answers: 8, minutes: 20, evaluated: 8, jaccard: 0.5, classes: { cell: 0.5, cleft: null }, unseen: 0.5, before: null },
  { model: 2, answers: 16, minutes: 30, evaluated: 0, jaccard: null, classes: {}, unseen: null, before: null },
  { model: 3, answers: 24, minutes: 36, evaluated: 8, jaccard: 0.6, classes: { cell: 0.8, cleft: 0.4 }, unseen: 0.7, before: 0.6 },
];

/** @type {RoundRow} */
const ROUND = {
  round: 1,
  strategy: "random",
  asked: 8,
  open: 0,
  answers: 8,
  skipped: 0,
  minutes: 20,
  megavoxels: 0.5,
  minutes_per_megavoxel: 40,
  model: null,
};

test("models without an estimate are left out of the curve", () => {
  const spec = learning({ ...EMPTY, curve: CURVE }, "answers");
  assert.deepEqual(spec.x, [8, 24]);
  assert.deepEqual(spec.lines.map(({ name, values }) => [name, ...values]), [
    ["cell", 0.5, 0.8],
    ["cleft", null, 0.4],
    ["mean", 0.5, 0.6],
  ]);
});

test("the curve is told in words", () => {
  const { label } = learning({ ...EMPTY, curve: CURVE }, "minutes");
  assert.equal(label, "Estimated Jaccard index against minutes of work: 0.50 at 20 min; 0.60 at 36 min");
});

test("one class has one line", () => {
  const project = { ...EMPTY.project, classes: EMPTY.project.classes.slice(0, 1) };
  assert.deepEqual(learning({ project, curve: CURVE }, "answers").lines.map(({ name }) => name), ["cell"]);
});

test("the effort of all rounds is drawn where there is more than one", () => {
  const second = { ...ROUND, round: 2, minutes_per_megavoxel: 20 };
  const open = { ...ROUND, round: 3, minutes_per_megavoxel: null };
  assert.equal(perRound({ rounds: [ROUND], minutes_per_megavoxel: 40 }).whole, null);
  const { bars, whole } = perRound({ rounds: [ROUND, second, open], minutes_per_megavoxel: 30 });
  assert.deepEqual(bars.map(({ value }) => value), [40, 20, null]);
  assert.equal(whole?.value, 30);
});

test("a new project has dashes for what is not known", () => {
  const values = figures(EMPTY).map(({ parts }) => parts.map(([digits]) => digits).join());
  assert.deepEqual(values, ["–", "0", "–", "–", "–"]);
});

const ANNOTATOR = {
  name: "ada", answers: 24, skipped: 0, minutes: 36, looking_minutes: 6, editing_minutes: 30, answers_per_hour: 40,
};

test("a running project has its numbers", () => {
  const running = { ...EMPTY, curve: CURVE, rounds: [ROUND], answers: 24, minutes: 36, megavoxels: 1.5, open: 1,
    annotators: [ANNOTATOR] };
  const shown = figures({ ...running, minutes_per_megavoxel: 24 });
  assert.deepEqual(shown.map(({ parts }) => parts.flat().join("")), ["0.60", "24", "36min", "24.0", "40"]);
  assert.deepEqual(shown.slice(0, 3).map(({ note }) => note), [
    "+0.10 since model 1, on 8 answers",
    "1 query open",
    "1.5M voxels labelled",
  ]);
});

test("agreement is told with kappa where there is one", () => {
  const agreement = { queries: 1, voxels: 294912, agreement: 0.943, kappa: null };
  assert.equal(agreementText(agreement), "1 query was answered by several people. They agree on 94 % of 295K voxels.");
  assert.match(agreementText({ ...agreement, kappa: 0.871 }), /κ 0\.87/u);
});
