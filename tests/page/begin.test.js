import assert from "node:assert/strict";
import { test } from "node:test";

import { begun } from "./desk.js";

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
