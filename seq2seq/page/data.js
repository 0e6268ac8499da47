// @ts-check
// The data of the page: settings, questions, and the characters that the models know.

import { BLANK } from "../../support/page/changes.js";
import { held } from "../../support/page/held.js";
import { t } from "../../support/page/language.js";
import { isSpace } from "../../support/page/text.js";

/** @import { Real, Vector } from "../../common/page/layers.js" */
/** @import { Phrase } from "../../support/page/language.js" */
/** @import { Arguments } from "./seq2seq.js" */

/**
 * A question, its answer and what the model writes; truth: for each character of the answer the places in the question
 * that it comes from. answer and truth are null where they are unknown.
 * @typedef {{ question: string, own: string, answer: string | null, truth: number[][] | null }} Question
 */
/**
 * A model as it was after an epoch, or in the end, where epoch is null. accuracy: share (0..1) of the test questions
 * that it answered right, null where unknown; weights: what the names of its weights begin with.
 * @typedef {{ epoch: number | null, accuracy: number | null, weights: string }} State
 */
/**
 * A model of the page. name: what tells it from the others; reverse: whether it reads questions backwards; epochs: its
 * states, in order.
 * @typedef {Arguments & {
 *   name: string, kind: "baseline" | "peeky" | "attention" | "transformer", reverse: boolean, epochs: State[]
 * }} Model
 */
/**
 * The data that to_page in seq2seq/page.py writes.
 * @typedef {object} Data
 * @property {Phrase} title
 * @property {Phrase[]} about
 * @property {string[]} vocabulary in the order of the ids
 * @property {string[]} question_characters
 * @property {string} start
 * @property {number} T_enc
 * @property {number} T_dec
 * @property {Model[]} models
 * @property {{ written: string, months: string[] } | null} dates
 * @property {Question[]} questions
 */

/** @type {Data} */
export const data = held("data");

export const PAD = " ";

/** Whether a model looks at the question with attention. @param {Model} model */
export const hasMap = ({ kind }) => kind === "attention" || kind === "transformer";

const ids = new Map(data.vocabulary.map((char, id) => [char, id]));
const seen = new Set(data.question_characters);

/** The id of a character of the vocabulary. @param {string} char */
export const idOf = (char) => /** @type {number} */ (ids.get(char));

/** The characters of a text without the spaces around it. @param {string} text */
export function strip(text) {
  const chars = [...text];
  const last = chars.findLastIndex((char) => !isSpace(char));
  return last < 0
    ? []
    : chars.slice(
        chars.findIndex((char) => !isSpace(char)),
        last + 1,
      );
}

/** The characters, padded with spaces to the length that the models were trained on. @param {string[]} chars */
export function padded(chars) {
  return [...chars, ...Array(Math.max(0, data.T_enc - chars.length)).fill(PAD)];
}

/**
 * What is wrong with a text. input: the characters that the model would read; unknown: the places in it of characters
 * that no question had.
 * @param {string} text
 */
export function faults(text) {
  const chars = strip(text);
  const input = chars.length ? padded(chars).slice(0, data.T_enc) : [];
  const unknown = [...input.keys()].filter((place) => !seen.has(input[place]));
  return { chars, input, unknown, tooLong: chars.length > data.T_enc };
}

/** Why this character cannot be put into a question; "" if it can. @param {string} char */
export function refusal(char) {
  if (!ids.has(char || PAD)) return t("is not in the vocabulary");
  return char === BLANK || seen.has(char) ? "" : t("occurs in no training question");
}

/**
 * What a reader changes of a question before the model is asked again. input: characters by place, BLANK for one that
 * is blanked; forced: weights (T_enc,) to use in place of the model's own, by place of the answer.
 * @typedef {{ input: Map<number, string>, forced: Map<number, Vector> }} Changes
 */

/**
 * The model's answer to a question. input and written: the characters of both; best: the model's own choice at each
 * place; p: its probability; logP: the log-probability of what is written, in nats; weights (T_dec, T_enc), those of the
 * head that is shown where the model has several, zeros where hasMap is false, of a model without attention; mask: the
 * places where it may look, null for all; ms: how long it took.
 * @typedef {object} Asked
 * @property {string[]} input
 * @property {string[]} written
 * @property {string[]} best
 * @property {number[]} p
 * @property {number[]} logP
 * @property {boolean} hasMap
 * @property {Vector[]} weights
 * @property {Real} mask
 * @property {number} ms
 */
