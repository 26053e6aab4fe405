/**
 * A query with all that is needed to paint it: its draft, the image around it and what the model says about it.
 *
 * @import {Box, Int3, Op, Preview, ProjectInfo, Query} from "./types.js"
 */

import * as api from "./api.js";
import { Draft } from "./draft.js";
import { shapeOf } from "./planes.js";
import { Sections } from "./sections.js";

/** @typedef {{model: number, box: Box, shape: Int3, classes: Uint8Array, uncertainty: Uint8Array}} Prediction */

export class OpenQuery {
  /** @param {Query} query @param {Draft} draft @param {Sections} sections @param {Prediction | null} prediction */
  constructor(query, draft, sections, prediction) {
    this.query = query;
    this.draft = draft;
    this.sections = sections;
    this.prediction = prediction;
    /** @type {Int3} */
    this.shape = draft.shape;
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
async function loadPrediction({ id, model, box }) {
  const [classes, uncertainty] = await Promise.all([api.previewClasses(id), api.previewUncertainty(id)]);
  return { model, box, shape: shapeOf(box), classes, uncertainty };
}
