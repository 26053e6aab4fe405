/** The server's pushed dashboards, over a connection that is made anew whenever it breaks. */

const AGAIN_MS = 3000;
const CLOSED = 2;

/** @typedef {{dashboard: (data: string) => void, found: () => void, lost: () => void}} Listener */

/**
 * @param {string} url
 * @param {Listener} listener `found` after every connection, `lost` whenever there is none any more
 * @param {(url: string) => EventSource} [connect]
 * @param {(again: () => void, ms: number) => unknown} [wait]
 */
export function follow(url, listener, connect = (where) => new EventSource(where), wait = setTimeout) {
  const source = connect(url);
  source.addEventListener("open", listener.found);
  source.addEventListener("dashboard", (event) => listener.dashboard(event.data));
  source.addEventListener("error", () => {
    listener.lost();
    if (source.readyState === CLOSED) {wait(() => follow(url, listener, connect, wait), AGAIN_MS);}
  });
}
