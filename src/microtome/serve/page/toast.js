/** One line that tells what happened, and goes away by itself. */

import { byId } from "./nodes.js";

const SHOWN_MS = 3500;

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** @param {string} text */
export function toast(text) {
  const line = byId("toast", HTMLParagraphElement);
  line.textContent = text;
  line.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(hideToast, SHOWN_MS);
}

export function hideToast() {
  byId("toast", HTMLParagraphElement).hidden = true;
}
