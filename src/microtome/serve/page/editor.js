/**
 * Everything that changes the draft of the query on the table. Each change goes to the server as one op.
 *
 * @import {Op, ProjectInfo, Tool} from "./types.js"
 * @import {OpenQuery, Prediction} from "./openquery.js"
 * @import {Settings} from "./settings.js"
 */

import { interpolate } from "./interpolate.js";
import { PLANES, crop, cut, planeValues } from "./planes.js";
import { classesAt, nearestClass } from "./retake.js";
import { UNLABELLED } from "./types.js";

/** Dispatches "edit" (detail: the op) after each change of the draft. */
export class Editor extends EventTarget {
  /** @type {WeakMap<Prediction, Uint8Array>} what the voxels of a query's box are if they are foreground */
  #classes = new WeakMap();

  /** @param {ProjectInfo} project @param {Settings} settings @param {(open: OpenQuery, op: Op) => void} send */
  constructor(project, settings, send) {
    super();
    this.project = project;
    this.settings = settings;
    this.send = send;
    /** @type {OpenQuery | null} */
    this.open = null;
  }

  /** @param {OpenQuery | null} open */
  show(open) {
    this.open = open;
    const { cls } = this.settings.now;
    this.settings.set({ instance: this.hasInstances(cls) ? this.#lastInstance(cls) : 0 });
  }

  /** The value that the tools paint. */
  get value() {
    const { cls, instance } = this.settings.now;
    return cls + 256 * instance;
  }

  /** @param {number} cls 0 for background */
  choose(cls) {
    if (cls > this.project.classes.length) {
      return;
    }
    const instance = this.hasInstances(cls) ? this.#lastInstance(cls) : 0;
    const { tool } = this.settings.now;
    this.settings.set({ cls, instance, tool: tool === "erase" || tool === "pick" ? "brush" : tool });
  }

  /** @param {number} value of a voxel, to go on painting with */
  pick(value) {
    if (value === UNLABELLED) {
      return;
    }
    this.settings.set({ cls: value & 255, instance: value >>> 8, tool: "brush" });
  }

  /** Paints another object of the class from now on. @returns {boolean} whether the class has objects */
  newInstance() {
    const { cls } = this.settings.now;
    if (!this.open || !this.hasInstances(cls)) {
      return false;
    }
    this.settings.set({ instance: this.#freshInstance(cls) });
    return true;
  }

  /**
   * @param {Tool} tool @param {ArrayLike<number>} indices of the draft @param {number | ArrayLike<number>} values
   * @param {number | null} [model]
   * @returns {boolean} whether anything changed
   */
  edit(tool, indices, values, model = null) {
    return this.#commit(this.open?.draft.edit(tool, indices, values, model) ?? null);
  }

  undo() {
    return this.#commit(this.open?.draft.undo() ?? null);
  }

  redo() {
    return this.#commit(this.open?.draft.redo() ?? null);
  }

  /**
   * Gives the voxels of the box the classes that are predicted for them: all, or those that are empty if no others
   * may be overwritten.
   *
   * @returns {boolean}
   */
  accept() {
    const { open } = this;
    if (!open?.within || !open.prediction) {
      return false;
    }
    const { prediction } = open;
    const values = Uint32Array.from(open.within.classes, (cls) => this.#asValue(cls));
    if (this.settings.now.overwrite !== "empty") {
      return this.edit("accept", all(values.length), values, prediction.model);
    }
    const empty = where(open.draft.labels, (value) => value === UNLABELLED);
    return this.edit("accept", empty, empty.map((index) => values[index]), prediction.model);
  }

  /**
   * Accepts the prediction of a query that asks to correct it, as long as nobody did anything to the draft.
   *
   * @returns {boolean}
   */
  prefill() {
    const { open } = this;
    return open !== null && open.query.correction && open.draft.seq === 0 && this.accept();
  }

  /**
   * The draft with the prediction at another threshold, but for what was painted by hand.
   *
   * @param {number} percent
   * @returns {Uint32Array | null} its values, null without a prediction that tells
   */
  retaken(percent) {
    const { open } = this;
    const foreground = open?.within?.foreground;
    if (!open || !foreground) {
      return null;
    }
    const classes = classesAt(foreground, this.#candidates(open), percent);
    const byHand = open.draft.byHand();
    return open.draft.labels.map((value, index) => (byHand[index] === 1 ? value : this.#asValue(classes[index])));
  }

  /** Takes the prediction over at another threshold. @param {number} percent @returns {boolean} */
  retake(percent) {
    const values = this.retaken(percent);
    const model = this.open?.prediction?.model ?? null;
    return values !== null && this.edit("threshold", all(values.length), values, model);
  }

  /** Makes the whole box unlabelled. */
  clear() {
    return this.edit("clear", all(this.open?.draft.labels.length ?? 0), UNLABELLED);
  }

  /** Makes all that is unlabelled background. */
  backgroundRest() {
    if (!this.open) {
      return false;
    }
    return this.edit(
      "background",
      where(this.open.draft.labels, (value) => value === UNLABELLED),
      0,
    );
  }

  /**
   * Copies the labels of the section before, or of the one after if there are none before.
   *
   * @param {number} section of the box; beside it is context, which has no labels
   * @returns {number | null} the section they came from
   */
  copyPrevious(section) {
    const { open } = this;
    if (!open || section < 0 || section >= open.shape[0]) {
      return null;
    }
    const target = cut(open.shape, PLANES.xy, section);
    const size = target.rows * target.cols;
    for (const from of [section - 1, section + 1]) {
      const labels = open.draft.labels.subarray(Math.max(from, 0) * size, (from + 1) * size);
      const labelled = where(labels, (value) => value !== UNLABELLED);
      if (from < 0 || from >= open.shape[0] || labelled.length === 0) {
        continue;
      }
      const allowed = this.allowed(null);
      const kept = labelled.filter((index) => allowed(open.draft.labels[target.offset + index]));
      const values = Uint32Array.from(kept, (index) => labels[index]);
      const changed = this.edit(
        "copy",
        kept.map((index) => target.offset + index),
        values,
      );
      return changed ? from : null;
    }
    return null;
  }

  /**
   * Fills the sections between two that have the value painted now: those around this section, or this one and the
   * nearest that is not its neighbour.
   *
   * @param {number} section of the box
   * @returns {[number, number] | null} the sections it came from, null if nothing changed
   */
  interpolate(section) {
    const { open, value } = this;
    const ends = open && gap(sectionsWith(open, value), section);
    if (!open || !ends) {
      return null;
    }
    const [, h, w] = open.shape;
    const planeAt = (/** @type {number} */ z) =>
      only(planeValues(open.draft.labels, cut(open.shape, PLANES.xy, z)), value);
    const [first, last] = ends;
    const between = interpolate(planeAt(first), planeAt(last), w, h, last - first - 1);
    const allowed = this.allowed(null);
    const indices = between.flatMap((plane, k) => {
      const offset = (first + 1 + k) * w * h;
      const inside = Array.from(
        where(plane, (found) => found === value),
        (index) => offset + index,
      );
      return inside.filter((index) => allowed(open.draft.labels[index]));
    });
    return this.edit("interpolate", indices, value) ? ends : null;
  }

  /**
   * Which voxels a tool may overwrite.
   *
   * @param {number | null} start the value that the stroke starts on, null for tools that start nowhere
   * @returns {(value: number) => boolean} by the value that the voxel has
   */
  allowed(start) {
    const { overwrite } = this.settings.now;
    if (overwrite === "everything") {
      return () => true;
    }
    if (overwrite === "empty" || start === null) {
      return (value) => value === UNLABELLED;
    }
    return (value) => (value & 255) === (start & 255);
  }

  /** Whether a class has objects that are told apart. @param {number} cls */
  hasInstances = (cls) => cls > 0 && this.project.classes[cls - 1].instances;

  /** @param {Op | null} op @returns {boolean} */
  #commit(op) {
    if (!op || !this.open) {
      return false;
    }
    this.send(this.open, op);
    this.dispatchEvent(new CustomEvent("edit", { detail: op }));
    return true;
  }

  /** @param {OpenQuery} open @returns {Uint8Array} the class of each voxel, should it be foreground */
  #candidates({ prediction, box, shape }) {
    if (!prediction || this.project.classes.length === 1) {
      return new Uint8Array(shape[0] * shape[1] * shape[2]).fill(1);
    }
    const known = this.#classes.get(prediction);
    if (known) {
      return known;
    }
    const nearest = nearestClass(prediction.classes, prediction.shape, this.project.voxel_size_nm);
    const found = crop(nearest, prediction, box);
    this.#classes.set(prediction, found);
    return found;
  }

  /** A prediction tells classes, not objects: each class becomes one. @param {number} cls */
  #asValue(cls) {
    return cls + (this.hasInstances(cls) ? 256 : 0);
  }

  /** @param {number} cls @returns {number} not in use yet */
  #freshInstance(cls) {
    const { draft } = this.open ?? {};
    return draft && draft.labelled() > 0 ? draft.nextInstance(cls) : 1;
  }

  /** @param {number} cls @returns {number} the newest in use, or the first */
  #lastInstance(cls) {
    return Math.max(1, this.#freshInstance(cls) - 1);
  }
}

/** @param {number} count */
function all(count) {
  return new Uint32Array(count).map((_, index) => index);
}

/** @param {Uint32Array} labels @param {(value: number) => boolean} wanted @returns {Uint32Array} indices */
function where(labels, wanted) {
  const indices = [];
  for (let index = 0; index < labels.length; index++) {
    if (wanted(labels[index])) {
      indices.push(index);
    }
  }
  return Uint32Array.from(indices);
}

/** @param {Uint32Array} values @param {number} value @returns {Uint32Array} nothing but the value */
function only(values, value) {
  return values.map((other) => (other === value ? value : UNLABELLED));
}

/** @param {OpenQuery} open @param {number} value @returns {number[]} sections of the box in which it occurs */
function sectionsWith({ shape, draft }, value) {
  const size = shape[1] * shape[2];
  return Array.from({ length: shape[0] }, (_, z) => z).filter((z) =>
    draft.labels.subarray(z * size, (z + 1) * size).includes(value),
  );
}

/**
 * The labelled sections between which a section lies, or the first gap on either side of it.
 *
 * @param {number[]} labelled increasing @param {number} section
 * @returns {[number, number] | null}
 */
function gap(labelled, section) {
  /** @type {[number, number][]} */
  const gaps = labelled.slice(1).map((last, k) => [labelled[k], last]);
  const away = (/** @type {[number, number]} */ [first, last]) => Math.max(first - section, section - last, 0);
  return gaps.filter(([first, last]) => last - first > 1).sort((a, b) => away(a) - away(b))[0] ?? null;
}
