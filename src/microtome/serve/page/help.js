/**
 * The overlay with all keys, which can be changed there.
 *
 * @import {KeyMap, Action} from "./keys.js"
 *
 * @typedef {[title: string, rows: [what: string, how: string][]]} Gestures  what no key map holds
 */

import { BROWSER, chordsOf } from "./keys.js";
import { chordName, keycap } from "./keynames.js";
import { byId, element, setText } from "./nodes.js";

/** @type {Gestures[]} of painting */
const GESTURES = [
  [
    "Pointer",
    [
      ["next or previous section", "wheel"],
      ["zoom at the pointer", "Ctrl + wheel, pinch"],
      ["brush size", "Shift + wheel"],
      ["drag the view", "middle button, two fingers"],
      ["erase while painting", "right button"],
      ["pick the label", "Shift + click"],
      ["move the crosshair", "Alt + click"],
      ["lasso", "drag, or click corners"],
      ["bridge", "click both ends, or drag"],
      ["remove through all sections", "Shift + click"],
    ],
  ],
  [
    "Keyboard's cursor",
    [
      ["on or off", "Enter"],
      ["move by a voxel", "arrows"],
      ["move by 8 voxels", "Shift + arrows"],
      ["press the tool, drag with arrows", "hold Space"],
      ["close the lasso", "Enter"],
    ],
  ],
];

export class Help {
  /** @type {{action: Action, button: HTMLButtonElement} | null} the key that is being changed */
  #listening = null;

  /** @param {KeyMap} keymap @param {() => void} onChange @param {Gestures[]} [gestures] */
  constructor(keymap, onChange, gestures = GESTURES) {
    this.keymap = keymap;
    this.gestures = gestures;
    this.onChange = onChange;
    this.dialog = byId("help", HTMLDialogElement);
    this.message = byId("help-message", HTMLParagraphElement);
    this.dialog.addEventListener("keydown", (event) => this.#key(event));
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    byId("help-close", HTMLButtonElement).addEventListener("click", () => this.dialog.close());
    byId("help-reset", HTMLButtonElement).addEventListener("click", () => {
      keymap.reset();
      this.#changed("All keys are as they were at first.");
    });
  }

  open() {
    this.#say("Click a key to change it.");
    this.#fill();
    this.dialog.showModal();
  }

  #fill() {
    this.#listening = null;
    const { actions } = this.keymap;
    const groups = [...new Set(actions.map(({ group }) => group))];
    const keys = groups.map((group) => {
      const rows = actions.filter((action) => action.group === group).map((action) => this.#row(action));
      return section(group, rows);
    });
    const gestures = this.gestures.map(([title, rows]) => {
      return section(
        title,
        rows.map(([what, how]) => element("li", {}, what, element("span", { class: "muted", text: how }))),
      );
    });
    byId("help-groups", HTMLDivElement).replaceChildren(...keys, ...gestures);
  }

  /** @param {Action} action */
  #row(action) {
    const caps = this.keymap.keysOf(action.id).map(keycap);
    const button = element("button", { type: "button", title: `Change the key for: ${action.title}` }, ...caps);
    button.addEventListener("click", () => {
      this.#listening?.button.classList.remove("listening");
      this.#listening = { action, button };
      button.classList.add("listening");
      this.#say(`Press the new key for “${action.title}”, or Esc to keep it.`);
    });
    return element("li", {}, action.title, button);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!this.#listening) {
      if (this.keymap.action(event) === "help") {
        event.preventDefault();
        this.dialog.close();
      }
      return;
    }
    const [chord] = chordsOf(event);
    event.preventDefault();
    if (event.key === "Escape") {
      this.#say("Nothing was changed.");
      this.#fill();
    } else if (chord !== undefined) {
      this.#assign(this.#listening.action, chord);
    }
  }

  /** @param {Action} action @param {string} chord */
  #assign(action, chord) {
    const conflicts = this.keymap.set(action.id, [chord]);
    if (conflicts.length === 0) {
      this.#changed(`“${action.title}” is now ${chordName(chord)}.`);
    } else if (conflicts.includes(BROWSER)) {
      this.#say(`${chordName(chord)} belongs to the browser. Press another key.`, true);
    } else {
      this.#say(`${chordName(chord)} is taken by “${conflicts.join("”, “")}”. Press another key.`, true);
    }
  }

  /** @param {string} text */
  #changed(text) {
    this.#fill();
    this.#say(text);
    this.onChange();
  }

  /** @param {string} text @param {boolean} [conflict] */
  #say(text, conflict = false) {
    setText(this.message, text);
    this.message.classList.toggle("conflict", conflict);
  }
}

/** @param {string} title @param {HTMLLIElement[]} rows */
function section(title, rows) {
  return element("section", {}, element("h3", { text: title }), element("ul", {}, ...rows));
}
