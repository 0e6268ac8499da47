// @ts-check
// What if a token of the text were blank, or another one; and what came of the changes.

import { argmax } from "../../common/page/layers.js";
import { replace } from "../../support/page/changes.js";
import { offerEdits, refuse, startEdits } from "../../support/page/edits.js";
import { t } from "../../support/page/language.js";
import { element, find, number, rounded, speak, visible } from "../../support/page/text.js";
import { changed, changeNothing, changes } from "./changes.js";
import { shareCell } from "./classes.js";
import { classes, isUnknown, read, reader, readers } from "./data.js";
import { drawOcclusion, startOcclusion } from "./occlusion.js";
import { nameOf, signOf } from "./shown.js";

/** @import { Reading } from "./occlusion.js" */

const SUGGESTED = 20; // words of the vocabulary that begin like what is typed

/** @type {Reading | null} the text as it was typed or chosen */
let original = null;
let changeAgain = () => {};

/** Whether a replacement is one character. */
function isSingle() {
  const { tokenizer } = reader().settings;
  return tokenizer?.name === "characters" || tokenizer?.char_level === true;
}

/** Fits the field for a replacement to the model that is shown. */
export function fitReplacement() {
  const field = find("replacement");
  field.classList.toggle("single", isSingle());
  field.setAttribute("lang", reader().settings.lang);
  if (isSingle()) field.removeAttribute("list");
  else field.setAttribute("list", "known");
}

/**
 * Says what came of the changes.
 * @param {Reading | null} first the text as it was typed or chosen; null: none
 * @param {Reading | null} now the text with the changes
 * @param {string} kind of the weights, "" for none
 */
export function drawWhatIf(first, now, kind) {
  original = first;
  drawOcclusion(now, kind);
  find("changed").hidden = first === now;
  if (first && now && first !== now) drawOutcome(first, now);
}

/** Offers to change the token in a place. @param {number | undefined} place */
export const offerChange = (place) => offerEdits(editable(), place);

/** The tokens that can be changed. */
function editable() {
  if (original === null) return null;
  const now = changed(original.tokens);
  const label = (/** @type {number} */ place) =>
    t("Change {name}, token {place} of {count}", { name: nameOf(now[place]), place: place + 1, count: now.length });
  return { now, original: original.tokens, label, sign: (/** @type {number} */ place) => signOf(now[place]) };
}

/**
 * @param {Reading} first
 * @param {Reading} now
 */
function drawOutcome(first, now) {
  const [before, after] = [first, now].map(({ explained }) => explained);
  const [was, is] = [before, after].map(({ probabilities }) => argmax(probabilities));
  const rows = classes.map((name, k) => {
    const cells = [before, after].map(({ probabilities }, column) => {
      const cell = shareCell(probabilities[k]);
      cell.classList.toggle("best", k === [was, is][column]);
      return cell;
    });
    return element("tr", {}, element("th", { scope: "row" }, element("bdi", {}, visible(name))), ...cells);
  });
  find("outcome-table", HTMLTableElement).tBodies[0].replaceChildren(...rows);
  const [from, to] = [was, is].map((k) => visible(classes[k]));
  find("of-class").textContent = t("log-probability of {name}", { name: from });
  find("log-before").textContent = rounded(before.logP[was], 3);
  find("log-after").textContent = rounded(after.logP[was], 3);
  find("flipped").textContent =
    was === is ? t("The class stays {to}.", { to }) : t("The class flips from {from} to {to}.", { from, to });
  find("flipped").classList.toggle("is-flip", was !== is);
}

/** Says aloud what came of the changes. */
export function sayOutcome() {
  if (find("changed").hidden) return;
  const [before, after] = ["log-before", "log-after"].map((id) => find(id).textContent ?? "");
  const logs = t("Log-probability {before} before, {after} after", { before, after });
  speak([find("unknown").textContent, find("flipped").textContent, logs].join(" "));
}

/**
 * Puts a token in place of one of the text's and asks again.
 * @param {number} place
 * @param {string} token
 */
function put(place, token) {
  if (original === null) return;
  replace(changes, place, token, original.tokens[place]);
  changeAgain();
}

/**
 * Puts what was typed in place of a token, if it is one token itself, as the model's tokeniser has it.
 * @param {number} place
 * @param {string} text
 */
function type(place, text) {
  const { tokens, count } = read({ text, tokens: readers.map(() => [text]) });
  const token = tokens[0];
  const values = { text: visible(text), count: number(count) };
  if (count === 0) refuse(() => t("“{text}” has no token in it.", values));
  else if (count > 1) refuse(() => t("“{text}” is {count} tokens; put one.", values));
  else if (token === undefined)
    refuse(() => t("“{text}” is unknown to the model, which leaves out unknown words.", values));
  else if (reader().tokenizer === null && isUnknown(token))
    refuse(() => t("“{text}” is not a piece that the model knows.", values));
  else put(place, token);
}

/** Offers words that the model knows and that begin as what is typed. */
function suggest() {
  const text = find("replacement", HTMLInputElement).value.toLowerCase();
  const found = [];
  if (text && !isSingle())
    for (const word of reader().settings.vocabulary.slice(2)) {
      if (word.replace(/^▁/, "").toLowerCase().startsWith(text)) found.push(word);
      if (found.length === SUGGESTED) break;
    }
  find("known").replaceChildren(...found.map((word) => element("option", { value: word })));
}

/**
 * @param {() => void} again what to do when something has changed
 * @param {() => void} point points again at what is pointed at
 */
export function startWhatIf(again, point) {
  changeAgain = again;
  startOcclusion(point);
  startEdits({
    row: find("words"),
    editable,
    put,
    type,
    single: isSingle,
    putAllBack: () => {
      changeNothing();
      changeAgain();
    },
  });
  find("replacement").addEventListener("input", suggest);
}
