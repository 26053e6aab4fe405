/**
 * Zoom and pan of one view: from voxels of the volume to pixels of its canvas, with the true aspect of a voxel.
 * The views of a query share one camera, so that they pan together.
 *
 * @typedef {import("./types.js").Box} Box
 * @typedef {import("./types.js").Int3} Int3
 * @typedef {import("./planes.js").Plane} Plane
 * @typedef {import("./planes.js").Rect} Rect
 * @typedef {{centre: [number, number, number]}} Camera  what lies in the middle of the views, z y x in nm
 */

const LARGEST_VOXEL = 160; // pixels
const SMALLEST_VOXEL = 1 / 16;

export class Viewport {
  /** @param {Plane} plane @param {Int3} voxelNm @param {Camera} camera */
  constructor(plane, voxelNm, camera) {
    this.plane = plane;
    this.camera = camera;
    this.rowNm = voxelNm[plane.row];
    this.colNm = voxelNm[plane.col];
    this.width = 1;
    this.height = 1;
    /** Pixels per nanometre. */
    this.scale = 1;
  }

  /** Pixels per voxel, along the columns of the plane. */
  get zoom() {
    return this.scale * this.colNm;
  }

  /**
   * Where a point lies on the canvas; `row` and `col` are continuous, a voxel's corner is its index.
   * @type {(row: number, col: number) => {x: number, y: number}}
   */
  toScreen(row, col) {
    const { centre } = this.camera;
    return {
      x: this.width / 2 + (col * this.colNm - centre[this.plane.col]) * this.scale,
      y: this.height / 2 + (row * this.rowNm - centre[this.plane.row]) * this.scale,
    };
  }

  /** @type {(x: number, y: number) => {row: number, col: number}} */
  toPlane(x, y) {
    const { centre } = this.camera;
    return {
      row: ((y - this.height / 2) / this.scale + centre[this.plane.row]) / this.rowNm,
      col: ((x - this.width / 2) / this.scale + centre[this.plane.col]) / this.colNm,
    };
  }

  /** @type {(rect: Rect) => {x: number, y: number, width: number, height: number}} */
  rectToScreen({ row0, row1, col0, col1 }) {
    const from = this.toScreen(row0, col0);
    const to = this.toScreen(row1, col1);
    return { x: from.x, y: from.y, width: to.x - from.x, height: to.y - from.y };
  }

  /** @type {(dx: number, dy: number) => void} */
  pan(dx, dy) {
    this.camera.centre[this.plane.col] -= dx / this.scale;
    this.camera.centre[this.plane.row] -= dy / this.scale;
  }

  /**
   * Zooms so that what lies under (x, y) stays there; returns the factor that the limits allowed.
   * @type {(factor: number, x: number, y: number) => number}
   */
  zoomAt(factor, x, y) {
    const scale = this.#possible(this.scale * factor);
    const kept = 1 / this.scale - 1 / scale;
    this.camera.centre[this.plane.col] += (x - this.width / 2) * kept;
    this.camera.centre[this.plane.row] += (y - this.height / 2) * kept;
    const allowed = scale / this.scale;
    this.scale = scale;
    return allowed;
  }

  /**
   * Shows all of the box, with a margin around it, as far as the limits of the zoom allow.
   * @type {(box: Box, margin: number) => void}
   */
  fit({ start, stop }, margin) {
    const { row, col } = this.plane;
    this.camera.centre[row] = ((start[row] + stop[row]) / 2) * this.rowNm;
    this.camera.centre[col] = ((start[col] + stop[col]) / 2) * this.colNm;
    const height = (stop[row] - start[row]) * this.rowNm;
    const width = (stop[col] - start[col]) * this.colNm;
    this.scale = this.#possible(Math.min(this.width / (width * margin), this.height / (height * margin)));
  }

  /** @type {(scale: number) => number} the nearest that shows voxels neither too large nor too small */
  #possible(scale) {
    const fine = Math.min(this.rowNm, this.colNm);
    return Math.min(Math.max(scale, SMALLEST_VOXEL / fine), LARGEST_VOXEL / fine);
  }
}
