// @ts-check
// What if the model had looked elsewhere: weights of the reader's choice in place of its own, for one character of the
// answer. The experiment of Jain & Wallace 2019 (arXiv:1902.10186) and Wiegreffe & Pinter 2019 (arXiv:1908.04626).

import { argmax } from "../../common/page/layers.js";
import { t } from "../../support/page/language.js";
import { element, find, glyph, named } from "../../support/page/text.js";
import { changes } from "./changes.js";
import { forcedHeads } from "./heads.js";
import { placeOf, signOf } from "./shown.js";

/** @import { Vector } from "../../common/page/layers.js" */
/** @import { Shown } from "./shown.js" */

const LEAST = 0.0005; // weight that can be dragged

/** @type {Shown | null} */
let forcing = null;
/** @type {number | undefined} the character of the answer that is chosen */
let chosenOut;
/** @type {{ out: number, from: number } | null} */
let drag = null;
let forcedAgain = () => {};

/** The row of the map whose weight is being dragged. */
export const draggedRow = () => drag?.out;

/** Offers to force the look before a character of the answer. @param {Shown | null} shown @param {number} [out] */
export function offerForce(shown, out) {
  forcing = shown;
  chosenOut = out;
  find("force").hidden = out === undefined;
  if (shown === null || out === undefined) return;
  const values = { name: named(shown.written[out]), place: out + 1 };
  const label = t("Where the model looks before {name}, character {place} of the answer", values);
  find("force").setAttribute("aria-label", label);
  find("forced").textContent = glyph(shown.written[out]);
  find("forced-place").textContent = t("at {place}", values);
  find("forced-heads").textContent = forcedHeads();
  find("let-go", HTMLButtonElement).disabled = !changes.forced.has(out);
  const options = shown.input.map((_, place) =>
    element("option", { value: place }, `${place + 1} ${signOf(shown, place)}`),
  );
  find("only").replaceChildren(element("option", { value: "" }, "…"), ...options);
  const only = changes.forced.get(out)?.indexOf(1) ?? -1;
  find("only", HTMLSelectElement).value = only < 0 ? "" : String(only);
}

/**
 * @param {number} out
 * @param {Vector} weights
 */
function force(out, weights) {
  changes.forced.set(out, weights);
  forcedAgain();
}

/** Alike wherever the model may look. @param {Shown} shown */
export function uniform({ input, mask }) {
  const seen = Float32Array.from(input, (_, place) => ((mask?.[place] ?? true) ? 1 : 0));
  const count = seen.reduce((sum, one) => sum + one, 0);
  return seen.map((one) => one / (count || 1));
}

/**
 * Moves all the weight of one character to another.
 * @param {Shown} shown
 * @param {number} out
 * @param {number} from
 * @param {number} to
 */
function move(shown, out, from, to) {
  if (from === to || to < 0 || to >= shown.input.length) return;
  const weights = shown.weights[out].slice();
  weights[to] += weights[from];
  weights[from] = 0;
  force(out, weights);
}

/** Gives a character of the answer its own look back. @param {number} out */
function letGo(out) {
  changes.forced.delete(out);
  forcedAgain();
}

/** @param {KeyboardEvent} event */
function forceByKey(event) {
  const place = placeOf(event.target);
  if (forcing === null || place?.out === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  const { out } = place;
  const steps = new Map([
    ["ArrowLeft", -1],
    ["ArrowRight", 1],
  ]);
  const step = event.shiftKey ? steps.get(event.key) : undefined;
  const strongest = argmax(forcing.weights[out]);
  if (step !== undefined) move(forcing, out, strongest, strongest + step);
  else if (event.key === "u") force(out, uniform(forcing));
  else if (["Escape", "Delete", "Backspace"].includes(event.key) && changes.forced.has(out)) letGo(out);
  else return;
  event.preventDefault();
}

/** @param {PointerEvent} event */
function startDragging(event) {
  if (event.pointerType === "touch" || event.button !== 0 || forcing === null) return;
  const place = placeOf(event.target);
  const out = place?.out ?? chosenOut;
  if (place?.in === undefined || out === undefined || forcing.weights[out][place.in] < LEAST) return;
  drag = { out, from: place.in };
  find("map").classList.add("dragging");
}

/** @param {PointerEvent} event */
function drop(event) {
  find("map").classList.remove("dragging");
  const to = placeOf(event.target)?.in;
  const dropped = drag;
  drag = null;
  if (dropped === null || forcing === null || to === undefined || to === dropped.from) return;
  // what follows is not a click on either
  const swallow = (/** @type {Event} */ click) => click.stopPropagation();
  document.addEventListener("click", swallow, { capture: true, once: true });
  setTimeout(() => document.removeEventListener("click", swallow, true));
  move(forcing, dropped.out, dropped.from, to);
  focusOut(dropped.out);
}

/** @param {number} out */
function focusOut(out) {
  const button = find("row-out").children[out];
  if (button instanceof HTMLElement) button.focus({ preventScroll: true });
}

/** @param {() => void} again what to do when something has changed */
export function startForcing(again) {
  forcedAgain = again;
  find("uniform").addEventListener("click", () => {
    if (forcing !== null && chosenOut !== undefined) force(chosenOut, uniform(forcing));
  });
  find("only").addEventListener("change", () => {
    const { value } = find("only", HTMLSelectElement);
    if (forcing === null || chosenOut === undefined || value === "") return;
    force(chosenOut, new Float32Array(forcing.input.length).fill(1, Number(value), Number(value) + 1));
  });
  find("let-go").addEventListener("click", () => {
    const out = chosenOut;
    if (out === undefined) return;
    letGo(out);
    focusOut(out);
  });
  find("row-out").addEventListener("keydown", forceByKey);
  find("map").addEventListener("pointerdown", startDragging);
  document.addEventListener("pointerup", drop);
  document.addEventListener("pointercancel", () => {
    drag = null;
    find("map").classList.remove("dragging");
  });
}
