/** Chords as people read them. */

import { element } from "./nodes.js";

/** @type {Record<string, string>} */
const NAMES = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  PageUp: "PgUp",
  PageDown: "PgDn",
  Escape: "Esc",
  Backquote: "`",
};

/** @param {string} chord such as "Ctrl+Z" or "hold:Space" @returns {string} */
export function chordName(chord) {
  const held = chord.startsWith("hold:");
  const bare = held ? chord.slice("hold:".length) : chord;
  const name = bare.replace(/[A-Z][a-zA-Z]+$/, (key) => NAMES[key] ?? key);
  return held ? `hold ${name}` : name;
}

/** @param {string} chord */
export function keycap(chord) {
  return element("kbd", { text: chordName(chord) });
}
