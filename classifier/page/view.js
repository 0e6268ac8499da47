// @ts-check
// One text and what the model found in it: its tokens, their map, their table, and what is pointed at.

import { argmax } from "../../common/page/layers.js";
import { followPointing } from "../../support/page/pointing.js";
import { find, percent, visible } from "../../support/page/text.js";
import { classOf, classRows } from "./classes.js";
import { reader } from "./data.js";
import { cellAt, drawMap, markMap, startMap } from "./map.js";
import { drawSides } from "./side_by_side.js";
import { drawRamp, drawTable, kindOf, tokenTable } from "./table.js";
import { drawWordLinks, drawWords, readOutWords, shadeWords } from "./words.js";

/** @import { Explained } from "./forward.js" */
/** @import { Read } from "./words.js" */
/** @typedef {{ token: number, key?: number }} Place  a token, or, with the key that it looks at, a cell of the map */

/** @type {Record<string, string>} of each kind of weights */
const NOTES = {
  attention: "Weight: the attention of the final states to the token.",
  received: "Weight: the attention that the token receives, the mean of its column of the map.",
  output_max: "Weight: the largest feature of the token's vector after attention, which is not an attention weight.",
};

/** @type {Read | null} */
let shown = null;
let pointing = { forget: () => {}, again: () => {} };

/**
 * @param {string[]} tokens
 * @param {Explained} explained
 */
export function showText(tokens, explained) {
  const kinds = Object.keys(explained.weights);
  const kind = kindOf(explained);
  const weights = explained.weights[kind];
  shown = { tokens, rows: weights ? tokenTable(weights) : null, map: explained.map };
  find("mode").hidden = kinds.length < 2;
  const padding = kind === "attention" ? 1 - weights.reduce((sum, w) => sum + w, 0) : 0;
  const rest = padding > 0.0005 ? ` ${percent(padding)} of the attention is on padding.` : "";
  find("kind-note").textContent = kind ? NOTES[kind] + rest : "";
  setLanguage();
  drawWords(shown);
  drawMap(shown);
  find("token-table").hidden = find("legend").hidden = shown.rows === null;
  if (shown.rows) drawTable(tokens, shown.rows);
  drawSides(explained);
  pointing.forget();
}

/** Sets the language of the tokens, and whether they are single characters. */
function setLanguage() {
  const { lang } = reader().settings;
  for (const id of ["words", "grid"]) {
    find(id).setAttribute("lang", lang);
    find(id).classList.toggle("close", lang !== "en");
  }
}

/** @param {Explained} explained @param {string | null} label the right class, if known */
export function showClasses(explained, label) {
  find("classes", HTMLTableElement).tBodies[0].replaceChildren(...classRows(explained, label));
  find("own").textContent = visible(classOf(explained));
}

/** @param {Place | null} at */
function show(at) {
  if (shown === null) return;
  shadeWords(shown, at?.token);
  drawWordLinks(shown, at?.token);
  readOutWords(shown, at);
  if (shown.map) markMap(at);
  for (const row of find("table").querySelectorAll("tbody tr"))
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
  pointing = followPointing(find("view"), "token", { placeOf, neighbour, show });
  addEventListener("resize", pointing.again);
}
