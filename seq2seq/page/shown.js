// @ts-check
// The state of the question that is shown: facts that the rows, the links and the heat map share.

/** @import { Asked } from "./data.js" */
/**
 * answer and truth: null where unknown; given: whether the answer was fed back in place of what the model writes.
 * @typedef {Asked & { answer: string[] | null, truth: number[][] | null, given: boolean }} Shown
 */
/** @typedef {"in" | "out"} Side  the question's characters or the answer's */

/**
 * Whether the model's own choice at this place of the answer is wrong.
 * @param {Shown} shown
 * @param {number} place
 */
export const isWrong = (shown, place) => shown.answer !== null && shown.best[place] !== shown.answer[place];

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
