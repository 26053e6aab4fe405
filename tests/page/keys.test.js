import assert from "node:assert/strict";
import { test } from "node:test";

import { ACTIONS, BROWSER, KeyMap, chordsOf } from "../../src/microtome/serve/page/keys.js";

/**
 * A press as browsers report it.
 *
 * @param {string} key what it types @param {string} code where it is @param {string} [modifiers] such as "Ctrl+Shift"
 */
function press(key, code, modifiers = "") {
  const has = (/** @type {string} */ name) => modifiers.split("+").includes(name);
  return { key, code, ctrlKey: has("Ctrl"), metaKey: has("Meta"), shiftKey: has("Shift"), altKey: has("Alt") };
}

/** @param {string} key @param {string} code @param {string} [modifiers] */
const action = (key, code, modifiers) => new KeyMap().action(press(key, code, modifiers));

test("actions have ids of their own, and no two share a chord", () => {
  assert.equal(new Set(ACTIONS.map(({ id }) => id)).size, ACTIONS.length);
  const chords = ACTIONS.flatMap(({ keys }) => keys.map((key) => key.replace("hold:", "")));
  assert.equal(new Set(chords).size, chords.length);
});

test("no default is a chord of the browser", () => {
  for (const { id, keys } of ACTIONS) {
    assert.deepEqual(new KeyMap().set(id, keys), [], id);
  }
});

test("the defaults do what annotators' hands know", () => {
  const known = {
    brush: press("b", "KeyB"),
    erase: press("e", "KeyE"),
    "slice-next": press("f", "KeyF"),
    "slice-back": press("D", "KeyD", "Shift"),
    "copy-slice": press("V", "KeyV", "Shift"),
    "class-3": press("3", "Digit3"),
    "class-0": press("0", "Digit0"),
    undo: press("z", "KeyZ", "Ctrl"),
    redo: press("Z", "KeyZ", "Ctrl+Shift"),
    submit: press("Enter", "Enter", "Ctrl"),
    "lasso-close": press("Enter", "Enter"),
    "query-next": press("PageDown", "PageDown"),
    pan: press(" ", "Space"),
    raw: press("`", "Backquote"),
    save: press("s", "KeyS", "Ctrl"),
    escape: press("Escape", "Escape"),
    smaller: press("[", "BracketLeft"),
  };
  for (const [id, pressed] of Object.entries(known)) {
    assert.equal(new KeyMap().action(pressed), id);
  }
});

test("Cmd counts as Ctrl, and Caps Lock does not count", () => {
  assert.equal(action("z", "KeyZ", "Meta"), "undo");
  assert.equal(action("z", "KeyZ", "Meta+Shift"), "redo");
  assert.equal(action("B", "KeyB"), "brush");
  assert.equal(action("v", "KeyV", "Shift"), "copy-slice");
});

test("letters go by what the key types", () => {
  assert.equal(action("z", "KeyY", "Ctrl"), "undo", "German");
  assert.equal(action("a", "KeyQ"), "accept", "French");
  assert.equal(action("b", "KeyN"), "brush", "Dvorak");
});

test("where letters are not Latin they go by their place", () => {
  assert.equal(action("и", "KeyB"), "brush");
  assert.equal(action("я", "KeyZ", "Ctrl"), "undo");
  assert.equal(action("М", "KeyV", "Shift"), "copy-slice");
});

test("symbols go by what the key types, whatever it takes to type them", () => {
  assert.equal(action("?", "Slash", "Shift"), "help", "US");
  assert.equal(action("?", "Minus", "Shift"), "help", "German");
  assert.equal(action("[", "Digit8", "Ctrl+Alt"), "smaller", "German, right Alt");
  assert.equal(action("[", "Digit5", "Alt"), "smaller", "German, Mac");
  assert.equal(action("+", "Equal", "Shift"), "zoom-in", "US");
  assert.equal(action("+", "BracketRight"), "zoom-in", "German");
  assert.equal(action("-", "NumpadSubtract"), "zoom-out");
});

test("keys that type letters or accents in place of a symbol go by their place", () => {
  assert.equal(action("х", "BracketLeft"), "smaller", "Russian");
  assert.equal(action("ü", "BracketLeft"), "smaller", "German");
  assert.equal(action("Dead", "Backquote"), "raw", "US international");
  assert.equal(action("Ю", "Period", "Shift"), null);
});

test("digits go by their place, with Shift noted", () => {
  assert.equal(action(")", "Digit0", "Shift"), "background-rest", "US");
  assert.equal(action("=", "Digit0", "Shift"), "background-rest", "German");
  assert.equal(action("0", "Digit0", "Shift"), "background-rest", "French");
  assert.equal(action("é", "Digit2"), "class-2", "French");
  assert.equal(action("4", "Numpad4"), "class-4");
  assert.equal(action("ArrowLeft", "Numpad4"), "pan-left", "without Num Lock");
});

