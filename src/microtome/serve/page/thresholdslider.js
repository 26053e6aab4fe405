/**
 * Takes the prediction over at another threshold: shown while the slider moves, a step of the draft when it is let go.
 *
 * @import {Change} from "./draft.js"
 * @import {Editor} from "./editor.js"
 * @import {Views} from "./views.js"
 */

import { byId, setText } from "./nodes.js";
import { HALF } from "./retake.js";

const STEP = 5; // percent that a key moves it
const [LEAST, MOST] = [1, 99];

export class ThresholdSlider {
  /** @type {WeakMap<Change, number>} thresholds of the steps that this page made */
  #thresholds = new WeakMap();
  /** Whether what is shown is no step of the draft yet. */
  #moving = false;

  /** @param {Editor} editor @param {Views} views */
  constructor(editor, views) {
    this.editor = editor;
    this.views = views;
    this.slider = byId("threshold", HTMLInputElement);
    this.slider.min = String(LEAST);
    this.slider.max = String(MOST);
    this.slider.addEventListener("input", () => this.#move());
    this.slider.addEventListener("change", () => this.finish());
    this.slider.addEventListener("pointercancel", () => this.cancel());
    editor.addEventListener("edit", () => this.update());
  }

  /** Another query, another prediction, or another step of the draft. */
  update() {
    this.#moving = false;
    const { open } = this.editor;
    byId("threshold-row", HTMLDivElement).hidden = !open?.within?.foreground;
    const taken = open?.draft.taken;
    this.#say((taken && this.#thresholds.get(taken)) ?? HALF);
  }

  /** @param {1 | -1} steps @returns {boolean} whether there is a prediction to take */
  nudge(steps) {
    if (!this.editor.open?.within?.foreground) {
      return false;
    }
    this.slider.valueAsNumber = Math.min(Math.max(this.slider.valueAsNumber + steps * STEP, LEAST), MOST);
    this.#move();
    this.finish();
    return true;
  }

  /** Makes what is shown a step of the draft. */
  finish() {
    const { open } = this.editor;
    if (!this.#moving || !open) {
      return;
    }
    const percent = this.slider.valueAsNumber;
    this.#show(null);
    if (this.editor.retake(percent) && open.draft.taken) {
      this.#thresholds.set(open.draft.taken, percent);
    }
    this.#say(percent);
  }

  /** Shows the draft again. */
  cancel() {
    if (this.#moving) {
      this.#show(null);
      this.update();
    }
  }

  #move() {
    this.#say(this.slider.valueAsNumber);
    this.#show(this.editor.retaken(this.slider.valueAsNumber));
  }

  /** @param {Uint32Array | null} values in place of the draft's */
  #show(values) {
    const { open } = this.editor;
    if (open) {
      this.#moving = values !== null;
      open.proposed = values;
      this.views.recolour();
    }
  }

  /** @param {number} percent */
  #say(percent) {
    this.slider.valueAsNumber = percent;
    setText(byId("threshold-text", HTMLOutputElement), `${percent} %`);
  }
}
