// @ts-check
// One text and what the model found in it: its tokens, their map, their table, and what is pointed at.

import { argmax } from "../../common/page/layers.js";
import { onLanguage, t } from "../../support/page/language.js";
import { followPointing } from "../../support/page/pointing.js";
import { element, find, oneStop, percent, visible } from "../../support/page/text.js";
import { data } from "./data.js";
import { cellAt, drawMap, markMap, startMap } from "./map.js";
import { startPicture } from "./picture.js";
import { drawRamp, drawTable, tokenTable } from "./table.js";
import { drawWordLinks, drawWords, readOutWords, shadeWords, startWords } from "./words.js";

/** @import { Explained } from "./forward.js" */
/** @import { Read } from "./words.js" */
/** @typedef {{ token: number, key?: number }} Place  a token, or, with the key that it looks at, a cell of the map */

/** What a weight of this kind is. @param {string} kind */
function noteOn(kind) {
  if (kind === "attention") return t("Weight: the attention of the final states to the token.");
  if (kind === "received")
    return t("Weight: the attention that the token receives, the mean of its column of the map.");
  return t("Weight: the largest feature of the token's vector after attention, which is not an attention weight.");
}

/** @type {Read | null} */
let shown = null;
/** @type {{ tokens: string[], explained: Explained } | null} */
let drawn = null;
let pointing = { forget: () => {}, again: () => {} };

/**
 * @param {string[]} tokens
 * @param {Explained} explained
 */
export function showText(tokens, explained) {
  drawText(tokens, explained);
  pointing.forget();
}

/**
 * @param {string[]} tokens
 * @param {Explained} explained
 */
function drawText(tokens, explained) {
  const kinds = Object.keys(explained.weights);
  const kind = kinds.find((each) => document.getElementById(each)?.matches(":checked")) ?? kinds[0];
  const weights = explained.weights[kind];
  drawn = { tokens, explained };
  shown = { tokens, rows: weights ? tokenTable(weights) : null, map: explained.map };
  find("mode").hidden = kinds.length < 2;
  const padding = kind === "attention" ? 1 - weights.reduce((sum, w) => sum + w, 0) : 0;
  const rest = padding > 0.0005 ? t(" {percent} of the attention is on padding.", { percent: percent(padding) }) : "";
  find("kind-note").textContent = kind ? noteOn(kind) + rest : "";
  drawWords(shown);
  drawMap(shown);
  find("token-table").hidden = find("legend").hidden = shown.rows === null;
  if (shown.rows) drawTable(tokens, shown.rows);
}

/** @param {Explained} explained @param {string | null} label the right class, if known */
export function showClasses({ probabilities }, label) {
  const best = argmax(probabilities);
  const rows = data.classes.map((name, k) => {
    const right = name === label ? element("span", { class: "right" }, t(" ✓ right class")) : "";
    const bar = element("div", { class: "share" });
    bar.style.setProperty("--w", probabilities[k].toFixed(6));
    return element(
      "tr",
      { class: k === best ? "best" : "" },
      element("th", { scope: "row" }, element("bdi", {}, visible(name)), right),
      element("td", {}, bar, element("span", { class: "percent" }, percent(probabilities[k]))),
    );
  });
  find("classes", HTMLTableElement).tBodies[0].replaceChildren(...rows);
  find("own").textContent = visible(data.classes[best]);
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

const tokenButtons = () => /** @type {HTMLElement[]} */ ([...find("words").querySelectorAll(".token")]);

/**
 * The token that an arrow key leads to: along the text or, with self-attention, to where this one looks most.
 * @param {HTMLElement} button
 * @param {string} key
 */
function neighbour(button, key) {
  const all = tokenButtons();
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
  startWords();
  startMap(() => shown);
  startPicture();
  pointing = followPointing(find("view"), "token", { placeOf, neighbour, show });
  addEventListener("resize", pointing.again);
  onLanguage(() => {
    if (drawn === null) return;
    const stop = tokenButtons().findIndex(({ tabIndex }) => tabIndex === 0);
    drawText(drawn.tokens, drawn.explained);
    oneStop(tokenButtons(), tokenButtons()[stop]);
    pointing.again();
  });
}
