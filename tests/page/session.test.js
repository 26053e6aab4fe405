import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { queryOf } from "./fakes.js";
import { FakeServer, begun, opOf, rest, sit } from "./desk.js";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
});

/** Wait for a second, as the session does between two attempts. */
async function second() {
  mock.timers.tick(1000);
  await rest();
}

test("the first query is shown, and the one after it is fetched ahead", async () => {
  const { session, server, shown } = await begun(1, 2, 3);
  assert.deepEqual(shown, [1]);
  assert.equal(session.revisiting, false);
  assert.equal(server.requests.filter((path) => path === "/api/next").length, 2);
  session.prefetch();
  await rest();
  assert.equal(server.requests.filter((path) => path === "/api/next").length, 2, "it is here already");
});

test("what is handed in is the draft's last step and checksum with the time it took, and the next query follows", async () => {
  const { session, pushed, shown, report, paint } = await begun(1, 2);
  paint(0);
  paint(3);
  const { draft } = session.current ?? assert.fail();
  session.submit();
  await rest();
  assert.deepEqual(pushed.at(-1), { query: 1, kind: "answer", body: { seq: 2, crc: draft.crc(), shown: null, reports: [report] } });
  assert.deepEqual([shown.at(-1), session.revisiting], [2, false]);
});

test("a query that is here already follows without asking the server", async () => {
  const { session, server, shown } = await begun(1, 2);
  server.away = true;
  session.submit();
  await rest();
  assert.equal(shown.at(-1), 2);
});

test("a query that was handed in leaves the table at once, so that nothing is done to it twice", async () => {
  const { session, server, pushed, shown } = await begun(1);
  server.held = "/api/next";
  session.submit();
  assert.equal(session.current, null);
  session.submit();
  session.skip("blurred");
  server.add(queryOf(2));
  await server.release();
  await second();
  assert.deepEqual(pushed.map(({ kind }) => kind), ["answer"]);
  assert.deepEqual([shown[0], shown[1], shown.at(-1)], [1, null, 2]);
});

test("two quick submits hand in two queries, each once", async () => {
  const { session, pushed } = await begun(1, 2, 3);
  session.submit();
  await rest();
  session.submit();
  await rest();
  assert.deepEqual(pushed.map(({ query, kind }) => [query, kind]), [[1, "answer"], [2, "answer"]]);
  assert.equal(session.current?.id, 3);
});

test("a skipped query gives its reason and can be gone back to", async () => {
  const { session, pushed, report } = await begun(1, 2);
  session.skip("blurred");
  await rest();
  assert.deepEqual(pushed, [{ query: 1, kind: "skip", body: { reason: "blurred", reports: [report] } }]);
  await session.turn(-1);
  assert.equal(session.current?.id, 1);
  assert.ok(session.revisiting);
});

test("one can go back through the answers and forward to the draft, which is as it was", async () => {
  const { session, shown, paint } = await begun(1, 2);
  paint(0);
  const live = session.current;
  const turned = [];
  for (const step of /** @type {(1 | -1)[]} */ ([1, -1, -1, -1, 1, 1, 1])) {
    turned.push(await session.turn(step));
  }
  assert.deepEqual(turned, [false, true, true, false, true, true, false]);
  assert.deepEqual(shown, [1, 102, 101, 102, 1]);
  assert.deepEqual([session.current, session.revisiting], [live, false]);
});

test("an answer that is looked at again has its labels, cannot be skipped, and is handed in anew", async () => {
  const { session, pushed, paint } = await begun(1, 2);
  await session.turn(-1);
  assert.deepEqual([session.revisiting, session.current?.draft.labelled()], [true, 1]);
  session.skip("blurred");
  paint(4);
  session.submit();
  assert.deepEqual(pushed.map(({ query, kind }) => [query, kind]), [[102, "op"], [102, "answer"]]);
  assert.deepEqual([session.current?.id, session.revisiting], [1, false]);
  await session.turn(-1);
  await session.turn(-1);
  assert.equal(session.current?.id, 101, "there is one answer to 102");
});

test("the answer just given is the first to go back to", async () => {
  const { session, paint } = await begun(1, 2);
  paint(0);
  session.submit();
  await rest();
  await session.turn(-1);
  assert.deepEqual([session.current?.id, session.revisiting, session.current?.draft.labelled()], [1, true, 1]);
});

