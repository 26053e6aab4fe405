/**
 * What growing from one section costs, and whether it drifts: a part of the dashboard of projects that grow.
 *
 * @import {Results} from "./curves.js"
 * @import {Column} from "./tables.js"
 * @import {Growth, IterationRow} from "./types.js"
 */

import { setText } from "./nodes.js";
import { NONE, count, duration, minutes, plural, significant } from "./numbers.js";
import { table } from "./tables.js";

/** @type {Column<IterationRow>[]} */
const ITERATIONS = [
  { title: "Iteration", text: (row) => count(row.iteration) },
  { title: "Model", text: (row) => (row.model === null ? NONE : count(row.model)) },
  { title: "Learned from", text: (row) => (row.learned_from > 0 ? plural(row.learned_from, "section") : NONE) },
  { title: "Net", text: (row) => row.net, words: true },
  { title: "Errors that weigh more", text: (row) => row.errors ?? NONE, words: true },
  { title: "Networks", text: (row) => (row.members === null ? NONE : count(row.members)) },
  { title: "Answers", text: (row) => count(row.answers) },
  { title: "Minutes", text: (row) => minutes(row.minutes) },
  { title: "Min / Mvx", text: (row) => significant(row.min_per_mvox) },
  { title: "Least", text: (row) => significant(row.least) },
  { title: "Most", text: (row) => significant(row.most) },
];

/**
 * @param {{section: HTMLElement, table: HTMLElement, forecast: HTMLElement, drift: HTMLElement}} places
 * @returns {(results: Results) => void}
 */
export function growth(places) {
  const rows = table(places.table, "What every model filled in", ITERATIONS, (row) => String(row.iteration));
  return ({ growth: found }) => {
    places.section.hidden = found === null;
    if (found === null) {return;}
    rows(found.iterations);
    setText(places.forecast, forecastText(found));
    setText(places.drift, driftText(found));
    places.drift.classList.toggle("alarm", found.audits.at(-1)?.alarm ?? false);
  };
}

/** What the rest may take, in a sentence. @param {Pick<Growth, "forecast">} growth */
export function forecastText({ forecast }) {
  if (forecast === null) {return "What the rest may take is said once a prediction was corrected.";}
  if (forecast.boxes === 0) {return "Nothing is left to label.";}
  const { low, high } = forecast;
  const between = low === null || high === null ? "" : ` (${duration(60 * low)} to ${duration(60 * high)})`;
  return (
    `What is left, ${plural(forecast.boxes, "box", "boxes")} of ${significant(forecast.megavoxels)} megavoxels, ` +
    `may take ${duration(60 * forecast.minutes)}${between}.`
  );
}

/** How the latest model does far away, in a sentence. @param {Pick<Growth, "audits">} growth */
export function driftText({ audits }) {
  const last = audits.at(-1);
  if (last === undefined) {return "";}
  const times = significant(last.ratio, 2);
  const [z, y, x] = last.box.split(",").map((range) => range.split(":")[0]);
  const advice = last.alarm ? ` Drift: plant the next seed there (microtome grow PROJECT --at ${z},${y},${x}).` : "";
  return `Far away, in ${last.box} (z,y,x), correcting takes ${times} times as long as near by.${advice}`;
}
