/**
 * Paths of least cost over the voxels of a plane (Dijkstra 1959), from one voxel to any other near it.
 *
 * @import {Rect} from "./planes.js"
 */

const REACH = 128; // voxels around the beginning, in either direction
const STEP = 0.02; // cost of a voxel that costs nothing, so that of two such paths the shorter one is taken

/** @type {[number, number, number][]} rows, columns, length */
const NEIGHBOURS = [-1, 0, 1].flatMap((row) =>
  [-1, 0, 1].filter((col) => row !== 0 || col !== 0).map((col) => [row, col, Math.hypot(row, col)]),
);

/** The cheapest ways from a voxel. */
export class Ways {
  /**
   * @param {(index: number) => number} cost of a voxel of the plane, 0 to 1 @param {{rows: number, cols: number}} plane
   * @param {number} row @param {number} col where they begin
   */
  constructor(cost, { rows, cols }, row, col) {
    this.cols = cols;
    /** @type {Rect} */
    this.window = {
      row0: Math.max(0, row - REACH),
      row1: Math.min(rows, row + REACH + 1),
      col0: Math.max(0, col - REACH),
      col1: Math.min(cols, col + REACH + 1),
    };
    this.width = this.window.col1 - this.window.col0;
    const size = this.width * (this.window.row1 - this.window.row0);
    /** The voxel before each, on the way to it. */
    this.before = new Int32Array(size).fill(-1);
    this.#spread(cost, this.#place(row, col), size);
  }

  /**
   * @param {number} row @param {number} col
   * @returns {number[]} voxels of the plane, row * cols + col, from the beginning to this one or, where that is out of
   *   reach, the nearest to it
   */
  to(row, col) {
    const { row0, row1, col0, col1 } = this.window;
    const end = this.#place(Math.min(Math.max(row, row0), row1 - 1), Math.min(Math.max(col, col0), col1 - 1));
    const path = [];
    for (let at = end; at >= 0; at = this.before[at]) {
      path.push((row0 + Math.floor(at / this.width)) * this.cols + col0 + (at % this.width));
    }
    return path.reverse();
  }

  /** @param {number} row @param {number} col */
  #place(row, col) {
    return (row - this.window.row0) * this.width + col - this.window.col0;
  }

  /** @param {(index: number) => number} cost @param {number} begin @param {number} size */
  #spread(cost, begin, size) {
    const { row0, row1, col0 } = this.window;
    const height = row1 - row0;
    const costs = Float64Array.from({ length: size }, (_, at) => {
      return STEP + cost((row0 + Math.floor(at / this.width)) * this.cols + col0 + (at % this.width));
    });
    const total = new Float64Array(size).fill(Infinity);
    const queue = new Queue();
    total[begin] = 0;
    queue.push(begin, 0);
    for (let next = queue.pop(); next !== null; next = queue.pop()) {
      const [at, known] = next;
      if (known > total[at]) {
        continue; // a cheaper way was found since
      }
      const [row, col] = [Math.floor(at / this.width), at % this.width];
      for (const [down, right, length] of NEIGHBOURS) {
        const [y, x] = [row + down, col + right];
        if (y < 0 || x < 0 || y >= height || x >= this.width) {
          continue;
        }
        const other = y * this.width + x;
        const sum = known + (length * (costs[at] + costs[other])) / 2;
        if (sum < total[other]) {
          total[other] = sum;
          this.before[other] = at;
          queue.push(other, sum);
        }
      }
    }
  }
}

/** A binary heap: the smallest comes first. */
class Queue {
  /** @type {[item: number, cost: number][]} */
  #heap = [];

  /** @param {number} item @param {number} cost */
  push(item, cost) {
    const heap = this.#heap;
    let at = heap.push([item, cost]) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent][1] <= cost) {
        break;
      }
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = [item, cost];
  }

  /** @returns {[item: number, cost: number] | null} */
  pop() {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) {
      return last ?? null;
    }
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && heap[child + 1][1] < heap[child][1]) {
        child += 1;
      }
      if (heap[child][1] >= last[1]) {
        break;
      }
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