test("who goes back while the server is away stays at the draft", async () => {
  const { session, server, pushed } = await begun(1, 2);
  server.away = true;
  await assert.rejects(session.turn(-1));
  assert.deepEqual([session.current?.id, session.revisiting], [1, false]);
  server.away = false;
  await session.turn(-1);
  assert.equal(session.current?.id, 102);
  server.away = true;
  await assert.rejects(session.turn(-1));
  assert.deepEqual([session.current?.id, session.revisiting], [102, true]);
  await session.turn(1);
  session.skip("blurred");
  assert.equal(pushed.length, 1);
});

test("who goes back in vain while waiting for a query still gets it", async () => {
  const { session, server } = await begun();
  server.away = true;
  await assert.rejects(session.turn(-1));
  await rest();
  server.away = false;
  server.add(queryOf(5));
  await second();
  assert.equal(session.current?.id, 5);
});

test("back and forth at once leaves the draft on the table alone", async () => {
  const { session, shown } = await begun(1, 2);
  const back = session.turn(-1);
  await session.turn(1);
  await back;
  assert.deepEqual([shown, session.current?.id], [[1], 1]);
});

test("two steps back at once show the second only", async () => {
  const { session, shown } = await begun(1, 2);
  await Promise.all([session.turn(-1), session.turn(-1)]);
  assert.deepEqual(shown, [1, 101]);
});

test("what is handed in while an earlier answer loads is the query on the table", async () => {
  const { session, server, pushed } = await begun(1, 2);
  server.held = "/api/queries/102";
  const back = session.turn(-1);
  assert.equal(session.revisiting, false);
  session.submit();
  await server.release();
  await back;
  assert.deepEqual(pushed.map(({ query, kind }) => [query, kind]), [[1, "answer"]]);
  assert.equal(session.current?.id, 2);
  await session.turn(-1);
  assert.equal(session.current?.id, 1);
});

test("a query that came while an earlier answer was looked at is shown once", async () => {
  const { session, server } = await begun();
  server.add(queryOf(5));
  server.add(queryOf(6));
  server.held = "/api/next";
  await second();
  await session.turn(-1);
  session.prefetch();
  await server.release();
  assert.equal(session.current?.id, 102);
  await session.turn(1);
  await rest();
  assert.equal(session.current?.id, 5);
  session.prefetch();
  await rest();
  session.submit();
  await rest();
  assert.equal(session.current?.id, 6);
});

test("a refused draft is replaced by the server's", async () => {
  const { session, server, paint } = await begun(1, 2);
  paint(0);
  await rest();
  session.current?.draft.edit("brush", [5], 1); // which the server refused
  /** @type {import("../../src/microtome/serve/page/types.js").Query} */ (server.queries.get(1)).ops.push(opOf(2));
  assert.ok(await session.reload(1));
  assert.deepEqual([...(session.current?.draft.labels ?? [])], [1, 1, 255, 255, 255, 255]);
  assert.equal(session.revisiting, false);
  session.submit();
  await rest();
  assert.equal(session.current?.id, 2);
});

test("a query that was answered elsewhere is one of those behind, and the next comes", async () => {
  const { session, server } = await begun(1, 2);
  /** @type {import("../../src/microtome/serve/page/types.js").Query} */ (server.queries.get(1)).answer = { id: 9, seq: 1, method: "scratch" };
  assert.ok(await session.reload(1));
  assert.ok(session.revisiting);
  assert.ok(await session.turn(1));
  await rest();
  assert.equal(session.current?.id, 2);
});

test("a refused draft that is not on the table is replaced without being shown", async () => {
  const { session, shown } = await begun(1, 2);
  const stale = session.current;
  await session.turn(-1);
  assert.equal(await session.reload(1), false);
  assert.equal(shown.at(-1), 102);
  await session.turn(1);
  assert.equal(session.current?.id, 1);
  assert.notEqual(session.current, stale);
});

test("a query that was left while it was loaded again does not come back", async () => {
  const { session, server, shown } = await begun(1, 2);
  server.held = "/api/queries/1?";
  const reloaded = session.reload(1);
  session.submit();
  await rest();
  await server.release();
  assert.equal(await reloaded, false);
  assert.deepEqual(shown.at(-1), 2);
  assert.equal(await session.reload(77), false);
});

