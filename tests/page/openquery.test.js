/** @import {Box} from "../../src/microtome/serve/page/types.js" */

import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";

import { OpenQuery } from "../../src/microtome/serve/page/openquery.js";
import { opOf } from "./desk.js";
import { projectOf, queryOf } from "./fakes.js";

/** @type {string[]} */
let requests = [];

/** A server that has every image and every preview, but not those under a path. @param {string} [missing] */
function serve(missing = "none") {
  requests = [];
  mock.method(globalThis, "fetch", async (/** @type {string} */ path) => {
    requests.push(path);
    return path.startsWith(missing) ? new Response(null, { status: 404 }) : new Response(new Uint8Array(6));
  });
}

afterEach(() => mock.restoreAll());

test("a query is open once its draft, its own sections and its prediction are here", async () => {
  serve();
  /** @type {Box} */
  const box = { start: [3, 9, 8], stop: [7, 15, 16] };
  const query = queryOf(1, { ops: [opOf(1)], preview: { id: 9, model: 4, box, foreground: true } });
  const open = await OpenQuery.load(query, [], projectOf());
  assert.deepEqual([open.id, open.shape, open.deep], [1, [1, 2, 3], false]);
  assert.deepEqual([open.draft.seq, open.draft.labelled()], [1, 1]);
  assert.deepEqual([open.prediction?.model, open.prediction?.shape], [4, [4, 6, 8]]);
  assert.ok(open.sections.get(4) && !open.sections.get(5));
  assert.deepEqual(requests.toSorted(), [
    "/api/image?z0=4&z1=5&y0=10&y1=12&x0=10&x1=13",
    "/api/previews/9/classes",
    "/api/previews/9/foreground",
    "/api/previews/9/uncertainty",
  ]);
});

test("ops that wait follow on those that the server has, and none counts twice", async () => {
  serve();
  const open = await OpenQuery.load(queryOf(1, { ops: [opOf(1), opOf(2)] }), [opOf(2), opOf(3)], projectOf());
  assert.deepEqual([open.draft.seq, open.draft.labelled()], [3, 3]);
});

test("a query of several sections shows side views, and has no prediction until there is one", async () => {
  serve();
  /** @type {Box} */
  const box = { start: [4, 10, 10], stop: [7, 12, 13] };
  const open = await OpenQuery.load(queryOf(1, { box, view: box }), [], projectOf());
  assert.deepEqual([open.deep, open.prediction], [true, null]);
  await open.refresh({ id: 2, model: 5, box, foreground: false });
  assert.deepEqual([open.prediction?.model, open.prediction?.foreground], [5, null]);
});

test("a query without its image is not opened", async () => {
  serve("/api/image");
  await assert.rejects(OpenQuery.load(queryOf(1), [], projectOf()), { status: 404 });
});
