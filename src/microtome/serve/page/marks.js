/**
 * What the tools of correcting show over the image: the path of a bridge, what would be removed, the ring around a
 * likely error.
 *
 * @import {Pane} from "./pane.js"
 * @import {Views} from "./views.js"
 * @import {Int3} from "./types.js"
 *
 * @typedef {{voxel: Int3, since: number}} Ring  `since` by `performance.now`
 */

import { thicknessOf, voxelAt } from "./bridge.js";

const SHADOW = "rgb(0 0 0 / 0.65)";
const RING = "rgb(110 190 255)";
const RING_MS = 1800;
const [SMALLEST, LARGEST] = [18, 60]; // pixels that a ring is wide

/** Strokes the path in a colour that shows on any grey. @param {CanvasRenderingContext2D} context @param {string} colour @param {number} width */
export function ringed(context, colour, width) {
  context.strokeStyle = SHADOW;
  context.lineWidth = width + 2;
  context.stroke();
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context @param {Pane} pane @param {Views} views */
export function drawMarks(context, pane, views) {
  drawBridge(context, pane, views);
  drawTarget(context, pane, views);
  drawRing(context, pane, views);
}

/** @param {Ring} ring @returns {boolean} whether it is to be drawn */
export function stillRings({ since }) {
  return performance.now() - since < RING_MS;
}

/** @param {CanvasRenderingContext2D} context @param {Pane} pane @param {Views} views */
function drawBridge(context, pane, { bridge, hover, settings, crosshair, colours }) {
  if (bridge?.pane !== pane || bridge.at !== pane.at) {
    return;
  }
  const { row0, col0 } = pane.labels;
  const pointed = hover?.pane === pane ? pane.pointAt(hover.x, hover.y) : null;
  const point = settings.now.keyboard ? [crosshair[1] - row0, crosshair[2] - col0] : pointed;
  const to = point ? voxelAt([point[0], point[1]], pane.cut) : bridge.from;
  const { cols } = pane.cut;
  context.beginPath();
  for (const index of bridge.ways.to(...to)) {
    const row = Math.floor(index / cols);
    const { x, y } = pane.viewport.toScreen(row0 + row + 0.5, col0 + index - row * cols + 0.5);
    context.lineTo(x, y);
  }
  context.lineJoin = "round";
  drawThickness(context, pane, thicknessOf(pane, [bridge.from, to], settings.now), colours.css(settings.now));
  ringed(context, colours.css(settings.now), 3);
  const first = pane.viewport.toScreen(row0 + bridge.from[0] + 0.5, col0 + bridge.from[1] + 0.5);
  context.beginPath();
  context.arc(first.x, first.y, 5, 0, 2 * Math.PI);
  ringed(context, colours.css(settings.now), 2);
}

/** Strokes the path as thick as it will be. @param {CanvasRenderingContext2D} context @param {Pane} pane @param {number} voxels @param {string} colour */
function drawThickness(context, { viewport }, voxels, colour) {
  const { width } = viewport.rectToScreen({ row0: 0, row1: 1, col0: 0, col1: 1 });
  context.save();
  context.globalAlpha = 0.35;
  context.lineCap = "round";
  context.strokeStyle = colour;
  context.lineWidth = voxels * width;
  context.stroke();
  context.restore();
}

/** @param {CanvasRenderingContext2D} context @param {Pane} pane @param {Views} views */
function drawTarget(context, pane, { target }) {
  if (target?.pane !== pane || target.at !== pane.at || target.seq !== pane.open.draft.seq) {
    return;
  }
  const { row0, col0 } = pane.labels;
  context.beginPath();
  for (const [fromRow, fromCol, toRow, toCol] of target.outline) {
    const from = pane.viewport.toScreen(row0 + fromRow, col0 + fromCol);
    const to = pane.viewport.toScreen(row0 + toRow, col0 + toCol);
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
  }
  context.lineCap = "square";
  ringed(context, "white", 2);
  context.lineCap = "butt";
}

/** It narrows down on the voxel twice, and stands still where motion is not wanted. @param {CanvasRenderingContext2D} context @param {Pane} pane @param {Views} views */
function drawRing(context, { plane, viewport, at }, { ring }) {
  if (!ring || !stillRings(ring) || at !== ring.voxel[plane.normal]) {
    return;
  }
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const phase = still ? 1 : ((performance.now() - ring.since) / (RING_MS / 2)) % 1;
  const { x, y } = viewport.toScreen(ring.voxel[plane.row] + 0.5, ring.voxel[plane.col] + 0.5);
  context.beginPath();
  context.arc(x, y, LARGEST + (SMALLEST - LARGEST) * phase, 0, 2 * Math.PI);
  ringed(context, RING, 3);
}
