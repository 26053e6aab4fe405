/**
 * What the charts show of a dashboard: accuracy against two kinds of effort, and the effort of each round.
 *
 * @import {BarSpec} from "./bars.js"
 * @import {LineSpec} from "./chart.js"
 * @import {Facts} from "./tooltip.js"
 * @import {CurvePoint, Dashboard, RoundRow} from "./types.js"
 */

import { classColour, css } from "./palette.js";
import { count, duration, fixed, plural, significant } from "./numbers.js";

/** @typedef {Omit<Dashboard, "worker">} Results  all of a dashboard that changes slowly */

export const MEAN = "mean";
const INK = "var(--ink)";

/** The models of which there is an estimate. @param {CurvePoint[]} curve */
export function estimated(curve) {
  return curve.filter((point) => point.jaccard !== null);
}

/**
 * @param {Pick<Results, "curve" | "project">} dashboard
 * @param {"answers" | "minutes"} effort
 * @returns {LineSpec}
 */
export function learning({ curve, project }, effort) {
  const points = estimated(curve);
  const classes = project.classes.map(({ name }, k) => ({
    name,
    colour: css(classColour(k + 1)),
    main: false,
    values: points.map((point) => point.classes[name] ?? null),
  }));
  const mean = { name: MEAN, colour: INK, main: true, values: points.map((point) => point.jaccard) };
  const across = effort === "answers" ? "labelled patches" : "minutes of work";
  return {
    label: `Estimated Jaccard index against ${across}: ${points.map((point) => inWords(point, effort)).join("; ")}`,
    across,
    up: "estimated Jaccard",
    whole: effort === "answers",
    x: points.map((point) => point[effort]),
    lines: classes.length === 1 ? [{ ...mean, name: classes[0]?.name ?? MEAN }] : [...classes, mean],
    facts: points.map((point) => facts(point, classes)),
    most: 1,
  };
}

/** @param {CurvePoint} point @param {"answers" | "minutes"} effort */
function inWords(point, effort) {
  return `${fixed(point.jaccard, 2)} at ${effort === "answers" ? count(point.answers) : duration(point.minutes * 60)}`;
}

/** @param {CurvePoint} point @param {{name: string, colour: string}[]} classes @returns {Facts} */
function facts(point, classes) {
  const mean = { name: MEAN, value: fixed(point.jaccard, 2), colour: INK };
  const rows = classes.map(({ name, colour }) => ({ name, value: fixed(point.classes[name] ?? null, 2), colour }));
  return {
    title: `Model ${point.model}`,
    rows: classes.length === 1 ? [mean] : [...rows.sort((a, b) => b.value.localeCompare(a.value)), mean],
    note:
      `trained on ${plural(point.answers, "answer")}, ${duration(point.minutes * 60)} of work; ` +
      `tried on ${plural(point.evaluated, "later answer")}: ${fixed(point.unseen, 2)}` +
      (point.before === null ? "" : `, the model before ${fixed(point.before, 2)}`),
  };
}

/** @param {Pick<Results, "rounds" | "minutes_per_megavoxel">} dashboard @returns {BarSpec} */
export function perRound({ rounds, minutes_per_megavoxel: overall }) {
  const known = rounds.filter((row) => row.minutes_per_megavoxel !== null);
  const said = known.map((row) => `round ${row.round} ${significant(row.minutes_per_megavoxel)}`);
  return {
    label: `Minutes per megavoxel: ${said.join("; ")}`,
    across: "round",
    up: "minutes per megavoxel",
    bars: rounds.map((row) => ({ name: String(row.round), value: row.minutes_per_megavoxel, facts: roundFacts(row) })),
    whole: overall === null || known.length < 2 ? null : { name: `all rounds ${significant(overall)}`, value: overall },
  };
}

/** @param {RoundRow} row @returns {Facts} */
function roundFacts(row) {
  const rows = [
    { name: "answers", value: count(row.answers) },
    { name: "work", value: duration(row.minutes * 60) },
    { name: "labelled", value: `${significant(row.megavoxels)} megavoxels` },
    { name: "minutes per megavoxel", value: significant(row.minutes_per_megavoxel) },
  ];
  return { title: `Round ${row.round}`, rows, note: `chosen by ${row.strategy}` };
}
