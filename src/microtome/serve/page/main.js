/** The painting page: builds its parts and connects them. */

import { Activity, listen } from "./activity.js";
import { annotatorName, askName } from "./annotator.js";
import * as api from "./api.js";
import { listenToButtons, nameKeys, pressButtons } from "./buttons.js";
import { ClassList } from "./classlist.js";
import { Colours } from "./colours.js";
import { commands } from "./commands.js";
import { KeyboardCursor } from "./cursor.js";
import { showDraft } from "./draftpanel.js";
import { Editor } from "./editor.js";
import { ErrorLegend } from "./errorlegend.js";
import { Help } from "./help.js";
import { Keyboard } from "./keyboard.js";
import { keep, recall } from "./kept.js";
import { KeyMap } from "./keys.js";
import { LayerList } from "./layerlist.js";
import { byId, setText } from "./nodes.js";
import { Outbox } from "./outbox.js";
import { Pointers } from "./pointer.js";
import { Session } from "./session.js";
import { Settings } from "./settings.js";
import { SkipMenu } from "./skipmenu.js";
import { StatusBar } from "./statusbar.js";
import { ThresholdSlider } from "./thresholdslider.js";
import { measure } from "./timing.js";
import { hideToast, toast } from "./toast.js";
import { Tools } from "./tools.js";
import { showPlace, showSaved, showWorker } from "./topbar.js";
import { Views } from "./views.js";
import { Walk } from "./walk.js";
import { WeightMap } from "./weights.js";
import { WhyPanel } from "./why.js";

const KEYS = "microtome.keys";
const POLL_MS = 3000;
const WAITING_POLL_MS = 1000;

const project = await api.project();
document.title = `${project.name} – microtome`;
setText(byId("project", HTMLHeadingElement), project.name);
const annotator = await annotatorName();
const nameButton = byId("annotator", HTMLButtonElement);
setText(nameButton, annotator);
nameButton.addEventListener("click", async () => (await askName()) === annotator || location.reload());

const settings = new Settings(localStorage);
const colours = new Colours(project.classes);
colours.adjust(settings.now.brightness, settings.now.contrast);
const outbox = await Outbox.open(api, annotator);
const activity = new Activity({
  now: () => performance.now() / 1000,
  send: (reports) => api.postActivity(annotator, reports),
  beacon: (reports) => api.beaconActivity(annotator, reports),
});
const session = new Session(
  project,
  annotator,
  outbox,
  () => activity.closed(),
  () => settings.now.shown.prediction,
);
const editor = new Editor(project, settings, ({ id }, op) => {
  outbox.push({ query: id, kind: "op", body: op });
  activity.edited();
});
const views = new Views(byId("views", HTMLDivElement), project, settings, colours);
const tools = new Tools(editor, views);
const cursor = new KeyboardCursor(views, tools);
const pointers = new Pointers(views, tools, (stamp) => {
  views.flush();
  requestAnimationFrame(() => measure("brush-frame", stamp));
});
const keymap = new KeyMap(recall(localStorage, KEYS));
const help = new Help(keymap, () => {
  keep(localStorage, KEYS, keymap);
  nameKeys(keymap);
});
const skipMenu = new SkipMenu(project.skip_reasons, (reason) => session.skip(reason));
const why = new WhyPanel(project);
new ClassList(project, settings, colours);
new LayerList(settings);
const errors = new ErrorLegend(views);
const weights = new WeightMap(project, views);
const threshold = new ThresholdSlider(editor, views);
threshold.slider.addEventListener("input", () => errors.update());
const walk = new Walk(editor, views);
const run = commands({
  ...{ views, editor, tools, cursor, pointers, session, skipMenu, help },
  ...{ threshold, walk, weights },
});
new StatusBar(views, editor, keymap);

listen(activity, window);
listenToButtons((id) => run[id]?.());
nameKeys(keymap);
pressButtons(settings);
settings.onChange((names) => {
  pressButtons(settings);
  if (names.includes("tool") || names.includes("through") || names.includes("keyboard")) {
    tools.removal.follow();
  }
  if (names.includes("cls")) {
    showDraft(editor);
  }
});
new Keyboard(keymap, {
  run: (id, event) => run[id]?.(event),
  hold: (id, down) => {
    if (id === "raw") {
      settings.set({ raw: down });
    } else {
      holdPan(down);
    }
  },
  first: (event) => {
    const arrow = cursor.on && event.shiftKey && event.key.startsWith("Arrow");
    if (arrow) {
      run[`pan-${event.key.slice("Arrow".length).toLowerCase()}`](event);
    }
    return arrow || (skipMenu.isOpen && skipMenu.key(event));
  },
});

