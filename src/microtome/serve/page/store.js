/**
 * Where messages wait until the server has them.
 *
 * `all` gives what earlier pages left behind, in the order in which it was said.
 *
 * @import {Item} from "./outbox.js"
 *
 * @typedef {{put(item: Item): Promise<void>, remove(id: string): Promise<void>, all(): Promise<Item[]>}} Store
 */

import { uuid } from "./uuid.js";

const ITEMS = "items";

/**
 * A store that is gone with the page.
 *
 * @returns {Store}
 */
export function memoryStore() {
  /** @type {Map<string, Item>} */
  const items = new Map();
  return {
    put: async (item) => void items.set(item.id, item),
    remove: async (id) => void items.delete(id),
    all: async () => inOrder([...items.values()]),
  };
}

/**
 * A store that outlives the page, in the browser's IndexedDB. What a page put stays its own until it is closed; the
 * next one that asks for all then takes it over, so that no two pages send the same.
 *
 * @param {string} name
 * @param {LockManager | undefined} locks by which a page shows that it is open; browsers have none on plain http
 * @returns {Promise<Store>}
 */
export async function openStore(name, locks) {
  const database = await opened(name);
  const page = uuid();
  await hold(locks, `${name}/${page}`);
  const items = () => database.transaction(ITEMS, "readwrite").objectStore(ITEMS);
  return {
    put: async (item) => void (await result(items().put({ ...item, page }))),
    remove: async (id) => void (await result(items().delete(id))),
    all: () => alone(locks, name, async () => takeOver(items, page, await openPages(locks, name))),
  };
}

/** @param {string} name @returns {Promise<IDBDatabase>} */
function opened(name) {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(ITEMS, { keyPath: "id" });
  return result(request);
}

/**
 * Make the items of closed pages the items of this one.
 *
 * @param {() => IDBObjectStore} items
 * @param {string} page
 * @param {Set<string>} open pages
 * @returns {Promise<Item[]>} all that are this page's
 */
async function takeOver(items, page, open) {
  /** @type {(Item & {page: string})[]} */
  const all = await result(items().getAll());
  const mine = all.filter((item) => item.page === page || !open.has(item.page));
  await Promise.all(mine.map((item) => result(items().put({ ...item, page }))));
  return inOrder(mine);
}

/**
 * Keep a lock until the page is closed.
 *
 * @param {LockManager | undefined} locks @param {string} name
 * @returns {Promise<void>} once it is held
 */
function hold(locks, name) {
  return new Promise((resolve) => {
    if (locks === undefined) {
      resolve();
    }
    void locks?.request(name, () => {
      resolve();
      return new Promise(() => {});
    });
  });
}

/** @template T @param {LockManager | undefined} locks @param {string} name @param {() => Promise<T>} act @returns {Promise<T>} */
async function alone(locks, name, act) {
  return locks === undefined ? act() : await locks.request(name, act);
}

/** @param {LockManager | undefined} locks @param {string} name @returns {Promise<Set<string>>} */
async function openPages(locks, name) {
  const held = (await locks?.query())?.held ?? [];
  const prefix = `${name}/`;
  return new Set(held.flatMap((lock) => (lock.name?.startsWith(prefix) ? [lock.name.slice(prefix.length)] : [])));
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @param {Item[]} items @returns {Item[]} */
function inOrder(items) {
  return items.sort((a, b) => a.order - b.order);
}
