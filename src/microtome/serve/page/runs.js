/** Runs: triples start, length, value over flat voxel indices, in increasing order, without overlap. */

/**
 * Runs of single voxels with values.
 *
 * @param {ArrayLike<number>} indices strictly increasing
 * @param {ArrayLike<number>} values one for each index
 * @returns {number[]} as few triples as possible
 */
export function toRuns(indices, values) {
  /** @type {number[]} */
  const runs = [];
  let from = 0;
  for (let i = 1; i <= indices.length; i++) {
    if (i === indices.length || indices[i] !== indices[i - 1] + 1 || values[i] !== values[from]) {
      runs.push(indices[from], i - from, values[from]);
      from = i;
    }
  }
  return runs;
}

/**
 * The single voxels of runs, and their values.
 *
 * @param {ArrayLike<number>} runs
 * @returns {{indices: Uint32Array, values: Uint32Array}} indices increase
 */
export function fromRuns(runs) {
  let count = 0;
  for (let r = 1; r < runs.length; r += 3) {
    count += runs[r];
  }
  const indices = new Uint32Array(count);
  const values = new Uint32Array(count);
  let at = 0;
  for (let r = 0; r < runs.length; r += 3) {
    values.fill(runs[r + 2], at, at + runs[r + 1]);
    for (let i = 0; i < runs[r + 1]; i++) {
      indices[at++] = runs[r] + i;
    }
  }
  return { indices, values };
}
