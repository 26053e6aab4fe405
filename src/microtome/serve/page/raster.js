/**
 * Sets of voxels of one plane, as flat indices y * w + x in increasing order.
 *
 * Positions are continuous: voxel (x, y) covers x to x + 1 and y to y + 1, with its centre at x + 0.5, y + 0.5.
 *
 * @typedef {[number, number]} Span first and last voxel of a row, or none if the first is larger
 */

/** @type {Readonly<Span>} */
const NOTHING = [Infinity, -Infinity];

/**
 * Voxels whose centre lies within a radius of a point, and the one that holds the point.
 *
 * @param {number} w @param {number} h
 * @param {number} cx @param {number} cy
 * @param {number} radius in voxels; up to 0.5 it is just the voxel that holds the point
 * @returns {Uint32Array}
 */
export function disc(w, h, cx, cy, radius) {
  return stroke(w, h, cx, cy, cx, cy, radius);
}

/**
 * Voxels that a disc sweeps on its way from one point to another, without gaps however far apart they are.
 *
 * @param {number} w @param {number} h
 * @param {number} x0 @param {number} y0
 * @param {number} x1 @param {number} y1
 * @param {number} radius in voxels, as for disc
 * @returns {Uint32Array}
 */
export function stroke(w, h, x0, y0, x1, y1, radius) {
  const line = { x0, y0, x1, y1, length: Math.hypot(x1 - x0, y1 - y0) };
  const reach = Math.max(radius, 0);
  const first = Math.max(Math.floor(Math.min(y0, y1) - reach), 0);
  const last = Math.min(Math.floor(Math.max(y0, y1) + reach), h - 1);
  /** @type {Span[]} */
  const spans = [];
  for (let y = first; y <= last; y++) {
    spans.push(clip(sweptRow(line, radius, y), w));
  }
  return fromSpans(spans, first, w);
}

/**
 * Voxels whose centre lies inside a closed outline, by the even-odd rule.
 *
 * @param {number} w @param {number} h
 * @param {ArrayLike<ArrayLike<number>>} points x, y
 * @returns {Uint32Array}
 */
export function polygon(w, h, points) {
  const crossings = outlineCrossings(h, points);
  /** @type {number[]} */
  const indices = [];
  crossings.forEach((xs, y) => {
    xs.sort((a, b) => a - b);
    for (let i = 0; i + 1 < xs.length; i += 2) {
      const stop = Math.min(Math.ceil(xs[i + 1] - 0.5), w);
      for (let x = Math.max(Math.ceil(xs[i] - 0.5), 0); x < stop; x++) {
        indices.push(y * w + x);
      }
    }
  });
  return Uint32Array.from(indices);
}

/**
 * The 4-connected region of equal values around a voxel.
 *
 * @param {number} w @param {number} h
 * @param {ArrayLike<number>} values w * h of them
 * @param {number} x @param {number} y
 * @returns {Uint32Array} empty if the voxel is outside the plane
 */
export function flood(w, h, values, x, y) {
  if (x < 0 || y < 0 || x >= w || y >= h) {
    return new Uint32Array(0);
  }
  const region = new Uint8Array(w * h);
  const wanted = values[y * w + x];
  const seeds = [y * w + x];
  let count = 0;
  for (let seed = seeds.pop(); seed !== undefined; seed = seeds.pop()) {
    if (region[seed] === 0) {
      const [from, to] = runAround(values, wanted, seed, w);
      region.fill(1, from, to);
      count += to - from;
      pushSeeds(seeds, values, wanted, region, from - w, to - w);
      pushSeeds(seeds, values, wanted, region, from + w, to + w);
    }
  }
  return indicesOf(region, count);
}

/**
 * The run of wanted values in the row of a voxel.
 *
 * @param {ArrayLike<number>} values @param {number} wanted @param {number} seed @param {number} w
 * @returns {[from: number, to: number]} half-open
 */
function runAround(values, wanted, seed, w) {
  const start = seed - (seed % w);
  let from = seed;
  while (from > start && values[from - 1] === wanted) {
    from--;
  }
  let to = seed + 1;
  while (to < start + w && values[to] === wanted) {
    to++;
  }
  return [from, to];
}

/**
 * Add the first voxel of each run of wanted values that is not in the region yet.
 *
 * @param {number[]} seeds @param {ArrayLike<number>} values @param {number} wanted @param {Uint8Array} region
 * @param {number} from @param {number} to half-open
 */
function pushSeeds(seeds, values, wanted, region, from, to) {
  if (from < 0 || to > region.length) {
    return;
  }
  let inRun = false;
  for (let i = from; i < to; i++) {
    const belongs = values[i] === wanted && region[i] === 0;
    if (belongs && !inRun) {
      seeds.push(i);
    }
    inRun = belongs;
  }
}

/** @param {Uint8Array} region @param {number} count @returns {Uint32Array} */
function indicesOf(region, count) {
  const indices = new Uint32Array(count);
  let at = 0;
  for (let i = region.indexOf(1); at < count; i++) {
    if (region[i] !== 0) {
      indices[at++] = i;
    }
  }
  return indices;
}

