/**
 * The five numbers that say how the project gets on.
 *
 * @import {Results} from "./curves.js"
 * @import {CurvePoint} from "./types.js"
 */

import { estimated } from "./curves.js";
import { element, keyed, setText } from "./nodes.js";
import { NONE, compact, count, fixed, plural, signed, significant, span } from "./numbers.js";

/** @typedef {{name: string, parts: [string, string][], note: string}} Figure  parts are numbers with their units */

const LATER = "after the first answer";

/** @param {Element} host @returns {(results: Results) => void} */
export function headline(host) {
  const show = keyed(host, (/** @type {Figure} */ { name }) => name, figure);
  return (results) => show(figures(results));
}

/** @param {Results} results @returns {Figure[]} */
export function figures({ answers, open, minutes, megavoxels, minutes_per_megavoxel: cost, curve, rounds, annotators }) {
  const latest = rounds.findLast((row) => row.minutes_per_megavoxel !== null);
  const active = annotators.reduce((sum, person) => sum + person.minutes, 0);
  const hourly = active > 0 && answers > 0 ? (answers / active) * 60 : null;
  return [
    accuracy(estimated(curve)),
    { name: "Answers", parts: plain(count(answers)), note: `${plural(open, "query", "queries")} open` },
    {
      name: "Work",
      parts: minutes > 0 ? span(minutes * 60) : plain(NONE),
      note: `${compact(megavoxels * 1e6)} voxels labelled`,
    },
    {
      name: "Minutes per megavoxel",
      parts: plain(significant(cost)),
      note: latest ? `${significant(latest.minutes_per_megavoxel)} in round ${latest.round}` : LATER,
    },
    {
      name: "Answers per hour",
      parts: plain(significant(hourly, 2)),
      note: hourly === null ? LATER : "looking and editing",
    },
  ];
}

/** @param {CurvePoint[]} models @returns {Figure} */
function accuracy(models) {
  const [before, now] = [models.at(-2), models.at(-1)];
  const change = signed((now?.jaccard ?? 0) - (before?.jaccard ?? 0), 2);
  const since = before ? `${change} since model ${before.model}` : `model ${now?.model}`;
  return {
    name: "Estimated Jaccard",
    parts: plain(fixed(now?.jaccard ?? null, 2)),
    note: now ? `${since}, on ${plural(now.evaluated, "answer")}` : "no model estimated yet",
  };
}

/** @param {string} text @returns {[string, string][]} */
function plain(text) {
  return [[text, ""]];
}

function figure() {
  const name = element("dt");
  const value = element("dd", { class: "figure-value" });
  const note = element("dd", { class: "figure-note" });
  /** @type {(shown: Figure) => void} */
  const update = (shown) => {
    setText(name, shown.name);
    setText(note, shown.note);
    const said = shown.parts.map((pair) => pair.join("\u202f").trim()).join(" ");
    if (value.textContent === said) {return;}
    const pieces = shown.parts.flatMap(([digits, unit], k) => [
      k > 0 ? " " : "",
      digits,
      ...(unit === "" ? [] : ["\u202f", element("span", { class: "unit", text: unit })]),
    ]);
    value.replaceChildren(...pieces);
  };
  return { node: element("div", { class: "figure" }, name, value, note), update };
}
