/**
 * How the annotator works now: tool, class, brush, layers, contrast. What should outlive the page is kept in the
 * browser.
 *
 * @typedef {"brush" | "erase" | "fill" | "lasso" | "pick" | "bridge" | "remove"} ToolName
 * @typedef {"everything" | "empty" | "same"} Overwrite  `same`: only the class that the stroke starts on
 * @typedef {"labels" | "prediction" | "uncertainty" | "errors" | "weights"} LayerName
 * @typedef {{
 *   tool: ToolName, cls: number, instance: number, radius: number, overwrite: Overwrite, outline: boolean,
 *   raw: boolean, keyboard: boolean, through: boolean, brightness: number, contrast: number,
 *   shown: Record<LayerName, boolean>, opacity: Record<LayerName, number>
 * }} Values  `radius` in voxels along x; brightness and contrast from -1 to 1; `raw` while only the image is shown;
 *   `through`: what is removed goes through all sections
 */

import { keep, recall } from "./kept.js";

/** @type {LayerName[]} */
export const LAYERS = ["labels", "prediction", "uncertainty", "errors", "weights"];

/** @type {Overwrite[]} */
export const OVERWRITES = ["everything", "empty", "same"];

export const LARGEST_RADIUS = 64;

const PLACE = "microtome.settings";

/** @type {Values} */
const DEFAULTS = {
  tool: "brush",
  cls: 1,
  instance: 0,
  radius: 5,
  overwrite: "everything",
  outline: false,
  raw: false,
  keyboard: false,
  through: false,
  brightness: 0,
  contrast: 0,
  shown: { labels: true, prediction: true, uncertainty: false, errors: false, weights: false },
  opacity: { labels: 0.65, prediction: 0.7, uncertainty: 0.5, errors: 0.85, weights: 0.6 },
};

/** @type {(keyof Values)[]} */
const KEPT = ["radius", "outline", "brightness", "contrast", "shown", "opacity"];

/** Dispatches "change" (detail: names of the values that changed). */
export class Settings extends EventTarget {
  /** @param {Storage} storage */
  constructor(storage) {
    super();
    this.storage = storage;
    /** @type {Readonly<Values>} */
    this.now = read(storage);
  }

  /** @type {(changed: Partial<Values>) => void} */
  set(changed) {
    const names = Object.keys(changed);
    this.now = { ...this.now, ...changed };
    if (KEPT.some((name) => name in changed)) {
      const kept = Object.fromEntries(KEPT.map((name) => [name, this.now[name]]));
      keep(this.storage, PLACE, kept);
    }
    this.dispatchEvent(new CustomEvent("change", { detail: names }));
  }

  /** @type {(layer: LayerName) => void} */
  toggle(layer) {
    this.set({ shown: { ...this.now.shown, [layer]: !this.now.shown[layer] } });
  }

  /** @type {(radius: number) => void} */
  resize(radius) {
    this.set({ radius: possible(radius) });
  }

  /**
   * Makes the brush larger or smaller, in steps that grow with it.
   * @type {(steps: number) => void}
   */
  grow(steps) {
    const { radius } = this.now;
    this.resize(radius + steps * Math.max(radius < 3 ? 0.5 : 1, radius * 0.15));
  }

  /** @type {(listener: (names: string[]) => void) => void} */
  onChange(listener) {
    this.addEventListener("change", (event) => listener(/** @type {CustomEvent<string[]>} */ (event).detail));
  }
}

/** @type {(storage: Storage) => Values} */
function read(storage) {
  const kept = /** @type {Record<string, unknown> | null} */ (recall(storage, PLACE));
  const values = { ...DEFAULTS, ...Object.fromEntries(KEPT.map((name) => [name, like(DEFAULTS[name], kept?.[name])])) };
  return { ...values, radius: possible(values.radius) };
}

/**
 * What was kept, wherever it is of the same kind as the default.
 * @type {(standard: unknown, kept: any) => unknown}
 */
function like(standard, kept) {
  if (typeof standard === "object" && standard !== null) {
    return Object.fromEntries(Object.entries(standard).map(([name, value]) => [name, like(value, kept?.[name])]));
  }
  return typeof kept === typeof standard ? kept : standard;
}

/** @type {(radius: number) => number} */
function possible(radius) {
  return Math.min(Math.max(Math.round(radius * 2) / 2, 0.5), LARGEST_RADIUS);
}
