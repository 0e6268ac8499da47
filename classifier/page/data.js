// @ts-check
// The data of the page: settings, texts, weights and the words that the model knows.

import { held, heldWeights } from "../../support/page/held.js";
import { BLANK } from "./changes.js";
import { GRUClassifier, PAD, SeqSelfClassifier } from "./forward.js";
import { tokenizerFrom } from "./tokenizers.js";

/** @import { Phrase } from "../../support/page/language.js" */
/** @import { Arguments, Explained } from "./forward.js" */
/** @import { Described } from "./tokenizers.js" */

/**
 * A text, its class, or null where it is unknown, and the class that the model finds; tokens: those of a tokeniser that
 * the page does not have.
 * @typedef {{ text: string, label: string | null, own: string, tokens?: string[] }} Text
 */
/**
 * The data that to_page in classifier/page.py writes.
 * @typedef {object} Data
 * @property {Phrase} title
 * @property {Phrase[]} about
 * @property {"gru" | "seqself"} model
 * @property {Arguments} arguments
 * @property {string[]} vocabulary in the order of the ids
 * @property {Described | null} tokenizer null where the page does not have it
 * @property {string[]} classes
 * @property {"after" | "before"} padding
 * @property {number} width the least that texts are padded to
 * @property {number | null} max_len
 * @property {boolean} keeps_end whether a long text keeps its end, not its beginning
 * @property {boolean} drops_unknown
 * @property {string} lang
 * @property {Text[]} texts
 */

/** @type {Data} */
export const data = held("data");

/** Tokens that the page reads of a text at most: each of them may look at each. */
export const MOST = 1000;

const UNK = 1;
export const model = new { gru: GRUClassifier, seqself: SeqSelfClassifier }[data.model](heldWeights(), data.arguments);
const tokenizer = data.tokenizer && tokenizerFrom(data.tokenizer);
const ids = new Map(data.vocabulary.map((word, id) => [word, id]));
ids.delete(data.vocabulary[0]); // a token that is spelled like padding is unknown

/** @param {string} token */
const idOf = (token) => (token === BLANK ? PAD : (ids.get(token) ?? UNK));

/** Whether the model never saw the token in training. @param {string} token */
export const isUnknown = (token) => idOf(token) === UNK;

/**
 * The tokens of a text that the model reads, and how many there are in all.
 * @param {Pick<Text, "text" | "tokens">} text
 */
export function read({ text, tokens }) {
  const all = tokenizer ? tokenizer(text) : (tokens ?? []);
  const known = data.drops_unknown ? all.filter((token) => !isUnknown(token)) : all;
  const most = data.max_len ?? known.length;
  const kept = data.keeps_end ? known.slice(Math.max(0, known.length - most)) : known.slice(0, most);
  return { tokens: kept, count: all.length };
}

/**
 * What the model finds for tokens, padding where one is BLANK; weights and map are those of the tokens, without the
 * padding around them, which has the rest of the attention. As in Python, the weight of padding is 0.
 * @param {string[]} tokens
 * @returns {Generator<void, Explained>}
 */
export function* explain(tokens) {
  const padding = Array(Math.max(0, data.width - tokens.length)).fill(PAD);
  const words = tokens.map(idOf);
  const first = data.padding === "before" ? padding.length : 0;
  const explained = yield* model.explain(first ? [...padding, ...words] : [...words, ...padding]);
  const end = first + tokens.length;
  const weights = Object.entries(explained.weights).map(([kind, all]) => [
    kind,
    all.slice(first, end).map((weight, place) => (tokens[place] === BLANK ? 0 : weight)),
  ]);
  const map = explained.map?.slice(first, end).map((a) => a.slice(first, end)) ?? null;
  return { ...explained, weights: Object.fromEntries(weights), map };
}
