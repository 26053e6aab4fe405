/**
 * What the training worker is doing, and the button that makes it train.
 *
 * @import {WorkerState} from "./types.js"
 */

import * as api from "./api.js";
import { element, setAttribute, setText } from "./nodes.js";
import { duration, plural } from "./numbers.js";

const WORDS = {
  starting: "Starting",
  idle: "Waiting for answers",
  asking: "Choosing the next queries",
  training: "Training",
  estimating: "Estimating accuracy",
  predicting: "Predicting",
  failed: "Failed",
  stopped: "Stopped",
};
const BUSY = new Set(["starting", "training", "estimating", "predicting"]);
const MOST_DOTS = 24;

export class WorkerPanel {
  #state = element("p", { class: "worker-state" });
  #message = element("p", { class: "worker-message" });
  #progress = element("progress", { "aria-label": "Progress of the worker" });
  #left = element("p", { class: "worker-left" });
  #dots = element("div", { class: "dots", "aria-hidden": "true" });
  #answers = element("p", { class: "worker-answers" });
  #button = element("button", { type: "button", class: "primary", text: "Train now" });
  #refusal = element("p", { class: "refusal", role: "status" });
  #asked = false;
  /** @type {WorkerState["state"] | null} */
  #before = null;

  /** @param {Element} host */
  constructor(host) {
    const work = element("div", { class: "worker-work" }, this.#progress, this.#left);
    const next = element("div", { class: "worker-next" }, this.#dots, this.#answers, this.#button, this.#refusal);
    host.append(element("div", { class: "worker-now" }, this.#state, this.#message, work), next);
    this.#button.addEventListener("click", () => void this.#train());
  }

  /** @param {WorkerState} worker */
  update(worker) {
    const { state, done, total, seconds_left: left, message } = worker;
    if (state !== this.#before) {this.#asked = false;}
    this.#before = state;
    setText(this.#state, WORDS[state]);
    setAttribute(this.#state, "data-state", BUSY.has(state) || state === "asking" ? "busy" : state);
    setText(this.#message, message);
    const runs = total > 0 && state !== "idle" && state !== "failed" && state !== "stopped";
    this.#progress.hidden = !runs;
    if (runs) {
      setAttribute(this.#progress, "max", String(total));
      setAttribute(this.#progress, "value", String(done));
    }
    setText(this.#left, runs ? [`${done} of ${total}`, timeLeft(left)].filter(Boolean).join(" · ") : "");
    this.#showAnswers(worker);
  }

  /** @param {WorkerState} worker */
  #showAnswers({ state, new_answers: there, needed }) {
    const dots = needed <= MOST_DOTS ? needed : 0;
    while (this.#dots.children.length > dots) {this.#dots.lastElementChild?.remove();}
    while (this.#dots.children.length < dots) {this.#dots.append(element("span"));}
    [...this.#dots.children].forEach((dot, k) => setAttribute(dot, "data-full", k < there ? "" : null));
    setText(this.#answers, nextTraining(there, needed));
    const reason = whyNot(state, there);
    this.#button.disabled = reason !== "" || this.#asked;
    setAttribute(this.#button, "title", reason === "" ? null : reason);
    setText(this.#button, this.#asked ? "Training soon…" : "Train now");
  }

  async #train() {
    this.#asked = true;
    this.#button.disabled = true;
    setText(this.#button, "Training soon…");
    setText(this.#refusal, "");
    try {
      await api.train();
    } catch (error) {
      this.#asked = false;
      this.#button.disabled = false;
      setText(this.#button, "Train now");
      setText(this.#refusal, `Not started: ${error instanceof Error ? error.message : error}`);
    }
  }
}

/** @param {number} there @param {number} needed */
function nextTraining(there, needed) {
  return there > 0 && there >= needed
    ? `${plural(there, "new answer")}, enough for the next training`
    : `${there} of ${needed} new answers until the next training`;
}

/** Why there can be no training now, or nothing. @param {WorkerState["state"]} state @param {number} there */
function whyNot(state, there) {
  if (BUSY.has(state)) {
    return "The worker is busy";
  }
  return there === 0 && state !== "failed" ? "There are no new answers yet" : "";
}

/** @param {number | null} seconds */
function timeLeft(seconds) {
  return seconds === null ? "" : `about ${duration(seconds)} left`;
}
