/**
 * How long an annotator looked at a query and worked on it.
 *
 * @import {Report} from "./api.js"
 */

import { isRefusal } from "./api.js";
import { uuid } from "./uuid.js";

/** Between two signs of life that are farther apart the annotator was somewhere else. */
const IDLE_SECONDS = 120;

/** An edit that follows a sign of life this soon is what that sign was about: the press of a key comes first. */
const SAME_ACT_SECONDS = 0.25;

const REPORT_EVERY_MS = 30_000;

const MOST_REPORTS = 100; // that the server takes at once

/**
 * Counts seconds between signs of life. A gap that ends in an edit is editing, as is all of a press of the pointer
 * that turns out to be a stroke; any other gap is looking.
 */
export class Activity {
  #now;
  #send;
  #beacon;
  /** @type {number | null} */
  #query = null;
  /** @type {number} when the last sign of life was, in seconds */
  #last;
  #away = false;
  #pressed = false;
  #looking = 0;
  #editing = 0;
  /** Seconds of which the next sign says what they were. */
  #undecided = 0;
  /** @type {Report[]} */
  #unsent = [];
  #sending = false;

  /**
   * @param {object} means
   * @param {() => number} means.now seconds, from any origin
   * @param {(reports: Report[]) => Promise<unknown>} means.send
   * @param {(reports: Report[]) => unknown} means.beacon sends while the page closes, perhaps
   */
  constructor({ now, send, beacon }) {
    this.#now = now;
    this.#send = send;
    this.#beacon = beacon;
    this.#last = now();
  }

  /** Turn to another query. @param {number | null} query null for none */
  begin(query) {
    this.seen();
    this.release();
    this.report();
    this.#query = query;
    void this.flush();
  }

  /** The annotator moved, pressed or turned something. */
  seen() {
    const gap = this.#gap();
    if (!this.#pressed) {
      this.#decide();
    }
    this.#undecided += gap;
  }

  /** The annotator changed the draft: call it for every op. */
  edited() {
    const gap = this.#gap();
    if (!this.#pressed && gap > SAME_ACT_SECONDS) {
      this.#decide();
    }
    this.#editing += gap + this.#undecided;
    this.#undecided = 0;
  }

  /** The pointer went down. */
  press() {
    this.seen();
    this.#pressed = true;
  }

  /** The pointer went up. */
  release() {
    this.seen();
    this.#pressed = false;
  }

  /** The page went out of sight. */
  hide() {
    this.release();
    this.#decide();
    this.#away = true;
  }

  /** The page came into sight. */
  show() {
    this.#away = false;
    this.#last = this.#now();
  }

  /** Close what was counted so far; it goes with the next flush. */
  report() {
    if (!this.#pressed) {
      this.#decide();
    }
    if (this.#query !== null && this.#looking + this.#editing > 0) {
      const [looking, editing] = [rounded(this.#looking), rounded(this.#editing)];
      this.#unsent.push({ key: uuid(), query: this.#query, looking, editing });
    }
    this.#looking = 0;
    this.#editing = 0;
  }

  /** Close what was counted so far. @returns {Report[]} the last that may not have arrived yet */
  closed() {
    this.report();
    return this.#unsent.slice(-MOST_REPORTS);
  }

  /** Send the reports, and keep them for the next time if that fails. */
  async flush() {
    if (this.#sending || this.#unsent.length === 0) {
      return;
    }
    this.#sending = true;
    const reports = this.#unsent.slice(0, MOST_REPORTS);
    const arrived = await this.#send(reports).then(() => true, isRefusal);
    if (arrived) {
      this.#unsent = this.#unsent.filter((report) => !reports.includes(report));
    }
    this.#sending = false;
  }

  /** Hand all reports to the browser; should the page live on, they are sent again with the same keys. */
  leave() {
    this.hide();
    this.report();
    if (this.#unsent.length > 0) {
      this.#beacon(this.#unsent.slice(-MOST_REPORTS));
    }
  }

  /** @returns {number} seconds since the last sign of life, 0 after a long absence */
  #gap() {
    const now = this.#now();
    const gap = now - this.#last;
    this.#last = now;
    return this.#away || this.#query === null || gap > IDLE_SECONDS ? 0 : gap;
  }

  #decide() {
    this.#looking += this.#undecided;
    this.#undecided = 0;
  }
}

/**
 * Tell an activity what happens in a window.
 *
 * @param {Activity} activity
 * @param {Window} view
 * @returns {() => void} stops it
 */
export function listen(activity, view) {
  const stop = new AbortController();
  const options = { passive: true, signal: stop.signal };
  for (const name of ["pointermove", "wheel", "keydown"]) {
    view.addEventListener(name, () => activity.seen(), options);
  }
  view.addEventListener("pointerdown", () => activity.press(), options);
  for (const name of ["pointerup", "pointercancel", "blur"]) {
    view.addEventListener(name, () => activity.release(), options);
  }
  const onVisibility = () => (view.document.hidden ? activity.hide() : activity.show());
  view.document.addEventListener("visibilitychange", onVisibility, options);
  view.addEventListener("pagehide", () => activity.leave(), options);
  const timer = view.setInterval(() => {
    activity.report();
    void activity.flush();
  }, REPORT_EVERY_MS);
  stop.signal.addEventListener("abort", () => view.clearInterval(timer));
  return () => stop.abort();
}

/** @param {number} seconds @returns {number} to the millisecond */
function rounded(seconds) {
  return Math.round(seconds * 1000) / 1000;
}
