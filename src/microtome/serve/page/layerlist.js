/**
 * Which layers are shown, how strongly, and how bright the image is.
 *
 * @import {Settings, LayerName} from "./settings.js"
 */

import { byId, element } from "./nodes.js";
import { LAYERS } from "./settings.js";

/** @type {Record<LayerName, string>} */
const NAMES = { labels: "Labels", prediction: "Prediction", uncertainty: "Uncertainty", errors: "Errors", weights: "Weights" };

export class LayerList {
  /** @param {Settings} settings */
  constructor(settings) {
    this.settings = settings;
    byId("layers", HTMLDivElement).append(...LAYERS.map((layer) => this.#row(layer)));
    for (const name of /** @type {("brightness" | "contrast")[]} */ (["brightness", "contrast"])) {
      const slider = byId(name, HTMLInputElement);
      slider.addEventListener("input", () => settings.set({ [name]: slider.valueAsNumber / 100 }));
      settings.onChange(() => (slider.valueAsNumber = settings.now[name] * 100));
      slider.valueAsNumber = settings.now[name] * 100;
    }
    byId("reset-contrast", HTMLButtonElement).addEventListener("click", () =>
      settings.set({ brightness: 0, contrast: 0 }),
    );
  }

  /** @param {LayerName} layer */
  #row(layer) {
    const { settings } = this;
    const button = element("button", { type: "button", "data-action": `toggle-${layer}`, text: NAMES[layer] });
    const slider = element("input", { type: "range", min: "0", max: "100", "aria-label": `Opacity of ${layer}` });
    slider.title = `Opacity of ${layer}`;
    slider.valueAsNumber = settings.now.opacity[layer] * 100;
    slider.addEventListener("input", () => {
      settings.set({ opacity: { ...settings.now.opacity, [layer]: slider.valueAsNumber / 100 } });
    });
    return element("div", { class: "layer", id: `layer-${layer}` }, button, slider);
  }
}
