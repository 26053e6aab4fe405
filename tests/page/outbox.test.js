/**
 * @import {Item, Message, Refusal} from "../../src/microtome/serve/page/outbox.js"
 * @import {Op} from "../../src/microtome/serve/page/types.js"
 */

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { ApiError } from "../../src/microtome/serve/page/api.js";
import { Outbox } from "../../src/microtome/serve/page/outbox.js";
import { memoryStore } from "../../src/microtome/serve/page/store.js";

/** @param {number} seq @param {number} [query] @returns {Message} */
const op = (seq, query = 1) => ({ query, kind: "op", body: /** @type {Op} */ ({ seq, key: `${query}/${seq}`, kind: "undo" }) });

/** @param {Message} message */
const nameOf = ({ query, kind, body }) => `${query} ${kind}${"seq" in body ? ` ${body.seq}` : ""}`;

/** Let everything go on that waits for nothing but its turn. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A server that answers each attempt with the next of its troubles, and takes the message if there is none. */
class Bench {
  /** @type {string[]} */
  attempts = [];
  /** @type {string[]} */
  taken = [];
  /** @type {(Error | null)[]} */
  troubles = [];
  /** @type {Refusal[]} */
  refusals = [];
  changes = 0;
  #atOnce = 0;

  constructor(store = memoryStore()) {
    this.store = store;
    this.outbox = new Outbox((item) => this.#receive(nameOf(item)), store);
    this.outbox.addEventListener("change", () => (this.changes += 1));
    this.outbox.addEventListener("refused", (event) => {
      this.refusals.push(/** @type {CustomEvent<Refusal>} */ (event).detail);
    });
  }

  /** @param {string} name */
  async #receive(name) {
    this.#atOnce += 1;
    assert.equal(this.#atOnce, 1, "one at a time");
    await settle();
    this.#atOnce -= 1;
    this.attempts.push(name);
    const trouble = this.troubles.shift();
    if (trouble) {
      throw trouble;
    }
    this.taken.push(name);
  }
}

const offline = () => new TypeError("failed to fetch");

test("messages arrive in order, one at a time, each once", async () => {
  const { outbox, attempts, store } = new Bench();
  outbox.push(op(1));
  outbox.push(op(1, 2));
  outbox.push(op(2));
  outbox.push({ query: 1, kind: "answer", body: { seq: 2, crc: 5, shown: null, reports: [] } });
  outbox.push({ query: 2, kind: "skip", body: { reason: "blurred", reports: [] } });
  assert.equal(outbox.waiting, 5);
  assert.deepEqual(outbox.pending(1).map(nameOf), ["1 op 1", "1 op 2", "1 answer 2"]);
  await Promise.all([outbox.drained(1), outbox.drained(2)]);
  assert.deepEqual(attempts, ["1 op 1", "2 op 1", "1 op 2", "1 answer 2", "2 skip"]);
  assert.deepEqual([outbox.waiting, outbox.pending(1), await store.all()], [0, [], []]);
});

test("what is pushed while the outbox is at rest is sent too", async () => {
  const { outbox, attempts } = new Bench();
  outbox.push(op(1));
  await outbox.drained(1);
  outbox.push(op(2));
  await outbox.drained(1);
  assert.deepEqual(attempts, ["1 op 1", "1 op 2"]);
});

test("a message is in the store before it is sent", async () => {
  const store = memoryStore();
  /** @type {string[]} */
  const events = [];
  const put = async (/** @type {Item} */ item) => {
    await settle();
    events.push("kept");
    await store.put(item);
  };
  const outbox = new Outbox(async () => void events.push("sent"), { ...store, put });
  outbox.push(op(1));
  await outbox.drained(1);
  assert.deepEqual(events, ["kept", "sent"]);
});

test("the time of the last message taken is known, and none before it", async () => {
  const here = new Bench();
  assert.equal(here.outbox.savedAt, null);
  const before = Date.now();
  here.outbox.push(op(1));
  await here.outbox.drained(1);
  assert.ok((here.outbox.savedAt ?? 0) >= before);
  assert.ok(here.changes >= 2);
});

test("while the server cannot be reached the same message is tried after longer and longer pauses", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const { outbox, attempts, taken, troubles } = new Bench();
    troubles.push(...Array.from({ length: 7 }, (_, k) => (k % 2 ? new ApiError(503, "busy") : offline())));
    outbox.push(op(1));
    outbox.push(op(2));
    await settle();
    await settle();
    for (const [k, pause] of [500, 1000, 2000, 4000, 5000, 5000, 5000].entries()) {
      assert.deepEqual([attempts.length, outbox.online, outbox.waiting], [k + 1, false, 2]);
      assert.equal(outbox.problem, k % 2 ? "busy" : "failed to fetch");
      mock.timers.tick(pause - 1);
      await settle();
      await settle();
      assert.equal(attempts.length, k + 1, `not before ${pause} ms`);
      mock.timers.tick(1);
      await settle();
      await settle();
    }
    await settle();
    await settle();
    assert.deepEqual([attempts.slice(-2), taken], [["1 op 1", "1 op 2"], ["1 op 1", "1 op 2"]]);
    assert.deepEqual([outbox.online, outbox.problem, outbox.waiting], [true, null, 0]);
  } finally {
    mock.timers.reset();
  }
});

