/**
 * Tables whose cells change in place: rounds, models and annotators.
 *
 * @import {Results} from "./curves.js"
 * @import {AnnotatorRow, CurvePoint, RoundRow} from "./types.js"
 */

import { estimated } from "./curves.js";
import { element, keyed, setText } from "./nodes.js";
import { NONE, compact, count, fixed, minutes, percent, plural, significant } from "./numbers.js";

/**
 * @template R
 * @typedef {{title: string, text: (row: R) => string, words?: boolean}} Column `words` reads from the left
 */

/** @type {Column<RoundRow>[]} */
const ROUNDS = [
  { title: "Round", text: (row) => count(row.round) },
  { title: "Chosen by", text: (row) => row.strategy, words: true },
  { title: "Asked", text: (row) => count(row.asked) },
  { title: "Answers", text: (row) => count(row.answers) },
  { title: "Open", text: (row) => count(row.open) },
  { title: "Skipped", text: (row) => count(row.skipped) },
  { title: "Minutes", text: (row) => minutes(row.minutes) },
  { title: "Megavoxels", text: (row) => significant(row.megavoxels) },
  { title: "Min / Mvx", text: (row) => significant(row.minutes_per_megavoxel) },
  { title: "Model", text: (row) => (row.model === null ? NONE : count(row.model)) },
];

/** @type {Column<AnnotatorRow>[]} */
const ANNOTATORS = [
  { title: "Annotator", text: (row) => row.name, words: true },
  { title: "Answers", text: (row) => count(row.answers) },
  { title: "Skipped", text: (row) => count(row.skipped) },
  { title: "Looking, min", text: (row) => minutes(row.looking_minutes) },
  { title: "Editing, min", text: (row) => minutes(row.editing_minutes) },
  { title: "All, min", text: (row) => minutes(row.minutes) },
  { title: "Answers / h", text: (row) => significant(row.answers_per_hour, 2) },
];

/** @param {string[]} classes @returns {Column<CurvePoint>[]} */
function models(classes) {
  return [
    { title: "Model", text: (row) => count(row.model) },
    { title: "Answers", text: (row) => count(row.answers) },
    { title: "Minutes", text: (row) => minutes(row.minutes) },
    { title: "Estimated on", text: (row) => count(row.evaluated) },
    { title: "Jaccard there", text: (row) => fixed(row.unseen, 3) },
    { title: "Model before", text: (row) => fixed(row.before, 3) },
    { title: "Level", text: (row) => fixed(row.jaccard, 3) },
    ...classes.map((name) => ({
      title: name,
      text: (/** @type {CurvePoint} */ row) => fixed(row.classes[name] ?? null, 3),
    })),
  ];
}

/**
 * @param {{rounds: Element, models: Element, annotators: Element}} places
 * @param {string[]} classes
 * @returns {(results: Results) => void}
 */
export function tables(places, classes) {
  const rounds = table(places.rounds, "Rounds", ROUNDS, (row) => String(row.round));
  const curve = table(places.models, "Models", models(classes), (row) => String(row.model));
  const annotators = table(places.annotators, "Annotators", ANNOTATORS, (row) => row.name);
  return (results) => {
    rounds(results.rounds);
    curve(estimated(results.curve));
    annotators(results.annotators);
  };
}

/**
 * @template R
 * @param {Element} host
 * @param {string} name
 * @param {Column<R>[]} columns
 * @param {(row: R) => string} keyOf
 * @returns {(rows: R[]) => void}
 */
export function table(host, name, columns, keyOf) {
  const heads = columns.map(({ title, words }) => element("th", { scope: "col", class: side(words), text: title }));
  const body = element("tbody");
  host.append(element("table", { "aria-label": name }, element("thead", {}, element("tr", {}, ...heads)), body));
  const show = keyed(body, keyOf, () => tableRow(columns));
  return (rows) => void show(rows);
}

/** @template R @param {Column<R>[]} columns */
function tableRow(columns) {
  const cells = columns.map(({ words }, k) =>
    k === 0 ? element("th", { scope: "row", class: side(words) }) : element("td", { class: side(words) }),
  );
  /** @param {R} item */
  const update = (item) => columns.forEach(({ text }, k) => setText(/** @type {Node} */ (cells[k]), text(item)));
  return { node: element("tr", {}, ...cells), update };
}

/** @param {boolean | undefined} words */
function side(words) {
  return words ? "words" : undefined;
}

/** Agreement in a sentence. @param {NonNullable<Results["agreement"]>} agreement */
export function agreementText({ queries, voxels, agreement, kappa }) {
  const chance = kappa === null ? "" : ` (κ ${fixed(kappa, 2)}: 1 is full agreement, 0 is chance)`;
  return (
    `${plural(queries, "query was", "queries were")} answered by several people. ` +
    `They agree on ${percent(agreement)} of ${compact(voxels)} voxels${chance}.`
  );
}
