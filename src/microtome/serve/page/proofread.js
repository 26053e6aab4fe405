/** The proofreading page: builds its parts and connects them. */

import { Activity, listen } from "./activity.js";
import { annotatorName, askName } from "./annotator.js";
import { beaconActivity, postActivity } from "./api.js";
import { listenToButtons, nameKeys } from "./buttons.js";
import { Colours } from "./colours.js";
import { Help } from "./help.js";
import { Keyboard } from "./keyboard.js";
import { keep, recall } from "./kept.js";
import { KeyMap } from "./keys.js";
import { byId, setText } from "./nodes.js";
import { Outbox } from "./outbox.js";
import * as api from "./proofread-api.js";
import { commands } from "./proofread-commands.js";
import { Enlarged } from "./proofread-enlarged.js";
import { Grid } from "./proofread-grid.js";
import { ACTIONS, GESTURES } from "./proofread-keys.js";
import { showCounts, showObject, showPlace, showStanding, showWaiting } from "./proofread-panel.js";
import { SheetSession } from "./proofread-session.js";
import { Settings } from "./settings.js";
import { measure } from "./timing.js";
import { hideToast, toast } from "./toast.js";
import { showSaved } from "./topbar.js";

const KEYS = "microtome.keys.proofread";
const POLL_MS = 3000;

const about = await api.project();
document.title = `${about.name} – microtome`;
setText(byId("project", HTMLHeadingElement), about.name);
const annotator = await annotatorName();
const nameButton = byId("annotator", HTMLButtonElement);
setText(nameButton, annotator);
nameButton.addEventListener("click", async () => (await askName()) === annotator || location.reload());

const settings = new Settings(localStorage);
const colours = new Colours([]);
colours.adjust(settings.now.brightness, settings.now.contrast);
/** @type {import("./proofread-picture.js").Look} */
const look = { greys: colours.greys, outlines: true, raw: false };
const outbox = await Outbox.open(api, annotator);
const activity = new Activity({
  now: () => performance.now() / 1000,
  send: (reports) => postActivity(annotator, reports),
  beacon: (reports) => beaconActivity(annotator, reports),
});
const session = new SheetSession(annotator, outbox, () => {
  activity.edited();
  return activity.closed();
});
const grid = new Grid(byId("tiles", HTMLDivElement), about.side, look, api.stack, isPending);
const enlarged = new Enlarged(byId("views", HTMLDivElement), about, look);
const keymap = new KeyMap(recall(localStorage, KEYS), ACTIONS);
const help = new Help(
  keymap,
  () => {
    keep(localStorage, KEYS, keymap);
    nameKeys(keymap);
  },
  GESTURES,
);
const run = commands({ session, grid, enlarged, look, help });

listen(activity, window);
listenToButtons((id) => run[id]?.());
nameKeys(keymap);
new Keyboard(keymap, {
  run: (id) => run[id]?.(),
  hold: (id, down) => {
    look.raw = id === "raw" && down;
    redraw();
  },
  first: () => false,
});
for (const name of /** @type {const} */ (["brightness", "contrast"])) {
  const input = byId(name, HTMLInputElement);
  input.valueAsNumber = settings.now[name] * 100;
  input.addEventListener("input", () => {
    settings.set({ [name]: input.valueAsNumber / 100 });
    colours.adjust(settings.now.brightness, settings.now.contrast);
    redraw();
  });
}

function redraw() {
  grid.redraw();
  enlarged.redraw();
}

/** Whether a verdict on this query is on its way. @param {number} query */
function isPending(query) {
  const { current } = session;
  const waiting = current ? outbox.pending(current.sheet.id) : [];
  return waiting.some(
    ({ kind, body }) =>
      kind === "confirm" || (kind === "verdicts" && body.verdicts.some((change) => change.query === query)),
  );
}

/** Show what is said and what is current. */
function show() {
  const { current } = session;
  if (!current) {
    return;
  }
  showPlace(session, about);
  enlarged.update(current.sheet, grid.current);
  if (grid.tile) {
    showObject(current.sheet, grid.current, grid.selected.size, about);
    showCounts(current.sheet);
  }
  showHint();
}

