/**
 * One object in three views, or the box of an audit. Says "change" when it opened, closed or was drawn, and "mark"
 * (detail: all marks) when somebody marked or unmarked a missed object.
 *
 * @import {Look} from "./proofread-picture.js"
 * @import {OpenSheet} from "./proofread-sheet.js"
 * @import {AuditInfo, SetInfo, TileInfo} from "./proofread-types.js"
 * @import {Int3} from "./types.js"
 */

import { image } from "./api.js";
import { byId, element, setAttribute, setText } from "./nodes.js";
import { plural } from "./numbers.js";
import { contains } from "./planes.js";
import * as api from "./proofread-api.js";
import { Slices } from "./proofread-slices.js";
import { SIGNS } from "./proofread-tile.js";
import { toast } from "./toast.js";

const NEAR = 12; // pixels within which a click is on a mark

export class Enlarged extends EventTarget {
  /** @type {TileInfo | null} the object that is shown or on its way */
  tile = null;
  /** @type {AuditInfo | null} */
  #audit = null;
  #panel = byId("enlarged", HTMLDivElement);

  /** @param {HTMLElement} root @param {SetInfo} about @param {Look} look */
  constructor(root, about, look) {
    super();
    this.about = about;
    this.slices = new Slices(root, about.voxel_size_nm, look);
    this.slices.addEventListener("pick", (event) => this.#pick(/** @type {CustomEvent<Int3>} */ (event).detail));
    this.slices.addEventListener("move", () => this.dispatchEvent(new Event("change")));
  }

  /** Whether an object is shown. */
  get isOpen() {
    return this.tile !== null;
  }

  /** @param {TileInfo} tile @param {number} z the section to look at first */
  async open(tile, z) {
    this.tile = tile;
    this.#panel.hidden = false;
    this.dispatchEvent(new Event("change"));
    const [grey, mask] = await Promise.all([image(tile.region), api.maskOf(tile.object)]);
    if (this.tile !== tile) {
      return; // somebody went on meanwhile
    }
    const { start, stop } = tile.box;
    const middle = (/** @type {1 | 2} */ axis) => Math.floor((start[axis] + stop[axis]) / 2);
    this.slices.show({ box: tile.region, image: grey, mask, asked: null }, [z, middle(1), middle(2)]);
    this.#panel.dataset.object = String(tile.object);
  }

  /** @param {OpenSheet} sheet that is an audit */
  async openAudit(sheet) {
    const audit = /** @type {AuditInfo} */ (sheet.audit);
    this.#audit = audit;
    this.#panel.hidden = false;
    const [grey, mask] = await Promise.all([image(audit.view), api.objects(audit.view)]);
    if (this.#audit !== audit) {
      return;
    }
    const { start, stop } = audit.box;
    const middle = (/** @type {0 | 1 | 2} */ axis) => Math.floor((start[axis] + stop[axis]) / 2);
    this.slices.show({ box: audit.view, image: grey, mask, asked: audit.box }, [middle(0), middle(1), middle(2)]);
    this.slices.points = sheet.points;
    this.slices.redraw();
  }

  close() {
    this.tile = null;
    this.#audit = null;
    this.#panel.hidden = true;
    delete this.#panel.dataset.object;
    this.slices.hide();
    this.dispatchEvent(new Event("change"));
  }

  /** Draw again, as after a change of the look. */
  redraw() {
    this.slices.redraw();
  }

  /** Mark or unmark the place of the crosshair. */
  markHere() {
    if (this.#audit) {
      this.#toggle(this.slices.at, 0);
    }
  }

  /** Move the crosshair of an audit. @param {number} rows @param {number} cols voxels */
  move(rows, cols) {
    const [z, y, x] = this.slices.at;
    this.slices.goTo([z, y + rows, x + cols]);
  }

  /** @param {OpenSheet} sheet @param {number} place of the tile */
  update(sheet, place) {
    const title = byId("enlarged-title", HTMLParagraphElement);
    const [z, y, x] = this.slices.at;
    setText(byId("position", HTMLSpanElement), this.slices.block ? `z ${z}  y ${y}  x ${x}` : "");
    if (this.#audit) {
      this.slices.points = sheet.points;
      this.slices.redraw();
      setAttribute(title, "data-verdict", null);
      title.replaceChildren("What was missed here?", element("small", { text: plural(sheet.points.length, "mark") }));
      setText(byId("audit-count", HTMLSpanElement), plural(sheet.points.length, "mark"));
    } else if (this.tile) {
      const { word, touched } = sheet.verdict(place);
      setAttribute(title, "data-verdict", touched || word !== "correct" ? word : null);
      const said = touched || word !== "correct" ? `${SIGNS[word]} ${word}` : "correct unless you object";
      title.replaceChildren(`Object no. ${this.tile.id}`, element("small", { text: `${said} · z ${z}` }));
    }
  }

  /** @param {Int3} voxel that was clicked */
  #pick(voxel) {
    if (this.#audit) {
      this.#toggle(voxel, NEAR);
    }
  }

  /** Mark a place, or take the mark away that is there. @param {Int3} voxel @param {number} near pixels */
  #toggle(voxel, near) {
    const here = this.slices.toPage(voxel);
    const distance = (/** @type {Int3} */ point) => {
      const there = this.slices.toPage(point);
      return Math.hypot(there.x - here.x, there.y - here.y);
    };
    const { points } = this.slices;
    const there = points.find((point) => point[0] === voxel[0] && distance(point) <= near);
    if (!there && this.#audit && !contains(this.#audit.box, voxel)) {
      toast("Marks count inside the framed box alone.");
      return;
    }
    const marks = there ? points.filter((point) => point !== there) : [...points, voxel];
    this.dispatchEvent(new CustomEvent("mark", { detail: marks }));
  }
}
