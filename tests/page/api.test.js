import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";

import * as api from "../../src/microtome/serve/page/api.js";

/** Let the server answer every request so. @param {Response} response */
function answers(response) {
  return mock.method(globalThis, "fetch", async () => response.clone());
}

/** @param {{mock: {calls: {arguments: unknown[]}[]}}} fetched @returns {[path: string, method: string, body: unknown]} */
function lastRequest(fetched) {
  const [path, init] = /** @type {[string, RequestInit]} */ (fetched.mock.calls.slice(-1)[0].arguments);
  return [path, init.method ?? "GET", init.body === undefined ? null : JSON.parse(String(init.body))];
}

afterEach(() => mock.restoreAll());

test("every route is asked as the server expects it", async () => {
  const fetched = answers(Response.json({}));
  const op = /** @type {const} */ ({ seq: 1, key: "k", kind: "undo" });
  const report = { key: "k", query: 3, looking: 1, editing: 2 };
  /** @type {[() => Promise<unknown>, string, string, unknown][]} */
  const routes = [
    [() => api.project(), "/api/project", "GET", null],
    [() => api.state(), "/api/state", "GET", null],
    [() => api.dashboard(), "/api/dashboard", "GET", null],
    [() => api.next("Ada", [1, 2]), "/api/next", "POST", { annotator: "Ada", holding: [1, 2] }],
    [() => api.query(3, "Ada & Bob"), "/api/queries/3?annotator=Ada+%26+Bob", "GET", null],
    [() => api.answered("Ada"), "/api/answered?annotator=Ada", "GET", null],
    [() => api.postOp(3, "Ada", op), "/api/queries/3/ops", "POST", { annotator: "Ada", op }],
    [() => api.postAnswer(3, "Ada", { seq: 1, crc: 2, shown: null, reports: [] }), "/api/queries/3/answer", "POST", { annotator: "Ada", seq: 1, crc: 2, shown: null, reports: [] }],
    [() => api.postSkip(3, "Ada", { reason: "blurred", reports: [] }), "/api/queries/3/skip", "POST", { annotator: "Ada", reason: "blurred", reports: [] }],
    [() => api.postActivity("Ada", [report]), "/api/activity", "POST", { annotator: "Ada", reports: [report] }],
    [() => api.train(), "/api/train", "POST", {}],
    [() => api.watch([4, 5]), "/api/watch", "POST", { sections: [4, 5] }],
    [() => api.image({ start: [1, 2, 3], stop: [4, 5, 6] }), "/api/image?z0=1&z1=4&y0=2&y1=5&x0=3&x1=6", "GET", null],
    [() => api.previewClasses(3), "/api/previews/3/classes", "GET", null],
    [() => api.previewUncertainty(3), "/api/previews/3/uncertainty", "GET", null],
    [() => api.labels(3), "/api/queries/3/labels", "GET", null],
  ];
  for (const [ask, ...request] of routes) {
    await ask();
    assert.deepEqual(lastRequest(fetched), request);
  }
});

test("bytes come as they are", async () => {
  answers(new Response(Uint8Array.of(1, 2, 255)));
  assert.deepEqual(await api.labels(1), Uint8Array.of(1, 2, 255));
});

test("an error has the status and the server's line", async () => {
  answers(Response.json({ detail: "expected step 4" }, { status: 409 }));
  await assert.rejects(api.project(), { name: "ApiError", status: 409, message: "expected step 4" });
});

test("an error without a line has the status alone", async () => {
  answers(new Response("<html>", { status: 502, statusText: "Bad Gateway" }));
  await assert.rejects(api.project(), { status: 502, message: "502 Bad Gateway" });
  answers(Response.json({ detail: [{ loc: ["body"] }] }, { status: 422, statusText: "Unprocessable" }));
  await assert.rejects(api.project(), { status: 422, message: "422 Unprocessable" });
});

test("only what will be refused again is a refusal", () => {
  const refused = [400, 404, 409, 422].map((status) => new api.ApiError(status, ""));
  const others = [401, 403, 408, 425, 429, 500, 503].map((status) => new api.ApiError(status, ""));
  assert.ok(refused.every(api.isRefusal));
  assert.ok(![...others, new TypeError("failed to fetch"), null].some(api.isRefusal));
});

test("a closing page hands its reports over as JSON", async () => {
  /** @type {Blob[]} */
  const bodies = [];
  const beacon = (/** @type {string} */ path, /** @type {Blob} */ body) => path === "/api/activity" && bodies.push(body) > 0;
  Object.defineProperty(globalThis, "navigator", { value: { sendBeacon: beacon }, configurable: true });
  assert.equal(api.beaconActivity("Ada", [{ key: "k", query: 3, looking: 1, editing: 2 }]), true);
  assert.equal(bodies[0].type, "application/json");
  const said = JSON.parse(await bodies[0].text());
  assert.deepEqual(said, { annotator: "Ada", reports: [{ key: "k", query: 3, looking: 1, editing: 2 }] });
});
