// @ts-check
// Shows what the mouse, a finger or the keys point at: its weights on both rows, on the links and in the heat map.

import { t } from "../../support/page/language.js";
import { followPointing } from "../../support/page/pointing.js";
import { element, exact, find, glyph, percent } from "../../support/page/text.js";
import { changes } from "./changes.js";
import { draggedRow } from "./forced.js";
import { partners, placeOf, signOf } from "./shown.js";
import { offerChanges } from "./what_if.js";

/** @import { Place, Shown } from "./shown.js" */

/** @type {Shown | null} */
let shown = null;
/** @type {ReturnType<typeof followPointing<Place>>} */
let pointing = { forget: () => {}, again: () => {}, pin: () => {}, pinned: () => null };

/** The place that was chosen. */
export const pinned = () => pointing.pinned();

/** Chooses a place. @param {Place | null} place */
export const pin = (place) => pointing.pin(place);

/**
 * Points at a question that was just drawn.
 * @param {Shown} drawn
 * @param {boolean} again whether what was pointed at is there again; else nothing is
 */
export function pointAgain(drawn, again) {
  shown = drawn;
  if (again) pointing.again();
  else pointing.forget();
}

/** @param {Place | null} place */
function showPointed(place) {
  if (shown === null) return;
  const at = place ?? {};
  markCharacters(shown, at);
  markLinks(at);
  markCells(at);
  readOut(shown, at);
}

/** The elements that the selector finds. @param {string} selector */
const all = (selector) => /** @type {NodeListOf<HTMLElement | SVGElement>} */ (document.querySelectorAll(selector));

/**
 * Shades each character with its weight for the one that is pointed at.
 * @param {Shown} shown
 * @param {Place} at
 */
function markCharacters(shown, at) {
  for (const button of all("button.char")) {
    const place = { in: Number(button.dataset.in ?? -1), out: Number(button.dataset.out ?? -1) };
    let weight = 0;
    if (at.out !== undefined && place.in >= 0) weight = shown.weights[at.out][place.in];
    if (at.out === undefined && at.in !== undefined && place.out >= 0) weight = shown.weights[place.out][at.in];
    button.style.setProperty("--w", exact(weight));
    button.classList.toggle("pointed", place.out === at.out || place.in === at.in);
  }
}

/** Fades the links of all other characters. @param {Place} at */
function markLinks(at) {
  for (const path of all("#links path")) {
    const { linkOut, linkIn } = path.dataset;
    const off = at.out !== undefined ? linkOut !== String(at.out) : at.in !== undefined && linkIn !== String(at.in);
    path.classList.toggle("off", off);
  }
}

/** Outlines the row and the column of the heat map. @param {Place} at */
function markCells(at) {
  for (const cell of all("#map table :is([data-in], [data-out])")) {
    cell.classList.toggle("across", at.out !== undefined && cell.dataset.out === String(at.out));
    cell.classList.toggle("down", at.in !== undefined && cell.dataset.in === String(at.in));
  }
}

/**
 * Says in words what is pointed at, and its strongest weights.
 * @param {Shown} shown
 * @param {Place} at
 */
function readOut(shown, at) {
  const readout = find("readout");
  const side = at.out !== undefined ? "out" : "in";
  const place = at[side];
  if (place === undefined) {
    readout.textContent = t("Point at a character, above or in the map, to see its weights.");
    return;
  }
  const signs = { in: shown.input.map((_, input) => signOf(shown, input)), out: shown.written.map(glyph) };
  const others = signs[side === "out" ? "in" : "out"];
  const isCell = at.out !== undefined && at.in !== undefined;
  const listed = partners(shown, side, place);
  const chosen = isCell ? listed.filter(({ other }) => other === at.in) : listed.slice(0, 4);
  const chips = chosen.map(({ weight, other }) =>
    element("span", { class: "chip" }, element("b", {}, others[other]), ` ${exact(weight)}`),
  );
  const sure = side === "out" && !shown.given ? t(" ({percent} sure)", { percent: percent(shown.p[place]) }) : "";
  const looked = changes.forced.has(place) ? t(" was made to look at ") : t(" looked at ");
  readout.replaceChildren(
    element("b", { class: "subject" }, signs[side][place]),
    side === "out" ? sure + looked : t(" was looked at by "),
    ...chips,
  );
}

/** As placeOf, but in the row that is dragged, if any. @param {EventTarget | null} target @returns {Place | null} */
function hoverOf(target) {
  const row = draggedRow();
  return row === undefined ? placeOf(target) : { ...placeOf(target), out: row };
}

/**
 * The character that an arrow key leads to: along the row, or across to where the strongest link ends.
 * @param {HTMLElement} button
 * @param {string} key
 */
function neighbour(button, key) {
  if (shown === null) return null;
  const side = button.dataset.in === undefined ? "out" : "in";
  const place = Number(button.dataset[side]);
  const row = all(`#row-${side} button`);
  if (key === "ArrowLeft") return row[Math.max(0, place - 1)];
  if (key === "ArrowRight") return row[Math.min(row.length - 1, place + 1)];
  if (key === "Home") return row[0];
  if (key === "End") return row[row.length - 1];
  const across = (key === "ArrowDown" && side === "in") || (key === "ArrowUp" && side === "out");
  if (!across) return null;
  return all(`#row-${side === "in" ? "out" : "in"} button`)[partners(shown, side, place)[0].other];
}

export function startPointing() {
  pointing = followPointing(find("map"), "char", {
    placeOf,
    hoverOf,
    neighbour,
    show: showPointed,
    choose: (place) => {
      if (shown !== null) offerChanges(place);
    },
  });
}
