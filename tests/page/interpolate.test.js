import assert from "node:assert/strict";
import { test } from "node:test";

import { between, interpolate, signedDistance } from "../../src/microtome/serve/page/interpolate.js";
import { disc } from "../../src/microtome/serve/page/raster.js";
import { UNLABELLED } from "../../src/microtome/serve/page/types.js";
import { integers } from "./random.js";

const W = 19;
const H = 13;
const U = UNLABELLED;

/** @param {(x: number, y: number) => number} value @returns {Uint8Array} */
const plane = (value) => Uint8Array.from({ length: W * H }, (_, i) => value(i % W, Math.floor(i / W)));

/** @param {number} cx @param {number} cy @param {number} radius @returns {Uint8Array} */
function discMask(cx, cy, radius) {
  const inside = new Set(disc(W, H, cx, cy, radius));
  return Uint8Array.from({ length: W * H }, (_, i) => Number(inside.has(i)));
}

/** @param {Uint8Array} mask @returns {Float32Array} by comparing all pairs */
function slowDistance(mask) {
  return Float32Array.from(mask, (value, i) => {
    let nearest = W + H;
    mask.forEach((other, j) => {
      if (!other !== !value) {
        nearest = Math.min(nearest, Math.hypot((i % W) - (j % W), Math.floor(i / W) - Math.floor(j / W)));
      }
    });
    return value ? nearest - 0.5 : 0.5 - nearest;
  });
}

test("signed distances equal those of all pairs", () => {
  const random = integers(1);
  for (const parts of [1, 2, 5, 30, 120]) {
    const mask = plane(() => Number(random(parts) === 0));
    assert.deepEqual(signedDistance(mask, W, H), slowDistance(mask));
  }
});

test("a mask that is empty or full is as deep as the plane is large", () => {
  assert.ok(signedDistance(plane(() => 0), W, H).every((depth) => depth === 0.5 - W - H));
  assert.ok(signedDistance(plane(() => 1), W, H).every((depth) => depth === W + H - 0.5));
});

test("the ends of an interpolation are the masks themselves", () => {
  const [a, b] = [discMask(6, 6, 4), discMask(10, 5, 3)];
  assert.deepEqual(between(a, b, W, H, 0), a);
  assert.deepEqual(between(a, b, W, H, 1), b);
});

test("between equal masks lies the same mask", () => {
  const mask = discMask(8, 6, 4.3);
  assert.deepEqual(between(mask, mask, W, H, 0.3), mask);
});

test("halfway between bars of two widths is a bar of the mean width", () => {
  const bar = (/** @type {number} */ half) => plane((x) => Number(Math.abs(x - 9) <= half));
  assert.deepEqual(between(bar(2), bar(6), W, H, 0.5), bar(4));
});

test("between a mask and none there is less and less", () => {
  const counts = [0, 0.05, 0.1, 1].map((t) =>
    between(discMask(8, 6, 5), plane(() => 0), W, H, t).reduce((sum, inside) => sum + inside, 0),
  );
  assert.ok(counts[0] > counts[1] && counts[1] > counts[2] && counts[3] === 0, `${counts}`);
});

test("planes of several values equal the interpolation of their masks by all pairs", () => {
  const random = integers(2);
  for (let trial = 0; trial < 20; trial++) {
    const values = [U, 0, 1, 1 + 256, 2];
    const some = () => {
      const [cut, cutY] = [random(W), random(H)];
      return Uint32Array.from(plane(() => 0), (_, i) => values[Number(i % W > cut) + 2 * Number(i / W > cutY) + random(2)]);
    };
    const [first, last] = [some(), some()];
    const planes = interpolate(first, last, W, H, 2);
    planes.forEach((result, k) => {
      assert.deepEqual(result, slowPlane(first, last, values.slice(1), (k + 1) / 3));
    });
  }
});

/** @param {Uint32Array} first @param {Uint32Array} last @param {number[]} values @param {number} t */
function slowPlane(first, last, values, t) {
  const shared = values.filter((value) => first.includes(value) && last.includes(value));
  const depths = shared.map((value) => {
    const [a, b] = [first, last].map((labels) => slowDistance(Uint8Array.from(labels, (v) => Number(v === value))));
    return Float32Array.from(a, (depth, i) => (1 - t) * depth + t * b[i]);
  });
  return Uint32Array.from(first, (_, i) => {
    const here = depths.map((depth) => depth[i]);
    const deepest = Math.max(0, ...here);
    const winners = shared.filter((__, v) => here[v] === deepest);
    return deepest === 0 ? U : winners.sort((a, b) => first.indexOf(a) - first.indexOf(b))[0];
  });
}

test("where both planes are background, all between is background", () => {
  const first = Uint32Array.from(discMask(5, 6, 3));
  const last = Uint32Array.from(discMask(12, 6, 3));
  for (const result of interpolate(first, last, W, H, 4)) {
    assert.ok(result.every((value, i) => first[i] !== 0 || last[i] !== 0 || value === 0));
    assert.ok(result.every((value) => value !== U));
  }
});

test("a value that only one plane has is not carried on", () => {
  const first = Uint32Array.from(discMask(5, 6, 3), (inside) => (inside ? 3 : U));
  const last = new Uint32Array(W * H).fill(U);
  assert.ok(interpolate(first, last, W, H, 2).every((result) => result.every((value) => value === U)));
});

test("a full plane between full planes stays full, and no planes between are none", () => {
  const full = new Uint32Array(W * H).fill(2);
  assert.deepEqual(interpolate(full, full, W, H, 1), [full]);
  assert.deepEqual(interpolate(full, full, W, H, 0), []);
});
