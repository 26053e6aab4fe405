/** How fast the page is, for benchmarks: from an event to the frame that shows what it did. */

const KEPT = 5000; // measures, so that a long day does not fill the memory

let measured = 0;

/** @param {string} name @param {number | string} start a time stamp, or the name of a mark */
export function measure(name, start) {
  measured += 1;
  if (measured % KEPT === 0) {
    performance.clearMeasures();
  }
  performance.measure(name, { start, end: performance.now() });
}
