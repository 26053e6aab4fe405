/**
 * The image around a query, section by section: those needed now are fetched first, their neighbours ahead of time.
 *
 * @typedef {import("./types.js").Box} Box
 */

const AHEAD = 10; // sections kept ready above and below the one shown
const BATCH_VOXELS = 4e6; // of one request, so that the section shown never waits long behind a prefetch
const AT_ONCE = 2; // requests
const KEPT_BYTES = 256e6;
const RETRY_MS = 1000;

/** Dispatches "load" (detail: {z0, z1}) whenever sections have arrived. */
export class Sections extends EventTarget {
  /**
   * `view` is the window in y and x, and the sections that the side views show; `depth` the sections of the volume.
   * @param {(box: Box) => Promise<Uint8Array>} fetchImage
   * @param {Box} view
   * @param {number} depth
   * @param {boolean} wide
   */
  constructor(fetchImage, view, depth, wide) {
    super();
    this.fetchImage = fetchImage;
    this.view = view;
    this.depth = depth;
    this.wide = wide;
    this.rows = view.stop[1] - view.start[1];
    this.cols = view.stop[2] - view.start[2];
    /** @type {Map<number, Uint8Array>} */
    this.arrived = new Map();
    /** @type {Set<number>} */
    this.asked = new Set();
    this.z = view.start[0];
    this.closed = false;
    this.fetching = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} of the next attempt after a failed one */
    this.retry = undefined;
  }

  /** @type {(z: number) => Uint8Array | undefined} */
  get(z) {
    return this.arrived.get(z);
  }

  /**
   * Fetches sections and waits for them.
   * @type {(z0: number, z1: number) => Promise<void>}
   */
  async load(z0, z1) {
    const size = this.rows * this.cols;
    const step = Math.max(1, Math.floor(BATCH_VOXELS / size));
    for (let z = z0; z < z1; z += step) {
      await this.#fetch(z, Math.min(z1, z + step));
    }
  }

  /**
   * Says which section is shown: it and its neighbours are fetched from now on, until it is closed.
   * @type {(z: number) => void}
   */
  focus(z) {
    this.z = z;
    this.closed = false;
    void this.#ahead();
  }

  /** Fetches no more, until a section is shown again. */
  close() {
    this.closed = true;
    clearTimeout(this.retry);
    this.retry = undefined;
  }

  /** @type {() => Promise<void>} */
  async #ahead() {
    if (this.fetching >= AT_ONCE) {
      return; // they look again for what is nearest when they are done
    }
    this.fetching += 1;
    await this.#fetchMissing().catch(() => this.#later());
    this.fetching -= 1;
  }

  #later() {
    if (!this.closed) {
      this.retry ??= setTimeout(() => {
        this.retry = undefined;
        void this.#ahead();
      }, RETRY_MS);
    }
  }

  /** @type {() => Promise<void>} */
  async #fetchMissing() {
    const size = this.rows * this.cols;
    const step = Math.max(1, Math.floor(BATCH_VOXELS / size));
    for (let z = this.#missing(); z !== null && !this.closed; z = this.#missing()) {
      let stop = z + 1;
      while (stop < z + step && this.#wanted(stop) && !this.asked.has(stop)) {
        stop++;
      }
      await this.#fetch(z, stop);
    }
  }

  /** @type {(z: number) => boolean} */
  #wanted(z) {
    if (z < 0 || z >= this.depth) {
      return false;
    }
    if (this.wide && z >= this.view.start[0] && z < this.view.stop[0]) {
      return true;
    }
    return Math.abs(z - this.z) <= AHEAD;
  }

  /**
   * The section nearest to the one shown that should be here and was not asked for.
   * @type {() => number | null}
   */
  #missing() {
    for (let away = 0; away < this.depth; away++) {
      if (this.#wanted(this.z + away) && !this.asked.has(this.z + away)) {
        return this.z + away;
      }
      if (this.#wanted(this.z - away) && !this.asked.has(this.z - away)) {
        return this.z - away;
      }
    }
    return null;
  }

  /** @type {(z0: number, z1: number) => Promise<void>} */
  async #fetch(z0, z1) {
    const { start, stop } = this.view;
    const size = this.rows * this.cols;
    for (let z = z0; z < z1; z++) {
      this.asked.add(z);
    }
    try {
      const bytes = await this.fetchImage({ start: [z0, start[1], start[2]], stop: [z1, stop[1], stop[2]] });
      for (let z = z0; z < z1; z++) {
        this.arrived.set(z, bytes.subarray((z - z0) * size, (z - z0 + 1) * size));
      }
    } catch (error) {
      for (let z = z0; z < z1; z++) {
        this.asked.delete(z);
      }
      throw error;
    }
    this.#forgetFar();
    this.dispatchEvent(new CustomEvent("load", { detail: { z0, z1 } }));
  }

  #forgetFar() {
    const excess = this.arrived.size - Math.max(4 * AHEAD, Math.floor(KEPT_BYTES / (this.rows * this.cols)));
    if (excess <= 0) {
      return;
    }
    const spare = [...this.arrived.keys()].filter((z) => !this.#wanted(z)); // or they would be fetched again at once
    spare.sort((a, b) => Math.abs(b - this.z) - Math.abs(a - this.z));
    for (const z of spare.slice(0, excess)) {
      this.arrived.delete(z);
      this.asked.delete(z);
    }
  }
}
