/**
 * What an annotator has said about one query so far: a value a voxel, and the ops that led there.
 *
 * @import {Int3, Op, OpKind, Tool} from "./types.js"
 */

import { fromRuns, toRuns } from "./runs.js";
import { UNLABELLED } from "./types.js";
import { uuid } from "./uuid.js";

/**
 * An edit that can be taken off and put back; `labelled` is by how many labelled voxels it made the draft richer.
 *
 * @typedef {{tool: Tool, before: number[], after: number[], labelled: number}} Change
 */

/** @type {Tool[]} that take a prediction over */
const TAKEN = ["accept", "threshold"];

/** The values of a query's box, changed by edits that can be undone; every change is an op for the server. */
export class Draft {
  /** @type {Change[]} */
  #inEffect = [];
  /** @type {Change[]} */
  #undone = [];
  #labelled = 0;

  /** @param {Int3} shape z y x, in voxels */
  constructor(shape) {
    this.shape = shape;
    /** @type {Uint32Array} flat, x fastest */
    this.labels = new Uint32Array(shape[0] * shape[1] * shape[2]).fill(UNLABELLED);
    /** Number of the last op, 0 before the first. */
    this.seq = 0;
    /**
     * Called after every change with the indices of the voxels that changed.
     *
     * @type {((indices: Uint32Array) => void) | null}
     */
    this.onchange = null;
  }

  /**
   * The draft to which ops led.
   *
   * @param {Int3} shape z y x, in voxels
   * @param {Op[]} ops numbered from 1
   * @returns {Draft}
   * @throws {RangeError} if the ops cannot follow on each other
   */
  static replay(shape, ops) {
    const draft = new Draft(shape);
    for (const op of ops) {
      draft.#replay(op);
    }
    return draft;
  }

  get canUndo() {
    return this.#inEffect.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  /**
   * Give voxels new values. It costs time in proportion to the voxels named, not to the box.
   *
   * @param {Tool} tool
   * @param {ArrayLike<number>} indices flat, in any order; where one is repeated, its last value counts
   * @param {number | ArrayLike<number>} values one for all, or one for each index
   * @param {number | null} [model] whose prediction was taken over
   * @returns {Op | null} null if no voxel changed
   * @throws {RangeError} if an index is outside the box, or there are not as many values as indices
   */
  edit(tool, indices, values, model = null) {
    const voxels = increasing(indices);
    this.#checkInside(voxels);
    const before = gather(this.labels, voxels);
    scatter(this.labels, indices, values);
    const changed = voxels.filter((voxel, i) => this.labels[voxel] !== before[i]);
    if (changed.length === 0) {
      return null;
    }
    const old = before.filter((value, i) => this.labels[voxels[i]] !== value);
    const runs = this.#remember(tool, changed, old, gather(this.labels, changed));
    const op = this.#next("edit", { tool, runs, model });
    this.onchange?.(changed);
    return op;
  }

  /** Take the last edit off. @returns {Op | null} null if there is none */
  undo() {
    return this.#move("undo");
  }

  /** Put back the edit that was last undone. @returns {Op | null} null if there is none */
  redo() {
    return this.#move("redo");
  }

  /** CRC-32 of the values as little-endian uint32. @returns {number} unsigned */
  crc() {
    // Typed arrays have the byte order of the machine, which is little-endian wherever browsers run.
    return crc32(new Uint8Array(this.labels.buffer));
  }

  /** @returns {number} how many voxels are not UNLABELLED */
  labelled() {
    return this.#labelled;
  }

  /**
   * The first instance of a class that is larger than all in use.
   *
   * @param {number} cls
   * @returns {number} at least 1
   */
  nextInstance(cls) {
    let largest = 0;
    for (const value of this.labels) {
      if ((value & 255) === cls && value >>> 8 > largest) {
        largest = value >>> 8;
      }
    }
    return largest + 1;
  }

  /** The edit in effect that took a prediction over, the latest of them. @returns {Change | null} */
  get taken() {
    return this.#inEffect.findLast(({ tool }) => TAKEN.includes(tool)) ?? null;
  }

  /** What a hand painted or erased and no prediction replaced since. @returns {Uint8Array} 1 for such a voxel */
  byHand() {
    const hand = new Uint8Array(this.labels.length);
    for (const { tool, after } of this.#inEffect) {
      const byHand = Number(!TAKEN.includes(tool) && tool !== "clear");
      for (let run = 0; run < after.length; run += 3) {
        hand.fill(byHand, after[run], after[run] + after[run + 1]);
      }
    }
    return hand;
  }

  /** How the draft came about. @returns {"scratch" | "accepted" | "corrected"} by the edits in effect */
  method() {
    if (!this.taken) {
      return "scratch";
    }
    return this.#inEffect.every(({ tool }) => tool === "accept") ? "accepted" : "corrected";
  }

  /** @param {Uint32Array} voxels increasing */
  #checkInside(voxels) {
    const last = voxels[voxels.length - 1];
    if (last >= this.labels.length) {
      throw new RangeError(`voxel ${last} is outside a box of ${this.labels.length}`);
    }
  }

