/**
 * The tiles of a sheet: one is current, several may be selected. Says "change" when either changed, "judge" (detail:
 * places and a verdict) after a click, and "enlarge".
 *
 * @import {Look} from "./proofread-picture.js"
 * @import {OpenSheet} from "./proofread-sheet.js"
 * @import {Pictures, Said} from "./proofread-types.js"
 */

import { setAttribute } from "./nodes.js";
import { WORDS } from "./proofread-types.js";
import { Tile } from "./proofread-tile.js";

const GAP = 8; // pixels between tiles
const SMALLEST = 72;
const LARGEST = 320;
const LARGER = 1.2;
const WHEEL_STEP = 50; // what a trackpad has to turn for a section; a mouse's wheel turns more than that at once

/** @typedef {{places: number[], word: Said}} Judged */

export class Grid extends EventTarget {
  /** @type {Tile[]} */
  tiles = [];
  current = 0;
  /** @type {Set<number>} */
  selected = new Set();
  wide = false;
  /** @type {OpenSheet | null} */
  #sheet = null;
  /** How much larger than what fits the tiles are. */
  #zoom = 1;
  #size = SMALLEST;
  #columns = 1;
  #anchor = 0;
  #turned = 0;

  /**
   * @param {HTMLElement} root
   * @param {number} side of the pictures, in pixels
   * @param {Look} look
   * @param {(object: number) => Promise<Pictures>} fetchStack
   * @param {(query: number) => boolean} isPending whether a verdict on it is not saved yet
   */
  constructor(root, side, look, fetchStack, isPending) {
    super();
    this.root = root;
    this.side = side;
    this.look = look;
    this.fetchStack = fetchStack;
    this.isPending = isPending;
    root.addEventListener("click", (event) => this.#click(event));
    root.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    new ResizeObserver(() => this.#sheet && this.#fit()).observe(root);
  }

  /** @param {OpenSheet} sheet @param {Pictures} pictures */
  show(sheet, pictures) {
    const pixels = this.side * this.side;
    this.#sheet = sheet;
    this.tiles = sheet.tiles.map((info, place) => {
      const picture = {
        image: pictures.image.subarray(place * pixels, (place + 1) * pixels),
        mask: pictures.mask.subarray(place * pixels, (place + 1) * pixels),
      };
      return new Tile(place, info, picture, this.fetchStack);
    });
    this.#nameGroups();
    this.root.replaceChildren(...this.tiles.map(({ node }) => node));
    this.root.scrollTop = 0;
    this.selected.clear();
    this.#go(0, false);
    this.#fit();
  }

  hide() {
    this.#sheet = null;
    this.tiles = [];
    this.selected.clear();
    this.root.replaceChildren();
  }

  /** The tile that keys act on. */
  get tile() {
    return this.tiles[this.current] ?? null;
  }

  /** The tiles that a verdict is about. @returns {number[]} */
  get chosen() {
    return this.selected.size > 0 ? [...this.selected].sort((a, b) => a - b) : this.tile ? [this.current] : [];
  }

  /** @param {number} columns @param {number} rows @param {boolean} [extend] the selection */
  move(columns, rows, extend = false) {
    const place = this.current + columns + rows * this.#columns;
    if (place >= 0 && place < this.tiles.length) {
      this.#go(place, extend);
    }
  }

  /** @param {number} place @param {boolean} [extend] */
  goTo(place, extend = false) {
    this.#go(Math.min(Math.max(place, 0), this.tiles.length - 1), extend);
  }

  selectAll() {
    this.selected = new Set(this.tiles.keys());
    this.update();
  }

  selectNone() {
    this.selected.clear();
    this.update();
  }

  /** Scroll the current tile through its sections. @param {number} step 0 for back */
  async scroll(step) {
    const { tile } = this;
    if (tile) {
      await tile.scroll(step);
      tile.draw(this.#tileLook());
      this.update();
    }
  }

  /** @param {number} steps */
  zoom(steps) {
    this.#zoom = Math.min(Math.max(this.#zoom * LARGER ** steps, 1), LARGEST / SMALLEST);
    this.#fit();
  }

  /** Draw all again, as after a change of the look. */
  redraw() {
    const look = this.#tileLook();
    this.tiles.forEach((tile) => tile.draw(look));
  }

  /** Show verdicts, selection and what is current. */
  update() {
    const sheet = this.#sheet;
    if (!sheet) {
      return;
    }
    this.tiles.forEach((tile, place) => {
      const pending = this.isPending(tile.info.query);
      const current = place === this.current;
      tile.update({ ...sheet.verdict(place), selected: this.selected.has(place), current, pending });
    });
    setAttribute(this.root, "aria-activedescendant", this.tile?.node.id ?? null);
    this.dispatchEvent(new Event("change"));
  }

  /** @param {number} place @param {boolean} extend */
  #go(place, extend) {
    if (extend) {
      const [low, high] = [Math.min(this.#anchor, place), Math.max(this.#anchor, place)];
      this.selected = new Set(Array.from({ length: high - low + 1 }, (_, k) => low + k));
    } else {
      this.#anchor = place;
      this.selected.clear();
    }
    this.current = place;
    this.tile?.node.scrollIntoView({ block: "nearest" });
    this.update();
  }

  /** Lay the tiles out as large as the page has room for, and draw them. */
  #fit() {
    const { clientWidth: width, clientHeight: height } = this.root;
    const size = Math.max(SMALLEST, largestSize(this.tiles.length, width - GAP, height - GAP) * this.#zoom);
    this.#size = Math.floor(Math.min(size, LARGEST, Math.max(width - 2 * GAP, SMALLEST)));
    this.#columns = Math.max(1, Math.floor((width - GAP) / (this.#size + GAP)));
    this.root.style.setProperty("--tile", `${this.#size}px`);
    this.root.style.setProperty("--columns", String(this.#columns));
    this.redraw();
  }

  #tileLook() {
    return { ...this.look, size: this.#size, side: this.side, wide: this.wide };
  }

  /** Name the groups of alike objects where they begin, if there are several; in random order there are none. */
  #nameGroups() {
    const groups = new Set(this.tiles.map(({ info }) => `${info.round} ${info.cluster}`));
    if (this.#sheet?.info.sorting !== "cluster" || groups.size === 1) {
      return;
    }
    this.tiles.forEach((tile, place) => {
      const before = this.tiles[place - 1]?.info;
      if (before?.cluster !== tile.info.cluster || before.round !== tile.info.round) {
        tile.begin(`group ${tile.info.cluster}`);
      }
    });
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const tile = this.#tileOf(event);
    const sheet = this.#sheet;
    if (!tile || !sheet) {
      return;
    }
    if (event.ctrlKey || event.metaKey) {
      this.current = this.#anchor = tile.place;
      if (!this.selected.delete(tile.place)) {
        this.selected.add(tile.place);
      }
      this.update();
    } else if (event.shiftKey) {
      this.#go(tile.place, true);
    } else if (event.target instanceof Element && event.target.matches(".tile-enlarge")) {
      this.#go(tile.place, false);
      this.dispatchEvent(new Event("enlarge"));
    } else {
      const places = this.selected.has(tile.place) ? this.chosen : [tile.place];
      const word = WORDS[(WORDS.indexOf(sheet.verdict(tile.place).word) + 1) % WORDS.length];
      if (!this.selected.has(tile.place)) {
        this.#go(tile.place, false);
      }
      /** @type {Judged} */
      const detail = { places, word };
      this.dispatchEvent(new CustomEvent("judge", { detail }));
    }
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    const tile = this.#tileOf(event);
    if (!tile || event.shiftKey || event.ctrlKey) {
      return;
    }
    event.preventDefault();
    this.#turned += event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1);
    if (Math.abs(this.#turned) >= WHEEL_STEP) {
      const step = Math.sign(this.#turned);
      this.#turned = 0;
      this.current = this.#anchor = tile.place;
      this.update();
      void this.scroll(step);
    }
  }

  /** @param {Event} event */
  #tileOf(event) {
    const node = event.target instanceof Element ? event.target.closest(".tile") : null;
    return node instanceof HTMLElement ? (this.tiles[Number(node.dataset.place)] ?? null) : null;
  }
}

/**
 * The side of the largest squares of which so many fit into an area.
 *
 * @param {number} count @param {number} width @param {number} height in pixels
 */
export function largestSize(count, width, height) {
  let best = 0;
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    best = Math.max(best, Math.min(width / columns, height / rows) - GAP);
  }
  return best;
}
