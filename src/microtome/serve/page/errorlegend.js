/**
 * What the colours of errors mean, and how many voxels there are of each.
 *
 * @import {Views} from "./views.js"
 */

import { countErrors } from "./errors.js";
import { byId, element, setText } from "./nodes.js";
import { count } from "./numbers.js";

export class ErrorLegend {
  /** @param {Views} views */
  constructor(views) {
    this.views = views;
    this.missed = element("output", { id: "errors-missed" });
    this.madeUp = element("output", { id: "errors-made-up" });
    this.node = element(
      "div",
      { class: "legend errors", hidden: "" },
      element("span", { class: "swatch missed" }),
      element("span", { text: "missed" }),
      this.missed,
      element("span", { class: "swatch made-up" }),
      element("span", { text: "made up" }),
      this.madeUp,
    );
    this.node.title = "Voxels that the prediction misses, and those that it makes up, as you label them";
    byId("layer-errors", HTMLDivElement).after(this.node);
    views.settings.onChange((names) => names.includes("shown") && this.update());
  }

  /** The labels have changed, the prediction, or the query. */
  update() {
    const { open, settings } = this.views;
    this.node.hidden = !settings.now.shown.errors;
    if (this.node.hidden) {
      return;
    }
    const counts = open?.within ? countErrors(open.labels, open.within.classes) : null;
    setText(this.missed, count(counts?.missed ?? null));
    setText(this.madeUp, count(counts?.madeUp ?? null));
  }
}
