/**
 * Buttons that do what a key does: each names its action, and tells the key in its title.
 *
 * @import {KeyMap} from "./keys.js"
 * @import {Settings} from "./settings.js"
 */

import { chordName, keycap } from "./keynames.js";
import { setAttribute } from "./nodes.js";

/** @param {(id: string) => void} run */
export function listenToButtons(run) {
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    if (!button) {
      return;
    }
    if (event.detail > 0 && !button.closest("dialog")) {
      button.blur(); // pressed by pointer: Space and Enter go back to the image
    }
    const { action } = button.dataset;
    if (action) {
      run(action);
    }
  });
  document.addEventListener("change", (event) => {
    if (event.target instanceof HTMLInputElement && event.target.type === "range") {
      event.target.blur();
    }
  });
}

/** Writes the keys on all buttons. @param {KeyMap} keymap */
export function nameKeys(keymap) {
  const titles = new Map(keymap.actions.map(({ id, title }) => [id, title]));
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("button[data-key]"))) {
    button.title = titled(button.dataset.title ?? "", keymap.keysOf(button.dataset.key ?? ""));
  }
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (
    document.querySelectorAll("button[data-action]")
  )) {
    const id = button.dataset.action ?? "";
    const keys = keymap.keysOf(id);
    const title = titles.get(id) ?? "";
    button.title = titled(title, keys);
    if (button.matches(".icon, .sections *")) {
      button.setAttribute("aria-label", title);
    } else if (keys.length > 0) {
      button.querySelector("kbd")?.remove();
      button.append(keycap(keys[0]));
    }
  }
}

/** @param {string} title @param {string[]} keys */
function titled(title, keys) {
  const text = keys.length > 0 ? `${title} (${keys.map(chordName).join(" or ")})` : title;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Shows which tools and modes are on. @param {Settings} settings */
export function pressButtons({ now }) {
  /** @type {Record<string, boolean>} */
  const pressed = {
    brush: now.tool === "brush",
    erase: now.tool === "erase",
    fill: now.tool === "fill",
    lasso: now.tool === "lasso",
    pick: now.tool === "pick",
    bridge: now.tool === "bridge",
    remove: now.tool === "remove" && !now.through,
    "remove-through": now.tool === "remove" && now.through,
    outline: now.outline,
    "lasso-close": now.keyboard,
    "toggle-labels": now.shown.labels,
    "toggle-prediction": now.shown.prediction,
    "toggle-uncertainty": now.shown.uncertainty,
    "toggle-errors": now.shown.errors,
    "toggle-weights": now.shown.weights,
  };
  for (const [id, on] of Object.entries(pressed)) {
    for (const button of document.querySelectorAll(`button[data-action="${id}"]`)) {
      setAttribute(button, "aria-pressed", String(on));
    }
  }
}
