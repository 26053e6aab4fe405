/** The annotator's name, asked for at the first visit. */

import { byId } from "./nodes.js";

const PLACE = "microtome.annotator";

/** @returns {Promise<string>} the name kept in the browser, or a new one */
export async function annotatorName() {
  return localStorage.getItem(PLACE) ?? (await askName());
}

/** @returns {Promise<string>} */
export function askName() {
  const dialog = byId("name", HTMLDialogElement);
  const input = byId("name-input", HTMLInputElement);
  const known = localStorage.getItem(PLACE);
  input.value = known ?? "";
  dialog.showModal();
  input.select();
  return new Promise((resolve) => {
    dialog.oncancel = (event) => {
      if (known === null) {
        event.preventDefault();
      } else {
        input.value = known;
      }
    };
    dialog.onclose = () => {
      const name = input.value.trim();
      if (name === "") {
        dialog.showModal();
        return;
      }
      localStorage.setItem(PLACE, name);
      resolve(name);
    };
  });
}
