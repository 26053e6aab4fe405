/**
 * A query with all that is needed to paint it: its draft, the image around it and what the model says about it.
 *
 * @import {Box, Int3, Op, Preview, ProjectInfo, Query} from "./types.js"
 */

import * as api from "./api.js";
import { Draft } from "./draft.js";
import { crop, shapeOf } from "./planes.js";
import { Sections } from "./sections.js";

/**
 * `foreground` is missing where an older version predicted.
 *
 * @typedef {{classes: Uint8Array, uncertainty: Uint8Array, foreground: Uint8Array | null}} Planes
 * @typedef {Planes & {model: number, box: Box, shape: Int3}} Prediction
 */

export class OpenQuery {
  /** @type {{of: Prediction, planes: Planes} | null} */
  #within = null;

  /** @param {Query} query @param {Draft} draft @param {Sections} sections @param {Prediction | null} prediction */
  constructor(query, draft, sections, prediction) {
    this.query = query;
    this.draft = draft;
    this.sections = sections;
    this.prediction = prediction;
    /** @type {Int3} */
    this.shape = draft.shape;
    /** @type {Uint32Array | null} values that are shown in place of the draft's */
    this.proposed = null;
    /** @type {Uint8Array | null} how much more the voxels weigh in training, once it was asked for */
    this.weights = null;
    /** Which errors do: both, missed, made-up or none. */
    this.weighed = "both";
  }

  /** The values that are shown. */
  get labels() {
    return this.proposed ?? this.draft.labels;
  }

  /** What is predicted in the query's own box. @returns {Planes | null} */
  get within() {
    const { prediction } = this;
    if (prediction && this.#within?.of !== prediction) {
      this.#within = { of: prediction, planes: cropped(prediction, this.box) };
    }
    return prediction && (this.#within?.planes ?? null);
  }

  get id() {
    return this.query.id;
  }

  get box() {
    return this.query.box;
  }

  /** Whether the query has more than one section, so that side views tell something. */
  get deep() {
    return this.shape[0] > 1;
  }

  /**
   * Fetches everything that the first look at the query needs.
   *
   * @param {Query} query
   * @param {Op[]} waiting ops that the server may not have yet
   * @param {ProjectInfo} project
   * @returns {Promise<OpenQuery>}
   */
  static async load(query, waiting, project) {
    const shape = shapeOf(query.box);
    const known = query.ops.length;
    const draft = Draft.replay(shape, [...query.ops, ...waiting.filter(({ seq }) => seq > known)]);
    const sections = new Sections(api.image, query.view, project.shape[0], shape[0] > 1);
    const [prediction] = await Promise.all([
      query.preview && loadPrediction(query.preview),
      sections.load(query.box.start[0], query.box.stop[0]),
    ]);
    return new OpenQuery(query, draft, sections, prediction);
  }

  /** @param {Preview} preview a newer one */
  async refresh(preview) {
    this.prediction = await loadPrediction(preview);
  }
}

/** @param {Preview} preview @returns {Promise<Prediction>} */
async function loadPrediction({ id, model, box, foreground: hasForeground }) {
  const [classes, uncertainty, foreground] = await Promise.all([
    api.previewClasses(id),
    api.previewUncertainty(id),
    hasForeground ? api.previewForeground(id) : null,
  ]);
  return { model, box, shape: shapeOf(box), classes, uncertainty, foreground };
}

/** @param {Prediction} prediction @param {Box} box that lies in it @returns {Planes} */
function cropped({ classes, uncertainty, foreground, ...where }, box) {
  return {
    classes: crop(classes, where, box),
    uncertainty: crop(uncertainty, where, box),
    foreground: foreground && crop(foreground, where, box),
  };
}
