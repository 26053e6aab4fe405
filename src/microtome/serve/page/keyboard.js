/**
 * From keys to actions.
 *
 * @import {KeyMap} from "./keys.js"
 */

/**
 * What the page does with a key.
 *
 * @typedef {object} KeyHandler
 * @property {(id: string, event: KeyboardEvent) => void} run
 * @property {(id: string, down: boolean) => void} hold  a held action begins or ends
 * @property {(event: KeyboardEvent) => boolean} first  takes keys before they become actions
 */

/** What goes on for as long as its key is down, by the repeats of the keyboard, as all moves do. */
const REPEATED = new Set(["smaller", "larger", "undo", "redo", "threshold-lower", "threshold-higher"]);

export class Keyboard {
  /** @type {Set<string>} held actions */
  #held = new Set();

  /** @param {KeyMap} keymap @param {KeyHandler} handler */
  constructor(keymap, handler) {
    this.keymap = keymap;
    this.handler = handler;
    window.addEventListener("keydown", (event) => this.#down(event));
    window.addEventListener("keyup", (event) => this.#up(event));
    window.addEventListener("blur", () => this.#letAll());
  }

  /** @param {KeyboardEvent} event */
  #down(event) {
    if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) {
      return;
    }
    if (this.handler.first(event)) {
      event.preventDefault();
      return;
    }
    if (isForControl(event)) {
      return;
    }
    const id = this.keymap.action(event);
    if (id === null) {
      return;
    }
    event.preventDefault();
    const held = this.keymap.keysOf(id).some((key) => key.startsWith("hold:"));
    if (!held) {
      this.#run(id, event);
    } else if (!this.#held.has(id)) {
      this.#held.add(id);
      this.handler.hold(id, true);
    }
  }

  /** @param {string} id @param {KeyboardEvent} event */
  #run(id, event) {
    const moves = this.keymap.actions.some((action) => action.id === id && action.group === "Move");
    if (!event.repeat || moves || REPEATED.has(id)) {
      this.handler.run(id, event);
    }
  }

  /** @param {KeyboardEvent} event */
  #up(event) {
    if (event.key === "Meta") {
      this.#letAll(); // macOS does not tell which keys went up while Cmd was down
      return;
    }
    const id = this.keymap.released(event);
    if (id !== null) {
      this.#let(id);
    }
  }

  #letAll() {
    [...this.#held].forEach((id) => this.#let(id));
  }

  /** @param {string} id */
  #let(id) {
    if (this.#held.delete(id)) {
      this.handler.hold(id, false);
    }
  }
}

/** Whether a button or slider that has the focus wants the key. @param {KeyboardEvent} event */
function isForControl({ target, key, ctrlKey, metaKey }) {
  if (!(target instanceof HTMLElement) || ctrlKey || metaKey) {
    return false;
  }
  if (target instanceof HTMLInputElement) {
    return target.type !== "range" || key.startsWith("Arrow");
  }
  return target.matches("button, a") && (key === " " || key === "Enter");
}
