import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Keyboard } from "../../src/microtome/serve/page/keyboard.js";
import { KeyMap } from "../../src/microtome/serve/page/keys.js";

class FakeElement {
  constructor(tag = "div") {
    this.tag = tag;
  }

  /** @param {string} selector */
  matches(selector) {
    return selector.split(", ").includes(this.tag);
  }
}

class FakeInput extends FakeElement {
  /** @param {string} type */
  constructor(type) {
    super("input");
    this.type = type;
  }
}

let dialog = false;
let browser = new EventTarget();

beforeEach(() => {
  dialog = false;
  browser = new EventTarget();
  Object.assign(globalThis, {
    window: browser,
    document: { querySelector: () => (dialog ? {} : null) },
    HTMLElement: FakeElement,
    HTMLInputElement: FakeInput,
  });
});
afterEach(() => {
  for (const name of ["window", "document", "HTMLElement", "HTMLInputElement"]) {
    Reflect.deleteProperty(globalThis, name);
  }
});

/** A keyboard whose handler notes what it is told. @param {(event: KeyboardEvent) => boolean} [first] */
function bench(first = () => false) {
  /** @type {string[]} */
  const done = [];
  new Keyboard(new KeyMap(), {
    run: (id) => void done.push(id),
    hold: (id, down) => void done.push(`${id} ${down ? "down" : "up"}`),
    first,
  });
  return done;
}

/**
 * A key event as browsers make it.
 *
 * @param {"keydown" | "keyup"} type @param {string} key @param {string} code @param {Record<string, unknown>} [rest]
 * @returns {Event} as the page left it
 */
function send(type, key, code, rest = {}) {
  const event = new Event(type, { cancelable: true });
  const none = { ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, repeat: false, isComposing: false };
  const { target = new FakeElement(), ...more } = rest;
  Object.defineProperty(event, "target", { get: () => target });
  Object.assign(event, { key, code, ...none, ...more });
  browser.dispatchEvent(event);
  return event;
}

test("a key that has an action is taken from the browser, any other is not", () => {
  const done = bench();
  assert.ok(send("keydown", "b", "KeyB").defaultPrevented);
  assert.ok(!send("keydown", "y", "KeyY").defaultPrevented);
  assert.ok(!send("keydown", "Tab", "Tab").defaultPrevented);
  assert.deepEqual(done, ["brush"]);
});

test("while a dialog is open its keys are its own", () => {
  const done = bench();
  dialog = true;
  assert.ok(!send("keydown", "Enter", "Enter", { ctrlKey: true }).defaultPrevented);
  assert.deepEqual(done, []);
});

test("the key with which a dialog closed itself does not open it again", () => {
  const done = bench();
  const taken = new Event("keydown", { cancelable: true });
  taken.preventDefault();
  browser.dispatchEvent(Object.assign(taken, { key: "?", code: "Slash", shiftKey: true }));
  assert.deepEqual(done, []);
});

test("text that is being composed is no command", () => {
  const done = bench();
  send("keydown", "b", "KeyB", { isComposing: true });
  assert.deepEqual(done, []);
});

test("a control that has the focus keeps the keys that it needs, and no others", () => {
  const done = bench();
  const [button, slider, text] = [new FakeElement("button"), new FakeInput("range"), new FakeInput("text")];
  send("keydown", " ", "Space", { target: button });
  send("keydown", "Enter", "Enter", { target: button });
  send("keydown", "ArrowLeft", "ArrowLeft", { target: slider });
  send("keydown", "b", "KeyB", { target: text });
  assert.deepEqual(done, []);
  send("keydown", "Enter", "Enter", { target: button, ctrlKey: true });
  send("keydown", "e", "KeyE", { target: button });
  send("keydown", "f", "KeyF", { target: slider });
  assert.deepEqual(done, ["submit", "erase", "slice-next"]);
});

test("Ctrl+Enter that is held down hands in one query, not all", () => {
  const done = bench();
  for (const repeat of [false, true, true]) {
    assert.ok(send("keydown", "Enter", "Enter", { ctrlKey: true, repeat }).defaultPrevented);
  }
  assert.deepEqual(done, ["submit"]);
});

test("moving and undoing go on for as long as the key is down", () => {
  const done = bench();
  for (const repeat of [false, true, true]) {
    send("keydown", "f", "KeyF", { repeat });
    send("keydown", "z", "KeyZ", { ctrlKey: true, repeat });
    send("keydown", "x", "KeyX", { repeat });
  }
  assert.equal(done.filter((id) => id === "slice-next").length, 3);
  assert.equal(done.filter((id) => id === "undo").length, 3);
  assert.equal(done.filter((id) => id === "toggle-labels").length, 1);
});

test("Cmd is Ctrl on a Mac", () => {
  const done = bench();
  send("keydown", "Enter", "Enter", { metaKey: true });
  send("keydown", "z", "KeyZ", { metaKey: true });
  assert.deepEqual(done, ["submit", "undo"]);
});

test("AltGr types symbols, and is not taken for Ctrl", () => {
  const done = bench();
  const altGr = { ctrlKey: true, altKey: true };
  send("keydown", "]", "Digit9", altGr);
  send("keydown", "€", "KeyE", altGr);
  send("keydown", "z", "KeyZ", altGr);
  assert.deepEqual(done, ["larger"]);
});

test("a held action begins once and ends with its key", () => {
  const done = bench();
  send("keydown", " ", "Space");
  send("keydown", " ", "Space", { repeat: true });
  send("keyup", "f", "KeyF");
  send("keyup", " ", "Space", { shiftKey: true });
  send("keyup", " ", "Space");
  assert.deepEqual(done, ["pan down", "pan up"]);
});

test("a held action ends when the window loses the focus, or a Mac's Cmd hides its end", () => {
  const done = bench();
  send("keydown", " ", "Space");
  browser.dispatchEvent(new Event("blur"));
  send("keydown", " ", "Space");
  send("keyup", "Meta", "MetaLeft");
  assert.deepEqual(done, ["pan down", "pan up", "pan down", "pan up"]);
});

test("what takes keys first keeps them from becoming actions", () => {
  const done = bench((event) => event.key === "b");
  assert.ok(send("keydown", "b", "KeyB").defaultPrevented);
  send("keydown", "e", "KeyE");
  assert.deepEqual(done, ["erase"]);
});
