/**
 * Sheets of objects, and a server that hands them out, as far as a session knows it.
 *
 * @import {Item} from "../../src/microtome/serve/page/outbox.js"
 * @import {Said, SheetInfo, TileInfo} from "../../src/microtome/serve/page/proofread-types.js"
 */

import { mock } from "node:test";

import { Outbox } from "../../src/microtome/serve/page/outbox.js";
import { SheetSession } from "../../src/microtome/serve/page/proofread-session.js";
import { memoryStore } from "../../src/microtome/serve/page/store.js";
import { rest } from "./desk.js";

/** @param {number} query @param {Said | null} verdict @returns {TileInfo} */
function tileOf(query, verdict) {
  const box = { start: /** @type {const} */ ([0, 0, 0]), stop: /** @type {const} */ ([1, 4, 4]) };
  const about = { round: 0, cluster: 0, strategy: "s", reason: "r", voxels: 9, probability: 0.5 };
  const place = { section: 0, first: 0, last: 0, nm: 4, close: 48 };
  const whole = /** @type {import("../../src/microtome/serve/page/types.js").Box} */ (/** @type {unknown} */ (box));
  return { query, object: query + 100, id: query, verdict, box: whole, region: whole, ...about, ...place };
}

/** A sheet of three objects. @param {number} id @param {Partial<SheetInfo>} [rest_] @returns {SheetInfo} */
export function sheetOf(id, rest_ = {}) {
  const tiles = [1, 2, 3].map((place) => tileOf(10 * id + place, null));
  return { id, sorting: "cluster", closed: false, tiles, audit: null, ...rest_ };
}

/** An audit of a box of 8 voxels a side. @param {number} id @returns {SheetInfo} */
export function auditOf(id) {
  /** @type {import("../../src/microtome/serve/page/types.js").Box} */
  const box = { start: [0, 0, 0], stop: [8, 8, 8] };
  return { ...sheetOf(id), sorting: "audit", tiles: [], audit: { id, box, view: box, points: [] } };
}

export class FakeServer {
  /** @type {Map<number, SheetInfo>} */
  sheets = new Map();
  /** @type {Item[]} */
  received = [];
  away = false;

  /** @param {...SheetInfo} sheets */
  constructor(...sheets) {
    sheets.forEach((sheet) => this.sheets.set(sheet.id, sheet));
    mock.method(globalThis, "fetch", (/** @type {string} */ path, /** @type {RequestInit} */ init) => this.#answer(path, init));
  }

  /** @param {Item} item */
  async receive(item) {
    if (this.away) {
      throw new TypeError("failed to fetch");
    }
    this.received.push(item);
    const sheet = this.sheets.get(item.query);
    if (sheet && item.kind === "confirm") {
      sheet.closed = true;
    } else if (sheet && item.kind === "reopen") {
      sheet.closed = false;
    }
  }

  /** @param {string} path @param {RequestInit} init */
  async #answer(path, { body }) {
    if (this.away) {
      throw new TypeError("failed to fetch");
    }
    if (path.startsWith("/api/closed")) {
      return Response.json([...this.sheets.values()].filter(({ closed }) => closed).map(({ id }) => id));
    }
    if (path === "/api/next") {
      const { holding } = JSON.parse(String(body));
      const sheet = [...this.sheets.values()].find(({ id, closed }) => !closed && !holding.includes(id)) ?? null;
      return Response.json({ sheet, done: false, reason: sheet ? null : "none is left" });
    }
    if (path.endsWith("/tiles")) {
      return new Response(new Uint8Array(5));
    }
    const [, id] = /^\/api\/sheets\/(\d+)/.exec(path) ?? [];
    return Response.json(this.sheets.get(Number(id)));
  }
}

/** A session of Ada's at the server, with what an earlier page left. @param {FakeServer} server @param {Item[]} [left] */
export async function sit(server, left = []) {
  mock.timers.enable({ apis: ["setTimeout"] });
  const outbox = new Outbox((item) => server.receive(item), memoryStore());
  left.forEach((message) => outbox.push(message));
  const report = { key: "k", query: 1, looking: 2, editing: 3 };
  const session = new SheetSession("Ada", outbox, () => [report]);
  /** @type {(number | null)[]} */
  const shown = [];
  session.addEventListener("show", () => shown.push(session.current?.sheet.id ?? null));
  void session.start();
  await rest();
  return { session, outbox, shown };
}
