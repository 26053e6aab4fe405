import assert from "node:assert/strict";
import { test } from "node:test";

import { Colours } from "../../src/microtome/serve/page/colours.js";
import { ErrorLayer } from "../../src/microtome/serve/page/errorlayer.js";
import { MADE_UP, MISSED, RIGHT, countErrors, errorOf } from "../../src/microtome/serve/page/errors.js";
import { oklab } from "../../src/microtome/serve/page/palette.js";
import { PLANES, cut, whole } from "../../src/microtome/serve/page/planes.js";
import { UNLABELLED } from "../../src/microtome/serve/page/types.js";
import { projectOf } from "./fakes.js";

test("what is labelled and not predicted was missed, the other way round it was made up", () => {
  assert.deepEqual([errorOf(1, 0), errorOf(0, 1), errorOf(2, 1)], [MISSED, MADE_UP, MISSED]);
  assert.deepEqual([errorOf(0, 0), errorOf(2 + 256 * 7, 2), errorOf(UNLABELLED, 1)], [RIGHT, RIGHT, RIGHT]);
  const labels = [1, 1, 0, UNLABELLED, 0, 2 + 256];
  assert.deepEqual(countErrors(labels, [0, 1, 1, 1, 1, 0]), { missed: 2, madeUp: 2 });
});

test("the two kinds of error are told apart without seeing colour, and one of them is striped", () => {
  const { errors } = new Colours(projectOf().classes);
  const lightness = (/** @type {number} */ pixel) => {
    const [red, green, blue] = new Uint8Array(Uint32Array.of(pixel).buffer);
    return oklab([red, green, blue])[0];
  };
  assert.ok(lightness(errors.madeUp) - lightness(errors.missed) > 0.3);
  const labels = [1, 1, 1, 1, 1, UNLABELLED, 0, 0, 0, 0, 0, 0];
  const predicted = Uint8Array.of(0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0);
  const layer = { pixels: new Uint32Array(12), put() {} };
  const open = { labels, within: { classes: predicted } };
  const plane = cut([1, 2, 6], PLANES.xy, 0);
  const drawn = new ErrorLayer(/** @type {any} */ (layer), plane, /** @type {any} */ (open), errors);
  const { missed, madeUp, between } = errors;
  assert.deepEqual([...layer.pixels.slice(0, 6)], [missed, missed, missed, missed, 0, 0]);
  assert.deepEqual([...layer.pixels.slice(6)], [madeUp, between, between, madeUp, madeUp, 0]);
  drawn.sketch([0, 11], 0, whole(plane));
  drawn.sketch([1, 5, 6], UNLABELLED, whole(plane));
  assert.deepEqual([...layer.pixels.slice(0, 7)], [0, 0, missed, missed, 0, 0, 0], "as it is painted");
});
