/** @import {Report} from "../../src/microtome/serve/page/types.js" */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Activity, listen } from "../../src/microtome/serve/page/activity.js";
import { ApiError } from "../../src/microtome/serve/page/api.js";

/** Let everything go on that waits for nothing but its turn. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** An activity at query 7, with a clock to turn and a server that takes what it is sent, or does not. */
class Bench {
  now = 1000;
  /** @type {Report[][]} */
  sent = [];
  /** @type {Report[][]} */
  beacons = [];
  /** @type {Error | null} */
  trouble = null;
  activity = new Activity({
    now: () => this.now,
    send: async (reports) => {
      this.sent.push(reports);
      if (this.trouble) {
        throw this.trouble;
      }
    },
    beacon: (reports) => this.beacons.push(reports),
  });

  constructor() {
    this.activity.begin(7);
  }

  /** @param {number} seconds */
  after(seconds) {
    this.now += seconds;
    return this.activity;
  }

  /** Looking and editing seconds that were not reported yet. */
  async counted() {
    this.activity.report();
    await this.activity.flush();
    const [report] = this.sent.pop() ?? [];
    return report === undefined ? null : [report.looking, report.editing];
  }
}

test("a gap that ends in an edit is editing, any other is looking", async () => {
  const here = new Bench();
  here.after(5).seen();
  here.after(3).edited();
  here.after(2).seen();
  here.after(1).seen();
  assert.deepEqual(await here.counted(), [8, 3]);
});

test("gaps count up to 120 s, longer ones not at all", async () => {
  const here = new Bench();
  here.after(120).seen();
  here.after(120.5).seen();
  here.after(121).edited();
  here.after(120).edited();
  assert.deepEqual(await here.counted(), [120, 120]);
});

test("all of a press that turns out to be a stroke is editing", async () => {
  const here = new Bench();
  here.after(5).seen();
  here.after(0.1).press();
  here.after(4).seen();
  here.after(4).seen();
  here.after(0.1).edited();
  here.after(0).release();
  here.after(1).seen();
  assert.deepEqual(await here.counted(), [6, 8.2]);
});

test("a stroke whose edit comes just after the pointer went up is editing", async () => {
  const here = new Bench();
  here.after(0.1).press();
  here.after(4).seen();
  here.after(1).release();
  here.after(0.1).edited();
  assert.deepEqual(await here.counted(), [0, 5.2]);
});

test("a press that changes nothing is looking", async () => {
  const here = new Bench();
  here.after(1).press();
  here.after(4).seen();
  here.after(1).release();
  here.after(2).edited();
  assert.deepEqual(await here.counted(), [6, 2]);
});

test("a key that edits is one act with its edit", async () => {
  const here = new Bench();
  here.after(6).seen();
  here.after(3).seen();
  here.after(0.01).edited();
  assert.deepEqual(await here.counted(), [6, 3.01]);
});

test("time out of sight does not count", async () => {
  const here = new Bench();
  here.after(5).seen();
  here.after(2).hide();
  here.after(30).edited();
  here.after(30).show();
  here.after(4).seen();
  assert.deepEqual(await here.counted(), [11, 0]);
});

test("without a query nothing counts", async () => {
  const here = new Bench();
  here.after(1).begin(null);
  here.sent.length = 0;
  here.after(5).seen();
  here.after(5).edited();
  assert.equal(await here.counted(), null);
});

test("each query has its own reports, sent when the query changes", async () => {
  const here = new Bench();
  here.after(5).seen();
  here.after(2).begin(8);
  here.after(3).edited();
  here.after(0).begin(9);
  await settle();
  await here.activity.flush();
  const reports = [...new Map(here.sent.flat().map((report) => [report.key, report])).values()];
  const plain = reports.map(({ query, looking, editing }) => ({ query, looking, editing }));
  assert.deepEqual(plain, [
    { query: 7, looking: 7, editing: 0 },
    { query: 8, looking: 0, editing: 3 },
  ]);
  assert.notEqual(reports[0].key, reports[1].key);
});

