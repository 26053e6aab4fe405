/**
 * What stands beside the tiles: the current object, this page, how far the set has come, and who judged.
 *
 * @import {OpenSheet} from "./proofread-sheet.js"
 * @import {Person, SetInfo, Standing, TileInfo} from "./proofread-types.js"
 * @import {SheetSession} from "./proofread-session.js"
 */

import { length } from "./lengths.js";
import { byId, element, setAttribute, setText } from "./nodes.js";
import { NONE, compact, count, duration, fixed, percent, plural } from "./numbers.js";
import { SIGNS } from "./proofread-tile.js";
import { WORDS } from "./proofread-types.js";

/** @param {SheetSession} session @param {SetInfo} about */
export function showPlace(session, about) {
  const place = byId("place", HTMLParagraphElement);
  const { current } = session;
  const people = about.repeat > 1 ? `${about.repeat} people judge each` : "";
  const order = [`proposals ${about.proposals}`, current ? orderOf(current.sheet) : "", people];
  setText(byId("order", HTMLSpanElement), order.filter(Boolean).join(" · "));
  if (!current) {
    setText(place, "");
    return;
  }
  const what = current.sheet.audit ? "audit" : plural(current.sheet.tiles.length, "object");
  const state = current.sheet.closed ? ", confirmed before" : "";
  place.replaceChildren(element("strong", { text: `page ${session.page}` }), `, ${what}${state}`);
}

/** What the header says of the order: nothing where objects were not grouped, and are all of group 0. @param {OpenSheet} sheet */
export function orderOf({ info: { sorting, tiles } }) {
  if (sorting === "cluster") {
    return tiles.some(({ cluster }) => cluster > 0) ? "alike objects together" : "";
  }
  return sorting === "random" ? "in random order" : "audit";
}

/** Say why there is no page, where there is none. @param {SheetSession} session */
export function showWaiting({ current, finished, done, reason }) {
  byId("waiting", HTMLDivElement).hidden = current !== null;
  byId("pulse", HTMLSpanElement).hidden = finished;
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll('[data-action="confirm"]'))) {
    button.disabled = current === null;
  }
  const title = done ? "All done" : "No page for you just now";
  setText(byId("waiting-title", HTMLHeadingElement), finished ? title : "The next page is not here yet");
  const parts = finished ? reason.split("`") : [];
  byId("waiting-reason", HTMLParagraphElement).replaceChildren(
    ...parts.map((text, k) => (k % 2 === 1 ? element("code", { text }) : text)),
  );
  if (!current) {
    setText(byId("position", HTMLSpanElement), "");
  }
}

/** @param {OpenSheet} sheet @param {number} place of the tile @param {number} selected @param {SetInfo} about */
export function showObject(sheet, place, selected, about) {
  const tile = sheet.tiles[place];
  const { word, touched } = sheet.verdict(place);
  setText(byId("object-name", HTMLSpanElement), selected > 1 ? `${selected} selected` : `no. ${tile.id}`);
  for (const one of WORDS) {
    for (const button of document.querySelectorAll(`.verdicts [data-action="${one}"]`)) {
      setAttribute(button, "aria-pressed", String(one === word && (touched || one !== "correct")));
    }
  }
  const facts = byId("facts", HTMLDListElement);
  facts.replaceChildren(
    ...factsOf(tile, about).flatMap(([name, value]) => [element("dt", { text: name }), element("dd", { text: value })]),
  );
  setText(byId("reason", HTMLParagraphElement), tile.reason);
}

/** @param {TileInfo} tile @param {SetInfo} about @returns {[string, string][]} */
function factsOf({ object, box, voxels, probability, section, cluster, round, strategy }, { voxel_size_nm: nm }) {
  const sides = [0, 1, 2].map((axis) => length(Math.round((box.stop[axis] - box.start[axis]) * nm[axis])));
  return [
    ["probability", probability.toFixed(2)],
    ["size", `${compact(voxels)} voxels`],
    ["z × y × x", sides.join(" × ")],
    ["section", String(section)],
    ["group", `${cluster} of round ${round}`],
    ["asked by", strategy],
    ["key", String(object)],
  ];
}

/** @param {OpenSheet} sheet */
export function showCounts(sheet) {
  byId("counts", HTMLDListElement).replaceChildren(
    ...WORDS.map((word) =>
      element(
        "div",
        {},
        element("dt", { text: `${SIGNS[word]} ${word}` }),
        element("dd", { text: count(sheet.count(word)) }),
      ),
    ),
  );
}

/** @param {Standing} standing @param {string} annotator */
export function showStanding(standing, annotator) {
  const { asked, correct, incorrect, tied, unsure, people } = standing;
  const decided = correct + incorrect;
  byId("progress", HTMLProgressElement).value = asked === 0 ? 0 : decided / asked;
  const mine = people.find(({ name }) => name === annotator)?.objects_per_minute ?? null;
  setText(byId("rate", HTMLSpanElement), mine === null ? "" : `${mine < 10 ? mine.toFixed(1) : count(mine)} a minute`);
  const left = mine && decided < asked ? `; ${duration((60 * (asked - decided)) / mine)} more at your pace` : "";
  setText(
    byId("progress-text", HTMLParagraphElement),
    `${count(decided)} of ${plural(asked, "object")} decided, ${count(incorrect)} incorrect${left}`,
  );
  const open = [unsure > 0 ? `${count(unsure)} unsure` : "", tied > 0 ? `${count(tied)} tied` : ""].filter(Boolean);
  setText(
    byId("waiting-others", HTMLParagraphElement),
    open.length > 0 ? `${open.join(" and ")}: they wait for somebody else` : "",
  );
  showPeople(standing);
  showRecall(standing);
}

/** @param {Standing} standing */
function showPeople({ people, agreement }) {
  byId("people", HTMLElement).hidden = people.length === 0;
  byId("people-rows", HTMLTableSectionElement).replaceChildren(...people.map(personRow));
  setText(
    byId("agreement", HTMLParagraphElement),
    agreement
      ? `${plural(agreement.objects, "object")} judged by several: ${percent(agreement.agreement)} agree, ` +
          `Fleiss’ κ ${fixed(agreement.fleiss_kappa, 2)}, Krippendorff’s α ${fixed(agreement.krippendorff_alpha, 2)}`
      : "",
  );
}

/** @param {Person} person */
function personRow({ name, objects, incorrect, unsure, objects_per_minute: rate }) {
  const cells = [name, count(objects), count(incorrect), count(unsure), rate === null ? NONE : rate.toFixed(1)];
  return element("tr", {}, ...cells.map((text) => element("td", { text })));
}

/** @param {Standing} standing */
function showRecall({ audit }) {
  byId("recall-part", HTMLElement).hidden = audit.boxes === 0;
  const boxes = `${count(audit.done)} of ${plural(audit.boxes, "audit")} done, ${count(audit.missed)} missed`;
  setText(byId("recall", HTMLParagraphElement), audit.recall ? `${recallText(audit.recall)}; ${boxes}` : boxes);
}

/** An estimate and its interval, all of one precision. @param {[value: number, low: number, high: number]} recall */
export function recallText(recall) {
  const digits = recall[1] > 0.9 ? 1 : 0;
  const [value, low, high] = recall.map((share) => `${fixed(100 * share, digits)} %`);
  return `${value}, between ${low} and ${high} (95 %)`;
}
