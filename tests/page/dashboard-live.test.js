import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError } from "../../src/microtome/serve/page/api.js";
import { follow } from "../../src/microtome/serve/page/live.js";
import { Loader } from "../../src/microtome/serve/page/loader.js";

class Source extends EventTarget {
  readyState = 1;
}

/** A followed server whose connections and pauses the test makes. */
function followed() {
  /** @type {Source[]} */
  const sources = [];
  /** @type {string[]} */
  const heard = [];
  /** @type {(() => void)[]} */
  const pauses = [];
  const connect = () => {
    const source = new Source();
    sources.push(source);
    return /** @type {EventSource} */ (/** @type {unknown} */ (source));
  };
  const listener = {
    dashboard: (/** @type {string} */ data) => heard.push(data),
    found: () => heard.push("found"),
    lost: () => heard.push("lost"),
  };
  follow("/api/events", listener, connect, (again) => pauses.push(again));
  return { sources, heard, pauses };
}

test("dashboards are handed on as they come", () => {
  const { sources, heard } = followed();
  sources[0]?.dispatchEvent(new Event("open"));
  sources[0]?.dispatchEvent(new MessageEvent("dashboard", { data: "{}" }));
  assert.deepEqual(heard, ["found", "{}"]);
});

test("a connection that the browser mends is left to it", () => {
  const { sources, heard, pauses } = followed();
  Object.assign(/** @type {Source} */ (sources[0]), { readyState: 0 }).dispatchEvent(new Event("error"));
  assert.deepEqual([heard, pauses.length], [["lost"], 0]);
});

test("a connection that is closed is made anew after a pause", () => {
  const { sources, heard, pauses } = followed();
  Object.assign(/** @type {Source} */ (sources[0]), { readyState: 2 }).dispatchEvent(new Event("error"));
  assert.equal(sources.length, 1);
  pauses[0]?.();
  sources[1]?.dispatchEvent(new Event("open"));
  assert.deepEqual([sources.length, heard], [2, ["lost", "found"]]);
});

test("only so many downloads run at once, and the last one wanted comes first", async () => {
  const loader = new Loader(2);
  /** @type {number[]} */
  const order = [];
  let running = 0;
  let most = 0;
  const job = (/** @type {number} */ k) => async () => {
    order.push(k);
    most = Math.max(most, (running += 1));
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return k;
  };
  const results = await Promise.all([0, 1, 2, 3, 4].map((k) => loader.load(job(k))));
  assert.deepEqual(results, [0, 1, 2, 3, 4]);
  assert.deepEqual(order, [0, 1, 4, 3, 2]);
  assert.equal(most, 2);
});

test("a download that the server refuses makes room for the next", async () => {
  const loader = new Loader(1);
  await assert.rejects(loader.load(() => Promise.reject(new ApiError(404, "no labels"))));
  assert.equal(await loader.load(() => Promise.resolve(5)), 5);
});

test("a download is tried again until the server is back", async () => {
  let pauses = 0;
  const loader = new Loader(1, async () => void (pauses += 1));
  const job = () => (pauses < 3 ? Promise.reject(new TypeError("Failed to fetch")) : Promise.resolve(5));
  assert.equal(await loader.load(job), 5);
});
