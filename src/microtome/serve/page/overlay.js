/**
 * What lies over the image and moves with the pointer: cursor, crosshair, lasso, scale bar.
 *
 * @import {Pane} from "./pane.js"
 * @import {Views} from "./views.js"
 */

import { length } from "./lengths.js";
import { drawMarks, ringed } from "./marks.js";
import { removalWords } from "./removal.js";

const BAR_PIXELS = 160; // the longest scale bar
const LIGHT = "rgb(255 255 255 / 0.95)";
const SHADOW = "rgb(0 0 0 / 0.65)";
const CROSSHAIR = "rgb(110 190 255 / 0.75)";

/** @param {HTMLCanvasElement} canvas @param {Pane} pane @param {Views} views */
export function drawOverlay(canvas, pane, views) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  if (views.views.length > 1 && !views.settings.now.raw) {
    drawCrosshair(context, pane, views.crosshair);
  }
  if (views.lasso && views.lasso.pane === pane) {
    drawLasso(context, pane, views);
  }
  drawMarks(context, pane, views);
  drawCursor(context, pane, views);
  drawScaleBar(context, pane);
  if (views.views.length > 1) {
    drawName(context, pane);
  }
}

/**
 * @param {CanvasRenderingContext2D} context @param {Pick<Pane, "viewport" | "plane">} pane
 * @param {[number, number, number]} crosshair
 */