  /**
   * Put an edit on the stack, which forgets what was undone.
   *
   * @param {Tool} tool
   * @param {Uint32Array} voxels increasing
   * @param {Uint32Array} before
   * @param {Uint32Array} after
   * @returns {number[]} its runs
   */
  #remember(tool, voxels, before, after) {
    const change = {
      tool,
      before: toRuns(voxels, before),
      after: toRuns(voxels, after),
      labelled: countLabelled(after) - countLabelled(before),
    };
    this.#labelled += change.labelled;
    this.#inEffect.push(change);
    this.#undone = [];
    return change.after;
  }

  /** @param {"undo" | "redo"} kind @returns {Op | null} */
  #move(kind) {
    const voxels = kind === "undo" ? this.#takeOff() : this.#putBack();
    if (voxels === null) {
      return null;
    }
    const op = this.#next(kind, {});
    this.onchange?.(voxels);
    return op;
  }

  /** @returns {Uint32Array | null} the voxels of the edit taken off */
  #takeOff() {
    const change = this.#inEffect.pop();
    if (change === undefined) {
      return null;
    }
    this.#undone.push(change);
    this.#labelled -= change.labelled;
    return this.#write(change.before);
  }

  /** @returns {Uint32Array | null} the voxels of the edit put back */
  #putBack() {
    const change = this.#undone.pop();
    if (change === undefined) {
      return null;
    }
    this.#inEffect.push(change);
    this.#labelled += change.labelled;
    return this.#write(change.after);
  }

  /** @param {number[]} runs @returns {Uint32Array} the voxels written */
  #write(runs) {
    const { indices, values } = fromRuns(runs);
    scatter(this.labels, indices, values);
    return indices;
  }

  /** @param {OpKind} kind @param {Partial<Op>} rest @returns {Op} */
  #next(kind, rest) {
    this.seq += 1;
    return { seq: this.seq, key: uuid(), kind, ...rest };
  }

  /** @param {Op} op */
  #replay(op) {
    if (op.seq !== this.seq + 1) {
      throw new RangeError(`op ${op.seq} follows op ${this.seq}`);
    }
    if (!this.#carryOut(op)) {
      throw new RangeError(`op ${op.seq}: nothing to ${op.kind}`);
    }
    this.seq = op.seq;
  }

  /** @param {Op} op @returns {boolean} whether it was possible */
  #carryOut(op) {
    if (op.kind !== "edit") {
      return (op.kind === "undo" ? this.#takeOff() : this.#putBack()) !== null;
    }
    const { indices, values } = fromRuns(op.runs ?? []);
    this.#checkInside(indices);
    const before = gather(this.labels, indices);
    scatter(this.labels, indices, values);
    this.#remember(op.tool ?? "brush", indices, before, values);
    return true;
  }
}

/** @type {Uint32Array} remainders of single bytes, by the reflected polynomial 0xEDB88320 */
const CRC_OF_BYTE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) {
    crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return crc;
});

/**
 * CRC-32 as in zlib.
 *
 * @param {Uint8Array} bytes
 * @returns {number} unsigned
 */
export function crc32(bytes) {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) {
    crc = CRC_OF_BYTE[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** @param {ArrayLike<number>} indices @returns {Uint32Array} each once, in increasing order */
function increasing(indices) {
  const sorted = new Uint32Array(indices);
  if (!sorted.every((index, i) => i === 0 || index > sorted[i - 1])) {
    sorted.sort();
    return sorted.filter((index, i) => i === 0 || index !== sorted[i - 1]);
  }
  return sorted;
}

/** @param {Uint32Array} labels @param {Uint32Array} voxels @returns {Uint32Array} */
function gather(labels, voxels) {
  return voxels.map((voxel) => labels[voxel]);
}

/**
 * @param {Uint32Array} labels changed in place
 * @param {ArrayLike<number>} indices
 * @param {number | ArrayLike<number>} values
 */
function scatter(labels, indices, values) {
  if (typeof values !== "number" && values.length !== indices.length) {
    throw new RangeError(`${values.length} values for ${indices.length} voxels`);
  }
  for (let i = 0; i < indices.length; i++) {
    labels[indices[i]] = typeof values === "number" ? values : values[i];
  }
}

/** @param {Uint32Array} values @returns {number} */
function countLabelled(values) {
  return values.reduce((count, value) => count + Number(value !== UNLABELLED), 0);
}
