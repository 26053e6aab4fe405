/**
 * What the annotator has in hand and what is under the pointer: mode, section, position, hints.
 *
 * @import {Int3} from "./types.js"
 * @import {Editor} from "./editor.js"
 * @import {Views, Hover} from "./views.js"
 * @import {ToolName} from "./settings.js"
 * @import {KeyMap} from "./keys.js"
 */

import { OVERWRITE_NAMES } from "./classlist.js";
import { chordName } from "./keynames.js";
import { labelName, swatch } from "./labelnames.js";
import { length } from "./lengths.js";
import { byId, element, setText } from "./nodes.js";
import { significant } from "./numbers.js";
import { contains } from "./planes.js";
import { UNLABELLED } from "./types.js";

/** @type {Record<ToolName, [name: string, hint: string]>} */
const TOOLS = {
  brush: ["Brush", "Drag to paint · right button erases · Shift+wheel changes the size · Shift+click picks a label"],
  erase: ["Erase", "Drag to make voxels unlabelled · Shift+wheel changes the size · Esc: back to the brush"],
  fill: ["Fill", "Click a region of one label to fill it · right button empties it · Esc: back to the brush"],
  lasso: ["Lasso", "Drag around a region, or click its corners and press Enter · Esc: back to the brush"],
  bridge: ["Bridge", "Click both ends of a gap, or drag from one to the other · Esc: back to the brush"],
  remove: ["Remove", "Click a region to make it background, Shift+click through all sections · Esc: back to the brush"],
  pick: ["Pick", "Click a label to go on painting with it · Esc: back to the brush"],
};

const KEYBOARD_HINT = "Arrows move, Shift+arrows by 8 · hold Space to press the tool · Enter: back to the pointer";

export class StatusBar {
  /** @param {Views} views @param {Editor} editor @param {KeyMap} keymap */
  constructor(views, editor, keymap) {
    this.views = views;
    this.editor = editor;
    this.keymap = keymap;
    this.#listen();
    this.updateMode();
  }

  #listen() {
    this.views.addEventListener("move", () => this.updatePlace());
    this.editor.addEventListener("edit", () => this.updatePlace());
    this.views.settings.onChange(() => this.updateMode());
  }

  /** Tool, class and hints. */
  updateMode() {
    const { tool } = this.views.settings.now;
    this.#showMode();
    const help = this.keymap
      .keysOf("help")
      .slice(0, 1)
      .map((key) => `${chordName(key)} shows all keys`);
    const hint = this.views.settings.now.keyboard ? KEYBOARD_HINT : TOOLS[tool][1];
    setText(byId("hint", HTMLSpanElement), [hint, ...help].join(" · "));
    document.body.dataset.tool = tool;
  }

  #showMode() {
    const { settings, colours } = this.views;
    const { tool } = settings.now;
    const value = tool === "remove" ? 0 : tool === "erase" || tool === "pick" ? UNLABELLED : this.editor.value;
    const about = this.#about(value);
    const mode = byId("mode", HTMLParagraphElement);
    mode.style.setProperty("--mode", value === UNLABELLED ? "white" : colours.css(settings.now));
    mode.replaceChildren(swatch(value, colours), TOOLS[tool][0], element("small", { text: about.join(" · ") }));
  }

  /** What makes the tool what it is now. @param {number} value that it paints @returns {string[]} */
  #about(value) {
    const { tool, radius, overwrite, keyboard, through } = this.views.settings.now;
    const paintsAll = overwrite === "everything" || tool === "remove" || (tool === "erase" && overwrite === "empty");
    return [
      ...(tool === "pick" ? [] : [labelName(value, this.views.project)]),
      ...(tool === "brush" || tool === "erase" ? [`radius ${radius}`] : []),
      ...(tool === "remove" && through ? ["all sections"] : []),
      ...(paintsAll ? [] : [OVERWRITE_NAMES[overwrite][0].toLowerCase()]),
      ...(keyboard ? ["keyboard"] : []),
    ];
  }

  /** Section, position and what is there. */
  updatePlace() {
    const { open, crosshair, main, project } = this.views;
    byId("sections", HTMLDivElement).hidden = !open || project.shape[0] === 1;
    if (!open || !main) {
      return;
    }
    const [first, last] = [open.box.start[0], open.box.stop[0]];
    const section = byId("section", HTMLOutputElement);
    const z = crosshair[0];
    setText(
      section,
      `z ${z}${main.inBox ? ` (${z - first + 1} of ${last - first})` : z < first ? " – above box" : " – below box"}`,
    );
    section.classList.toggle("outside", !main.inBox);
    document.body.dataset.section = String(z);
    setText(byId("zoom", HTMLSpanElement), `${significant(main.viewport.zoom, 2)} px per voxel`);
    this.#under();
  }

  #under() {
    const { hover, settings, crosshair, project } = this.views;
    const voxel = settings.now.keyboard ? crosshair : hover ? voxelUnder(hover) : null;
    const [position, under] = [byId("position", HTMLSpanElement), byId("under", HTMLSpanElement)];
    if (!voxel) {
      setText(position, "");
      under.replaceChildren();
      return;
    }
    const lengths = voxel.map((at, axis) => length(Math.round(at * project.voxel_size_nm[axis])));
    setText(position, `z ${voxel[0]}  y ${voxel[1]}  x ${voxel[2]}  ·  ${lengths.join(", ")}`);
    under.replaceChildren(...this.#label(voxel));
  }

  /** The label of a voxel, with its colour. @param {Int3} voxel */
  #label(voxel) {
    const { open, colours, project } = this.views;
    if (!open || !contains(open.box, voxel)) {
      return [element("span", { class: "muted", text: "context" })];
    }
    const { start } = open.box;
    const [, ny, nx] = open.shape;
    const [z, y, x] = voxel;
    const value = open.draft.labels[((z - start[0]) * ny + y - start[1]) * nx + x - start[2]];
    return [swatch(value, colours), labelName(value, project)];
  }
}

/** The voxel of the volume under the pointer. @param {Hover} hover @returns {Int3} */
export function voxelUnder({ pane, x, y }) {
  const { row, col } = pane.viewport.toPlane(x, y);
  /** @type {Int3} */
  const voxel = [0, 0, 0];
  voxel[pane.plane.normal] = pane.at;
  voxel[pane.plane.row] = Math.floor(row);
  voxel[pane.plane.col] = Math.floor(col);
  return voxel;
}
