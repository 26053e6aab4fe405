/**
 * Which key does what. A chord is written "Ctrl+Shift+Z"; "hold:Space" acts for as long as the key is down.
 *
 * Letters and symbols go by what the key types, so that "?" is where the annotator's layout has it; digits go by
 * the place of the key, so that Shift+0 is Shift+0 on every layout. Cmd counts as Ctrl. A symbol has no Shift or
 * Alt in its chord, because layouts differ in which of them it takes to type it.
 *
 * @typedef {{id: string, keys: string[], title: string, group: string}} Action
 * @typedef {Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">} Press
 */

/** @param {string} group @param {[id: string, keys: string, title: string][]} rows @returns {Action[]} */
export const actions = (group, rows) => rows.map(([id, keys, title]) => ({ id, keys: keys.split(" "), title, group }));

/** @type {[id: string, keys: string, title: string][]} */
const CLASS_ROWS = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((cls) => [`class-${cls}`, `${cls}`, `class ${cls}`]);

/** @type {readonly Action[]} everything a key can do while painting, with the default chords */
export const ACTIONS = [
  ...actions("Move", [
    ["slice-next", "F .", "next section"],
    ["slice-previous", "D ,", "previous section"],
    ["slice-forward", "Shift+F", "10 sections on"],
    ["slice-back", "Shift+D", "10 sections back"],
    ["zoom-in", "+ =", "zoom in"],
    ["zoom-out", "-", "zoom out"],
    ["fit", "R", "fit the box into the view"],
    ["pan", "hold:Space", "drag the view"],
    ["pan-left", "ArrowLeft", "move the view left"],
    ["pan-right", "ArrowRight", "move the view right"],
    ["pan-up", "ArrowUp", "move the view up"],
    ["pan-down", "ArrowDown", "move the view down"],
  ]),
  ...actions("Tools", [
    ["brush", "B", "brush"],
    ["erase", "E", "erase to unlabelled"],
    ["fill", "G", "fill"],
    ["lasso", "L", "lasso"],
    ["lasso-close", "Enter", "close the lasso, or keyboard cursor on or off"],
    ["pick", "I", "pick the label under the pointer"],
    ["smaller", "[", "smaller brush"],
    ["larger", "]", "larger brush"],
    ["overwrite", "O", "overwrite everything, only empty, or only this class"],
    ["escape", "Escape", "back to a safe state"],
  ]),
  ...actions("Labels", [
    ["class-0", "0", "background"],
    ...CLASS_ROWS,
    ["background-rest", "Shift+0", "background for the rest of the box"],
    ["new-instance", "M C", "new instance"],
    ["interpolate", "V", "interpolate between sections"],
    ["copy-slice", "Shift+V", "copy the previous section's labels"],
    ["clear", "Shift+A", "clear the box"],
    ["undo", "Ctrl+Z", "undo"],
    ["redo", "Ctrl+Y Ctrl+Shift+Z", "redo"],
  ]),
  ...actions("Correct", [
    ["accept", "A", "accept the prediction"],
    ["threshold-lower", "<", "more of it: lower threshold"],
    ["threshold-higher", ">", "less of it: higher threshold"],
    ["likely-next", "N", "next likely error"],
    ["likely-previous", "Shift+N", "likely error before"],
    ["bridge", "J", "bridge a gap"],
    ["remove", "Q", "remove a region"],
    ["remove-through", "Shift+Q", "remove it in all sections"],
  ]),
  ...actions("Show", [
    ["toggle-labels", "X", "labels on or off"],
    ["toggle-prediction", "P", "prediction on or off"],
    ["toggle-uncertainty", "U", "uncertainty on or off"],
    ["toggle-errors", "W", "errors of the prediction on or off"],
    ["toggle-weights", "Shift+W", "weights in training on or off"],
    ["outline", "T", "outlines or areas"],
    ["raw", "hold:Backquote", "image only"],
    ["help", "? H", "help"],
  ]),
  ...actions("Queries", [
    ["submit", "Ctrl+Enter", "submit and go to the next"],
    ["skip", "K", "skip"],
    ["query-previous", "PageUp", "previous query"],
    ["query-next", "PageDown", "next query"],
    ["save", "Ctrl+S", "say when the work was saved"],
  ]),
];

/** Stands among the conflicts where the browser keeps a chord for itself. */
export const BROWSER = "browser";

