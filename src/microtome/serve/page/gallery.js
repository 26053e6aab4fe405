/**
 * Every query that was asked, by round, with what was answered (in the manner of Roels & Saeys 2019, Fig. 4).
 *
 * @import {Results} from "./curves.js"
 * @import {Loader, WhenSeen} from "./loader.js"
 * @import {Tooltip} from "./tooltip.js"
 * @import {Box, GalleryQuery, RoundRow} from "./types.js"
 */

import * as api from "./api.js";
import { element, keyed, onChange, setAttribute, setText } from "./nodes.js";
import { significant } from "./numbers.js";
import { Patch } from "./patch.js";

/** @typedef {{queries: GalleryQuery[], row: RoundRow | undefined, round: number}} Round */
/**
 * @typedef {{
 *   loader: Loader, whenSeen: WhenSeen,
 *   tooltip: Tooltip, table: Uint32Array, voxelNm: [number, number, number]
 * }} Tools `table` has the colour of every class
 */

const OPEN_ROUNDS = 6;
const STATES = /** @type {const} */ (["answered", "drawing", "open", "skipped"]);
const WORDS = {
  answered: "answered",
  drawing: "being drawn",
  open: "open",
  skipped: "skipped",
};

/** @param {Element} host @param {Tools} tools @returns {(results: Results) => void} */
export function gallery(host, tools) {
  let latest = 0;
  const rounds = keyed(
    host,
    (/** @type {Round} */ { round }) => String(round),
    ({ round }) => new RoundPart(round > latest - OPEN_ROUNDS, tools),
  );
  return ({ gallery: queries, rounds: rows }) => {
    const numbers = [...new Set(queries.map((query) => query.round))].sort((a, b) => b - a);
    latest = numbers[0] ?? 0;
    const inRound = (/** @type {number} */ round) => queries.filter((query) => query.round === round);
    rounds(numbers.map((round) => ({ round, queries: inRound(round), row: rows.find((row) => row.round === round) })));
  };
}

class RoundPart {
  #name = element("span", { class: "round-name" });
  #facts = element("span", { class: "round-facts" });
  #list = element("ul", { class: "queries" });
  node = element("details", { class: "round" }, element("summary", {}, this.#name, this.#facts), this.#list);
  #cards;

  /** @param {boolean} open @param {Tools} tools */
  constructor(open, tools) {
    this.node.open = open;
    this.#cards = keyed(
      this.#list,
      (/** @type {GalleryQuery} */ { id }) => String(id),
      (query) => new QueryPart(query, tools),
    );
  }

  /** @param {Round} round */
  update({ round, queries, row }) {
    setText(this.#name, `Round ${round}`);
    const counts = STATES.map((state) => ({ state, n: queries.filter((query) => query.state === state).length }));
    const said = counts.filter(({ n }) => n > 0).map(({ state, n }) => `${n} ${WORDS[state]}`);
    setText(this.#facts, [...(row === undefined ? [] : [row.strategy]), ...said].join(" · "));
    this.#cards([...queries].sort((a, b) => a.rank - b.rank));
  }
}

class QueryPart {
  #state = element("span", { class: "query-state" });
  #words = element("span", { class: "unseen" });
  #link = element("a", { class: "query" });
  node = element("li", {}, this.#link);
  #patch;
  #query;
  #tools;
  #near = false;
  /** @type {"no" | "coming" | "there"} */
  #image = "no";
  #labels = "";
  #update = onChange((/** @type {GalleryQuery} */ query) => this.#render(query));

  /** @param {GalleryQuery} query @param {Tools} tools */
  constructor(query, tools) {
    this.#query = query;
    this.#tools = tools;
    this.#patch = new Patch(query.box, tools.voxelNm);
    this.#link.append(this.#patch.node, this.#state, this.#words);
    tools.tooltip.describe(this.#link, () => this.#facts());
    tools.whenSeen.once(this.#link, () => {
      this.#near = true;
      void this.#load();
    });
  }

  /** @param {GalleryQuery} query */
  update(query) {
    this.#update(query);
    if (this.#near) {void this.#load();}
  }

  /** @param {GalleryQuery} query */
  #render(query) {
    this.#query = query;
    const { id, state } = query;
    setAttribute(this.#link, "data-state", state);
    setAttribute(this.#link, "href", state === "answered" ? `/?query=${id}` : null);
    setText(this.#state, state === "answered" ? "" : WORDS[state]);
    setText(this.#words, `Query ${id}, ${WORDS[state]}. ${query.reason}`);
  }

  async #load() {
    try {
      await this.#loadImage();
      await this.#loadLabels();
    } catch {
      setAttribute(this.#patch.node, "data-missing", "");
    }
  }

  async #loadImage() {
    if (this.#image !== "no") {return;}
    this.#image = "coming";
    try {
      await this.#patch.image((from, to) => this.#tools.loader.load(() => api.image(this.#section(from, to))));
      this.#image = "there";
      setAttribute(this.#patch.node, "data-missing", null);
    } catch (error) {
      this.#image = "no";
      throw error;
    }
  }

  async #loadLabels() {
    const { id, state, annotators, methods, box } = this.#query;
    const wanted = state === "answered" ? JSON.stringify([annotators, methods]) : "";
    if (wanted === this.#labels) {return;}
    this.#labels = wanted;
    if (wanted === "") {return this.#patch.clear();}
    try {
      const labels = await this.#tools.loader.load(() => api.labels(id));
      const size = (box.stop[1] - box.start[1]) * (box.stop[2] - box.start[2]);
      const first = (middle(box.start[0], box.stop[0]) - box.start[0]) * size;
      this.#patch.classes(labels.subarray(first, first + size), this.#tools.table);
    } catch (error) {
      this.#labels = "";
      throw error;
    }
  }

  /** Some rows of the middle section. @param {number} from @param {number} to @returns {Box} */
  #section(from, to) {
    const { start, stop } = this.#query.box;
    const z = middle(start[0], stop[0]);
    return { start: [z, start[1] + from, start[2]], stop: [z + 1, start[1] + to, stop[2]] };
  }

  #facts() {
    const { id, state, rank, score, reason, box, annotators, methods } = this.#query;
    const shape = box.stop.map((stop, k) => stop - (box.start[k] ?? 0));
    const who = { name: state === "drawing" ? "drawn by" : "by", value: annotators.join(", ") };
    const how = { name: "how", value: [...new Set(methods)].join(", ") };
    return {
      title: `Query ${id}: ${WORDS[state]}`,
      rows: [
        { name: "rank in its round", value: rank < 0 ? "before the others" : String(rank + 1) },
        { name: "score", value: significant(score) },
        { name: "at z, y, x", value: box.start.join(", ") },
        { name: "size", value: shape.join(" × ") },
        ...[who, how].filter((row) => row.value !== ""),
        ...(annotators.length > 1 ? [{ name: "shown", value: `majority of ${annotators.length} answers` }] : []),
      ],
      ...(reason === "" ? {} : { note: reason }),
    };
  }
}

/** @param {number} start @param {number} stop */
function middle(start, stop) {
  return Math.floor((start + stop - 1) / 2);
}
