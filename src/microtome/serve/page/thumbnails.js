/**
 * What the newest model predicts on sections that the reader chose.
 *
 * @import {Results} from "./curves.js"
 * @import {Tools} from "./gallery.js"
 * @import {Box, WatchedSection} from "./types.js"
 */

import * as api from "./api.js";
import { element, keyed, setAttribute, setText } from "./nodes.js";
import { Patch } from "./patch.js";

/** @typedef {"classes" | "uncertainty"} Layer */
/** @typedef {WatchedSection & {layer: Layer}} Shown */
/**
 * @typedef {{
 *   list: Element, form: HTMLFormElement, field: HTMLInputElement, message: Element, layers: Element
 * }} Places
 */

const MOST_SECTIONS = 12;
const bytesOf = { classes: api.previewClasses, uncertainty: api.previewUncertainty };

export class Thumbnails {
  /** @type {Layer} */
  #layer = "classes";
  /** @type {WatchedSection[]} */
  #sections = [];
  #depth = 1;
  #form;
  #field;
  #message;
  #parts;

  /**
   * @param {Places} places
   * @param {Tools} tools
   * @param {Box} whole what of a section is shown while there is no prediction
   */
  constructor({ list, form, field, message, layers }, tools, whole) {
    this.#form = form;
    this.#field = field;
    this.#message = message;
    this.#parts = keyed(
      list,
      (/** @type {Shown} */ { z, preview }) => `${z} ${preview === null}`,
      (section) => new SectionPart(section, whole, tools, () => void this.#watch(this.#without(section.z))),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#add(field.valueAsNumber);
    });
    layers.addEventListener("change", (event) => {
      const chosen = event.target instanceof HTMLInputElement ? event.target.value : "";
      this.#layer = chosen === "uncertainty" ? "uncertainty" : "classes";
      setAttribute(list, "data-bare", chosen === "none" ? "" : null);
      this.#render();
    });
  }

  /** @param {Results} results */
  update({ sections, project }) {
    this.#sections = sections;
    this.#depth = project.shape[0];
    setAttribute(this.#field, "max", String(this.#depth - 1));
    setAttribute(this.#field, "placeholder", `0 to ${this.#depth - 1}`);
    this.#render();
  }

  #render() {
    this.#parts(this.#sections.map((section) => ({ ...section, layer: this.#layer })));
    const full = this.#sections.length >= MOST_SECTIONS;
    for (const control of this.#form.elements) {setAttribute(control, "disabled", full ? "" : null);}
    if (full) {setText(this.#message, `${MOST_SECTIONS} sections are as many as can be shown; remove one first.`);}
  }

  /** @param {number} z */
  async #add(z) {
    if (!Number.isInteger(z) || z < 0 || z >= this.#depth) {
      setText(this.#message, `The volume has sections 0 to ${this.#depth - 1}.`);
    } else if (this.#sections.some((section) => section.z === z)) {
      setText(this.#message, `Section ${z} is already here.`);
    } else {
      const there = [...this.#sections, { z, preview: null }].sort((a, b) => a.z - b.z);
      if (await this.#watch(there)) {this.#field.value = "";}
    }
  }

  /** @param {number} z */
  #without(z) {
    return this.#sections.filter((section) => section.z !== z);
  }

  /** Shown at once, taken back if the server refuses. @param {WatchedSection[]} sections */
  async #watch(sections) {
    const before = this.#sections;
    this.#sections = sections;
    setText(this.#message, "");
    this.#render();
    try {
      await api.watch(sections.map(({ z }) => z));
      return true;
    } catch (error) {
      this.#sections = before;
      this.#render();
      setText(this.#message, `The sections could not be changed: ${error instanceof Error ? error.message : error}.`);
      return false;
    }
  }
}

class SectionPart {
  #about = element("span", { class: "section-about" });
  #remove = element("button", { type: "button", class: "quiet", text: "Remove" });
  node;
  #patch;
  #z;
  #area;
  #tools;
  #near = false;
  #image = false;
  #wanted = "";
  #shown = "";
  /** @type {Shown} */
  #section;

  /** @param {Shown} section @param {Box} whole @param {Tools} tools @param {() => void} remove */
  constructor(section, whole, tools, remove) {
    this.#section = section;
    this.#z = section.z;
    this.#area = section.preview?.box ?? whole;
    this.#tools = tools;
    this.#patch = new Patch(this.#area, tools.voxelNm);
    const name = element("strong", { text: `Section ${section.z}` });
    const caption = element("figcaption", {}, name, this.#about, this.#remove);
    this.node = element("li", {}, element("figure", {}, this.#patch.node, caption));
    this.#remove.setAttribute("aria-label", `Remove section ${section.z}`);
    this.#remove.addEventListener("click", remove);
    tools.whenSeen.once(this.#patch.node, () => {
      this.#near = true;
      void this.#load();
    });
  }

  /** @param {Shown} section */
  update(section) {
    this.#section = section;
    const { preview, layer } = section;
    this.#wanted = preview === null ? "" : `${preview.id} ${preview.model} ${layer}`;
    setText(this.#about, preview === null ? "no prediction yet" : `model ${preview.model}`);
    if (this.#near) {void this.#load();}
  }

  async #load() {
    try {
      await Promise.all([this.#loadImage(), this.#loadLayer()]);
      setAttribute(this.#patch.node, "data-missing", null);
    } catch {
      setAttribute(this.#patch.node, "data-missing", "");
    }
  }

  async #loadImage() {
    if (this.#image) {return;}
    this.#image = true;
    const { start, stop } = this.#area;
    const rows = (/** @type {number} */ from, /** @type {number} */ to) =>
      api.image({ start: [this.#z, start[1] + from, start[2]], stop: [this.#z + 1, start[1] + to, stop[2]] });
    try {
      await this.#patch.image((from, to) => this.#tools.loader.load(() => rows(from, to)));
    } catch (error) {
      this.#image = false;
      throw error;
    }
  }

  async #loadLayer() {
    const { preview, layer } = this.#section;
    const wanted = this.#wanted;
    if (preview === null || wanted === this.#shown) {return;}
    this.#shown = wanted;
    try {
      const bytes = await this.#tools.loader.load(() => bytesOf[layer](preview.id));
      if (wanted !== this.#wanted) {return;}
      const size = (this.#area.stop[1] - this.#area.start[1]) * (this.#area.stop[2] - this.#area.start[2]);
      const first = (this.#z - preview.box.start[0]) * size;
      const plane = bytes.subarray(first, first + size);
      if (layer === "classes") {this.#patch.classes(plane, this.#tools.table);}
      else {this.#patch.uncertainty(plane);}
    } catch (error) {
      this.#shown = "";
      throw error;
    }
  }
}
