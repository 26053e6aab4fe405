/** The menu of reasons for skipping, chosen with a digit or a click. */

import { byId, element } from "./nodes.js";

export class SkipMenu {
  /** @param {string[]} reasons @param {(reason: string) => void} skip */
  constructor(reasons, skip) {
    this.menu = byId("skip-menu", HTMLDivElement);
    this.reasons = reasons;
    this.skip = skip;
    const items = reasons.map((reason, k) => {
      const cap = element("kbd", { text: k < 9 ? String(k + 1) : "" });
      const item = element("button", { type: "button", role: "menuitem" }, cap, reason);
      item.addEventListener("click", () => this.#choose(reason));
      return item;
    });
    this.menu.append(element("p", {}, "Skip because… ", element("kbd", { text: "Esc" }), " keeps it"), ...items);
  }

  get isOpen() {
    return !this.menu.hidden;
  }

  open() {
    this.menu.hidden = false;
    this.menu.querySelector("button")?.focus({ preventScroll: true });
  }

  close() {
    this.menu.hidden = true;
  }

  /** @param {KeyboardEvent} event @returns {boolean} whether the menu took the key */
  key(event) {
    const items = [...this.menu.querySelectorAll("button")];
    const at = items.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const digit = Number(/^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1] ?? 0);
    if (event.key === "Escape") {
      this.close();
    } else if (digit > 0 && digit <= this.reasons.length) {
      this.#choose(this.reasons[digit - 1]);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : -1;
      items[(at + step + items.length) % items.length].focus();
    } else {
      return !event.ctrlKey && !event.metaKey && !["Enter", "Tab", " "].includes(event.key);
    }
    return true;
  }

  /** @param {string} reason */
  #choose(reason) {
    this.close();
    this.skip(reason);
  }
}
