// @ts-check
// The state of the question that is shown: facts that the rows, the links and the heat map share.

import { BLANK } from "../../support/page/changes.js";
import { t } from "../../support/page/language.js";
import { element, glyph, named } from "../../support/page/text.js";
import { paddingFrom } from "./measures.js";

/** @import { Asked } from "./data.js" */
/**
 * answer and truth: null where unknown; given: whether the answer was fed back in place of what the model writes;
 * before: what the model wrote to the question as it was asked, null where nothing was changed since.
 * @typedef {Asked & {
 *   question: string, answer: string[] | null, truth: number[][] | null, given: boolean, before: Asked | null
 * }} Shown
 */
/** @typedef {"in" | "out"} Side  the question's characters or the answer's */
/** @typedef {{ in?: number, out?: number }} Place  of a character, or, with both, of a cell of the heat map */

/** The question as it was asked. @param {Shown} shown */
export const originalOf = (shown) => (shown.before ?? shown).input;

/**
 * Whether this character of the question stands in place of another one.
 * @param {Shown} shown
 * @param {number} place
 */
export const isReplaced = (shown, place) => shown.input[place] !== originalOf(shown)[place];

/**
 * Whether the model's own choice at this place of the answer is another one than before the changes.
 * @param {Shown} shown
 * @param {number} place
 */
export const isFlipped = ({ before, best }, place) => before !== null && before.best[place] !== best[place];

/** The place that an element on the map stands for. @param {EventTarget | null} target @returns {Place | null} */
export function placeOf(target) {
  const holder = target instanceof Element ? target.closest("#map [data-in], #map [data-out]") : null;
  if (!(holder instanceof HTMLElement)) return null;
  const { in: input, out } = holder.dataset;
  return { ...(input && { in: Number(input) }), ...(out && { out: Number(out) }) };
}

/** Where the padding begins that nobody changed. @param {Shown} shown */
export const paddingOfShown = (shown) => Math.max(paddingFrom(shown.input), paddingFrom(originalOf(shown)));

/**
 * The sign of a character of the question.
 * @param {Shown} shown
 * @param {number} place
 */
export function signOf(shown, place) {
  const char = shown.input[place];
  return char === BLANK || place >= paddingOfShown(shown) ? "·" : glyph(char);
}

/** The name of a character that may be blanked. @param {string} char */
export const nameOf = (char) => (char === BLANK ? t("blank") : named(char));

/**
 * Whether the model's own choice at this place of the answer is wrong.
 * @param {Shown} shown
 * @param {number} place
 */
export const isWrong = (shown, place) => shown.answer !== null && shown.best[place] !== shown.answer[place];

/**
 * What a model wrote, with each wrong character marked.
 * @param {string[]} written
 * @param {string[] | null} answer null where it is unknown
 */
export const markWrong = (written, answer) =>
  written.map((char, place) => element(char === (answer ?? written)[place] ? "span" : "del", {}, glyph(char)));

/**
 * Whether the character that stands at this place of the answer is wrong.
 * @param {Shown} shown
 * @param {number} place
 */
export const isWrittenWrong = (shown, place) => !shown.given && isWrong(shown, place);

/**
 * The places of the other side with their weights, the strongest first.
 * @param {Shown} shown
 * @param {Side} side
 * @param {number} place
 */
export function partners(shown, side, place) {
  const weights = side === "out" ? [...shown.weights[place]] : shown.weights.map((a) => a[place]);
  return weights.map((weight, other) => ({ weight, other })).sort((a, b) => b.weight - a.weight);
}
