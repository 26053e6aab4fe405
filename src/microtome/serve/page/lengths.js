/** Lengths in nanometres, in words. */

/** @param {number} nm @returns {string} with the unit that keeps it short */
export function length(nm) {
  if (Math.abs(nm) >= 1000) {
    return `${trimmed(nm / 1000)} µm`;
  }
  return `${trimmed(nm)} nm`;
}

/** @param {number} value */
function trimmed(value) {
  return String(Number(value.toPrecision(4)));
}
