/** Which key does what on the proofreading page. */

import { actions } from "./keys.js";

/** @type {readonly import("./keys.js").Action[]} with the default chords */
export const ACTIONS = [
  ...actions("Judge", [
    ["correct", "J C", "correct"],
    ["incorrect", "K X", "incorrect"],
    ["unsure", "L U", "unsure: somebody else is asked, too"],
    ["mark", "M", "mark or unmark a missed object at the cross"],
    ["select-all", "Ctrl+A", "select the page"],
    ["undo", "Ctrl+Z", "undo, or open the page confirmed last again"],
    ["redo", "Ctrl+Y Ctrl+Shift+Z", "redo"],
  ]),
  ...actions("Move", [
    ["left", "ArrowLeft", "left"],
    ["right", "ArrowRight", "right"],
    ["up", "ArrowUp", "up"],
    ["down", "ArrowDown", "down"],
    ["first", "Home", "first object"],
    ["last", "End", "last object"],
    ["extend-left", "Shift+ArrowLeft", "select to the left"],
    ["extend-right", "Shift+ArrowRight", "select to the right"],
    ["extend-up", "Shift+ArrowUp", "select upwards"],
    ["extend-down", "Shift+ArrowDown", "select downwards"],
    ["slice-next", "F .", "next section"],
    ["slice-previous", "D ,", "previous section"],
    ["slice-forward", "Shift+F", "10 sections on"],
    ["slice-back", "Shift+D", "10 sections back"],
  ]),
  ...actions("Show", [
    ["enlarge", "Space", "enlarge to three views, and back"],
    ["slice-home", "R", "the section in which it is largest"],
    ["around", "W", "more or less of what lies around"],
    ["outline", "O", "outlines on or off"],
    ["raw", "hold:Backquote", "image only"],
    ["larger", "+ =", "larger tiles"],
    ["smaller", "-", "smaller tiles"],
    ["help", "? H", "help"],
    ["escape", "Escape", "back to the grid, nothing selected"],
  ]),
  ...actions("Pages", [
    ["confirm", "Enter", "confirm the page and go to the next"],
    ["page-previous", "PageUp", "previous page"],
    ["page-next", "PageDown", "next page"],
    ["save", "Ctrl+S", "say when the work was saved"],
  ]),
];

/** @type {import("./help.js").Gestures[]} */
export const GESTURES = [
  [
    "Pointer",
    [
      ["correct, incorrect, unsure in turn", "click"],
      ["select one more", "Ctrl + click"],
      ["select as far as here", "Shift + click"],
      ["go to a tile, and to its next or previous section", "wheel over it"],
      ["scroll the page", "Shift + wheel"],
      ["enlarge", "the corner of a tile"],
      ["the same place in all views", "click in an enlarged view"],
      ["mark or unmark a missed object", "click in an audit"],
    ],
  ],
];
