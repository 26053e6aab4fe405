/**
 * What the page and the server say to each other, and nothing else. Positions are `z, y, x` in voxels of the
 * whole volume, boxes are half-open.
 *
 * A *value* is what one voxel of a draft holds: `class + 256 * instance`, with class 0 for background, and
 * UNLABELLED (255) where nothing was said. Instances are 0 in classes that have none.
 *
 * @typedef {[number, number, number]} Int3
 * @typedef {{start: Int3, stop: Int3}} Box
 *
 * One step of a draft, in the order in which the annotator made it; the server keeps every one.
 * `runs` are triples start, length, value over the flat index of the query's box (z slowest, x fastest), in
 * increasing order, without overlap; only an edit has them. `model` is the one whose prediction was taken over.
 * @typedef {"edit" | "undo" | "redo"} OpKind
 * @typedef {"brush" | "erase" | "fill" | "lasso" | "bridge" | "remove" | "interpolate" | "copy" | "background" |
 *   "accept" | "threshold" | "clear" | "restore"} Tool
 * @typedef {{seq: number, key: string, kind: OpKind, tool?: Tool | null, runs?: number[], model?: number | null}} Op
 *
 * Seconds of activity on a query since the report before; `key` keeps it from being counted twice.
 * @typedef {{key: string, query: number, looking: number, editing: number}} Report
 *
 * @typedef {{name: string, instances: boolean}} ClassInfo  the k-th is class k + 1
 * @typedef {{
 *   id: string, name: string, classes: ClassInfo[], shape: Int3, voxel_size_nm: [number, number, number],
 *   train_box: Box, query_shape: Int3, skip_reasons: string[], strength: number
 * }} ProjectInfo  corrections weigh up to 1 + `strength`
 *
 * What a model predicts in `box`, which holds the query's box: `/api/previews/{id}/classes` has one byte a
 * voxel, its class, `/api/previews/{id}/uncertainty` one byte, 0 (sure) to 255, and `/api/previews/{id}/foreground`,
 * if `foreground`, 255 times how likely the voxel is no background.
 * @typedef {{id: number, model: number, box: Box, foreground: boolean}} Preview
 *
 * @typedef {{
 *   id: number, round: number, rank: number, strategy: string, correction: boolean, score: number, reason: string,
 *   box: Box, view: Box, ops: Op[], answer: {id: number, seq: number, method: string} | null,
 *   preview: Preview | null
 * }} Query  `view` is the box with the context that is shown around it; of a `correction` the prediction is filled in
 *
 * @typedef {{
 *   state: "starting" | "idle" | "asking" | "training" | "estimating" | "predicting" | "failed" | "stopped",
 *   done: number, total: number, seconds_left: number | null, message: string,
 *   new_answers: number, needed: number
 * }} WorkerState  `new_answers` of `needed` are in for the next training
 *
 * @typedef {{worker: WorkerState, model: number | null, answers: number, open: number}} State
 *
 * @typedef {{query: number, box: Box, round: number, answered_at: string}} Answered
 *
 * @typedef {{round: number, strategy: string, asked: number, open: number, answers: number, skipped: number,
 *   minutes: number, megavoxels: number, minutes_per_megavoxel: number | null, model: number | null}} RoundRow
 * @typedef {{model: number, answers: number, minutes: number, evaluated: number, jaccard: number | null,
 *   classes: Record<string, number | null>, unseen: number | null, before: number | null}} CurvePoint  `unseen` is its
 *   Jaccard index on answers that it had not seen, `before` that of the model before it on the same; `jaccard` and
 *   `classes` add up such steps
 * @typedef {{name: string, answers: number, skipped: number, minutes: number, looking_minutes: number,
 *   editing_minutes: number, answers_per_hour: number | null}} AnnotatorRow
 * @typedef {{queries: number, voxels: number, agreement: number, kappa: number | null}} Agreement
 * @typedef {{id: number, round: number, rank: number, state: "open" | "drawing" | "answered" | "skipped",
 *   annotators: string[], box: Box, score: number, reason: string, methods: string[]}} GalleryQuery
 * @typedef {{z: number, preview: Preview | null}} WatchedSection
 * @typedef {{iteration: number, model: number | null, learned_from: number, net: string, errors: string | null, members: number | null,
 *   answers: number, megavoxels: number, minutes: number, min_per_mvox: number | null, least: number | null,
 *   most: number | null}} IterationRow
 * @typedef {{model: number, box: string, far: number, near: number, ratio: number, alarm: boolean}} AuditRow
 * @typedef {{iterations: IterationRow[], audits: AuditRow[],
 *   forecast: {boxes: number, megavoxels: number, minutes: number, low: number | null, high: number | null} | null}} Growth
 * @typedef {{
 *   project: ProjectInfo, worker: WorkerState, rounds: RoundRow[], curve: CurvePoint[],
 *   annotators: AnnotatorRow[], agreement: Agreement | null, gallery: GalleryQuery[], sections: WatchedSection[],
 *   growth: Growth | null,
 *   answers: number, open: number, minutes: number, megavoxels: number, minutes_per_megavoxel: number | null
 * }} Dashboard
 */

export const UNLABELLED = 255;