test("nothing to say sends nothing", async () => {
  const here = new Bench();
  here.activity.report();
  await here.activity.flush();
  assert.deepEqual(here.sent, []);
});

test("a report in the middle of a stroke leaves the stroke whole", async () => {
  const here = new Bench();
  here.after(1).press();
  here.after(4).seen();
  assert.equal(await here.counted(), null);
  here.after(4).edited();
  assert.deepEqual(await here.counted(), [0, 9]);
});

test("reports that failed are sent again with the same keys, and once they arrived no more", async () => {
  const here = new Bench();
  here.trouble = new TypeError("failed to fetch");
  here.after(5).seen();
  here.activity.report();
  await here.activity.flush();
  here.trouble = new ApiError(503, "busy");
  here.after(3).seen();
  here.activity.report();
  await here.activity.flush();
  here.trouble = null;
  await here.activity.flush();
  await here.activity.flush();
  const keys = here.sent.map((reports) => reports.map(({ key }) => key));
  assert.deepEqual(keys.map((batch) => batch.length), [1, 2, 2]);
  assert.deepEqual(keys[1], keys[2]);
  assert.equal(keys[0][0], keys[1][0]);
});

test("reports that the server refuses are dropped", async () => {
  const here = new Bench();
  here.trouble = new ApiError(422, "no such query");
  here.after(5).seen();
  here.activity.report();
  await here.activity.flush();
  await here.activity.flush();
  assert.equal(here.sent.length, 1);
});

test("a flush during a flush sends nothing twice", async () => {
  const here = new Bench();
  here.after(5).seen();
  here.activity.report();
  await Promise.all([here.activity.flush(), here.activity.flush()]);
  assert.equal(here.sent.length, 1);
});

test("a page that closes hands over everything", () => {
  const here = new Bench();
  here.after(5).edited();
  here.after(2).leave();
  assert.deepEqual(here.beacons.map((reports) => reports.map(({ looking, editing }) => [looking, editing])), [[[2, 5]]]);
});

test("a page that lives on after all sends the same keys again", async () => {
  const here = new Bench();
  here.after(5).edited();
  here.activity.leave();
  here.activity.show();
  await here.activity.flush();
  assert.deepEqual(here.sent, here.beacons);
});

/** A window, as far as an activity looks at it. */
function fakeWindow() {
  const document = Object.assign(new EventTarget(), { hidden: false });
  /** @type {(() => void)[]} */
  const timers = [];
  return Object.assign(new EventTarget(), {
    document,
    timers,
    setInterval: (/** @type {() => void} */ act) => timers.push(act),
    clearInterval: () => timers.splice(0),
  });
}

test("what happens in a window counts, until it is stopped", async () => {
  const here = new Bench();
  const view = fakeWindow();
  const stop = listen(here.activity, /** @type {any} */ (view));
  const happens = (/** @type {number} */ seconds, /** @type {string} */ name) => {
    here.now += seconds;
    view.dispatchEvent(new Event(name));
  };
  happens(1, "pointermove");
  happens(1, "keydown");
  happens(1, "wheel");
  happens(1, "pointerdown");
  happens(1, "pointermove");
  happens(1, "pointerup");
  here.now += 1;
  view.document.hidden = true;
  view.document.dispatchEvent(new Event("visibilitychange"));
  happens(50, "pointermove");
  view.document.hidden = false;
  view.document.dispatchEvent(new Event("visibilitychange"));
  happens(1, "keydown");
  view.timers[0]();
  assert.deepEqual(here.sent[0].map(({ looking, editing }) => [looking, editing]), [[8, 0]]);
  await settle();
  happens(1, "keydown");
  happens(1, "pagehide");
  assert.equal(here.beacons.flat().reduce((sum, { looking }) => sum + looking, 0), 2);
  stop();
  assert.equal(view.timers.length, 0);
});
