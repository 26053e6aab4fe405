/**
 * How much the voxels of an answered query will weigh in training.
 *
 * @import {ProjectInfo} from "./types.js"
 * @import {OpenQuery} from "./openquery.js"
 * @import {Views} from "./views.js"
 */

import * as api from "./api.js";
import { byId, element, setText } from "./nodes.js";

/** Why every voxel weighs the same, by the errors that weigh more. @type {Record<string, string>} */
const EVEN = {
  both: "Nothing was corrected: every voxel weighs 1.",
  missed: "Every voxel weighs 1: the next training weighs only what a prediction missed, and no such correction was made.",
  "made-up": "Every voxel weighs 1: the next training weighs only what a prediction made up, and no such correction was made.",
  none: "In the next training corrections weigh no more: its stage in [[grow]] has errors = \"none\".",
};

export class WeightMap {
  /** @param {ProjectInfo} project @param {Views} views */
  constructor(project, views) {
    this.project = project;
    this.views = views;
    this.legend = element("div", { class: "legend heat", hidden: "" });
    this.line = element("p", { class: "muted" });
    const ends = [1, 1 + project.strength].map((weight) => element("span", { text: `${Number(weight.toFixed(2))}×` }));
    this.legend.append(ends[0], element("span", { class: "bar" }), ends[1], this.line);
    const row = byId("layer-weights", HTMLDivElement);
    row.hidden = !this.possible;
    row.after(this.legend);
    views.settings.onChange((names) => names.includes("shown") && this.update());
  }

  /** Whether corrections weigh more in this project. */
  get possible() {
    return this.project.strength > 0;
  }

  /** Another query, or the layer is shown or hidden. */
  update() {
    const { open, settings } = this.views;
    const shown = settings.now.shown.weights && this.possible;
    this.legend.hidden = !shown;
    if (!shown || !open) {
      return;
    }
    if (open.query.answer === null) {
      this.#say("Shown once the query is answered: go back to it.");
      return;
    }
    if (open.weights) {
      this.#tell(open);
    } else {
      this.#say("The weights are being loaded.");
      void this.#load(open);
    }
  }

  /** @param {OpenQuery} open */
  async #load(open) {
    try {
      ({ values: open.weights, errors: open.weighed } = await api.weights(open.id));
    } catch {
      if (open === this.views.open) {
        this.#say("The weights could not be loaded.");
      }
      return;
    }
    if (open === this.views.open) {
      this.#tell(open);
      this.views.repredict();
    }
  }

  /** @param {OpenQuery} open */
  #tell({ weights, weighed }) {
    this.#say(weights?.some((byte) => byte > 0) ? "" : (EVEN[weighed] ?? EVEN.both));
  }

  /** @param {string} text */
  #say(text) {
    setText(this.line, text);
  }
}
