/** What the browser keeps for the page between visits. It may be full or forbidden, and hold something odd. */

/** @param {Storage} storage @param {string} place @returns {unknown} null if there is nothing, or nothing that can be read */
export function recall(storage, place) {
  try {
    return JSON.parse(storage.getItem(place) ?? "null");
  } catch {
    return null;
  }
}

/** @param {Storage} storage @param {string} place @param {unknown} value which is lost with the page if there is no room */
export function keep(storage, place, value) {
  try {
    storage.setItem(place, JSON.stringify(value));
  } catch {
    return; // what is not kept is as it was at first in the next visit
  }
}
