/** @import {Item, Message} from "../../src/microtome/serve/page/outbox.js" */

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import "fake-indexeddb/auto";

import { Outbox } from "../../src/microtome/serve/page/outbox.js";
import { memoryStore, openStore } from "../../src/microtome/serve/page/store.js";

/** @param {number} order @returns {Item} */
const item = (order) => ({ id: `id ${order}`, order, query: 1, kind: "skip", body: { reason: `reason ${order}`, reports: [] } });

/** @param {Item[]} items */
const orders = (items) => items.map(({ order }) => order);

/** The locks of a browser, with a way to close all pages. */
function browser() {
  /** @type {Map<string, Promise<unknown>>} */
  const held = new Map();
  const locks = {
    /** @param {string} name @param {() => Promise<unknown>} act */
    async request(name, act) {
      while (held.has(name)) {
        await held.get(name);
      }
      const done = act();
      held.set(name, done);
      try {
        return await done;
      } finally {
        held.delete(name);
      }
    },
    query: async () => ({ held: [...held.keys()].map((name) => ({ name })) }),
  };
  const closeAll = () => held.clear();
  return { locks: /** @type {LockManager} */ (/** @type {unknown} */ (locks)), closeAll };
}

let databases = 0;
const fresh = () => `database ${databases++}`;

test("stores give back what was put, in order, less what was removed", async () => {
  for (const store of [memoryStore(), await openStore(fresh(), undefined), await openStore(fresh(), browser().locks)]) {
    await Promise.all([item(3), item(1), item(2)].map((one) => store.put(one)));
    await store.remove("id 2");
    assert.deepEqual(orders(await store.all()), [1, 3]);
    assert.deepEqual((await store.all())[0].body, { reason: "reason 1", reports: [] });
  }
});

test("the next page has what a closed one left behind", async () => {
  const name = fresh();
  const { locks, closeAll } = browser();
  await (await openStore(name, locks)).put(item(1));
  closeAll();
  const next = await openStore(name, locks);
  assert.deepEqual(orders(await next.all()), [1]);
  await next.remove("id 1");
  assert.deepEqual(await next.all(), []);
});

test("a page that is still open keeps its own", async () => {
  const name = fresh();
  const { locks } = browser();
  const [first, second] = [await openStore(name, locks), await openStore(name, locks)];
  await first.put(item(1));
  await second.put(item(2));
  assert.deepEqual([orders(await first.all()), orders(await second.all())], [[1], [2]]);
});

test("of two pages that open together only one takes over what was left behind", async () => {
  const name = fresh();
  const { locks, closeAll } = browser();
  await (await openStore(name, locks)).put(item(1));
  closeAll();
  const pages = await Promise.all([openStore(name, locks), openStore(name, locks)]);
  const taken = await Promise.all(pages.map((page) => page.all()));
  assert.deepEqual(taken.flat().length, 1);
});

/** The routes of a project. @param {string} id @param {(said: unknown[]) => Promise<unknown>} post */
const api = (id, post) =>
  /** @type {any} */ ({
    project: async () => ({ id }),
    deliver: (/** @type {string} */ annotator, /** @type {Message} */ { kind, query, body }) =>
      post([kind, query, annotator, body]),
  });

test("an outbox sends what was left for its project and annotator, and nobody else's", async () => {
  const { locks, closeAll } = browser();
  Object.defineProperty(globalThis, "navigator", { value: { locks }, configurable: true });
  Object.assign(globalThis, { window: new EventTarget() });
  /** @type {Message[]} */
  const messages = [
    { query: 4, kind: "op", body: { seq: 1, key: "k", kind: "undo" } },
    { query: 4, kind: "answer", body: { seq: 1, crc: 9, shown: null, reports: [] } },
    { query: 5, kind: "skip", body: { reason: "blurred", reports: [] } },
  ];
  const closed = await Outbox.open(api("cells", () => new Promise(() => {})), "Ada");
  messages.forEach((message) => closed.push(message));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual([closed.durable, closed.waiting], [true, 3]);
  closeAll();

  /** @type {unknown[][]} */
  const sent = [];
  let isUp = false;
  const post = async (/** @type {unknown[]} */ said) => {
    if (!isUp) {
      throw new TypeError("failed to fetch");
    }
    sent.push(said);
  };
  const others = [await Outbox.open(api("cells", post), "Bob"), await Outbox.open(api("nerves", post), "Ada")];
  assert.deepEqual(others.map(({ waiting }) => waiting), [0, 0]);
  const outbox = await Outbox.open(api("cells", post), "Ada");
  await new Promise((resolve) => setTimeout(resolve, 50));
  isUp = true;
  assert.deepEqual([outbox.waiting, outbox.online], [3, false]);
  globalThis.window.dispatchEvent(new Event("online"));
  await Promise.all([outbox.drained(4), outbox.drained(5)]);
  assert.deepEqual(sent, [
    ["op", 4, "Ada", { seq: 1, key: "k", kind: "undo" }],
    ["answer", 4, "Ada", { seq: 1, crc: 9, shown: null, reports: [] }],
    ["skip", 5, "Ada", { reason: "blurred", reports: [] }],
  ]);
  assert.equal((await Outbox.open(api("cells", post), "Ada")).waiting, 0);
});

test("where the browser keeps nothing the outbox works, and says so", async () => {
  Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  Object.assign(globalThis, { window: new EventTarget() });
  const open = mock.method(globalThis.indexedDB, "open", () => {
    throw new Error("forbidden");
  });
  const outbox = await Outbox.open(api("cells", async () => {}), "Eve");
  open.mock.restore();
  assert.equal(outbox.durable, false);
  outbox.push({ query: 1, kind: "skip", body: { reason: "blurred", reports: [] } });
  await outbox.drained(1);
});
