// @ts-check
// Several models on the same question, side by side; one of them is shown at large.

import { onLanguage, t } from "../../support/page/language.js";
import { element, find, visible } from "../../support/page/text.js";
import { changes } from "./changes.js";
import { data, hasMap } from "./data.js";
import { askModel, showModel, shownEpoch, shownModel, stateAt, whenShown } from "./models.js";
import { markWrong } from "./shown.js";
import { drawSmallMap, smallMap } from "./small_map.js";
import { inWords } from "./what_if.js";

/** @import { Shown } from "./shown.js" */

/** What to call an epoch. @param {number | null} epoch */
export function nameOfEpoch(epoch) {
  if (epoch === null) return "";
  return epoch ? t("epoch {epoch}", { epoch }) : t("before training");
}

/**
 * Whether an answer is right, for who does not see the marks; "" where that is unknown.
 * @param {string[]} written
 * @param {string[] | null} answer
 */
export function verdictInWords(written, answer) {
  if (answer === null) return "";
  return written.every((char, place) => char === answer[place]) ? t("right") : t("wrong");
}

/** @param {number} index of the model */
function card(index) {
  const { name } = data.models[index];
  const radio = element("input", { type: "radio", name: "model", value: index, autocomplete: "off" });
  radio.addEventListener("change", () => showModel(index));
  const label = t("Attention map of {name}", { name: visible(name) });
  const noMap = element("span", { class: "small no-map" }, t("no attention, so no map"));
  return element(
    "label",
    { class: "card", "data-model": index },
    element("span", { class: "model" }, radio, element("bdi", {}, visible(name)), element("span", { class: "at" })),
    element("span", { class: "wrote" }),
    element("span", { class: "spoken verdict" }),
    element("span", { class: "small sure" }),
    hasMap(data.models[index]) ? smallMap(label) : noMap,
  );
}

/**
 * What a model answers to the question that is shown, with the reader's changes of the question; the weights that the
 * reader forces are those of the model shown, at each of its epochs.
 * @param {Shown} shown
 * @param {number} index
 * @param {number | null} epoch
 * @returns {Shown}
 */
export function beside(shown, index, epoch) {
  if (index === shownModel() && epoch === shownEpoch()) return shown;
  const { question, given, answer, truth } = shown;
  const changed = index === shownModel() ? changes : { ...changes, forced: new Map() };
  const asked = askModel(index, epoch, question, given ? answer : null, changed);
  return { ...asked, question, answer, truth, given, before: null };
}

/**
 * Draws the answers of all models, that of the one shown first.
 * @param {Shown} shown
 * @returns {Generator<void, void>}
 */
export function* drawCards(shown) {
  if (data.models.length === 1) return;
  const others = [...data.models.keys()].filter((index) => index !== shownModel());
  for (const index of [shownModel(), ...others]) {
    drawCard(index, beside(shown, index, shownEpoch()));
    yield;
  }
}

/**
 * @param {number} index
 * @param {Shown} answered
 */
function drawCard(index, answered) {
  const { answer, best, given, logP } = answered;
  const found = find("cards").children[index];
  const part = (/** @type {string} */ name) => /** @type {Element} */ (found.querySelector(name));
  const log = inWords(logP.reduce((sum, p) => sum + p, 0));
  part(".at").textContent = nameOfEpoch(stateAt(index, shownEpoch()).epoch);
  part(".wrote").replaceChildren(...markWrong(best, answer));
  part(".verdict").textContent = verdictInWords(best, answer);
  part(".sure").textContent = given
    ? t("log-probability of the given answer {log}", { log })
    : t("log-probability {log}", { log });
  if (answered.hasMap) drawSmallMap(part(".small-map"), answered);
}

function markShown() {
  for (const radio of find("cards").querySelectorAll("input")) radio.checked = Number(radio.value) === shownModel();
}

export function startCards() {
  if (data.models.length === 1) return;
  const make = () => {
    find("cards").replaceChildren(...data.models.map((_, index) => card(index)));
    markShown();
  };
  find("side-by-side").hidden = false;
  whenShown(markShown);
  onLanguage(make);
  make();
}
