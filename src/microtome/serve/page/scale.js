/** Where things go on an axis. */

/** @typedef {{low: number, high: number, ticks: number[], decimals: number}} Axis */

/**
 * The axis that holds `low` and `high` with about `wanted` ticks at multiples of 1, 2 or 5, its ends on ticks.
 *
 * @param {number} low
 * @param {number} high
 * @param {number} wanted
 * @param {{whole?: boolean, most?: number}} [limits] `whole`: no ticks between integers, `most`: none beyond
 * @returns {Axis}
 */
export function axis(low, high, wanted, { whole = false, most = Infinity } = {}) {
  const range = high > low ? high - low : Math.abs(high) || 1;
  const step = Math.max(niceStep(range / wanted), whole ? 1 : 0);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(Math.ceil(Math.min(high > low ? high : low + range, most) / step - 1e-9), first + 1);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks = Array.from({ length: last - first + 1 }, (_, k) => Number(((first + k) * step).toFixed(decimals)));
  const end = Math.min(last * step, Math.max(most, high));
  return { low: first * step, high: end, ticks: ticks.filter((tick) => tick <= most), decimals };
}

/** @param {number} rough */
function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  const ratio = rough / power;
  return power * (ratio <= 1 + 1e-9 ? 1 : ratio <= 2 ? 2 : ratio <= 5 ? 5 : 10);
}

/**
 * The line through two pairs.
 *
 * @param {[number, number]} domain
 * @param {[number, number]} range
 * @returns {(value: number) => number}
 */
export function linear([from, to], [start, stop]) {
  return (value) => start + ((value - from) / (to - from)) * (stop - start);
}

/**
 * Positions as near to the wished ones as a gap between neighbours and both ends allow; they keep their order.
 *
 * @param {number[]} wished
 * @param {number} gap
 * @param {number} low
 * @param {number} high
 * @returns {number[]}
 */
export function spread(wished, gap, low, high) {
  const order = wished.map((_, k) => k).sort((a, b) => at(wished, a) - at(wished, b) || a - b);
  /** @type {{members: number[], centre: number}[]} */
  const groups = [];
  for (const k of order) {
    groups.push(placed([k], wished, gap, low, high));
    while (groups.length > 1 && overlap(groups, gap)) {
      const members = groups.splice(-2).flatMap((group) => group.members);
      groups.push(placed(members, wished, gap, low, high));
    }
  }
  const positions = [...wished];
  for (const { members, centre } of groups) {
    members.forEach((k, place) => (positions[k] = centre + (place - (members.length - 1) / 2) * gap));
  }
  return positions;
}

/** @param {number[]} members @param {number[]} wished @param {number} gap @param {number} low @param {number} high */
function placed(members, wished, gap, low, high) {
  const half = ((members.length - 1) / 2) * gap;
  const mean = members.reduce((sum, k) => sum + at(wished, k), 0) / members.length;
  return { members, centre: Math.max(low + half, Math.min(high - half, mean)) };
}

/** @param {{members: number[], centre: number}[]} groups @param {number} gap */
function overlap(groups, gap) {
  const [above, below] = groups.slice(-2);
  if (above === undefined || below === undefined) {return false;}
  const room = ((above.members.length + below.members.length) / 2) * gap;
  return below.centre - above.centre < room - 1e-9;
}

/** @param {number[]} values @param {number} k */
function at(values, k) {
  return values[k] ?? 0;
}
