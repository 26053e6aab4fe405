/**
 * A server that hands out queries, as far as a session knows it, and a session at it.
 *
 * @import {Item, Message} from "../../src/microtome/serve/page/outbox.js"
 * @import {Op, Query} from "../../src/microtome/serve/page/types.js"
 */

import { mock } from "node:test";

import { Outbox } from "../../src/microtome/serve/page/outbox.js";
import { Session } from "../../src/microtome/serve/page/session.js";
import { memoryStore } from "../../src/microtome/serve/page/store.js";
import { projectOf, queryOf } from "./fakes.js";

/** Let go on whatever does not wait for a timer. */
export async function rest() {
  for (let i = 0; i < 12; i++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** An op that labels the first voxel. @param {number} seq @returns {Op} */
export const opOf = (seq) => ({ seq, key: `key-${seq}`, kind: "edit", tool: "brush", runs: [seq - 1, 1, 1] });

export class FakeServer {
  /** @type {Query[]} that are open */
  open = [];
  /** @type {Map<number, Query>} all that there are */
  queries = new Map();
  /** @type {number[]} */
  answered = [];
  /** @type {string[]} */
  requests = [];
  away = false;
  /** @type {string | null} path of requests whose answers are on their way until `release` */
  held = null;
  /** @type {(() => void)[]} */
  #waiting = [];

  /** @param {...number} ids of open queries */
  constructor(...ids) {
    ids.forEach((id) => this.add(queryOf(id)));
    mock.method(globalThis, "fetch", (/** @type {string} */ path, /** @type {RequestInit} */ init) => this.#fetch(path, init));
  }

  /** @param {Query} query */
  add(query) {
    this.queries.set(query.id, query);
    this.open.push(query);
  }

  /** A query that was answered before. @param {number} id */
  addAnswered(id) {
    this.queries.set(id, queryOf(id, { ops: [opOf(1)] }));
    this.answered.push(id);
  }

  /** @param {Item} item */
  async receive({ query, kind, body }) {
    if (this.away) {
      throw new TypeError("failed to fetch");
    }
    if (kind === "op") {
      this.queries.get(query)?.ops.push(body);
    } else {
      this.open = this.open.filter(({ id }) => id !== query);
    }
  }

  async release() {
    this.held = null;
    this.#waiting.splice(0).forEach((go) => go());
    await rest();
  }

  /** @param {string} path @param {RequestInit} init */
  async #fetch(path, init) {
    this.requests.push(path);
    const answer = this.#answer(path, init);
    if (this.held && path.startsWith(this.held)) {
      await new Promise((resolve) => this.#waiting.push(() => resolve(undefined)));
    }
    if (this.away) {
      throw new TypeError("failed to fetch");
    }
    return answer;
  }

  /** @param {string} path @param {RequestInit} init */
  #answer(path, { body }) {
    if (path.startsWith("/api/answered")) {
      return Response.json(this.answered.map((query) => ({ query })));
    }
    if (path === "/api/next") {
      const { holding } = JSON.parse(String(body));
      const query = this.open.find(({ id }) => !holding.includes(id)) ?? null;
      return Response.json({ query, reason: query ? null : "none is waiting" });
    }
    const [, id] = /^\/api\/queries\/(\d+)/.exec(path) ?? [];
    return id ? Response.json(this.queries.get(Number(id))) : new Response(new Uint8Array(6));
  }
}

/** A session of Ada's at the server, with what an earlier page left. @param {FakeServer} server @param {Message[]} [left] */
export function sit(server, left = []) {
  const outbox = new Outbox((item) => server.receive(item), memoryStore());
  left.forEach((message) => outbox.push(message));
  /** @type {Message[]} */
  const pushed = [];
  const push = outbox.push.bind(outbox);
  outbox.push = (message) => {
    pushed.push(message);
    push(message);
  };
  const report = { key: "k", query: 1, looking: 2, editing: 3 };
  const session = new Session(projectOf(), "Ada", outbox, () => [report], () => true);
  /** @type {(number | null)[]} */
  const shown = [];
  session.addEventListener("show", () => shown.push(session.current?.id ?? null));
  /** Paint a voxel of the query on the table. @param {number} index */
  const paint = (index) => {
    const { current } = session;
    const op = current?.draft.edit("brush", [index], 1);
    if (current && op) {
      outbox.push({ query: current.id, kind: "op", body: op });
    }
  };
  return { session, outbox, pushed, shown, report, paint };
}

/** A session that shows the first of these queries and has the second. @param {...number} ids */
export async function begun(...ids) {
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
