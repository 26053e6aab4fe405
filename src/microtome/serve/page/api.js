/**
 * The server's routes, one function each.
 *
 * @import {Answered, Box, Dashboard, Op, ProjectInfo, Query, State} from "./types.js"
 * @import {Item} from "./outbox.js"
 *
 * Seconds that went into a query; the server counts a report with the same key once.
 * @typedef {{key: string, query: number, looking: number, editing: number}} Report
 */

/** A request that is not answered within this time counts as failed, so that a sleeping laptop's is tried again. */
const PATIENCE_MS = 30_000;

/** Statuses that say nothing about the message itself: log in again, or try again later. */
const ABOUT_THE_MOMENT = new Set([401, 403, 408, 425, 429]);

/** What the server said instead of an answer: an HTTP status and one line. */
export class ApiError extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

/**
 * Whether the server will refuse the same message again, however often it is sent.
 *
 * @param {unknown} error
 * @returns {error is ApiError}
 */
export function isRefusal(error) {
  return error instanceof ApiError && error.status >= 400 && error.status < 500 && !ABOUT_THE_MOMENT.has(error.status);
}

/** @returns {Promise<ProjectInfo>} */
export const project = () => getJson("/api/project");

/** @returns {Promise<State>} */
export const state = () => getJson("/api/state");

/** @returns {Promise<Dashboard>} */
export const dashboard = () => getJson("/api/dashboard");

/**
 * Reserve a query that the page does not hold yet.
 *
 * @param {string} annotator
 * @param {number[]} holding ids of the queries that the page has
 * @returns {Promise<{query: Query | null, reason: string | null}>} no query comes with the reason
 */
export const next = (annotator, holding) => postJson("/api/next", { annotator, holding });

/**
 * One query with the annotator's own draft and answer.
 *
 * @param {number} id @param {string} annotator
 * @returns {Promise<Query>}
 */
export const query = (id, annotator) => getJson(`/api/queries/${id}?${new URLSearchParams({ annotator })}`);

/**
 * What the annotator answered, oldest first.
 *
 * @param {string} annotator
 * @returns {Promise<Answered[]>}
 */
export const answered = (annotator) => getJson(`/api/answered?${new URLSearchParams({ annotator })}`);

/**
 * @param {number} id @param {string} annotator @param {Op} op
 * @returns {Promise<{seq: number}>}
 */
export const postOp = (id, annotator, op) => postJson(`/api/queries/${id}/ops`, { annotator, op });

/**
 * @param {number} id @param {string} annotator
 * @param {{seq: number, crc: number, shown: number | null, reports: Report[]}} draft its last op, its CRC-32, the model
 *   whose prediction was in view, and the time it took
 * @returns {Promise<{answer: number}>}
 */
export const postAnswer = (id, annotator, draft) => postJson(`/api/queries/${id}/answer`, { annotator, ...draft });

/**
 * @param {number} id @param {string} annotator
 * @param {{reason: string, reports: Report[]}} skip why, and the time it took to see that
 * @returns {Promise<{}>}
 */
export const postSkip = (id, annotator, skip) => postJson(`/api/queries/${id}/skip`, { annotator, ...skip });

/** What waited in the outbox. @param {string} annotator @param {Item} item @returns {Promise<unknown>} */
export function deliver(annotator, item) {
  switch (item.kind) {
    case "op":
      return postOp(item.query, annotator, item.body);
    case "answer":
      return postAnswer(item.query, annotator, item.body);
    case "skip":
      return postSkip(item.query, annotator, item.body);
    default:
      throw new Error(`expected something about a query; got ${item.kind}`);
  }
}

/**
 * Grey values of a box of the volume.
 *
 * @param {Box} box
 * @returns {Promise<Uint8Array>} flat, x fastest
 */
export const image = (box) => getBytes(`/api/image?${corners(box)}`);

/** @param {number} id of a preview @returns {Promise<Uint8Array>} predicted class of each voxel of its box */
export const previewClasses = (id) => getBytes(`/api/previews/${id}/classes`);

/** @param {number} id of a preview @returns {Promise<Uint8Array>} 0 (sure) to 255 for each voxel of its box */
export const previewUncertainty = (id) => getBytes(`/api/previews/${id}/uncertainty`);

/** @param {number} id of a preview @returns {Promise<Uint8Array>} 0 to 255 for each voxel: how likely no background */
export const previewForeground = (id) => getBytes(`/api/previews/${id}/foreground`);

/** Have the latest model predict a query that was answered. @param {number} id @returns {Promise<{}>} */
export const look = (id) => postJson(`/api/queries/${id}/look`, {});

/**
 * How much more each voxel of an answered query weighs, 0 to 255, and which errors do: both, missed, made-up or none.
 *
 * @param {number} id
 * @returns {Promise<{values: Uint8Array, errors: string}>}
 */
export async function weights(id) {
  const response = await ask(`/api/queries/${id}/weights`, {});
  return { values: new Uint8Array(await response.arrayBuffer()), errors: response.headers.get("X-Errors") ?? "both" };
}

/** @param {number} id of a query @returns {Promise<Uint8Array>} majority of its answers, 255 unlabelled */
export const labels = (id) => getBytes(`/api/queries/${id}/labels`);

/** @param {string} annotator @param {Report[]} reports @returns {Promise<{}>} */
export const postActivity = (annotator, reports) => postJson("/api/activity", { annotator, reports });

/**
 * Hand reports to the browser, which sends them even if the page is closing.
 *
 * @param {string} annotator @param {Report[]} reports
 * @returns {boolean} whether the browser took them
 */
export function beaconActivity(annotator, reports) {
  const body = new Blob([JSON.stringify({ annotator, reports })], { type: "application/json" });
  return navigator.sendBeacon("/api/activity", body);
}

/** Train now. @returns {Promise<{}>} */
export const train = () => postJson("/api/train", {});

/** @param {number[]} sections z of the sections whose prediction the dashboard shows @returns {Promise<{}>} */
export const watch = (sections) => postJson("/api/watch", { sections });

/** A box in an address. @param {Box} box */
export function corners({ start, stop }) {
  return `z0=${start[0]}&z1=${stop[0]}&y0=${start[1]}&y1=${stop[1]}&x0=${start[2]}&x1=${stop[2]}`;
}

/** @param {string} path @returns {Promise<any>} */
export async function getJson(path) {
  return (await ask(path, {})).json();
}

/** @param {string} path @returns {Promise<Uint8Array>} */
export async function getBytes(path) {
  return new Uint8Array(await (await ask(path, {})).arrayBuffer());
}

/** @param {string} path @param {object} body @returns {Promise<any>} */
export async function postJson(path, body) {
  const headers = { "Content-Type": "application/json" };
  return (await ask(path, { method: "POST", headers, body: JSON.stringify(body) })).json();
}

/** @param {string} path @param {RequestInit} init @returns {Promise<Response>} */
async function ask(path, init) {
  const response = await fetch(path, { ...init, signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!response.ok) {
    throw new ApiError(response.status, await detailOf(response));
  }
  return response;
}

/** @param {Response} response @returns {Promise<string>} the server's line, or the status where it gave none */
async function detailOf(response) {
  const body = await response.json().catch(() => null);
  return typeof body?.detail === "string" ? body.detail : `${response.status} ${response.statusText}`.trim();
}
