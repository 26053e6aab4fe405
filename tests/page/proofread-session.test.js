import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";

import { rest } from "./desk.js";
import { FakeServer, auditOf, sheetOf, sit } from "./proofread-sheets.js";

afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
});

/** @param {FakeServer} server */
const kinds = (server) => server.received.map(({ kind, query }) => `${kind} ${query}`);

test("a page is judged and confirmed, and the next one is there", async () => {
  const server = new FakeServer(sheetOf(1), sheetOf(2));
  const { session, shown } = await sit(server);
  await session.prefetch();
  session.judge([0], "incorrect");
  session.confirm();
  await rest();
  assert.deepEqual(shown, [1, 2]);
  assert.deepEqual(kinds(server), ["verdicts 1", "confirm 1"]);
  assert.deepEqual([session.page, session.pages], [2, 1]);
  const [, confirm] = server.received;
  assert.deepEqual(confirm.kind === "confirm" && confirm.body.said, [{ query: 11, verdict: "incorrect" }]);
});

test("a page confirmed by mistake is opened again, and the newer one waits for its turn", async () => {
  const server = new FakeServer(sheetOf(1), sheetOf(2), sheetOf(3));
  const { session, shown } = await sit(server);
  await session.prefetch();
  session.judge([1], "unsure");
  session.confirm();
  await rest();
  assert.equal(await session.undo(), true);
  await rest();
  assert.deepEqual(shown, [1, 2, 1]);
  assert.equal(session.current?.sheet.closed, false);
  session.confirm();
  await rest();
  assert.deepEqual(shown, [1, 2, 1, 2]);
  assert.deepEqual(kinds(server), ["verdicts 1", "confirm 1", "reopen 1", "confirm 1"]);
});

test("once something was said on the next page, undo is about that page alone", async () => {
  const { session } = await sit(new FakeServer(sheetOf(1), sheetOf(2)));
  session.confirm();
  await rest();
  session.judge([0], "incorrect");
  assert.equal(await session.undo(), true);
  assert.equal(await session.undo(), false);
  assert.equal(session.current?.sheet.id, 2);
});

test("earlier pages can be looked at and corrected", async () => {
  const server = new FakeServer(sheetOf(1, { closed: true }), sheetOf(2));
  const { session, shown } = await sit(server);
  assert.equal(await session.turn(1), false);
  assert.equal(await session.turn(-1), true);
  assert.equal(await session.turn(-1), false);
  assert.equal(session.revisiting, true);
  session.judge([0], "incorrect");
  session.confirm();
  await rest();
  assert.deepEqual(shown, [2, 1, 2]);
  assert.deepEqual(kinds(server), ["verdicts 1"]);
});

test("while the server is away verdicts wait, and the page that was fetched ahead can be judged", async () => {
  const server = new FakeServer(sheetOf(1), sheetOf(2));
  const { session, outbox, shown } = await sit(server);
  await session.prefetch();
  server.away = true;
  session.judge([0], "incorrect");
  session.confirm();
  await rest();
  session.judge([0], "unsure");
  await rest();
  assert.deepEqual([shown, outbox.waiting, outbox.online], [[1, 2], 3, false]);
  server.away = false;
  outbox.retry();
  await rest();
  assert.deepEqual(kinds(server), ["verdicts 1", "confirm 1", "verdicts 2"]);
});

test("what an earlier page said and could not send is shown", async () => {
  const server = new FakeServer(sheetOf(1));
  server.receive = () => new Promise(() => {});
  const body = { key: "k", reports: [], verdicts: [{ query: 12, verdict: /** @type {const} */ ("incorrect"), was: null }] };
  const { session } = await sit(server, [{ id: "x", order: 1, query: 1, kind: "verdicts", body }]);
  assert.deepEqual(session.current?.sheet.verdict(1), { word: "incorrect", touched: true });
});

test("a refused page is loaded again, and comes back if it was confirmed already", async () => {
  const server = new FakeServer(sheetOf(1), sheetOf(2));
  const { session, shown } = await sit(server);
  await session.prefetch();
  session.judge([0], "incorrect");
  await rest();
  await session.reload(1);
  assert.deepEqual(session.current?.sheet.verdict(0), { word: "correct", touched: false });
  session.confirm();
  await rest();
  server.sheets.set(1, sheetOf(1)); // it refused
  await session.reload(1);
  assert.equal(session.current?.sheet.id, 2);
  session.confirm();
  await rest();
  assert.deepEqual(shown, [1, 1, 2, 1]);
});

test("why there is no next page is asked once the last one is confirmed", async () => {
  const server = new FakeServer(sheetOf(1));
  const { session, outbox, shown } = await sit(server);
  await session.prefetch();
  assert.equal(session.finished, true);
  server.away = true;
  session.confirm();
  await rest();
  assert.deepEqual([shown.at(-1), session.finished], [null, false]);
  server.away = false;
  outbox.retry();
  await rest();
  assert.deepEqual([session.finished, session.reason], [true, "none is left"]);
});

test("marks of an audit are sent, and confirmed with it", async () => {
  const server = new FakeServer(auditOf(1));
  const { session } = await sit(server);
  session.mark([[1, 2, 3]]);
  session.confirm();
  await rest();
  assert.deepEqual(kinds(server), ["marks 1", "confirm 1"]);
  const [, confirm] = server.received;
  assert.deepEqual(confirm.kind === "confirm" && confirm.body.points, [[1, 2, 3]]);
  assert.deepEqual([session.current, session.finished, session.reason], [null, true, "none is left"]);
});
