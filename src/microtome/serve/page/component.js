/**
 * The region of one value around a voxel, through all sections.
 *
 * @import {Int3} from "./types.js"
 */

/**
 * @param {Int3} shape z y x @param {ArrayLike<number>} values @param {number} start voxel
 * @returns {Uint32Array} 6-connected voxels of its value, in increasing order
 */
export function component([nz, ny, nx], values, start) {
  const [size, wanted] = [ny * nx, values[start]];
  const found = new Uint8Array(nz * size);
  const voxels = [start];
  found[start] = 1;
  const visit = (/** @type {number} */ index) => {
    if (found[index] === 0 && values[index] === wanted) {
      found[index] = 1;
      voxels.push(index);
    }
  };
  for (const index of voxels) {
    const [x, within] = [index % nx, index % size];
    if (x > 0) {visit(index - 1);}
    if (x < nx - 1) {visit(index + 1);}
    if (within >= nx) {visit(index - nx);}
    if (within < size - nx) {visit(index + nx);}
    if (index >= size) {visit(index - size);}
    if (index < (nz - 1) * size) {visit(index + size);}
  }
  return Uint32Array.from(voxels).sort();
}
