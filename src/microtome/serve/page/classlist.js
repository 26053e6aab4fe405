/**
 * The classes with their colours and keys, the brush and what it may overwrite.
 *
 * @import {ProjectInfo} from "./types.js"
 * @import {Settings, Overwrite} from "./settings.js"
 * @import {Colours} from "./colours.js"
 */

import { labelName } from "./labelnames.js";
import { byId, element, setAttribute, setText } from "./nodes.js";
import { LARGEST_RADIUS, OVERWRITES } from "./settings.js";

/** @type {Record<Overwrite, [name: string, title: string]>} */
export const OVERWRITE_NAMES = {
  everything: ["Everything", "Paint over everything"],
  empty: ["Only empty", "Paint only voxels that are unlabelled"],
  same: ["Same class", "Paint only over the class that the stroke starts on"],
};

export class ClassList {
  /** @param {ProjectInfo} project @param {Settings} settings @param {Colours} colours */
  constructor(project, settings, colours) {
    this.project = project;
    this.settings = settings;
    this.colours = colours;
    this.rows = [...project.classes.map((_, k) => this.#row(k + 1)), this.#row(0)];
    byId("classes", HTMLUListElement).append(...this.rows.map(({ item }) => item));
    this.modes = OVERWRITES.map((mode) => this.#mode(mode));
    byId("overwrite", HTMLDivElement).append(...this.modes);
    this.radius = byId("radius", HTMLInputElement);
    this.radius.addEventListener("input", () => settings.resize(radiusAt(this.radius.valueAsNumber)));
    settings.onChange(() => this.update());
    this.update();
  }

  update() {
    const { cls, instance, radius, overwrite } = this.settings.now;
    for (const row of this.rows) {
      setAttribute(row.button, "aria-pressed", String(row.cls === cls));
      row.button.style.setProperty(
        "--swatch",
        this.colours.css({ cls: row.cls, instance: row.cls === cls ? instance : 0 }),
      );
      setText(row.instance, row.cls === cls && instance > 0 ? `#${instance}` : "");
    }
    for (const button of this.modes) {
      setAttribute(button, "aria-pressed", String(button.dataset.mode === overwrite));
    }
    this.radius.valueAsNumber = placeOf(radius);
    setText(byId("radius-text", HTMLOutputElement), `radius ${radius}`);
  }

  /** @param {number} cls */
  #row(cls) {
    const name = labelName(cls, this.project);
    const instance = element("span", { class: "instance" });
    const button = element(
      "button",
      { type: "button", "data-action": `class-${cls}` },
      element("span", { class: cls === 0 ? "swatch background" : "swatch" }),
      element("span", { class: "title", text: name }),
      instance,
    );
    if (cls > 9) {
      button.title = name;
    }
    return { cls, button, instance, item: element("li", {}, button) };
  }

  /** @param {Overwrite} mode */
  #mode(mode) {
    const [text, title] = OVERWRITE_NAMES[mode];
    const button = element("button", {
      type: "button",
      "data-mode": mode,
      "data-key": "overwrite",
      "data-title": title,
      text,
    });
    button.addEventListener("click", () => this.settings.set({ overwrite: mode }));
    return button;
  }
}

/** The slider is finer for small brushes. @param {number} place 0 to 100 */
function radiusAt(place) {
  return 0.5 + (LARGEST_RADIUS - 0.5) * (place / 100) ** 2;
}

/** @param {number} radius */
function placeOf(radius) {
  return 100 * Math.sqrt((radius - 0.5) / (LARGEST_RADIUS - 0.5));
}
