/**
 * What each action does.
 *
 * @import {KeyboardCursor} from "./cursor.js"
 * @import {Editor} from "./editor.js"
 * @import {Help} from "./help.js"
 * @import {Pointers} from "./pointer.js"
 * @import {Session} from "./session.js"
 * @import {SkipMenu} from "./skipmenu.js"
 * @import {ThresholdSlider} from "./thresholdslider.js"
 * @import {Tools} from "./tools.js"
 * @import {Walk} from "./walk.js"
 * @import {WeightMap} from "./weights.js"
 * @import {Views} from "./views.js"
 * @import {ToolName} from "./settings.js"
 *
 * @typedef {{
 *   views: Views, editor: Editor, tools: Tools, cursor: KeyboardCursor, pointers: Pointers, session: Session,
 *   skipMenu: SkipMenu, help: Help, threshold: ThresholdSlider, walk: Walk, weights: WeightMap
 * }} Desk
 * @typedef {Record<string, (event?: KeyboardEvent) => unknown>} Commands
 */

import { OVERWRITES } from "./settings.js";
import { hideToast, toast } from "./toast.js";
import { flashSaved } from "./topbar.js";

const ZOOM = 1.25;
const PAN_PIXELS = 60;
const JUMP = 8; // voxels that Shift moves the keyboard's cursor

/** @param {Desk} desk @returns {Commands} by the id of the action */
export function commands(desk) {
  return { ...moves(desk), ...toolCommands(desk), ...labelling(desk), ...showing(desk), ...queries(desk) };
}

/** @param {Desk} desk @returns {Commands} */
function moves({ views, cursor }) {
  /** @type {(rows: number, cols: number) => (event?: KeyboardEvent) => void} */
  const arrow = (rows, cols) => (event) => {
    const step = event?.shiftKey ? JUMP : 1;
    return cursor.on ? cursor.move(rows * step, cols * step) : views.pan(-cols * PAN_PIXELS, -rows * PAN_PIXELS);
  };
  /** @type {(sections: number) => () => void} */
  const step = (sections) => () => {
    cursor.release();
    views.step(sections);
  };
  return {
    "slice-next": step(1),
    "slice-previous": step(-1),
    "slice-forward": step(10),
    "slice-back": step(-10),
    "zoom-in": () => views.zoom(ZOOM),
    "zoom-out": () => views.zoom(1 / ZOOM),
    fit: () => views.fit(),
    "pan-left": arrow(0, -1),
    "pan-right": arrow(0, 1),
    "pan-up": arrow(-1, 0),
    "pan-down": arrow(1, 0),
  };
}

/** @param {Desk} desk @returns {Commands} */
function toolCommands({ views, tools, cursor, pointers, skipMenu }) {
  const { settings } = views;
  /** @type {(tool: ToolName) => () => void} */
  const choose = (tool) => () => {
    tools.cancel();
    settings.set({ tool, through: false });
  };
  return {
    brush: choose("brush"),
    erase: choose("erase"),
    fill: choose("fill"),
    lasso: choose("lasso"),
    pick: choose("pick"),
    bridge: choose("bridge"),
    remove: choose("remove"),
    "remove-through": () => {
      choose("remove")();
      settings.set({ through: true });
    },
    "lasso-close": () => (tools.lasso.isOpen ? tools.lasso.close() : cursor.toggle()),
    smaller: () => settings.grow(-1),
    larger: () => settings.grow(1),
    overwrite: () => {
      const at = OVERWRITES.indexOf(settings.now.overwrite);
      settings.set({ overwrite: OVERWRITES[(at + 1) % OVERWRITES.length] });
    },
    escape: () => {
      pointers.cancel();
      cursor.cancel();
      tools.cancel();
      skipMenu.close();
      hideToast();
      settings.set({ tool: "brush", keyboard: false, raw: false });
    },
  };
}

