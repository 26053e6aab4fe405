/**
 * The hatching of unlabelled voxels, so that nobody takes them for background.
 *
 * @import {Layer} from "./layer.js"
 * @import {Viewport} from "./viewport.js"
 * @import {Region} from "./regions.js"
 */

const SPACING = 11; // pixels of the screen between two lines
const TILE_SCALE = 2; // the tile is drawn finer than the screen, so that its lines stay smooth

/** A canvas as large as the part that is drawn, for cutting the hatching out. */
const scratch = new OffscreenCanvas(1, 1);
const paper = /** @type {OffscreenCanvasRenderingContext2D} */ (scratch.getContext("2d"));

/** One tile of diagonal lines, dark beside light so that they show on any grey. */
const tile = hatching();

/**
 * Hatches the part of the canvas that lies on the layer and where its pixels are clear.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Region} part
 * @param {Viewport} viewport
 * @param {Layer} labelled opaque where there is a label
 */
export function fillHatched(context, part, viewport, labelled) {
  const box = viewport.rectToScreen(labelled.extent);
  const left = Math.max(part.x, Math.floor(box.x), 0);
  const top = Math.max(part.y, Math.floor(box.y), 0);
  const right = Math.min(part.x + part.width, Math.ceil(box.x + box.width), viewport.width);
  const bottom = Math.min(part.y + part.height, Math.ceil(box.y + box.height), viewport.height);
  if (right <= left || bottom <= top) {
    return;
  }
  const scale = devicePixelRatio;
  prepare((right - left) * scale, (bottom - top) * scale);
  paper.setTransform(scale, 0, 0, scale, -left * scale, -top * scale);
  paper.beginPath();
  paper.rect(box.x, box.y, box.width, box.height);
  paper.fillStyle = pattern(box.x, box.y);
  paper.fill();
  paper.globalCompositeOperation = "destination-out";
  labelled.draw(paper, viewport);
  paper.globalCompositeOperation = "source-over";
  const width = (right - left) * scale;
  const height = (bottom - top) * scale;
  context.drawImage(scratch, 0, 0, width, height, left, top, right - left, bottom - top);
}

/** @param {number} width @param {number} height */
function prepare(width, height) {
  if (scratch.width < width || scratch.height < height) {
    scratch.width = Math.max(scratch.width, Math.ceil(width));
    scratch.height = Math.max(scratch.height, Math.ceil(height));
  }
  paper.setTransform(1, 0, 0, 1, 0, 0);
  paper.clearRect(0, 0, width, height);
  paper.imageSmoothingEnabled = false;
}

/** The lines move with the box. @param {number} x @param {number} y */
function pattern(x, y) {
  const filled = /** @type {CanvasPattern} */ (paper.createPattern(tile, "repeat"));
  filled.setTransform(new DOMMatrix([1 / TILE_SCALE, 0, 0, 1 / TILE_SCALE, x, y]));
  return filled;
}

function hatching() {
  const size = SPACING * TILE_SCALE;
  const canvas = new OffscreenCanvas(size, size);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  for (const [colour, shift] of /** @type {[string, number][]} */ ([
    ["rgb(0 0 0 / 0.28)", 1.6],
    ["rgb(255 255 255 / 0.34)", 0],
  ])) {
    context.strokeStyle = colour;
    context.lineWidth = 1.8;
    context.beginPath();
    for (const start of [-size, 0, size]) {
      context.moveTo(start + shift - 2, size + 2);
      context.lineTo(start + shift + size + 2, -2);
    }
    context.stroke();
  }
  return canvas;
}
