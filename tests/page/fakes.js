/**
 * Stand-ins for what a browser or the server would give.
 *
 * @import {Box, Int3, Op, ProjectInfo, Query} from "../../src/microtome/serve/page/types.js"
 * @import {Values} from "../../src/microtome/serve/page/settings.js"
 * @import {Prediction} from "../../src/microtome/serve/page/openquery.js"
 * @import {Point} from "../../src/microtome/serve/page/brush.js"
 * @import {Pane} from "../../src/microtome/serve/page/pane.js"
 * @import {Rect} from "../../src/microtome/serve/page/planes.js"
 * @import {Views} from "../../src/microtome/serve/page/views.js"
 */

import { Draft } from "../../src/microtome/serve/page/draft.js";
import { Editor } from "../../src/microtome/serve/page/editor.js";
import { OpenQuery } from "../../src/microtome/serve/page/openquery.js";
import { PLANES, cut } from "../../src/microtome/serve/page/planes.js";
import { Sections } from "../../src/microtome/serve/page/sections.js";
import { Settings } from "../../src/microtome/serve/page/settings.js";

/** A localStorage. @param {Record<string, string>} [content] @returns {Storage} */
export function storageOf(content = {}) {
  const kept = new Map(Object.entries(content));
  return {
    get length() {
      return kept.size;
    },
    clear: () => kept.clear(),
    key: (index) => [...kept.keys()][index] ?? null,
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}

/** A volume of 20 sections with cytosol, and mitochondria that are told apart. @returns {ProjectInfo} */
export function projectOf() {
  return {
    id: "p",
    name: "demo",
    classes: [
      { name: "cytosol", instances: false },
      { name: "mitochondrion", instances: true },
    ],
    shape: [20, 40, 40],
    voxel_size_nm: [40, 4, 4],
    train_box: { start: [0, 0, 0], stop: [20, 40, 40] },
    query_shape: [1, 4, 5],
    skip_reasons: ["blurred"],
    strength: 0,
  };
}

/** @param {number} id @param {Partial<Query>} [rest] @returns {Query} */
export function queryOf(id, rest = {}) {
  /** @type {Box} */
  const box = { start: [4, 10, 10], stop: [5, 12, 13] };
  const about = { round: 1, rank: 0, strategy: "s", correction: false, score: 0, reason: "r" };
  return { id, ...about, box, view: box, ops: [], answer: null, preview: null, ...rest };
}

/** A query on the table whose image never comes. @param {Int3} shape @param {Prediction | null} [prediction] */
export function openOf(shape, prediction = null) {
  /** @type {Box} */
  const box = { start: [2, 10, 20], stop: [2 + shape[0], 10 + shape[1], 20 + shape[2]] };
  const sections = new Sections(() => new Promise(() => {}), box, 20, shape[0] > 1);
  return new OpenQuery(queryOf(1, { box, view: box }), new Draft(shape), sections, prediction);
}

/**
 * An editor with a query on the table.
 *
 * @param {Int3} shape @param {Partial<Values>} [values] of the settings @param {Prediction | null} [prediction]
 */
export function editorOf(shape, values = {}, prediction = null) {
  /** @type {Op[]} */
  const sent = [];
  const settings = new Settings(storageOf());
  const editor = new Editor(projectOf(), settings, (_, op) => sent.push(op));
  const open = openOf(shape, prediction);
  editor.show(open);
  settings.set(values);
  return { editor, settings, open, sent, labels: open.draft.labels };
}

/** Let everything go on that waits for nothing but its turn. */
export async function settle() {
  for (let i = 0; i < 20; i++) {
    await Promise.resolve();
  }
}

/**
 * A view of the first section of a query, 10 pixels a voxel, which notes what it is told to show.
 *
 * @param {OpenQuery} open
 */
export function paneOf(open) {
  const section = cut(open.shape, PLANES.xy, 0);
  /** @type {{sketched: number[], restored: Rect[]}} */
  const seen = { sketched: [], restored: [] };
  const fake = {
    open,
    cut: section,
    inBox: true,
    viewport: { rowNm: 4, colNm: 4, scale: 2.5 },
    colours: { of: () => 1 },
    valueAt: (/** @type {Point} */ [row, col]) => {
      const inside = row >= 0 && col >= 0 && row < section.rows && col < section.cols;
      return inside ? open.draft.labels[Math.floor(row) * section.cols + Math.floor(col)] : null;
    },
    sketch: (/** @type {number[]} */ indices) => seen.sketched.push(...indices),
    colourLabels: (/** @type {Rect} */ rect) => seen.restored.push(rect),
    region: (/** @type {Rect} */ rect) => rect,
  };
  return { pane: /** @type {Pane} */ (/** @type {unknown} */ (fake)), fake, seen };
}

/** Views that show nothing. */
export function viewsOf() {
  return /** @type {Views} */ (/** @type {unknown} */ ({ lasso: null, bridge: null, target: null, invalidate() {}, touch() {} }));
}
