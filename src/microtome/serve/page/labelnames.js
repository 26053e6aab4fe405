/**
 * What a label is called and looks like, in the page's text.
 *
 * @import {ProjectInfo} from "./types.js"
 * @import {Colours} from "./colours.js"
 */

import { element } from "./nodes.js";
import { UNLABELLED } from "./types.js";

/** @param {number} value @param {ProjectInfo} project */
export function labelName(value, project) {
  if (value === UNLABELLED) {
    return "unlabelled";
  }
  const [cls, instance] = [value & 255, value >>> 8];
  const name = cls === 0 ? "background" : project.classes[cls - 1].name;
  return instance > 0 ? `${name} #${instance}` : name;
}

/** A small square in the label's colour. @param {number} value @param {Colours} colours */
export function swatch(value, colours) {
  const kind = value === UNLABELLED ? " unlabelled" : value === 0 ? " background" : "";
  const square = element("span", { class: `swatch${kind}` });
  if (kind === "") {
    square.style.setProperty("--swatch", colours.css({ cls: value & 255, instance: value >>> 8 }));
  }
  return square;
}