/** Chords that browsers do not give away, or that people would miss. */
const RESERVED = new Set(
  [
    "Ctrl+W Ctrl+T Ctrl+N Ctrl+Shift+W Ctrl+Shift+T Ctrl+Shift+N Ctrl+Q Ctrl+Shift+Q",
    "Tab Shift+Tab Ctrl+Tab Ctrl+Shift+Tab Ctrl+PageUp Ctrl+PageDown Alt+ArrowLeft Alt+ArrowRight",
    "F1 F3 F5 F6 F7 F11 F12 Ctrl+F5 Shift+F5 Ctrl+R Ctrl+Shift+R Ctrl+L Ctrl+F Ctrl+P Ctrl+Shift+I Ctrl+Shift+J",
    "Alt+F4 Ctrl+0 Ctrl++ Ctrl+- Ctrl+= Ctrl+1 Ctrl+2 Ctrl+3 Ctrl+4 Ctrl+5 Ctrl+6 Ctrl+7 Ctrl+8 Ctrl+9",
  ].flatMap((line) => line.split(" ")),
);

const HOLD = "hold:";

/** Keys that go by their place although they type something. */
const NAMED_BY_PLACE = new Set(["Space", "Backquote"]);

/** What is reported as a key but is none that could be bound. */
const NO_KEY = new Set(["Control", "Shift", "Alt", "AltGraph", "Meta", "Dead", "Process", "Unidentified", "CapsLock"]);

/** What the keys of a US keyboard type, for layouts that have letters or dead keys in their place. */
const SYMBOL_AT = new Map([
  ["BracketLeft", "["],
  ["BracketRight", "]"],
  ["Comma", ","],
  ["Period", "."],
  ["Slash", "/"],
  ["Minus", "-"],
  ["Equal", "="],
]);

/**
 * The chords that a press can be taken for, the best first.
 *
 * @param {Press} press
 * @returns {string[]} none for a modifier alone
 */
export function chordsOf(press) {
  const chords = [namedKey(press), digit(press), letter(press)]
    .filter((key) => key !== null)
    .map((key) => modifiers(press) + key);
  const typed = symbol(press);
  // Right Alt, which types symbols on many layouts, reports itself as Ctrl and Alt.
  return typed === null ? chords : [...chords, (isCtrl(press) && !press.altKey ? "Ctrl+" : "") + typed];
}

/** The chords of every action: the defaults, and what the annotator chose instead. */
export class KeyMap {
  /** @type {Map<string, string[]>} what the annotator chose, by action */
  #chosen = new Map();
  /** @type {Map<string, string[]>} chords in effect, by action */
  #chords = new Map();
  /** @type {Map<string, string>} action by chord */
  #owners = new Map();

  /**
   * @param {unknown} [overrides] what toJSON gave; whatever no longer fits is left out, and a default chord gives
   *   way to a chosen one
   * @param {readonly Action[]} [all] the page's actions, with the default chords
   */
  constructor(overrides = {}, all = ACTIONS) {
    this.actions = all;
    for (const [id, keys] of Object.entries(overrides ?? {})) {
      if (all.some((action) => action.id === id) && isChords(keys)) {
        this.#chosen.set(id, keys.map(bare));
      }
    }
    this.#assign();
  }

