/** Random numbers that are the same in every run. */

/**
 * @param {number} seed
 * @returns {(n: number) => number} an integer from 0 to n - 1 (mulberry32)
 */
export function integers(seed) {
  let state = seed;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
  };
}
