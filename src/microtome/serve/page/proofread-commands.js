/**
 * What each action of the proofreading page does.
 *
 * @import {Enlarged} from "./proofread-enlarged.js"
 * @import {Grid} from "./proofread-grid.js"
 * @import {Help} from "./help.js"
 * @import {Look} from "./proofread-picture.js"
 * @import {Said} from "./proofread-types.js"
 * @import {SheetSession} from "./proofread-session.js"
 *
 * @typedef {{session: SheetSession, grid: Grid, enlarged: Enlarged, look: Look, help: Help}} Desk
 * @typedef {Record<string, () => unknown>} Commands
 */

import { hideToast, toast } from "./toast.js";
import { flashSaved } from "./topbar.js";

const JUMP = 8; // voxels that Shift moves the cross of an audit
const ZOOM = 1.25;
const GLANCE_MS = 250; // a second press of the key that comes sooner was not meant for the new page

/** @param {Desk} desk @returns {Commands} by the id of the action */
export function commands(desk) {
  return { ...judging(desk), ...moves(desk), ...showing(desk), ...pages(desk) };
}

/** @param {Desk} desk @returns {Commands} */
function judging({ session, grid, enlarged }) {
  /** @type {(word: Said) => () => void} */
  const say = (word) => () => {
    const alone = grid.selected.size === 0;
    session.judge(grid.chosen, word);
    if (alone && grid.tile && grid.current < grid.tiles.length - 1) {
      grid.goTo(grid.current + 1);
    }
  };
  return {
    correct: say("correct"),
    incorrect: say("incorrect"),
    unsure: say("unsure"),
    mark: () => enlarged.markHere(),
    "select-all": () => grid.selectAll(),
    undo: async () => (await session.undo()) || toast("Nothing to undo"),
    redo: () => session.redo() || toast("Nothing to redo"),
  };
}

/** @param {Desk} desk @returns {Commands} */
function moves({ session, grid, enlarged }) {
  const isAudit = () => Boolean(session.current?.sheet.audit);
  /** @type {(rows: number, cols: number) => () => void} */
  const arrow = (rows, cols) => () => (isAudit() ? enlarged.move(rows, cols) : grid.move(cols, rows));
  /** @type {(rows: number, cols: number) => () => void} */
  const extend = (rows, cols) => () =>
    isAudit() ? enlarged.move(rows * JUMP, cols * JUMP) : grid.move(cols, rows, true);
  /** @type {(sections: number) => () => unknown} */
  const slice = (sections) => () =>
    enlarged.slices.block ? enlarged.slices.step(sections) : grid.scroll(sections).catch(silence);
  return {
    left: arrow(0, -1),
    right: arrow(0, 1),
    up: arrow(-1, 0),
    down: arrow(1, 0),
    "extend-left": extend(0, -1),
    "extend-right": extend(0, 1),
    "extend-up": extend(-1, 0),
    "extend-down": extend(1, 0),
    first: () => grid.goTo(0),
    last: () => grid.goTo(grid.tiles.length - 1),
    "slice-next": slice(1),
    "slice-previous": slice(-1),
    "slice-forward": slice(10),
    "slice-back": slice(-10),
  };
}

/** @param {Desk} desk @returns {Commands} */
function showing({ session, grid, enlarged, look, help }) {
  const redraw = () => {
    grid.redraw();
    enlarged.redraw();
  };
  /** @type {(steps: number) => () => void} */
  const zoom = (steps) => () => (enlarged.slices.block ? enlarged.slices.zoom(ZOOM ** steps) : grid.zoom(steps));
  return {
    enlarge: () => {
      if (session.current?.sheet.audit || !grid.tile) {
        return undefined;
      }
      return enlarged.isOpen ? enlarged.close() : enlarged.open(grid.tile.info, grid.tile.z).catch(silence);
    },
    "slice-home": () => {
      if (!enlarged.slices.block) {
        return grid.scroll(0);
      }
      enlarged.slices.fit();
      const [, y, x] = enlarged.slices.at;
      return enlarged.slices.goTo([enlarged.tile?.section ?? enlarged.slices.at[0], y, x]);
    },
    around: () => {
      grid.wide = !grid.wide;
      grid.redraw();
    },
    outline: () => {
      look.outlines = !look.outlines;
      redraw();
    },
    larger: zoom(1),
    smaller: zoom(-1),
    help: () => help.open(),
    escape: () => {
      hideToast();
      grid.selectNone();
      if (enlarged.isOpen) {
        enlarged.close();
      }
    },
  };
}

/** @param {Desk} desk @returns {Commands} */
function pages({ session }) {
  /** @type {(step: 1 | -1, otherwise: string) => () => Promise<void>} */
  const turn = (step, otherwise) => async () => {
    hideToast();
    try {
      if (!(await session.turn(step))) {
        toast(otherwise);
      }
    } catch {
      silence();
    }
  };
  return {
    confirm: () => {
      const drawn = document.body.dataset.state === "drawn";
      if (drawn && performance.now() - Number(document.body.dataset.drawnAt) > GLANCE_MS) {
        hideToast();
        performance.mark("confirm");
        session.confirm();
      }
    },
    "page-previous": turn(-1, "There is no earlier page."),
    "page-next": turn(1, "This is the newest page. Confirm it to go on."),
    save: () => flashSaved(),
  };
}

function silence() {
  toast("The server does not answer.");
}