test("a page that starts without a server waits for it", async () => {
  const server = new FakeServer(1);
  server.away = true;
  const { session, shown } = sit(server);
  void session.start();
  await rest();
  assert.deepEqual(shown, [null]);
  await second();
  server.away = false;
  await second();
  assert.equal(session.current?.id, 1);
});

test("while there is no query the session says why, and shows one as soon as it can", async () => {
  const { session, server } = await begun();
  assert.deepEqual([session.current, session.reason], [null, "none is waiting"]);
  server.add(queryOf(5));
  await second();
  assert.deepEqual([session.current?.id, session.reason], [5, ""]);
});

test("a query whose image does not come is asked for again", async () => {
  const server = new FakeServer(1, 2);
  const { session } = sit(server);
  server.held = "/api/image";
  void session.start();
  await rest();
  server.away = true;
  await server.release();
  server.away = false;
  await second();
  assert.equal(session.current?.id, 1);
});

test("a query whose answer waits in the outbox is not shown again", async () => {
  const server = new FakeServer(1, 2);
  server.away = true;
  const { session, shown } = sit(server, [{ query: 1, kind: "answer", body: { seq: 1, crc: 2, shown: null, reports: [] } }]);
  await rest();
  server.away = false; // the server is back, and the outbox still pauses
  void session.start();
  await rest();
  assert.deepEqual(shown, []);
  mock.timers.tick(500);
  await rest();
  assert.deepEqual(shown, [2]);
});

test("strokes that wait in the outbox are in the draft, even if they arrive while it loads", async () => {
  const server = new FakeServer(1);
  server.away = true;
  const { session, paint, outbox } = sit(server, [
    { query: 1, kind: "op", body: opOf(1) },
    { query: 1, kind: "op", body: opOf(2) },
  ]);
  await rest();
  server.away = false;
  server.held = "/api/next";
  void session.start();
  await rest();
  mock.timers.tick(500);
  await rest();
  assert.equal(outbox.waiting, 0, "the server has them, but not in the answer that is on its way");
  await server.release();
  assert.deepEqual([session.current?.draft.seq, session.current?.draft.labelled()], [2, 2]);
  paint(5);
  assert.equal(session.current?.draft.seq, 3);
});

test("of an answer that is looked at again the latest model's prediction is asked for once, and shown", async () => {
  const { session, server, paint } = await begun(1, 2);
  const query = /** @type {import("../../src/microtome/serve/page/types.js").Query} */ (server.queries.get(102));
  query.answer = { id: 5, seq: 1, method: "scratch" };
  await session.turn(-1);
  assert.equal(session.current?.id, 102);
  const state = { worker: /** @type {any} */ (null), model: 4, answers: 1, open: 2 };
  await session.follow(state);
  await session.follow(state);
  assert.equal(server.requests.filter((path) => path === "/api/queries/102/look").length, 1);
  query.preview = { id: 9, model: 4, box: query.box, foreground: false };
  await session.follow(state);
  assert.equal(session.current?.prediction?.model, 4);
  paint(3);
  query.preview = { id: 10, model: 5, box: query.box, foreground: false };
  await session.follow({ ...state, model: 5 });
  assert.equal(session.current?.prediction?.model, 4, "what is being changed keeps its prediction");
});

test("a newer prediction is shown as long as nothing is painted", async () => {
  const { session, server, paint } = await begun(1, 2);
  const query = /** @type {import("../../src/microtome/serve/page/types.js").Query} */ (server.queries.get(1));
  const state = { worker: /** @type {any} */ (null), model: 4, answers: 1, open: 2 };
  let predictions = 0;
  session.addEventListener("prediction", () => (predictions += 1));
  await session.follow({ ...state, model: null });
  await session.follow(state);
  assert.equal(predictions, 0, "there is none for this query yet");
  query.preview = { id: 9, model: 4, box: query.box, foreground: false };
  await session.follow(state);
  await session.follow(state);
  assert.deepEqual([predictions, session.current?.prediction?.model], [1, 4]);
  query.preview = { id: 10, model: 5, box: query.box, foreground: false };
  server.held = "/api/queries/1?";
  const followed = session.follow({ ...state, model: 5 });
  paint(0);
  await server.release();
  await followed;
  assert.deepEqual([predictions, session.current?.prediction?.model], [1, 4], "a stroke came first");
});
