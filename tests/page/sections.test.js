/** @import {Box} from "../../src/microtome/serve/page/types.js" */

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Sections } from "../../src/microtome/serve/page/sections.js";
import { settle } from "./fakes.js";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

/**
 * The sections of a volume of a hundred, behind a server that answers when it is told to.
 *
 * @param {{first?: number, last?: number, side?: number, wide?: boolean}} view `side` of a section, in voxels
 */
function bench({ first = 50, last = 51, side = 2000, wide = false }) {
  /** @type {{z: number[], resolve: (bytes: Uint8Array) => void, reject: (error: Error) => void}[]} */
  const requests = [];
  const fetchImage = (/** @type {Box} */ { start, stop }) => {
    return /** @type {Promise<Uint8Array>} */ (
      new Promise((resolve, reject) => requests.push({ z: [start[0], stop[0]], resolve, reject }))
    );
  };
  const sections = new Sections(fetchImage, { start: [first, 0, 0], stop: [last, side, side] }, 100, wide);
  /** Answer all that is asked, and what is asked then. @returns {Promise<number[][]>} what was asked, in order */
  const answerAll = async () => {
    const asked = [];
    for (let round = 0; round < 300 && requests.length > 0; round++) {
      const { z, resolve } = /** @type {typeof requests[0]} */ (requests.shift());
      asked.push(z);
      resolve(new Uint8Array((z[1] - z[0]) * (side > 10 ? 0 : side * side)).fill(z[0]));
      await settle();
    }
    return asked;
  };
  const failAll = async () => {
    requests.splice(0).forEach(({ reject }) => reject(new TypeError("failed to fetch")));
    await settle();
  };
  return { sections, requests, answerAll, failAll };
}

test("the section shown is fetched first, then the nearest, ten on each side and no farther", async () => {
  const { sections, answerAll } = bench({});
  sections.focus(50);
  const asked = (await answerAll()).map(([z]) => z);
  assert.equal(asked[0], 50);
  assert.deepEqual(asked.map((z) => Math.abs(z - 50)), [0, ...Array.from({ length: 20 }, (_, k) => 1 + Math.floor(k / 2))]);
  assert.deepEqual([...asked].sort((a, b) => a - b), Array.from({ length: 21 }, (_, k) => 40 + k));
});

test("no section is fetched twice, and none that the volume does not have", async () => {
  const { sections, answerAll } = bench({ first: 0, last: 1 });
  sections.focus(0);
  sections.focus(0);
  const asked = (await answerAll()).map(([z]) => z);
  sections.focus(99);
  asked.push(...(await answerAll()).map(([z]) => z));
  sections.focus(0);
  asked.push(...(await answerAll()).map(([z]) => z));
  assert.equal(new Set(asked).size, asked.length);
  assert.deepEqual([Math.min(...asked), Math.max(...asked), asked.length], [0, 99, 22]);
});

test("whoever leafs on gets the section shown now before those on the way", async () => {
  const { sections, requests, answerAll } = bench({});
  sections.focus(50);
  assert.equal(requests.length, 1);
  for (let z = 51; z <= 70; z++) {
    sections.focus(z);
  }
  assert.equal(requests.length, 2, "at once");
  const asked = (await answerAll()).map(([z]) => z);
  assert.ok(asked.indexOf(70) <= 3, `${asked}`);
});

test("small sections come many at a time, each where it belongs", async () => {
  const { sections, answerAll } = bench({ side: 3 });
  /** @type {unknown[]} */
  const loads = [];
  sections.addEventListener("load", (event) => loads.push(/** @type {CustomEvent} */ (event).detail));
  const loaded = sections.load(50, 53);
  assert.deepEqual(await answerAll(), [[50, 53]]);
  await loaded;
  assert.deepEqual(loads, [{ z0: 50, z1: 53 }]);
  assert.deepEqual(sections.get(52), new Uint8Array(9).fill(50));
  assert.equal(sections.get(53), undefined);
});

test("the first look fails if its sections cannot be loaded, and can be tried again", async () => {
  const { sections, failAll, answerAll } = bench({});
  const first = assert.rejects(sections.load(50, 51), /failed to fetch/);
  await failAll();
  await first;
  const second = sections.load(50, 51);
  assert.deepEqual(await answerAll(), [[50, 51]]);
  await second;
});

test("what could not be loaded is tried again after a while, without anyone leafing", async () => {
  const { sections, requests, failAll, answerAll } = bench({});
  sections.focus(50);
  await failAll();
  assert.equal(requests.length, 0);
  mock.timers.tick(1000);
  await failAll();
  mock.timers.tick(1000);
  assert.equal((await answerAll()).length, 21);
});

test("however much is leafed through while the server is away, no more than two requests are under way", async () => {
  const { sections, requests, failAll } = bench({});
  for (let z = 50; z < 80; z++) {
    sections.focus(z);
    await failAll();
  }
  mock.timers.tick(1000);
  assert.ok(requests.length >= 1 && requests.length <= 2);
});

test("a query that is left fetches no more, and goes on when it is shown again", async () => {
  const { sections, requests, failAll, answerAll } = bench({});
  sections.focus(50);
  sections.close();
  assert.deepEqual(await answerAll(), [[50, 51]]);
  sections.focus(50);
  assert.equal(requests.length, 1);
  await failAll();
  sections.close();
  mock.timers.tick(60_000);
  assert.equal(requests.length, 0);
  sections.focus(50);
  assert.equal((await answerAll()).length, 20);
});

test("the memory is bounded: the farthest sections are forgotten and fetched again when needed", async () => {
  const { sections, answerAll } = bench({});
  for (let z = 10; z <= 90; z += 10) {
    sections.focus(z);
    await answerAll();
  }
  assert.equal(sections.arrived.size, Math.floor(256e6 / 4e6));
  assert.ok(sections.get(90) && sections.get(99) && !sections.get(0));
  sections.focus(5);
  assert.ok((await answerAll()).length > 0);
  assert.ok(sections.get(0) && sections.get(5));
});

test("sections that side views show are all fetched, and not forgotten and fetched over and over", async () => {
  const { sections, answerAll } = bench({ first: 10, last: 90, wide: true });
  sections.focus(50);
  assert.equal((await answerAll()).length, 80);
  sections.focus(51);
  assert.deepEqual(await answerAll(), []);
});
