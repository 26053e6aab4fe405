/** A few downloads at a time, the last one wanted first: that is what the reader looks at. */

import { ApiError } from "./api.js";

const AGAIN_MS = 3000;

export class Loader {
  #limit;
  #pause;
  #running = 0;
  /** @type {(() => void)[]} */
  #waiting = [];

  /**
   * @param {number} limit
   * @param {() => Promise<void>} [pause] before a download is tried again
   */
  constructor(limit, pause = () => new Promise((resolve) => setTimeout(resolve, AGAIN_MS))) {
    this.#limit = limit;
    this.#pause = pause;
  }

  /**
   * What `job` downloads, however long the server is away; only what the server itself says is an error.
   *
   * @template T
   * @param {() => Promise<T>} job
   * @returns {Promise<T>}
   */
  async load(job) {
    if (this.#running >= this.#limit) {
      await new Promise((resolve) => this.#waiting.push(() => resolve(undefined)));
    } else {
      this.#running += 1;
    }
    try {
      return await this.#insist(job);
    } finally {
      const next = this.#waiting.pop();
      if (next === undefined) {
        this.#running -= 1;
      } else {
        next();
      }
    }
  }

  /** @template T @param {() => Promise<T>} job @returns {Promise<T>} */
  async #insist(job) {
    for (;;) {
      try {
        return await job();
      } catch (error) {
        if (error instanceof ApiError) {
          throw error;
        }
        await this.#pause();
      }
    }
  }
}

/** Calls a node's function once, when the node comes near the window. */
export class WhenSeen {
  /** @type {WeakMap<Element, () => void>} */
  #calls = new WeakMap();
  #observer = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "200px" });

  /** @param {Element} node @param {() => void} call */
  once(node, call) {
    this.#calls.set(node, call);
    this.#observer.observe(node);
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #seen(entries) {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) {continue;}
      this.#observer.unobserve(target);
      this.#calls.get(target)?.();
    }
  }
}