/** @typedef {{x0: number, y0: number, x1: number, y1: number, length: number}} Line */

/**
 * The part of a row that a disc sweeps along a line: the union of overlapping spans, so one span.
 *
 * @param {Line} line @param {number} radius @param {number} y
 * @returns {Span}
 */
function sweptRow(line, radius, y) {
  const under = lineRow(line, y);
  if (radius <= 0.5) {
    return under;
  }
  const ends = hull(discRow(line.x0, line.y0, radius, y), discRow(line.x1, line.y1, radius, y));
  return hull(under, line.length > 0 ? hull(ends, bandRow(line, radius, y)) : ends);
}

/** @param {Line} line @param {number} y @returns {Span} voxels of a row through which the line runs */
function lineRow({ x0, y0, x1, y1 }, y) {
  if (y < Math.floor(Math.min(y0, y1)) || y > Math.floor(Math.max(y0, y1))) {
    return [...NOTHING];
  }
  const at = (/** @type {number} */ edge) => Math.min(Math.max((edge - y0) / (y1 - y0), 0), 1);
  const [t0, t1] = y0 === y1 ? [0, 1] : [at(y), at(y + 1)];
  const xs = [t0, t1].map((t) => Math.floor(x0 * (1 - t) + x1 * t));
  return [Math.min(...xs), Math.max(...xs)];
}

/** @param {number} cx @param {number} cy @param {number} radius @param {number} y @returns {Span} */
function discRow(cx, cy, radius, y) {
  const half = Math.sqrt(radius ** 2 - (y + 0.5 - cy) ** 2);
  return Number.isNaN(half) ? [...NOTHING] : centresWithin(cx - half, cx + half);
}

/** @param {Line} line @param {number} radius @param {number} y @returns {Span} beside the line, not around its ends */
function bandRow({ x0, y0, x1, y1, length }, radius, y) {
  const [ux, uy] = [(x1 - x0) / length, (y1 - y0) / length];
  const dy = y + 0.5 - y0;
  const along = solve(ux, dy * uy, 0, length);
  const across = solve(-uy, dy * ux, -radius, radius);
  const [from, to] = [Math.max(along[0], across[0]), Math.min(along[1], across[1])];
  return from <= to ? centresWithin(x0 + from, x0 + to) : [...NOTHING];
}

/**
 * Where slope * x + offset lies between two bounds.
 *
 * @param {number} slope @param {number} offset @param {number} low @param {number} high
 * @returns {Span} not rounded to voxels
 */
function solve(slope, offset, low, high) {
  if (slope === 0) {
    return offset >= low && offset <= high ? [-Infinity, Infinity] : [...NOTHING];
  }
  const [a, b] = [(low - offset) / slope, (high - offset) / slope];
  return a < b ? [a, b] : [b, a];
}

/** @param {number} from @param {number} to @returns {Span} voxels of a row whose centre lies between */
function centresWithin(from, to) {
  return [Math.ceil(from - 0.5), Math.floor(to - 0.5)];
}

/** @param {Span} a @param {Span} b @returns {Span} */
function hull(a, b) {
  if (a[0] > a[1] || b[0] > b[1]) {
    return a[0] > a[1] ? b : a;
  }
  return [Math.min(a[0], b[0]), Math.max(a[1], b[1])];
}

/** @param {Span} span @param {number} w @returns {Span} */
function clip([from, to], w) {
  return [Math.max(from, 0), Math.min(to, w - 1)];
}

/** @param {Span[]} spans of consecutive rows @param {number} first row @param {number} w @returns {Uint32Array} */
function fromSpans(spans, first, w) {
  const count = spans.reduce((sum, [from, to]) => sum + Math.max(to - from + 1, 0), 0);
  const indices = new Uint32Array(count);
  let at = 0;
  spans.forEach(([from, to], row) => {
    for (let x = from; x <= to; x++) {
      indices[at++] = (first + row) * w + x;
    }
  });
  return indices;
}

/**
 * Where an outline crosses the middle of each row.
 *
 * @param {number} h @param {ArrayLike<ArrayLike<number>>} points
 * @returns {number[][]} x positions, by row
 */
function outlineCrossings(h, points) {
  /** @type {number[][]} */
  const crossings = Array.from({ length: h }, () => []);
  for (let i = 0; i < points.length; i++) {
    const [a, b] = [points[i], points[(i + 1) % points.length]];
    const [upper, lower] = a[1] < b[1] ? [a, b] : [b, a];
    const stop = Math.min(Math.ceil(lower[1] - 0.5), h);
    for (let y = Math.max(Math.ceil(upper[1] - 0.5), 0); y < stop; y++) {
      const t = (y + 0.5 - upper[1]) / (lower[1] - upper[1]);
      crossings[y].push(upper[0] + t * (lower[0] - upper[0]));
    }
  }
  return crossings;
}
