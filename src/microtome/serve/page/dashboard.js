/**
 * The dashboard: how the labelling gets on, kept up to date by the server.
 *
 * @import {BarSpec} from "./bars.js"
 * @import {Results} from "./curves.js"
 * @import {Tools} from "./gallery.js"
 * @import {Dashboard, ProjectInfo} from "./types.js"
 */

import * as api from "./api.js";
import { BarChart } from "./bars.js";
import { LineChart } from "./chart.js";
import { estimated, learning, perRound } from "./curves.js";
import { gallery } from "./gallery.js";
import { growth } from "./growth.js";
import { headline } from "./headline.js";
import { follow } from "./live.js";
import { Loader, WhenSeen } from "./loader.js";
import { byId, element, onChange, setText } from "./nodes.js";
import { classColour, css, lut } from "./palette.js";
import { agreementText, tables } from "./tables.js";
import { Thumbnails } from "./thumbnails.js";
import { Tooltip } from "./tooltip.js";
import { WorkerPanel } from "./workerpanel.js";

const AT_ONCE = 4;

const place = (/** @type {string} */ id) => byId(id, HTMLElement);

/** @param {ProjectInfo} project @returns {(dashboard: Dashboard) => void} */
function page(project) {
  introduce(project);
  const tooltip = new Tooltip();
  const tools = {
    loader: new Loader(AT_ONCE),
    whenSeen: new WhenSeen(),
    tooltip,
    table: lut(project.classes),
    voxelNm: project.voxel_size_nm,
  };
  const worker = new WorkerPanel(place("worker"));
  const names = project.classes.map(({ name }) => name);
  const parts = [
    headline(place("headline")),
    emptyStates,
    charts(tooltip),
    growth({
      section: place("growth"),
      table: place("iterations"),
      forecast: place("forecast"),
      drift: place("drift"),
    }),
    sections(project, tools),
    gallery(place("gallery"), tools),
    tables({ rounds: place("rounds"), models: place("models"), annotators: place("annotators") }, names),
  ];
  const show = onChange((/** @type {Results} */ results) => {
    for (const part of parts) {part(results);}
  });
  return ({ worker: state, ...results }) => {
    worker.update(state);
    show(results);
    place("page").hidden = false;
  };
}

/** @param {ProjectInfo} project */
function introduce({ name, shape, voxel_size_nm: nm, classes }) {
  document.title = `${name} · microtome dashboard`;
  setText(place("project"), name);
  setText(place("volume"), `${shape.join(" × ")} voxels of ${nm.join(" × ")} nm`);
  for (const legend of document.querySelectorAll(".legend")) {
    legend.append(
      ...classes.map((info, k) => {
        const swatch = element("span", { class: "swatch" });
        swatch.style.background = css(classColour(k + 1));
        return element("li", {}, swatch, info.name);
      }),
    );
  }
}

/** @param {Tooltip} tooltip @returns {(results: Results) => void} */
function charts(tooltip) {
  const byAnswers = new LineChart(place("by-answers"), tooltip);
  const byMinutes = new LineChart(place("by-minutes"), tooltip);
  const cost = new BarChart(place("cost"), tooltip);
  const lines = onChange((/** @type {Pick<Results, "curve" | "project">} */ results) => {
    if (estimated(results.curve).length === 0) {return;}
    byAnswers.show(learning(results, "answers"));
    byMinutes.show(learning(results, "minutes"));
  });
  const bars = onChange((/** @type {BarSpec} */ spec) => {
    if (spec.bars.length > 0) {cost.show(spec);}
  });
  return (results) => {
    lines({ curve: results.curve, project: results.project });
    bars(perRound(results));
  };
}

/** @param {ProjectInfo} project @param {Tools} tools @returns {(results: Results) => void} */
function sections(project, tools) {
  const places = {
    list: place("sections"),
    form: byId("watch", HTMLFormElement),
    field: byId("watch-z", HTMLInputElement),
    message: place("watch-message"),
    layers: place("layers"),
  };
  const thumbnails = new Thumbnails(places, tools, project.train_box);
  place("outlines").addEventListener("change", (event) => {
    place("gallery").toggleAttribute("data-bare", event.target instanceof HTMLInputElement && !event.target.checked);
  });
  return (results) => thumbnails.update(results);
}

/** Says what will appear where there is nothing yet. @param {Results} results */
function emptyStates({ curve, rounds, gallery: queries, annotators, agreement, sections: watched }) {
  /** @type {[string, boolean][]} */
  const there = [
    ["learning", estimated(curve).length > 0],
    ["effort", rounds.some((row) => row.minutes_per_megavoxel !== null)],
    ["sections", watched.length > 0],
    ["gallery", queries.length > 0],
    ["rounds", rounds.length > 0],
    ["models", estimated(curve).length > 0],
    ["annotators", annotators.length > 0],
    ["agreement", agreement !== null],
  ];
  for (const [id, shown] of there) {
    place(id).hidden = !shown;
    place(`${id}-empty`).hidden = shown;
  }
  if (agreement !== null) {setText(place("agreement"), agreementText(agreement));}
}

function start() {
  /** @type {((dashboard: Dashboard) => void) | null} */
  let show = null;
  let newest = "";
  /** @param {boolean} reachable */
  const reached = (reachable) => {
    const since = newest === "" ? "" : ` What you see is from ${newest}.`;
    place("lost").hidden = reachable;
    setText(place("lost"), reachable ? "" : `The server does not answer; this page keeps trying.${since}`);
    place("live").hidden = !reachable;
    place("waiting").hidden = show !== null || !reachable;
  };
  /** @param {Dashboard} dashboard */
  const received = (dashboard) => {
    newest = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    show ??= page(dashboard.project);
    show(dashboard);
    reached(true);
  };
  const load = () => api.dashboard().then(received, () => reached(false));
  void load();
  follow("/api/events", {
    dashboard: (data) => received(JSON.parse(data)),
    found: () => void load(),
    lost: () => reached(false),
  });
}

start();