/** Say which keys count now. */
function showHint() {
  const { current } = session;
  /** @type {[scope: string, hint: string]} */
  const [scope, hint] = !current
    ? ["Waiting", ""]
    : current.sheet.audit
      ? ["Audit", "Click what has no outline · arrows and M without a pointer · F, D section · Enter confirms"]
      : enlarged.isOpen
        ? ["Enlarged", "J correct · K incorrect · L unsure · arrows to the next object · F, D section · Space: back"]
        : ["Judging", "J correct · K incorrect · L unsure · click changes · wheel: sections · Space enlarges · Enter confirms"];
  const mode = !current ? "waiting" : current.sheet.audit ? "audit" : enlarged.isOpen ? "enlarged" : "grid";
  document.body.dataset.mode = mode;
  setText(byId("scope", HTMLSpanElement), current?.sheet.closed ? `${scope} again` : scope);
  setText(byId("hint", HTMLSpanElement), hint);
  setText(byId("confirm-text", HTMLSpanElement), confirmText());
}

function confirmText() {
  const { current } = session;
  if (current?.sheet.closed) {
    return "Go on";
  }
  return current?.sheet.audit ? "Nothing more was missed" : "Confirm page";
}

session.addEventListener("show", () => {
  const { current } = session;
  const cold = document.body.dataset.state === "loading" || document.body.dataset.state === "waiting";
  document.body.dataset.state = current ? "drawing" : "waiting";
  document.body.dataset.sheet = current ? String(current.sheet.id) : "";
  showWaiting(session);
  activity.begin(current?.sheet.id ?? null);
  grid.hide();
  enlarged.close();
  if (!current) {
    showPlace(session, about);
    showHint();
    return;
  }
  if (current.sheet.audit) {
    void enlarged.openAudit(current.sheet).then(drawn, gone);
  } else {
    grid.show(current.sheet, current.pictures);
    grid.root.focus({ preventScroll: true });
  }
  show();
  if (!current.sheet.audit) {
    requestAnimationFrame(() => setTimeout(() => drawn(cold)));
  }
});

/** Every picture of the page has been drawn. @param {boolean | void} cold whether nothing was there before */
function drawn(cold) {
  document.body.dataset.state = session.current ? "drawn" : "waiting";
  document.body.dataset.drawnAt = String(performance.now());
  if (cold) {
    measure("asked-to-drawn", "sheet-asked");
  } else if (performance.getEntriesByName("confirm").length > 0) {
    measure("confirm-to-drawn", "confirm");
  }
  performance.clearMarks("confirm");
  void session.prefetch();
}

function gone() {
  toast("The server does not answer.");
}

session.addEventListener("change", () => {
  hideToast();
  grid.update();
  show();
});
grid.addEventListener("change", () => {
  if (enlarged.isOpen && grid.tile && enlarged.tile !== grid.tile.info) {
    void enlarged.open(grid.tile.info, grid.tile.z).catch(gone);
  }
  show();
});
grid.addEventListener("enlarge", () => run.enlarge());
grid.addEventListener("judge", (event) => {
  const { places, word } = /** @type {CustomEvent<import("./proofread-grid.js").Judged>} */ (event).detail;
  session.judge(places, word);
});
enlarged.addEventListener("change", () => show());
enlarged.addEventListener("mark", (event) => {
  session.mark(/** @type {CustomEvent<import("./types.js").Int3[]>} */ (event).detail);
});
outbox.addEventListener("change", () => {
  showSaved(outbox);
  grid.update();
});
outbox.addEventListener("refused", (event) => {
  const { item, message } = /** @type {CustomEvent<import("./outbox.js").Refusal>} */ (event).detail;
  toast(`The server knows something else of this page, which is shown now (${message})`);
  session.reload(item.query).catch(() => toast("The page could not be loaded again."));
});

async function poll() {
  try {
    showStanding(await api.standing(), annotator);
  } catch {
    outbox.retry();
  }
  setTimeout(poll, POLL_MS);
}

showSaved(outbox);
void poll();
void session.start();

/** For tests and benchmarks. */
Object.assign(window, { microtome: { session, grid, enlarged, outbox } });
