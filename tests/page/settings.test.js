import assert from "node:assert/strict";
import { test } from "node:test";

import { LARGEST_RADIUS, Settings } from "../../src/microtome/serve/page/settings.js";
import { storageOf } from "./fakes.js";

const PLACE = "microtome.settings";
const { now: DEFAULTS } = new Settings(storageOf());

/** @param {unknown} content */
const after = (content) => new Settings(storageOf({ [PLACE]: JSON.stringify(content) })).now;

test("corrupt settings are as if there were none", () => {
  for (const content of ["", "{", "null", "7", '"text"', "[]", "[null]"]) {
    assert.deepEqual(new Settings(storageOf({ [PLACE]: content })).now, DEFAULTS, content);
  }
});

test("of settings that fit in part, that part is taken", () => {
  assert.equal(after({ radius: 9, outline: "yes" }).radius, 9);
  assert.equal(after({ radius: 9, outline: "yes" }).outline, false);
  assert.deepEqual(after({ shown: null, opacity: {} }), DEFAULTS);
  assert.deepEqual(after({ shown: { labels: false, prediction: 3, more: true } }).shown, { ...DEFAULTS.shown, labels: false });
});

test("a radius that no brush has becomes the nearest that one has", () => {
  assert.equal(after({ radius: -5 }).radius, 0.5);
  assert.equal(after({ radius: 1e9 }).radius, LARGEST_RADIUS);
});

test("what is for today's work only is not kept", () => {
  const storage = storageOf();
  new Settings(storage).set({ tool: "erase", cls: 2, overwrite: "same", raw: true, keyboard: true, radius: 12 });
  assert.deepEqual(new Settings(storage).now, { ...DEFAULTS, radius: 12 });
});

test("a full storage does not keep the brush from changing", () => {
  const full = { ...storageOf(), setItem: () => assert.fail("full") };
  const settings = new Settings(full);
  /** @type {string[][]} */
  const changes = [];
  settings.onChange((names) => changes.push(names));
  settings.resize(20);
  assert.equal(settings.now.radius, 20);
  assert.deepEqual(changes, [["radius"]]);
});

test("brushes that are made larger and smaller stay between the limits and move at each step", () => {
  const settings = new Settings(storageOf());
  for (const step of [1, -1]) {
    for (let k = 0; k < 60; k++) {
      const before = settings.now.radius;
      settings.grow(step);
      const limit = step > 0 ? LARGEST_RADIUS : 0.5;
      assert.ok(settings.now.radius !== before || before === limit);
    }
  }
  assert.equal(settings.now.radius, 0.5);
});

test("a layer that is toggled leaves the others and the defaults alone", () => {
  const settings = new Settings(storageOf());
  settings.toggle("uncertainty");
  assert.deepEqual(settings.now.shown, { ...DEFAULTS.shown, uncertainty: true });
  assert.deepEqual(new Settings(storageOf()).now, DEFAULTS);
});
