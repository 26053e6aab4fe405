/**
 * The bar on top: which query this is, whether all is saved, what the training worker does.
 *
 * @import {WorkerState} from "./types.js"
 * @import {OpenQuery} from "./openquery.js"
 * @import {Outbox} from "./outbox.js"
 */

import { byId, element, setText } from "./nodes.js";
import { duration, plural } from "./numbers.js";

/** @param {OpenQuery | null} open @param {boolean} revisiting */
export function showPlace(open, revisiting) {
  const place = byId("place", HTMLParagraphElement);
  if (!open) {
    setText(place, "");
    return;
  }
  const { id, round } = open.query;
  const name = element("strong", { text: `query ${id}` });
  place.replaceChildren(name, `, round ${round}${revisiting ? `, ${standing(open)}` : ""}`);
}

/** What became of a query that was handed in. @param {OpenQuery} open */
function standing({ query: { answer }, draft }) {
  if (answer === null) {
    return "skipped before";
  }
  return draft.seq === answer.seq ? "answered before" : "changed: submit it again";
}

/** @param {Outbox} outbox */
export function showSaved({ online, waiting, savedAt, durable }) {
  const state = waiting === 0 ? "saved" : online ? "waiting" : "offline";
  document.body.dataset.save = state;
  const line = byId("save", HTMLParagraphElement);
  const kept = durable ? "kept in this browser" : "kept while this page is open";
  const texts = {
    saved: "saved",
    waiting: `${plural(waiting, "change")} on the way`,
    offline: `server gone – ${plural(waiting, "change")} ${kept}`,
  };
  setText(line, texts[state]);
  line.title =
    savedAt === null ? "Nothing had to be saved yet" : `Last saved at ${new Date(savedAt).toLocaleTimeString()}`;
}

/** Says once more that all is saved, for hands that press Ctrl+S. */
export function flashSaved() {
  const line = byId("save", HTMLParagraphElement);
  line.classList.remove("flash");
  requestAnimationFrame(() => line.classList.add("flash"));
}

/** @param {WorkerState | null} worker null if the server does not answer */
export function showWorker(worker) {
  for (const prefix of ["worker", "waiting"]) {
    const progress = byId(`${prefix}-progress`, HTMLProgressElement);
    progress.hidden = !worker || worker.total === 0;
    if (worker && worker.total > 0) {
      progress.max = worker.total;
      progress.value = worker.done;
    }
  }
  setText(byId("worker-text", HTMLSpanElement), worker ? workerText(worker) : "");
  setText(byId("waiting-worker", HTMLParagraphElement), worker ? workerText(worker) : "The server does not answer.");
}

/** @param {WorkerState} worker */
function workerText({ state, message, seconds_left: left, new_answers: there, needed }) {
  const doing = message || state;
  if (state === "idle") {
    return `${there} of ${plural(needed, "answer")} until the next training`;
  }
  return left === null ? doing : `${doing} · ${duration(left)} left`;
}
