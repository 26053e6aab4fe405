/**
 * How much of the box is labelled, and which edits are possible now.
 *
 * @import {Editor} from "./editor.js"
 * @import {OpenQuery} from "./openquery.js"
 */

import { byId, setAttribute, setText } from "./nodes.js";

/** @param {Editor} editor */
export function showDraft(editor) {
  const { open } = editor;
  const share = open ? open.draft.labelled() / open.draft.labels.length : 0;
  const meter = byId("labelled", HTMLSpanElement);
  meter.style.setProperty("--done", `${share * 100}%`);
  setText(meter, `${(share * 100).toFixed(share < 0.1 && share > 0 ? 1 : 0)} % labelled`);
  enable("new-instance", editor.hasInstances(editor.settings.now.cls));
  for (const [id, can] of Object.entries(possible(open, share))) {
    enable(id, can);
  }
}

/** @param {OpenQuery | null} open @param {number} share of the box that is labelled @returns {Record<string, boolean>} */
function possible(open, share) {
  return {
    undo: open !== null && open.draft.canUndo,
    redo: open !== null && open.draft.canRedo,
    accept: open !== null && open.prediction !== null,
    clear: share > 0,
    "likely-next": open !== null && open.prediction !== null && share > 0,
    "likely-previous": open !== null && open.prediction !== null && share > 0,
    "background-rest": open !== null && share < 1,
    interpolate: open !== null && open.deep,
    "copy-slice": open !== null && open.deep,
    skip: open !== null,
    submit: open !== null,
  };
}

/** @param {string} action @param {boolean} can */
function enable(action, can) {
  for (const button of document.querySelectorAll(`button[data-action="${action}"]`)) {
    setAttribute(button, "disabled", can ? null : "");
  }
}
