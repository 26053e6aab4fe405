/**
 * What the proofreading page and its server say to each other, and nothing else. Positions are `z, y, x` in voxels of
 * the whole volume, boxes are half-open.
 *
 * @import {Box, Int3, ProjectInfo, Report} from "./types.js"
 *
 * A *sheet* is what an annotator is handed at a time: tiles, each an object to judge, or an audit, a box in which they
 * mark what was not proposed. An object is asked for by a query, of which `object` is the object's key, which lasts from
 * set to set, and `id` its number in this set's labels and table, which people are shown.
 * @typedef {"correct" | "incorrect" | "unsure"} Said
 * @typedef {ProjectInfo & {proposals: string, sorting: "cluster" | "random", repeat: number, side: number}} SetInfo
 *
 * A tile's pixels are `nm` apart; of its `side` pixels, the middle `close` show the object and little else. Its
 * sections go from `first` to `last`; `section` is the one in which the object is largest.
 * @typedef {{
 *   query: number, object: number, id: number, verdict: Said | null, round: number, cluster: number,
 *   strategy: string, reason: string, box: Box, region: Box, voxels: number, probability: number, section: number, first: number,
 *   last: number, nm: number, close: number
 * }} TileInfo  `region` is what its enlarged view shows
 * @typedef {{id: number, box: Box, view: Box, points: Int3[]}} AuditInfo
 * @typedef {{
 *   id: number, sorting: "cluster" | "random" | "audit", closed: boolean, tiles: TileInfo[], audit: AuditInfo | null
 * }} SheetInfo
 *
 * Grey values and masks of so many tiles, one after the other, a byte a pixel; a mask is 0 beside the object, 1 on it,
 * or 1 and 2 on its two sides.
 * @typedef {{image: Uint8Array, mask: Uint8Array}} Pictures
 *
 * @typedef {{query: number, verdict: Said | "withdrawn", was: Said | null}} Change
 * @typedef {{key: string, verdicts: Change[], reports: Report[]}} Verdicts
 * @typedef {{key: string, points: Int3[], was: Int3[], reports: Report[]}} Marks
 * @typedef {{key: string, said: {query: number, verdict: Said}[], points: Int3[], reports: Report[]}} Confirmation
 * @typedef {{key: string, reports: Report[]}} Reopening
 * @typedef {{query: number, kind: "verdicts", body: Verdicts} | {query: number, kind: "marks", body: Marks} |
 *   {query: number, kind: "confirm", body: Confirmation} | {query: number, kind: "reopen", body: Reopening}
 * } SheetMessage  `query` is the sheet
 *
 * @typedef {{name: string, objects: number, incorrect: number, unsure: number, minutes: number,
 *   objects_per_minute: number | null}} Person
 * @typedef {{
 *   asked: number, correct: number, incorrect: number, tied: number, unsure: number,
 *   audit: {boxes: number, done: number, missed: number, recall: [number, number, number] | null},
 *   people: Person[],
 *   agreement: {objects: number, agreement: number, fleiss_kappa: number | null,
 *     krippendorff_alpha: number | null} | null
 * }} Standing  `tied` and `unsure` wait for somebody else; `recall` is an estimate and its interval
 */

/** @type {readonly Said[]} in the order in which a click goes through them */
export const WORDS = ["correct", "incorrect", "unsure"];
