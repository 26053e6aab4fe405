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
 * The median, along the class near some places, of its thickness: of the shortest straight line through a voxel that
 * stays in the mask. A voxel counts by one over its own, so that a thick knot does not outweigh thin pieces as long.
 *
 * @param {(row: number, col: number) => boolean} inside @param {{rows: number, cols: number}} plane
 * @param {[row: number, col: number][]} places
 * @returns {number | null} voxels, null where the mask is empty there
 */
export function thicknessNear(inside, { rows, cols }, places) {
  const near = new Set(places.flatMap(([y, x]) => around(y, rows).flatMap((row) => around(x, cols).map((col) => row * cols + col))));
  /** @type {number[]} */
  const chords = [];
  for (const index of near) {
    const [row, col] = [Math.floor(index / cols), index % cols];
    if (inside(row, col)) {
      chords.push(chordAt(inside, rows, cols, row, col));
    }
  }
  chords.sort((a, b) => a - b);
  const half = chords.reduce((sum, chord) => sum + 1 / chord, 0) / 2;
  let sum = 0;
  return chords.find((chord) => (sum += 1 / chord) >= half) ?? null;
}

/** What lies near on an axis. @param {number} at @param {number} side */
function around(at, side) {
  const first = Math.max(at - AROUND, 0);
  return Array.from({ length: Math.max(Math.min(at + AROUND + 1, side) - first, 0) }, (_, k) => first + k);
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
