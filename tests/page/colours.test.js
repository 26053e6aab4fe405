import assert from "node:assert/strict";
import { test } from "node:test";

import { Colours } from "../../src/microtome/serve/page/colours.js";
import { UNLABELLED } from "../../src/microtome/serve/page/types.js";
import { projectOf } from "./fakes.js";

/** @param {number} pixel @returns {number[]} red, green, blue, alpha */
const parts = (pixel) => [...new Uint8Array(Uint32Array.of(pixel).buffer)];

test("what is unlabelled is clear, and any label shows, background too", () => {
  const { areas } = new Colours(projectOf().classes);
  assert.equal(areas.inside[UNLABELLED], 0);
  for (const value of [0, 1, 2, 2 + 256, 2 + 256 * 7]) {
    assert.ok(parts(areas.inside[value])[3] > 0 && parts(areas.edge[value])[3] > 0, `${value}`);
  }
});

test("predicted background shows the image, and outlines have nothing inside", () => {
  const { predicted, outlines } = new Colours(projectOf().classes);
  assert.deepEqual([predicted.inside[0], predicted.edge[0]], [0, 0]);
  assert.ok(outlines.inside.every((pixel) => pixel === 0));
  assert.ok(outlines.edge[1] !== 0);
});

test("while it is painted a label has the colour that it will have, whatever its number", () => {
  const colours = new Colours(projectOf().classes);
  for (const instance of [1, 8, 300, 65_535]) {
    assert.equal(colours.of(2 + 256 * instance), colours.areas.inside[2 + 256 * (instance % 8)]);
  }
});

test("the image is grey as it is, until brightness or contrast are changed", () => {
  const colours = new Colours(projectOf().classes);
  const greys = () => Array.from(colours.greys, (pixel) => parts(pixel)[0]);
  const plain = Array.from({ length: 256 }, (_, byte) => byte);
  assert.deepEqual(greys(), plain);
  for (const [brightness, contrast] of [[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, -1]]) {
    colours.adjust(brightness, contrast);
    const found = greys();
    assert.ok(found.every((grey, byte) => byte === 0 || grey >= found[byte - 1]), "darker stays darker");
    assert.notDeepEqual(found, plain);
    assert.ok(colours.greys.every((pixel) => parts(pixel)[3] === 255));
  }
});

test("uncertainty grows from clear to opaque", () => {
  const alphas = Array.from(new Colours([]).heat, (pixel) => parts(pixel)[3]);
  assert.deepEqual([alphas[0], alphas[255]], [0, 255]);
  assert.ok(alphas.every((alpha, byte) => byte === 0 || alpha >= alphas[byte - 1]));
});

test("the page names the colour of a class, of an object and of background", () => {
  const colours = new Colours(projectOf().classes);
  const names = [[0, 0], [1, 0], [2, 0], [2, 1]].map(([cls, instance]) => colours.css({ cls, instance }));
  assert.equal(new Set(names).size, 4);
  assert.ok(names.every((name) => /^rgb\(\d+ \d+ \d+\)$/.test(name)));
});