test("other modifiers make another chord", () => {
  assert.equal(action("b", "KeyB", "Ctrl"), null);
  assert.equal(action("b", "KeyB", "Alt"), null);
  assert.equal(action("ArrowLeft", "ArrowLeft", "Alt"), null);
  assert.equal(action("+", "Equal", "Ctrl+Shift"), null, "the browser's zoom");
});

test("a modifier alone is no chord", () => {
  assert.deepEqual(chordsOf(press("Shift", "ShiftLeft", "Shift")), []);
  assert.deepEqual(chordsOf(press("AltGraph", "AltRight", "Ctrl+Alt")), []);
});

test("a held action ends with its key, whatever else is down by then", () => {
  const map = new KeyMap();
  assert.equal(map.released(press(" ", "Space", "Ctrl+Shift")), "pan");
  assert.equal(map.released(press("~", "Backquote", "Shift")), "raw");
  assert.equal(map.released(press("b", "KeyB")), null);
});

test("an action can have other chords", () => {
  const map = new KeyMap();
  assert.deepEqual(map.set("brush", ["Y", "Ctrl+B"]), []);
  assert.equal(map.action(press("y", "KeyY")), "brush");
  assert.equal(map.action(press("b", "KeyB", "Ctrl")), "brush");
  assert.equal(map.action(press("b", "KeyB")), null);
  assert.deepEqual(map.keysOf("brush"), ["Y", "Ctrl+B"]);
  assert.deepEqual(map.set("erase", ["B"]), [], "it is free now");
});

test("a held action stays one on another key", () => {
  const map = new KeyMap();
  assert.deepEqual(map.set("pan", ["Z"]), []);
  assert.deepEqual(map.keysOf("pan"), ["hold:Z"]);
  assert.equal(map.released(press("Z", "KeyZ", "Shift")), "pan");
});

test("a chord that another action has is refused, with its title", () => {
  const map = new KeyMap();
  assert.deepEqual(map.set("brush", ["Y", "E", "Space"]), ["erase to unlabelled", "drag the view"]);
  assert.deepEqual(map.keysOf("brush"), ["B"]);
  assert.equal(map.action(press("y", "KeyY")), null);
});

test("a chord of the browser is refused", () => {
  const map = new KeyMap();
  for (const chord of ["Ctrl+W", "Ctrl+T", "Ctrl+N", "Ctrl+Tab", "Alt+ArrowLeft", "Alt+ArrowRight", "F5", "Ctrl+R"]) {
    assert.deepEqual(map.set("brush", [chord]), [BROWSER], chord);
  }
  assert.deepEqual(map.toJSON(), {});
});

test("an action can be left without chords", () => {
  const map = new KeyMap();
  assert.deepEqual(map.set("brush", []), []);
  assert.deepEqual(new KeyMap(JSON.parse(JSON.stringify(map))).keysOf("brush"), []);
});

test("what was changed comes back from JSON, and nothing else is in it", () => {
  const map = new KeyMap();
  map.set("brush", ["Y"]);
  map.set("erase", ["B"]);
  map.set("pan", ["E"]);
  const json = JSON.parse(JSON.stringify(map));
  assert.deepEqual(json, { brush: ["Y"], erase: ["B"], pan: ["hold:E"] });
  const again = new KeyMap(json);
  assert.deepEqual(["brush", "erase", "pan"].map((id) => again.keysOf(id)), [["Y"], ["B"], ["hold:E"]]);
  assert.equal(again.released(press("e", "KeyE")), "pan");
});

test("of what is stored only what fits is taken, and defaults give way", () => {
  const map = new KeyMap({ brush: ["E", "Ctrl+W"], fly: ["Z"], fill: "G", lasso: ["E"], pick: [3], erase: null });
  assert.deepEqual(map.keysOf("brush"), ["E"]);
  assert.deepEqual(map.keysOf("erase"), []);
  assert.deepEqual(map.keysOf("fill"), ["G"]);
  assert.deepEqual(map.keysOf("lasso"), []);
  assert.deepEqual(map.keysOf("pick"), ["I"]);
  for (const nothing of [null, undefined, 3, "text", []]) {
    assert.deepEqual(new KeyMap(nothing).toJSON(), {});
  }
});

test("reset brings the defaults back", () => {
  const map = new KeyMap({ brush: ["E"] });
  map.reset();
  assert.deepEqual([map.keysOf("brush"), map.keysOf("erase"), map.toJSON()], [["B"], ["E"], {}]);
});