export function drawCrosshair(context, { plane, viewport }, crosshair) {
  const { x, y } = viewport.toScreen(crosshair[plane.row] + 0.5, crosshair[plane.col] + 0.5);
  const gap = 14;
  context.beginPath();
  context.moveTo(x, 0);
  context.lineTo(x, y - gap);
  context.moveTo(x, y + gap);
  context.lineTo(x, viewport.height);
  context.moveTo(0, y);
  context.lineTo(x - gap, y);
  context.moveTo(x + gap, y);
  context.lineTo(viewport.width, y);
  context.strokeStyle = CROSSHAIR;
  context.lineWidth = 1;
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context @param {Pane} pane @param {Views} views */
function drawLasso(context, pane, views) {
  const { points } = /** @type {import("./lasso.js").LassoPath} */ (views.lasso);
  const { row0, col0 } = pane.labels;
  context.beginPath();
  for (const [row, col] of points) {
    const { x, y } = pane.viewport.toScreen(row + row0, col + col0);
    context.lineTo(x, y);
  }
  if (views.hover?.pane === pane) {
    context.lineTo(views.hover.x, views.hover.y);
  }
  context.save();
  context.globalAlpha = 0.18;
  context.fillStyle = views.colours.css(views.settings.now);
  context.fill();
  context.restore();
  ringed(context, views.colours.css(views.settings.now), 2);
}

/** @param {CanvasRenderingContext2D} context @param {Pane} pane @param {Views} views */
function drawCursor(context, pane, views) {
  const { settings, colours } = views;
  const { tool, keyboard } = settings.now;
  const at = keyboard ? keyboardAt(pane, views) : pointerAt(pane, views);
  if (!at) {
    return;
  }
  if (keyboard) {
    drawVoxel(context, pane, views.crosshair);
  }
  if (tool === "brush" || tool === "erase") {
    drawBrush(context, pane, views, at);
  } else {
    drawBadge(context, at, colours.css(settings.now), tool === "remove" ? removalWords(views.target) : tool);
  }
}

/**
 * A circle as large as the brush, dashed if it erases.
 *
 * @param {CanvasRenderingContext2D} context @param {Pane} pane @param {Views} views
 * @param {{x: number, y: number}} at
 */
function drawBrush(context, { viewport }, { settings, colours, doing, project }, { x, y }) {
  const { tool, radius } = settings.now;
  const erasing = tool === "erase" || doing === "erase";
  const colour = erasing ? LIGHT : colours.css(settings.now);
  context.beginPath();
  context.arc(x, y, Math.max(radius * viewport.scale * project.voxel_size_nm[2], 2), 0, 2 * Math.PI);
  context.setLineDash(erasing ? [5, 4] : []);
  ringed(context, colour, 2);
  context.setLineDash([]);
  context.beginPath();
  context.arc(x, y, 1.2, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
}

/** @param {Pane} pane @param {Views} views */
function pointerAt(pane, { hover, doing }) {
  const pans = doing === "pan" || doing === "ready to pan";
  return hover?.pane === pane && !pans ? hover : null;
}

/** @param {Pane} pane @param {Views} views the keyboard's cursor moves in the view of sections */
function keyboardAt(pane, views) {
  if (pane !== views.main) {
    return null;
  }
  const { plane, viewport } = pane;
  return viewport.toScreen(views.crosshair[plane.row] + 0.5, views.crosshair[plane.col] + 0.5);
}

/** @param {CanvasRenderingContext2D} context @param {Pane} pane @param {[number, number, number]} voxel */
function drawVoxel(context, { plane, viewport }, voxel) {
  const [row, col] = [voxel[plane.row], voxel[plane.col]];
  const { x, y, width, height } = viewport.rectToScreen({ row0: row, row1: row + 1, col0: col, col1: col + 1 });
  context.beginPath();
  context.rect(x, y, width, height);
  ringed(context, LIGHT, 1.5);
}

/**
 * A cross with the name of the tool beside it.
 *
 * @param {CanvasRenderingContext2D} context @param {{x: number, y: number}} at
 * @param {string} colour @param {string} tool
 */
function drawBadge(context, { x, y }, colour, tool) {
  context.beginPath();
  for (const [dx, dy] of [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ]) {
    context.moveTo(x + dx * 4, y + dy * 4);
    context.lineTo(x + dx * 11, y + dy * 11);
  }
  ringed(context, colour, 2);
  context.font = "600 11px system-ui, sans-serif";
  context.textBaseline = "middle";
  const width = context.measureText(tool).width;
  const room = x + 13 + width + 23 < context.canvas.clientWidth;
  const left = room ? x + 13 : x - 13 - width - 23;
  context.fillStyle = SHADOW;
  context.beginPath();
  context.roundRect(left, y + 9, width + 23, 19, 9.5);
  context.fill();
  context.beginPath();
  context.arc(left + 10, y + 18.5, 4, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
  context.fillStyle = LIGHT;
  context.fillText(tool, left + 17, y + 19);
}

/** @param {CanvasRenderingContext2D} context @param {Pick<Pane, "viewport">} pane */
export function drawScaleBar(context, { viewport }) {
  const nm = roundLength(Math.min(BAR_PIXELS, viewport.width / 4) / viewport.scale);
  const width = nm * viewport.scale;
  const [x, y] = [16, viewport.height - 18];
  context.font = "600 12px system-ui, sans-serif";
  context.textBaseline = "alphabetic";
  context.fillStyle = "rgb(0 0 0 / 0.55)";
  context.beginPath();
  context.roundRect(x - 8, y - 22, Math.max(width, context.measureText(length(nm)).width) + 16, 33, 5);
  context.fill();
  context.fillStyle = LIGHT;
  context.fillRect(x, y, width, 3);
  context.fillText(length(nm), x, y - 6);
}

/** The largest of 1, 2, 5, 10, … that is not longer. @param {number} nm */
function roundLength(nm) {
  const power = 10 ** Math.floor(Math.log10(nm));
  const digit = [5, 2, 1].find((candidate) => candidate * power <= nm) ?? 1;
  return digit * power;
}

/** @param {CanvasRenderingContext2D} context @param {Pick<Pane, "viewport" | "plane">} pane */
export function drawName(context, { plane, viewport }) {
  context.font = "600 11px system-ui, sans-serif";
  context.textBaseline = "middle";
  context.textAlign = "right";
  context.fillStyle = "rgb(0 0 0 / 0.55)";
  context.beginPath();
  context.roundRect(viewport.width - 40, 10, 30, 20, 5);
  context.fill();
  context.fillStyle = LIGHT;
  context.fillText(plane.name.toUpperCase(), viewport.width - 16.5, 20.5);
  context.textAlign = "left";
}