/** @param {Desk} desk @returns {Commands} */
function labelling({ views, editor, cursor, pointers, threshold }) {
  const classes = views.project.classes.map((_, k) => k + 1);
  const section = () => views.crosshair[0] - (views.open?.box.start[0] ?? 0);
  const report = (/** @type {boolean} */ done, /** @type {string} */ otherwise) => done || toast(otherwise);
  return {
    ...Object.fromEntries([0, ...classes].map((cls) => [`class-${cls}`, () => editor.choose(cls)])),
    "background-rest": () => report(editor.backgroundRest(), "Nothing is unlabelled any more."),
    "new-instance": () => {
      const made = editor.newInstance();
      toast(made ? `Painting object #${views.settings.now.instance} now` : "This class has no separate objects.");
    },
    interpolate: () => {
      const ends = editor.interpolate(section());
      const first = views.open?.box.start[0] ?? 0;
      toast(
        ends
          ? `Interpolated between sections ${first + ends[0]} and ${first + ends[1]}`
          : "Paint this class in two sections first, with a gap between them.",
      );
    },
    "copy-slice": () => {
      const from = editor.copyPrevious(section());
      const first = views.open?.box.start[0] ?? 0;
      toast(
        from === null ? "The sections beside this one have nothing to copy." : `Copied from section ${first + from}`,
      );
    },
    accept: () => {
      const before = views.open?.draft.labelled() ?? 0;
      const none = views.open?.prediction ? "The draft is already what is predicted." : "There is no prediction yet.";
      if (report(editor.accept(), none) && before > 0 && views.settings.now.overwrite !== "empty") {
        toast("What was painted before was replaced. Undo brings it back.");
      }
    },
    "threshold-lower": () => report(threshold.nudge(-1), "There is no prediction to take."),
    "threshold-higher": () => report(threshold.nudge(1), "There is no prediction to take."),
    clear: () => report(editor.clear(), "The box is already empty."),
    undo: () => {
      letGo({ cursor, pointers, threshold }); // so that what is undone is the stroke in hand, not the one before
      report(editor.undo(), "Nothing to undo");
    },
    redo: () => report(editor.redo(), "Nothing to redo"),
  };
}

/** @param {Desk} desk @returns {Commands} */
function showing({ views: { settings }, help, walk, weights }) {
  return {
    "toggle-errors": () => settings.toggle("errors"),
    "toggle-weights": () =>
      weights.possible
        ? settings.toggle("weights")
        : toast("Corrections do not weigh more in this project. [corrections], or errors in [[grow]], of project.toml says so when the server starts."),
    "likely-next": () => toast(walk.step(1)),
    "likely-previous": () => toast(walk.step(-1)),
    "toggle-labels": () => settings.toggle("labels"),
    "toggle-prediction": () => settings.toggle("prediction"),
    "toggle-uncertainty": () => settings.toggle("uncertainty"),
    outline: () => settings.set({ outline: !settings.now.outline }),
    help: () => help.open(),
    save: () => flashSaved(),
  };
}

let told = false;

/** Says once what becomes of voxels that nothing was said about. @param {import("./draft.js").Draft} draft */
function tellUnlabelled(draft) {
  const share = 1 - draft.labelled() / draft.labels.length;
  if (share > 0 && !told) {
    told = true;
    const percent = Math.max(1, Math.round(100 * share));
    toast(`${percent} % stayed unlabelled and is not learnt from. “The rest is background” would label it.`);
  }
}

/** @param {Desk} desk @returns {Commands} */
function queries({ session, skipMenu, cursor, pointers, threshold }) {
  return {
    submit: () => {
      letGo({ cursor, pointers, threshold });
      const { current } = session;
      if (!current) {
        return;
      }
      if (current.draft.labelled() === 0) {
        toast("Nothing is labelled yet. Paint something, make the rest background if nothing is there, or skip.");
        return;
      }
      performance.mark("submit");
      session.submit();
      tellUnlabelled(current.draft);
    },
    skip: () => (session.revisiting ? toast("This query was handed in already.") : session.current && skipMenu.open()),
    "query-previous": () => {
      letGo({ cursor, pointers, threshold });
      return turn(session, -1, "There is no earlier answer.");
    },
    "query-next": () => {
      letGo({ cursor, pointers, threshold });
      return turn(session, 1, "This is the newest query. Submit it to go on.");
    },
  };
}

/** Ends a stroke in hand, so that it is part of the draft. @param {Pick<Desk, "cursor" | "pointers" | "threshold">} desk */
function letGo({ cursor, pointers, threshold }) {
  cursor.release();
  pointers.finish();
  threshold.finish();
}

/** @param {Session} session @param {1 | -1} step @param {string} otherwise */
async function turn(session, step, otherwise) {
  try {
    if (!(await session.turn(step))) {
      toast(otherwise);
    }
  } catch {
    toast("The server does not answer.");
  }
}
