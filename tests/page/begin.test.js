import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeServer, rest, sit } from "./desk.js";

/** A session that shows the first of these queries and has the second. @param {...number} ids */
async function begun(...ids) {
  const server = new FakeServer(...ids);
  server.addAnswered(101);
  server.addAnswered(102);
  const made = sit(server);
  void made.session.start();
  await rest();
  made.session.prefetch();
  await rest();
  return { server, ...made };
}

test("one can begin with an answered query, and is told if it was not answered", async () => {
  const { session } = await begun(1, 2);
  assert.ok(await session.start(101));
  assert.equal(session.current?.id, 101);
  assert.ok(!(await session.start(77)));
});

test("a newer model is told of once", async () => {
  const { session } = await begun(1, 2);
  let told = 0;
  session.addEventListener("model", () => told++);
  const worker = /** @type {any} */ ({});
  for (const model of [null, 3, 3, 4]) {
    await session.follow({ model, worker, answers: 0, open: 0 });
  }
  assert.equal(told, 3);
  assert.equal(session.model, 4);
});