test("pauses are short again after a success", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const { outbox, attempts, troubles } = new Bench();
    troubles.push(offline(), null, offline());
    outbox.push(op(1));
    outbox.push(op(2));
    for (const pause of [500, 500]) {
      await settle();
      await settle();
      await settle();
      await settle();
      mock.timers.tick(pause);
    }
    await settle();
    await settle();
    assert.deepEqual(attempts, ["1 op 1", "1 op 1", "1 op 2", "1 op 2"]);
    assert.equal(outbox.waiting, 0);
  } finally {
    mock.timers.reset();
  }
});

test("a retry does not wait for the pause, and sends nothing twice", async () => {
  const { outbox, attempts, troubles } = new Bench();
  troubles.push(offline());
  outbox.push(op(1));
  await settle();
  await settle();
  assert.equal(outbox.online, false);
  outbox.retry();
  outbox.retry();
  await outbox.drained(1);
  outbox.retry();
  await settle();
  assert.deepEqual(attempts, ["1 op 1", "1 op 1"]);
});

test("a refused message is dropped with the later ones about its query, and said", async () => {
  const { outbox, taken, troubles, refusals, store } = new Bench();
  troubles.push(null, new ApiError(409, "expected step 7"));
  outbox.push(op(1));
  outbox.push(op(2));
  outbox.push(op(1, 2));
  outbox.push(op(3));
  outbox.push({ query: 1, kind: "answer", body: { seq: 3, crc: 5, shown: null, reports: [] } });
  await Promise.all([outbox.drained(1), outbox.drained(2)]);
  assert.deepEqual(taken, ["1 op 1", "2 op 1"]);
  assert.deepEqual(await store.all(), []);
  const [{ item, status, message, dropped }] = refusals;
  assert.deepEqual([nameOf(item), status, message], ["1 op 2", 409, "expected step 7"]);
  assert.deepEqual(dropped.map(nameOf), ["1 op 3", "1 answer 3"]);
  assert.deepEqual([refusals.length, outbox.online], [1, true]);
});

test("a query can go on after a refusal", async () => {
  const { outbox, taken, troubles } = new Bench();
  troubles.push(new ApiError(409, "expected step 7"));
  outbox.addEventListener("refused", () => outbox.push(op(7)));
  outbox.push(op(1));
  await settle();
  await settle();
  await outbox.drained(1);
  assert.deepEqual(taken, ["1 op 7"]);
});

test("work is kept when it is the page that is not let in", async () => {
  for (const status of [401, 403, 408, 429]) {
    const { outbox, taken, troubles, refusals } = new Bench();
    troubles.push(new ApiError(status, "open the page again"));
    outbox.push(op(1));
    await settle();
    await settle();
    assert.deepEqual([outbox.online, outbox.problem, outbox.waiting], [false, "open the page again", 1]);
    outbox.retry();
    await outbox.drained(1);
    assert.deepEqual([taken, refusals], [["1 op 1"], []]);
  }
});

test("the next page sends what an earlier one could not, before its own", async () => {
  const store = memoryStore();
  const dead = new Outbox(() => new Promise(() => {}), store);
  [op(1), op(2), op(3)].forEach((message) => dead.push(message));
  await settle();
  const { outbox, attempts } = new Bench(store);
  await outbox.restore();
  assert.deepEqual(outbox.pending(1).map(nameOf), ["1 op 1", "1 op 2", "1 op 3"]);
  outbox.push(op(4));
  await outbox.drained(1);
  assert.deepEqual(attempts, ["1 op 1", "1 op 2", "1 op 3", "1 op 4"]);
  const third = new Bench(store);
  await third.outbox.restore();
  assert.equal(third.outbox.waiting, 0);
});

test("what this page pushed already is not taken up again", async () => {
  const { outbox, attempts } = new Bench();
  outbox.push(op(1));
  await outbox.restore();
  await outbox.drained(1);
  assert.deepEqual(attempts, ["1 op 1"]);
});

test("order holds even if the clock was set back between pages", async () => {
  mock.timers.enable({ apis: ["Date"], now: 5000 });
  try {
    const store = memoryStore();
    const dead = new Outbox(() => new Promise(() => {}), store);
    dead.push(op(1));
    mock.timers.setTime(1000);
    dead.push(op(2));
    await settle();
    const { outbox, attempts } = new Bench(store);
    await outbox.restore();
    outbox.push(op(3));
    assert.deepEqual((await store.all()).map(nameOf), ["1 op 1", "1 op 2", "1 op 3"]);
    await outbox.drained(1);
    assert.deepEqual(attempts, ["1 op 1", "1 op 2", "1 op 3"]);
  } finally {
    mock.timers.reset();
  }
});

test("a store that fails does not keep messages from the server, and is told", async () => {
  const fails = () => Promise.reject(new Error("full"));
  const { outbox, attempts } = new Bench({ put: fails, remove: fails, all: fails });
  assert.equal(outbox.durable, true);
  await outbox.restore();
  outbox.push(op(1));
  await outbox.drained(1);
  assert.deepEqual([attempts, outbox.durable], [["1 op 1"], false]);
});

test("a query about which nothing waits is drained", async () => {
  const { outbox } = new Bench();
  await outbox.drained(3);
});

test("what is pending is told for one query or for all", () => {
  const { outbox } = new Bench();
  [op(1), op(1, 2), op(2)].forEach((message) => outbox.push(message));
  assert.deepEqual(outbox.pending(2).map(nameOf), ["2 op 1"]);
  assert.deepEqual(outbox.pending().map(nameOf), ["1 op 1", "2 op 1", "1 op 2"]);
});