  /** @param {Press} press @returns {string | null} id of the action */
  action(press) {
    const chord = chordsOf(press).find((candidate) => this.#owners.has(candidate));
    return chord === undefined ? null : (this.#owners.get(chord) ?? null);
  }

  /**
   * The held action that ends when a key goes up, whichever modifiers are down by then.
   *
   * @param {Press} press
   * @returns {string | null} id of the action
   */
  released(press) {
    const keys = chordsOf(press).map(keyOf);
    const held = this.actions
      .filter(isHeld)
      .find(({ id }) => this.#chordsOf(id).some((chord) => keys.includes(keyOf(chord))));
    return held?.id ?? null;
  }

  /** @param {string} id @returns {string[]} its chords, those of a held action with "hold:" */
  keysOf(id) {
    const prefix = this.actions.some((action) => action.id === id && isHeld(action)) ? HOLD : "";
    return this.#chordsOf(id).map((chord) => prefix + chord);
  }

  /**
   * Give an action other chords, unless they are taken.
   *
   * @param {string} id
   * @param {string[]} keys chords as chordsOf gives them, or none
   * @returns {string[]} titles of the actions that have them, or BROWSER; nothing was changed if there are any
   */
  set(id, keys) {
    const chords = keys.map(bare);
    const conflicts = new Set(chords.flatMap((chord) => this.#takenBy(chord, id)));
    if (conflicts.size === 0) {
      this.#chosen.set(id, chords);
      this.#assign();
    }
    return [...conflicts];
  }

  /** Back to the defaults. */
  reset() {
    this.#chosen.clear();
    this.#assign();
  }

  /** @returns {Record<string, string[]>} the chords of the actions that the annotator changed */
  toJSON() {
    return Object.fromEntries([...this.#chosen.keys()].map((id) => [id, this.keysOf(id)]));
  }

  /** @param {string} id @returns {string[]} without "hold:" */
  #chordsOf(id) {
    return this.#chords.get(id) ?? [];
  }

  /** @param {string} chord @param {string} id @returns {string[]} who has it other than the action itself */
  #takenBy(chord, id) {
    const owner = this.#owners.get(chord);
    const others = this.actions.filter((action) => action.id === owner && owner !== id).map(({ title }) => title);
    return RESERVED.has(chord) ? [BROWSER, ...others] : others;
  }

  /** Give out the chords, chosen ones first. */
  #assign() {
    this.#chords.clear();
    this.#owners.clear();
    for (const [id, chords] of this.#chosen) {
      this.#give(id, chords);
    }
    for (const { id, keys } of this.actions) {
      if (!this.#chosen.has(id)) {
        this.#give(id, keys.map(bare));
      }
    }
  }

  /** @param {string} id @param {string[]} chords of which it gets those that are free */
  #give(id, chords) {
    const free = [...new Set(chords)].filter((chord) => !this.#owners.has(chord) && !RESERVED.has(chord));
    this.#chords.set(id, free);
    free.forEach((chord) => this.#owners.set(chord, id));
  }
}

/** @param {Action} action @returns {boolean} whether it lasts for as long as its key is down */
function isHeld(action) {
  return action.keys.some((key) => key.startsWith(HOLD));
}

/** @param {unknown} keys @returns {keys is string[]} */
function isChords(keys) {
  return Array.isArray(keys) && keys.every((key) => typeof key === "string" && key !== "");
}

/** @param {string} key @returns {string} the chord without "hold:" */
function bare(key) {
  return key.startsWith(HOLD) ? key.slice(HOLD.length) : key;
}

/** @param {string} chord @returns {string} the key without modifiers */
function keyOf(chord) {
  return chord.replace(/^(?:(?:Ctrl|Alt|Shift)\+)+/, "");
}

/** @param {Press} press */
function isCtrl(press) {
  return press.ctrlKey || press.metaKey;
}

/** @param {Press} press @returns {string} such as "Ctrl+Shift+" */
function modifiers(press) {
  return (isCtrl(press) ? "Ctrl+" : "") + (press.altKey ? "Alt+" : "") + (press.shiftKey ? "Shift+" : "");
}

/** @param {Press} press @returns {string | null} such as "Enter" */
function namedKey({ key, code }) {
  if (NAMED_BY_PLACE.has(code)) {
    return code;
  }
  return key.length > 1 && !NO_KEY.has(key) ? key : null;
}

/** @param {Press} press @returns {string | null} "0" to "9" */
function digit({ key, code }) {
  const place = /^(?:Digit(?<row>\d)|Numpad(?<pad>\d))$/.exec(code)?.groups ?? {};
  return place.row ?? (place.pad === key ? place.pad : null) ?? null;
}

/** @param {Press} press @returns {string | null} "A" to "Z"; where the layout is not Latin, by the place of the key */
function letter({ key, code }) {
  if (/^[a-z]$/i.test(key)) {
    return key.toUpperCase();
  }
  return isForeign(key) ? (/^Key(?<letter>[A-Z])$/.exec(code)?.groups?.letter ?? null) : null;
}

/** @param {Press} press @returns {string | null} such as "?" */
function symbol({ key, code, shiftKey }) {
  if (/^[!-/:-@[-`{-~]$/.test(key)) {
    return key;
  }
  return isForeign(key) && !shiftKey ? (SYMBOL_AT.get(code) ?? null) : null;
}

/** @param {string} key @returns {boolean} whether it types a character that is not ASCII */
function isForeign(key) {
  return key === "Dead" || (key.length === 1 && key > "~");
}
