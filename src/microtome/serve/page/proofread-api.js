/**
 * The proofreading server's routes, one function each.
 *
 * @import {Item} from "./outbox.js"
 * @import {Pictures, SetInfo, SheetInfo, SheetMessage, Standing} from "./proofread-types.js"
 * @import {Box} from "./types.js"
 */

import { corners, getBytes, getJson, postJson } from "./api.js";
import { measure } from "./timing.js";

/** @type {Record<SheetMessage["kind"], string>} */
const PLACES = { verdicts: "verdicts", marks: "marks", confirm: "confirm", reopen: "reopen" };

/** @returns {Promise<SetInfo>} */
export const project = () => getJson("/api/project");

/** @returns {Promise<Standing>} */
export const standing = () => getJson("/api/state");

/**
 * A sheet that the page does not hold yet.
 *
 * @param {string} annotator
 * @param {number[]} holding ids of the sheets that the page has
 * @returns {Promise<{sheet: SheetInfo | null, done: boolean, reason: string | null}>} no sheet comes with the reason, in
 *   which commands stand between backquotes, and `done` where every object is decided
 */
export const next = (annotator, holding) => postJson("/api/next", { annotator, holding });

/** What the annotator confirmed, the oldest first. @param {string} annotator @returns {Promise<number[]>} */
export const closed = (annotator) => getJson(`/api/closed?${new URLSearchParams({ annotator })}`);

/** @param {number} id @param {string} annotator @returns {Promise<SheetInfo>} with what they said on it */
export const sheet = (id, annotator) => getJson(`/api/sheets/${id}?${new URLSearchParams({ annotator })}`);

/** @param {number} id of a sheet @returns {Promise<Pictures>} of its tiles */
export const tiles = async (id) => unpacked(await getBytes(`/api/sheets/${id}/tiles`));

/** @param {number} object @returns {Promise<Pictures>} of its tile's sections */
export const stack = async (object) => unpacked(await getBytes(`/api/objects/${object}/stack`));

/** @param {number} object @returns {Promise<Uint8Array>} the mask in its region, x fastest */
export const maskOf = (object) => getBytes(`/api/objects/${object}/mask`);

/** @param {Box} box @returns {Promise<Uint8Array>} every object in it, x fastest, 0 where there is none */
export const objects = (box) => getBytes(`/api/objects?${corners(box)}`);

/** What waited in the outbox. @param {string} annotator @param {Item} item @returns {Promise<void>} */
export async function deliver(annotator, { kind, query, body }) {
  if (!(kind in PLACES)) {
    throw new Error(`expected something about a sheet; got ${kind}`);
  }
  const began = performance.now();
  await postJson(`/api/sheets/${query}/${kind}`, { annotator, ...body });
  measure(`${kind}-ack`, began);
}

/**
 * Grey values and masks from the bytes of both, the masks four pixels a byte.
 *
 * @param {Uint8Array} bytes
 * @returns {Pictures}
 */
export function unpacked(bytes) {
  const pixels = (bytes.length * 4) / 5;
  const mask = new Uint8Array(pixels);
  for (let i = 0; i < pixels; i++) {
    mask[i] = (bytes[pixels + (i >> 2)] >> (2 * (i & 3))) & 3;
  }
  return { image: bytes.subarray(0, pixels), mask };
}
