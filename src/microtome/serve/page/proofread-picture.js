/**
 * A plane of the image with the outline of a mask over it.
 *
 * @typedef {{image: ArrayLike<number>, mask: Bytes | null, rows: number, cols: number}} Picture  of bytes, row by row
 * @typedef {Uint8Array | Uint32Array} Bytes
 * @typedef {{x: number, y: number, width: number, height: number}} Rect
 * @typedef {{greys: Uint32Array, outlines: boolean, raw: boolean}} Look  a colour for each byte of the image; `raw` while
 *   only the image is shown
 */

/** Of the values of a mask; a synapse has two sides (Okabe & Ito 2008, lighter). */
const OUTLINES = ["", "#5cc8ff", "#ffb347", "#4fd6a5", "#f4e55b", "#8f9bff", "#ff8a6b", "#e59ac6"];
const SHADOW = "rgb(0 0 0 / 0.6)";

/** Where pixels are coloured before they are drawn at another size. @type {HTMLCanvasElement | null} */
let scratch = null;

/**
 * Draw a part of a picture.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Picture} picture
 * @param {Rect} from the part, in pixels of the picture
 * @param {Rect} to where it goes, in pixels of the canvas
 * @param {Look} look
 */
export function drawPicture(context, picture, from, to, look) {
  const { rows, cols } = picture;
  scratch ??= document.createElement("canvas");
  scratch.width = cols;
  scratch.height = rows;
  const pixels = new Uint32Array(rows * cols);
  for (let i = 0; i < pixels.length; i++) {
    pixels[i] = look.greys[picture.image[i]];
  }
  const data = new ImageData(new Uint8ClampedArray(pixels.buffer), cols, rows);
  scratch.getContext("2d")?.putImageData(data, 0, 0);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(scratch, from.x, from.y, from.width, from.height, to.x, to.y, to.width, to.height);
  if (look.outlines && !look.raw && picture.mask) {
    drawOutlines(context, picture.mask, picture, from, to);
  }
}

/**
 * @param {CanvasRenderingContext2D} context @param {Bytes} mask @param {{rows: number, cols: number}} size
 * @param {Rect} from @param {Rect} to
 */
function drawOutlines(context, mask, size, from, to) {
  const [down, right] = [to.height / from.height, to.width / from.width];
  const width = 1.5 * devicePixelRatio;
  for (const value of new Set(mask)) {
    if (value === 0) {
      continue;
    }
    context.beginPath();
    for (const [x0, y0, x1, y1] of edges(mask, size, value)) {
      context.moveTo(to.x + (x0 - from.x) * right, to.y + (y0 - from.y) * down);
      context.lineTo(to.x + (x1 - from.x) * right, to.y + (y1 - from.y) * down);
    }
    context.lineCap = "round";
    context.strokeStyle = SHADOW;
    context.lineWidth = width + 2;
    context.stroke();
    context.strokeStyle = OUTLINES[value];
    context.lineWidth = width;
    context.stroke();
  }
}

/**
 * The lines between the pixels of a value and all others, each as long as it goes straight on.
 *
 * @param {Bytes} mask row by row
 * @param {{rows: number, cols: number}} size
 * @param {number} value
 * @returns {[x0: number, y0: number, x1: number, y1: number][]} corners of pixels
 */
export function edges(mask, { rows, cols }, value) {
  const isOn = (/** @type {number} */ y, /** @type {number} */ x) =>
    y >= 0 && x >= 0 && y < rows && x < cols && mask[y * cols + x] === value;
  /** @type {[number, number, number, number][]} */
  const found = [];
  for (let y = 0; y <= rows; y++) {
    for (const [x0, x1] of runs(cols, (x) => isOn(y - 1, x) !== isOn(y, x))) {
      found.push([x0, y, x1, y]);
    }
  }
  for (let x = 0; x <= cols; x++) {
    for (const [y0, y1] of runs(rows, (y) => isOn(y, x - 1) !== isOn(y, x))) {
      found.push([x, y0, x, y1]);
    }
  }
  return found;
}

/**
 * Where a condition holds without a gap.
 *
 * @param {number} length @param {(at: number) => boolean} holds
 * @returns {[start: number, stop: number][]}
 */
function runs(length, holds) {
  /** @type {[number, number][]} */
  const found = [];
  for (let at = 0; at < length; at++) {
    if (!holds(at)) {
      continue;
    }
    const last = found.at(-1);
    if (last?.[1] === at) {
      last[1] = at + 1;
    } else {
      found.push([at, at + 1]);
    }
  }
  return found;
}
