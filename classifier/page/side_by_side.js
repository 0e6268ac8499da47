// @ts-check
// The models of the page side by side: what each of them finds in the text that is shown at large.

import { onLanguage, t } from "../../support/page/language.js";
import { inSlicesLater, stopSlices } from "../../support/page/slices.js";
import { element, find, number, percent, speak, visible } from "../../support/page/text.js";
import { changed, isChanged } from "./changes.js";
import { classOf, classRows } from "./classes.js";
import { MOST, read, readers } from "./data.js";
import { showModel, shownModel } from "./models.js";
import { signOf } from "./shown.js";
import { kindOf, shadeOf, tokenTable } from "./table.js";

/** @import { Readable, Reader, Text } from "./data.js" */
/** @import { Explained } from "./forward.js" */
/** @typedef {Readable & Pick<Text, "label">} Compared */
/** @typedef {{ tokens: string[], explained: Explained, note: string }} Found  by one of the models */

const OTHERS = "others"; // the line of computations of the models that are not shown at large

/** @type {Compared} */
let compared = { text: "", label: null };
/** @type {(Found | null)[]} of each model; null: not yet asked */
let foundBy = [];

/** Another text is asked about. @param {Compared} text */
export function leaveSides(text) {
  stopSlices(OTHERS);
  compared = text;
  for (const node of cards()) node.setAttribute("aria-busy", "true");
}

/** Marks the model that is shown at large. */
function markShown() {
  for (const [index, node] of cards().entries()) {
    partOf(node, "button").setAttribute("aria-pressed", String(index === shownModel()));
    node.classList.toggle("is-shown", index === shownModel());
  }
}

/**
 * Shows what the model at large finds, then asks the others.
 * @param {Explained | null} explained null: it cannot be asked
 */
export async function drawSides(explained) {
  if (readers.length < 2) return;
  const own = shownModel();
  markShown();
  if (explained !== null && foundBy[own]?.explained === explained) {
    drawDone(); // with another kind of weights
    return;
  }
  const original = read(compared).tokens;
  foundBy = readers.map(() => null);
  if (explained) foundBy[own] = { tokens: changed(original), explained, note: "" };
  for (const node of cards()) node.setAttribute("aria-busy", "true");
  drawCard(own);
  if ((await inSlicesLater(askOthers(original), OTHERS)) === null) return;
  const said = foundBy.flatMap((each, index) => (each ? [inShort(each, readers[index])] : []));
  if (said.length && !isChanged()) speak(said.join(". "));
}

/**
 * @param {string[]} a
 * @param {string[]} b
 */
export const sameTokens = (a, b) => a.length === b.length && a.every((token, place) => token === b[place]);

/**
 * @param {string[]} original the tokens of the model at large
 * @returns {Generator<void, true>}
 */
function* askOthers(original) {
  for (const reader of readers) {
    if (reader.index === shownModel()) continue;
    const own = reader.read(compared).tokens;
    const alike = sameTokens(own, original);
    const tokens = alike ? changed(own) : own;
    const note = !alike && isChanged() ? t("It reads other tokens: here without your changes.") : "";
    if (tokens.length > 0 && tokens.length <= MOST)
      foundBy[reader.index] = { tokens, explained: yield* reader.explain(tokens), note };
    drawCard(reader.index);
  }
  return true;
}

/** Why a model was not asked. @param {Reader} reader */
function whyNot(reader) {
  const count = reader.read(compared).tokens.length;
  if (count > 0)
    return t("{count} tokens; this page reads at most {most}.", { count: number(count), most: number(MOST) });
  if (reader.tokenizer) return t("It finds no token to read.");
  return t("It reads pieces that SentencePiece finds, which this page cannot: choose one of the texts.");
}

/**
 * The class that a model finds, and how sure it is.
 * @param {Found} each
 * @param {Reader} reader
 */
function inShort({ explained }, { settings }) {
  const found = `${visible(classOf(explained))} ${percent(Math.max(...explained.probabilities))}`;
  return t("{name}: {found}", { name: visible(settings.name), found });
}

const cards = () => /** @type {HTMLElement[]} */ ([...find("sides").children]);

/** @param {HTMLElement} node @param {string} selector */
const partOf = (node, selector) => /** @type {HTMLElement} */ (node.querySelector(selector));

/** Draws what a model found. @param {number} index */
function drawCard(index) {
  const node = cards()[index];
  const each = foundBy[index];
  node.setAttribute("aria-busy", "false");
  partOf(node, ".note").textContent = each ? each.note : whyNot(readers[index]);
  for (const selector of [".verdict", "table", ".scroll"]) partOf(node, selector).hidden = each === null;
  if (each === null) return;
  const { label } = compared;
  const own = classOf(each.explained);
  const verdict = label === null ? "" : own === label ? t("✓ right") : t("✗ wrong");
  partOf(node, ".verdict").replaceChildren(
    element("b", {}, visible(own)),
    " ",
    element("span", { class: own === label ? "right" : "wrong" }, verdict),
  );
  /** @type {HTMLTableElement} */ (partOf(node, "table")).tBodies[0].replaceChildren(
    ...classRows(each.explained, label, " ✓"),
  );
  partOf(node, ".read").replaceChildren(...shadedTokens(each, readers[index].settings.lang));
}

/**
 * The tokens of a text, as dark as their weights.
 * @param {Found} each
 * @param {string} lang
 */
function shadedTokens({ tokens, explained }, lang) {
  const weights = explained.weights[kindOf(explained)];
  const rows = weights ? tokenTable(weights) : null;
  return tokens.flatMap((token, place) => [
    element("bdi", { class: rows ? shadeOf(rows[place].shade) : "" }, signOf(token)),
    lang === "en" ? " " : "",
  ]);
}

/** @param {Reader} reader */
function card({ settings, index }) {
  const { name, model, arguments: options, lang } = settings;
  const kind = model === "gru" ? t("bidirectional GRU") : t("self-attention and LSTM");
  const padding = options.mask ? t("masks padding") : t("reads padding");
  const scroll = {
    class: "scroll",
    tabindex: 0,
    role: "region",
    "aria-label": t("The text as {name} weighs it", { name }),
  };
  const node = element(
    "li",
    { class: "side" },
    element("button", { type: "button", class: "quiet" }, element("bdi", {}, visible(name))),
    element("p", { class: "small" }, `${kind}${t(", ")}${padding}`),
    element("p", { class: "verdict" }),
    element("table", { class: "shares", "aria-label": t("Probability of each class") }, element("tbody")),
    element("div", scroll, element("p", { class: "read", lang })),
    element("p", { class: "note small" }),
  );
  node.addEventListener("click", () => showModel(index));
  return node;
}

/** Draws again what is not just being computed. */
function drawDone() {
  for (const [index, node] of cards().entries()) if (node.getAttribute("aria-busy") !== "true") drawCard(index);
}

/** Writes all of it in the page's language. */
function rewrite() {
  const busy = cards().map((node) => node.getAttribute("aria-busy"));
  find("sides").replaceChildren(...readers.map(card));
  for (const [index, node] of cards().entries()) node.setAttribute("aria-busy", busy[index] ?? "true");
  markShown();
  drawDone();
}

export function startSides() {
  if (readers.length < 2) return;
  find("side").hidden = false;
  find("sides").append(...readers.map(card));
  onLanguage(rewrite);
}
