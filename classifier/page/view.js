// @ts-check
// One text and what the model found in it: its tokens, their map, their table, and what is pointed at.

import { argmax } from "../../common/page/layers.js";
import { refuse } from "../../support/page/edits.js";
import { onLanguage, t } from "../../support/page/language.js";
import { stopOccluding } from "../../support/page/occluding.js";
import { followPointing } from "../../support/page/pointing.js";
import { inSlices, stopSlices } from "../../support/page/slices.js";
import { element, find, percent, visible } from "../../support/page/text.js";
import { changed, changeNothing, isChanged } from "./changes.js";
import { classOf, classRows } from "./classes.js";
import { explain, reader } from "./data.js";
import { cellAt, drawMap, markMap, startMap } from "./map.js";
import { lostAt } from "./occlusion.js";
import { startPicture } from "./picture.js";
import { drawSides } from "./side_by_side.js";
import { drawRamp, drawTable, kindOf, tokenTable } from "./table.js";
import { drawWhatIf, fitReplacement, offerChange, sayOutcome, startWhatIf } from "./what_if.js";
import { drawWordLinks, drawWords, readOutWords, shadeWords } from "./words.js";

/** @import { Explained } from "./forward.js" */
/** @import { Reading } from "./occlusion.js" */
/** @import { Read } from "./shown.js" */
/** @typedef {{ token: number, key?: number }} Place  a token, or, with the key that it looks at, a cell of the map */

/** What a weight of this kind is. @param {string} kind */
function noteOn(kind) {
  if (kind === "attention") return t("Weight: the attention of the final states to the token.");
  if (kind === "received")
    return t("Weight: the attention that the token receives, the mean of its column of the map.");
  return t("Weight: the largest feature of the token's vector after attention, which is not an attention weight.");
}

/** @type {{ first: Reading, now: Reading } | null} a text as it was typed or chosen, and with the reader's changes */
let readings = null;
/** @type {Read | null} */
let shown = null;
/** @type {ReturnType<typeof followPointing<Place>>} */
let pointing = { forget: () => {}, again: () => {}, pin: () => {}, pinned: () => null };

/** The place that was chosen. */
export const pinned = () => pointing.pinned();

/** Chooses a place. @param {Place | null} place */
export const pin = (place) => pointing.pin(place);

/** The tokens that are shown. */
export const tokensShown = () => shown?.tokens ?? [];

/** Another text was typed or chosen: the reader's changes were not of that. */
export function leaveText() {
  changeNothing();
  readings = null;
  refuse(null);
  drawWhatIf(null, null, "");
}

/**
 * Shows a text that was typed or chosen.
 * @param {string[]} tokens
 * @param {Explained} explained
 */
export function showText(tokens, explained) {
  const first = { tokens, explained };
  readings = { first, now: first };
  draw();
  pointing.forget();
}

/** Asks the model again, about the text with the reader's changes. */
export async function askAgain() {
  if (readings === null) return;
  refuse(null);
  stopOccluding(); // a button that was pressed by a voice or a screen reader is neither key nor touch
  const { first } = readings;
  let now = first;
  if (isChanged()) {
    const tokens = changed(first.tokens);
    find("view").setAttribute("aria-busy", "true");
    const explained = await inSlices(explain(tokens));
    if (explained === null) return; // a later one takes its place
    now = { tokens, explained };
  } else stopSlices();
  find("view").setAttribute("aria-busy", "false");
  readings = { first, now };
  draw();
  pointing.again();
  sayOutcome();
}

/** Draws the text that was explained, with the kind of weights that is chosen. */
function draw() {
  if (readings === null) return;
  const { first, now } = readings;
  const { tokens, explained } = now;
  const kinds = Object.keys(explained.weights);
  const kind = kindOf(explained);
  const weights = explained.weights[kind];
  const was = { tokens: first.tokens, weights: first.explained.weights[kind] ?? null, map: first.explained.map };
  const before = first === now ? null : was;
  const isChange = before?.weights != null && find("change-shown", HTMLInputElement).checked;
  shown = { tokens, rows: weights ? tokenTable(weights) : null, map: explained.map, before, isChange };
  find("mode").hidden = kinds.length < 2;
  const padding = kind === "attention" ? 1 - weights.reduce((sum, w) => sum + w, 0) : 0;
  const rest = padding > 0.0005 ? t(" {percent} of the attention is on padding.", { percent: percent(padding) }) : "";
  find("kind-note").textContent = kind ? noteOn(kind) + rest : "";
  setLanguage();
  drawWords(shown);
  drawMap(shown);
  find("token-table").hidden = shown.rows === null;
  find("shown").hidden = !before?.weights;
  find("legend").hidden = shown.rows === null || isChange;
  find("change-note").hidden = !isChange;
  if (shown.rows) drawTable(shown);
  drawWhatIf(first, now, kind ?? "");
  drawSides(explained);
}

/** Sets the language of the tokens, and whether they are single characters. */
function setLanguage() {
  const { lang } = reader().settings;
  for (const id of ["asked", "words", "grid", "parts-words"]) {
    find(id).setAttribute("lang", lang);
    find(id).classList.toggle("close", lang !== "en");
  }
  fitReplacement();
}

/** @param {Explained} explained @param {string | null} label the right class, if known */
export function showClasses(explained, label) {
  find("classes", HTMLTableElement).tBodies[0].replaceChildren(...classRows(explained, label, t(" ✓ right class")));
  find("own").textContent = visible(classOf(explained));
}

/** @param {Place | null} at */
function show(at) {
  if (shown === null) return;
  shadeWords(shown, at?.token);
  drawWordLinks(shown, at?.token);
  readOutWords(shown, at);
  if (shown.map) markMap(at);
  if (at?.token !== undefined) find("readout").append(element("span", { class: "lost-without" }, lostAt(at.token)));
  for (const row of find("view").querySelectorAll("#table tbody tr, #parts-words li"))
    row.classList.toggle("pointed", row.getAttribute("data-token") === String(at?.token));
}

/**
 * @param {EventTarget | null} target
 * @param {number} x
 * @param {number} y
 * @returns {Place | null}
 */
function placeOf(target, x, y) {
  if (!(target instanceof Element)) return null;
  if (target.closest("#cells")) return cellAt(x, y);
  const token = target.closest("[data-token]")?.getAttribute("data-token");
  return token ? { token: Number(token) } : null;
}

/**
 * The token that an arrow key leads to: along the text or, with self-attention, to where this one looks most.
 * @param {HTMLElement} button
 * @param {string} key
 */
function neighbour(button, key) {
  const all = /** @type {NodeListOf<HTMLElement>} */ (find("words").querySelectorAll(".token"));
  const place = Number(button.dataset.token);
  if (key === "ArrowLeft") return all[Math.max(0, place - 1)];
  if (key === "ArrowRight") return all[Math.min(all.length - 1, place + 1)];
  if (key === "Home") return all[0];
  if (key === "End") return all[all.length - 1];
  if (key !== "ArrowDown" || !shown?.map) return null;
  return all[argmax(shown.map[place])];
}

export function startView() {
  drawRamp();
  startMap(() => shown);
  startPicture();
  startWhatIf(askAgain, () => pointing.again());
  const choose = (/** @type {Place | null} */ place) => offerChange(place?.token);
  pointing = followPointing(find("view"), "token", { placeOf, neighbour, show, choose });
  const drawAgain = () => {
    draw();
    pointing.again();
  };
  for (const id of ["received", "output_max", "weights-shown", "change-shown"])
    find(id).addEventListener("change", drawAgain);
  onLanguage(drawAgain);
  addEventListener("resize", pointing.again);
}
