// @ts-check
// Keys, buttons and a field that change a token of what the model read: blank it, put another in its place, or put it
// back.

import { BLANK } from "./changes.js";
import { onLanguage, t } from "./language.js";
import { find, speak } from "./text.js";

/**
 * What can be changed. now: the tokens, BLANK for one that is blanked; original: those that stood there at first; label: of
 * the group of buttons for a place; sign: of the token there.
 * @typedef {{ now: string[], original: string[], label: (place: number) => string, sign: (place: number) => string }}
 *   Editable
 */
/**
 * row: holds a button for each token; editable: null while nothing can be changed; put: puts a token in a place, and
 * type what was typed for it; single: whether that is one character; putAllBack: undoes every change.
 * @typedef {object} Editing
 * @property {HTMLElement} row
 * @property {() => Editable | null} editable
 * @property {(place: number, token: string) => void} put
 * @property {(place: number, text: string) => void} type
 * @property {() => boolean} single
 * @property {() => void} putAllBack
 */

/** @type {number | undefined} the place that the buttons change: the last one that was chosen */
let editedPlace;
/** @type {(() => string) | null} why what was typed last was refused */
let reasonOfRefusal = null;

/** @returns {number | undefined} */
export const lastEdited = () => editedPlace;

/**
 * Offers to change the token in a place, if any.
 * @param {Editable | null} tokens
 * @param {number | undefined} place
 */
export function offerEdits(tokens, place) {
  editedPlace = place;
  find("edit").hidden = place === undefined;
  if (tokens === null || place === undefined) return;
  find("edit").setAttribute("aria-label", tokens.label(place));
  find("edited").textContent = tokens.sign(place);
  find("edited-place").textContent = t("at {place}", { place: place + 1 });
  find("blank").setAttribute("aria-pressed", String(tokens.now[place] === BLANK));
  find("put-back", HTMLButtonElement).disabled = tokens.now[place] === tokens.original[place];
}

/** Says why a token is not changed. @param {(() => string) | null} reason null: none was refused */
export function refuse(reason) {
  reasonOfRefusal = reason;
  writeRefusal();
  if (reason) speak(reason());
}

function writeRefusal() {
  find("refused").textContent = reasonOfRefusal?.() ?? "";
}

/** @param {Editing} editing */
export function startEdits({ row, editable, put, type, single, putAllBack }) {
  const field = find("replacement", HTMLInputElement);
  const focus = (/** @type {number | undefined} */ place) =>
    /** @type {HTMLElement | undefined} */ (row.children[place ?? 0])?.focus();
  const blank = (/** @type {number | undefined} */ place) => {
    const tokens = editable();
    if (tokens && place !== undefined) put(place, tokens.now[place] === BLANK ? tokens.original[place] : BLANK);
  };
  const putBack = (/** @type {number | undefined} */ place) => {
    const tokens = editable();
    if (tokens && place !== undefined) put(place, tokens.original[place]);
  };

  row.addEventListener("keydown", (event) => {
    const place = [...row.children].findIndex((button) => button.contains(/** @type {Node} */ (event.target)));
    const tokens = editable();
    if (place < 0 || tokens === null || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Delete" || event.key === "Backspace") blank(place);
    else if (event.key === "Escape" && tokens.now[place] !== tokens.original[place]) putBack(place);
    else if (event.key === " " || [...event.key].length !== 1) return;
    else if (single()) type(place, event.key);
    else {
      /** @type {HTMLElement} */ (row.children[place]).click(); // chosen again, if nothing was
      field.focus(); // the character goes on to there
      return;
    }
    event.preventDefault();
  });

  const typed = () => {
    const text = field.value;
    field.value = "";
    if (text && editedPlace !== undefined) type(editedPlace, text);
  };
  const typedOne = (/** @type {Event} */ event) => {
    if (single() && !(event instanceof InputEvent && event.isComposing)) typed();
  };
  field.addEventListener("input", typedOne);
  field.addEventListener("compositionend", typedOne);
  field.addEventListener("change", () => {
    if (!single()) typed(); // by the enter key, or when the field is left
  });
  field.addEventListener("keydown", (event) => {
    if (single() || event.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return;
    event.preventDefault();
    if (event.key === "Enter") typed();
    field.value = "";
    focus(editedPlace);
  });

  onLanguage(writeRefusal);
  find("blank").addEventListener("click", () => blank(editedPlace));
  find("put-back").addEventListener("click", () => {
    putBack(editedPlace);
    focus(editedPlace);
  });
  find("put-all-back").addEventListener("click", () => {
    putAllBack();
    focus(editedPlace);
  });
}
