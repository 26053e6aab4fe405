/** How thick a class is drawn near some places of a plane. */

const AROUND = 16; // voxels around a place that are looked at
const LONGEST = 64; // voxels of a chord

/** Across, down, and both diagonals, with the length of a step. */
const DIRECTIONS = [
  [0, 1, 1],
  [1, 0, 1],
  [1, 1, Math.SQRT2],
  [1, -1, Math.SQRT2],
];

/**
 * The median over the voxels of a mask near some places of their shortest chord: of the straight lines through the
 * voxel that stay in the mask.
 *
 * @param {(row: number, col: number) => boolean} inside @param {{rows: number, cols: number}} plane
 * @param {[row: number, col: number][]} places
 * @returns {number | null} voxels, null where the mask is empty there
 */
export function thicknessNear(inside, { rows, cols }, places) {
  const isNear = (/** @type {number} */ row, /** @type {number} */ col) =>
    places.some(([y, x]) => Math.abs(row - y) <= AROUND && Math.abs(col - x) <= AROUND);
  const chords = [];
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      if (isNear(row, col) && inside(row, col)) {
        chords.push(chordAt(inside, rows, cols, row, col));
      }
    }
  }
  const sorted = chords.sort((a, b) => a - b);
  return sorted.length > 0 ? sorted[sorted.length >> 1] : null;
}

/** @type {(inside: (row: number, col: number) => boolean, rows: number, cols: number, row: number, col: number) => number} */
function chordAt(inside, rows, cols, row, col) {
  const reach = (/** @type {number} */ down, /** @type {number} */ right) => {
    let steps = 0;
    for (let y = row + down, x = col + right; steps < LONGEST; y += down, x += right, steps++) {
      if (y < 0 || x < 0 || y >= rows || x >= cols || !inside(y, x)) {
        break;
      }
    }
    return steps;
  };
  return Math.min(
    ...DIRECTIONS.map(([down, right, length]) => (1 + reach(down, right) + reach(-down, -right)) * length),
  );
}
