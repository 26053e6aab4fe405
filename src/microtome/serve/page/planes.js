/**
 * The three orthogonal planes of a volume, and where their voxels lie in a flat array.
 *
 * @typedef {import("./types.js").Int3} Int3
 * @typedef {import("./types.js").Box} Box
 * @typedef {0 | 1 | 2} Axis
 * @typedef {{name: "xy" | "xz" | "yz", normal: Axis, row: Axis, col: Axis}} Plane
 *
 * A cut is one plane of an array: voxel (row, col) lies at `offset + row * rowStride + col * colStride`.
 * @typedef {{offset: number, rows: number, cols: number, rowStride: number, colStride: number}} Cut
 *
 * A rectangle of a plane, half-open.
 * @typedef {{row0: number, row1: number, col0: number, col1: number}} Rect
 */

/** @type {Record<"xy" | "xz" | "yz", Plane>} */
export const PLANES = {
  xy: { name: "xy", normal: 0, row: 1, col: 2 },
  xz: { name: "xz", normal: 1, row: 0, col: 2 },
  yz: { name: "yz", normal: 2, row: 1, col: 0 },
};

/** @type {(box: Box) => Int3} */
export function shapeOf({ start, stop }) {
  return [stop[0] - start[0], stop[1] - start[1], stop[2] - start[2]];
}

/** @type {(box: Box, voxel: Int3) => boolean} */
export function contains({ start, stop }, [z, y, x]) {
  return z >= start[0] && z < stop[0] && y >= start[1] && y < stop[1] && x >= start[2] && x < stop[2];
}

/**
 * The bytes of a box within another.
 * @type {(bytes: Uint8Array, where: {box: Box, shape: Int3}, box: Box) => Uint8Array}
 */
export function crop(bytes, where, box) {
  const [nz, ny, nx] = shapeOf(box);
  const [dz, dy, dx] = [0, 1, 2].map((axis) => box.start[axis] - where.box.start[axis]);
  const found = new Uint8Array(nz * ny * nx);
  for (let z = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      const source = ((z + dz) * where.shape[1] + y + dy) * where.shape[2] + dx;
      found.set(bytes.subarray(source, source + nx), (z * ny + y) * nx);
    }
  }
  return found;
}

/**
 * The plane number `at` of an array in the shape `shape`.
 * @type {(shape: Int3, plane: Plane, at: number) => Cut}
 */
export function cut(shape, plane, at) {
  const strides = [shape[1] * shape[2], shape[2], 1];
  return {
    offset: at * strides[plane.normal],
    rows: shape[plane.row],
    cols: shape[plane.col],
    rowStride: strides[plane.row],
    colStride: strides[plane.col],
  };
}

/** @type {(size: {rows: number, cols: number}) => Rect} */
export function whole({ rows, cols }) {
  return { row0: 0, row1: rows, col0: 0, col1: cols };
}

/**
 * The smallest rectangle that holds these voxels of a plane, null for none.
 * @type {(indices: ArrayLike<number>, cols: number) => Rect | null}
 */
export function bounds(indices, cols) {
  if (indices.length === 0) {
    return null;
  }
  const rect = { row0: Infinity, row1: 0, col0: Infinity, col1: 0 };
  for (let i = 0; i < indices.length; i++) {
    const row = Math.floor(indices[i] / cols);
    const col = indices[i] - row * cols;
    rect.row0 = Math.min(rect.row0, row);
    rect.row1 = Math.max(rect.row1, row + 1);
    rect.col0 = Math.min(rect.col0, col);
    rect.col1 = Math.max(rect.col1, col + 1);
  }
  return rect;
}

/** @type {(rect: Rect, margin: number, cut: Cut) => Rect} */
export function grown({ row0, row1, col0, col1 }, margin, { rows, cols }) {
  return {
    row0: Math.max(0, row0 - margin),
    row1: Math.min(rows, row1 + margin),
    col0: Math.max(0, col0 - margin),
    col1: Math.min(cols, col1 + margin),
  };
}

/**
 * Indices of the array from indices `row * cols + col` of one plane of it.
 * @type {(indices: ArrayLike<number>, cut: Cut) => Uint32Array}
 */
export function inArray(indices, { offset, cols, rowStride, colStride }) {
  return Uint32Array.from(indices, (index) => {
    const row = Math.floor(index / cols);
    return offset + row * rowStride + (index - row * cols) * colStride;
  });
}

/**
 * The values of one plane of an array, row by row.
 * @type {(values: ArrayLike<number>, cut: Cut) => Uint32Array}
 */
export function planeValues(values, { offset, rows, cols, rowStride, colStride }) {
  const plane = new Uint32Array(rows * cols);
  let target = 0;
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      plane[target++] = values[offset + row * rowStride + col * colStride];
    }
  }
  return plane;
}