/** The key that drags the view, or presses the tool of the keyboard's cursor. @param {boolean} down */
function holdPan(down) {
  if (cursor.on) {
    cursor.hold(down);
  }
  if (views.doing !== "paint" && views.doing !== "erase") {
    views.does(down && !cursor.on ? "ready to pan" : null);
  }
}

session.addEventListener("show", () => {
  const { current } = session;
  pointers.cancel();
  cursor.cancel();
  skipMenu.close();
  document.body.dataset.state = current ? "drawing" : "waiting";
  document.body.dataset.query = current ? String(current.id) : "";
  byId("waiting", HTMLDivElement).hidden = current !== null;
  byId("why", HTMLElement).hidden = current === null;
  setText(byId("waiting-reason", HTMLParagraphElement), session.reason);
  showPlace(current, session.revisiting);
  activity.begin(current?.id ?? null);
  if (current) {
    views.show(current);
    why.show(current.query);
  } else {
    views.hide();
  }
  editor.show(current);
  showDraft(editor);
  showCorrecting();
});
session.addEventListener("prediction", () => {
  views.repredict();
  showDraft(editor);
  showCorrecting();
});

/** What a prediction makes possible, and the prediction itself in a query that asks to correct it. */
function showCorrecting() {
  errors.update();
  weights.update();
  threshold.update();
  const painting = cursor.pressing || views.doing === "paint" || views.doing === "erase";
  if (!painting && editor.prefill()) {
    toast("The prediction is filled in: correct what is wrong.");
  }
}

for (const type of /** @type {const} */ (["keydown", "keyup"])) {
  window.addEventListener(type, ({ key }) => {
    if (key === "Shift" && views.hover) {
      views.hoverAt({ ...views.hover, shift: type === "keydown" });
    }
  });
}
views.addEventListener("move", () => {
  why.at(views.crosshair[0]);
  tools.removal.follow();
});
views.addEventListener("frame", () => {
  if (document.body.dataset.state === "drawing") {
    document.body.dataset.state = "drawn";
    if (performance.getEntriesByName("submit").length > 0) {
      measure("submit-to-next", "submit");
      performance.clearMarks("submit");
    }
    session.prefetch();
  }
});
editor.addEventListener("edit", () => {
  hideToast();
  showDraft(editor);
  errors.update();
  tools.removal.follow();
  showPlace(session.current, session.revisiting);
});
/** @type {number | null | undefined} */
let known;
session.addEventListener("model", () => {
  if (known !== undefined && session.model !== null) {
    toast(`Model ${session.model} is trained. Its predictions come with the next queries.`);
  }
  known = session.model;
});
session.addEventListener("overtaken", (event) => {
  const { detail: id } = /** @type {CustomEvent<number>} */ (event);
  toast(`Query ${id} was answered elsewhere; that answer is shown, and PgDn goes on.`);
});
outbox.addEventListener("change", () => showSaved(outbox));
outbox.addEventListener("refused", (event) => {
  const { item, message } = /** @type {CustomEvent<import("./outbox.js").Refusal>} */ (event).detail;
  const what = item.query === session.current?.id ? "it is shown now" : "go back to it to see that one";
  toast(`The server has another draft of query ${item.query}; ${what} (${message})`);
  session.reload(item.query).catch(() => toast("The query could not be loaded again."));
});

async function poll() {
  try {
    const state = await api.state();
    showWorker(state.worker);
    await session.follow(state);
  } catch {
    showWorker(null);
  }
  setTimeout(poll, session.current ? POLL_MS : WAITING_POLL_MS);
}

showSaved(outbox);
void poll();
const wanted = new URLSearchParams(location.search).get("query");
void session.start(wanted === null ? undefined : Number(wanted)).then((found) => {
  if (!found) {
    toast(`Query ${wanted} was not answered by ${annotator}.`);
  }
});

/** For tests and benchmarks. */
Object.assign(window, {
  microtome: {
    get query() {
      return session.current?.id ?? null;
    },
    get draft() {
      return session.current?.draft ?? null;
    },
    get box() {
      return session.current?.query.box ?? null;
    },
    outbox,
    viewport: {
      /** Where the middle of a voxel lies on the page. @param {number} _z @param {number} y @param {number} x */
      toPage(_z, y, x) {
        const pane = views.main;
        if (!pane) {
          return null;
        }
        const { left, top } = pane.canvas.getBoundingClientRect();
        const at = pane.viewport.toScreen(y + 0.5, x + 0.5);
        return { x: left + at.x, y: top + at.y };
      },
    },
  },
});
