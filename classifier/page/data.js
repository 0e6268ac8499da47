// @ts-check
// The data of the page: texts, and the models, which read and explain them.

import { BLANK } from "../../support/page/changes.js";
import { held, heldWeights } from "../../support/page/held.js";
import { GRUClassifier, PAD, SeqSelfClassifier } from "./forward.js";
import { shownModel } from "./models.js";
import { tokenizerFrom } from "./tokenizers.js";

/** @import { Vector } from "../../common/page/layers.js" */
/** @import { Phrase } from "../../support/page/language.js" */
/** @import { Arguments, Explained } from "./forward.js" */
/** @import { Described } from "./tokenizers.js" */

/**
 * A text, its class, or null where it is unknown, and, of each model, the class that it finds; tokens: of each model,
 * those of a tokeniser that the page does not have.
 * @typedef {{ text: string, label: string | null, own: string[], tokens: (string[] | null)[] }} Text
 */
/**
 * A text to read; tokens only for a text of the page.
 * @typedef {{ text: string, tokens?: Text["tokens"] }} Readable
 */
/**
 * A model of the page, and how it reads a text.
 * @typedef {object} Settings
 * @property {string} name what tells it from the others
 * @property {string} weights with what the names of its weights begin
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
 */
/**
 * The data that to_page in classifier/page.py writes.
 * @typedef {{ title: Phrase, about: Phrase[], models: Settings[], texts: Text[] }} Data
 */

/** @type {Data} */
export const data = held("data");

/** The classes, in the order in which the page shows them. */
export const classes = data.models[0].classes;

/** Tokens that the page reads of a text at most: each of them may look at each. */
export const MOST = 1000;

const UNK = 1;

/** One of the models. Its weights are unpacked when it is first asked. */
export class Reader {
  /** @param {Settings} settings @param {number} index among the models */
  constructor(settings, index) {
    this.settings = settings;
    this.index = index;
    this.tokenizer = settings.tokenizer && tokenizerFrom(settings.tokenizer);
    this.ids = new Map(settings.vocabulary.map((word, id) => [word, id]));
    this.ids.delete(settings.vocabulary[0]); // a token that is spelled like padding is unknown
    /** @type {GRUClassifier | SeqSelfClassifier | null} */
    this.model = null;
  }

  /** @param {string} token */
  idOf(token) {
    return token === BLANK ? PAD : (this.ids.get(token) ?? UNK);
  }

  /** Whether the model never saw the token in training. @param {string} token */
  isUnknown(token) {
    return this.idOf(token) === UNK;
  }

  /** The tokens of a text that the model reads, and how many there are in all. @param {Readable} text */
  read({ text, tokens }) {
    const { drops_unknown, max_len, keeps_end } = this.settings;
    const all = this.tokenizer ? this.tokenizer(text) : (tokens?.[this.index] ?? []);
    const known = drops_unknown ? all.filter((token) => !this.isUnknown(token)) : all;
    const most = max_len ?? known.length;
    const kept = keeps_end ? known.slice(Math.max(0, known.length - most)) : known.slice(0, most);
    return { tokens: kept, count: all.length };
  }

  /**
   * What the model finds for tokens, padding where one is BLANK: probabilities in the order of the page's classes;
   * weights and map are those of the tokens, without the padding around them, which has the rest of the attention. As
   * in Python, the weight of padding is 0.
   * @param {string[]} tokens
   * @returns {Generator<void, Explained>}
   */
  *explain(tokens) {
    const { model, arguments: options, weights: prefix, width, padding: side, classes: own } = this.settings;
    this.model ??= new { gru: GRUClassifier, seqself: SeqSelfClassifier }[model](heldWeights(prefix), options);
    const padding = Array(Math.max(0, width - tokens.length)).fill(PAD);
    const words = tokens.map((token) => this.idOf(token));
    const first = side === "before" ? padding.length : 0;
    const explained = yield* this.model.explain(first ? [...padding, ...words] : [...words, ...padding]);
    const end = first + tokens.length;
    const ordered = (/** @type {Vector} */ values) => Float32Array.from(classes, (name) => values[own.indexOf(name)]);
    const weights = Object.entries(explained.weights).map(([kind, all]) => [
      kind,
      all.slice(first, end).map((weight, place) => (tokens[place] === BLANK ? 0 : weight)),
    ]);
    const map = explained.map?.slice(first, end).map((a) => a.slice(first, end)) ?? null;
    const [probabilities, logP] = [explained.probabilities, explained.logP].map(ordered);
    return { probabilities, logP, weights: Object.fromEntries(weights), map };
  }
}

export const readers = data.models.map((settings, index) => new Reader(settings, index));

/** The model that is shown at large; `isUnknown`, `read` and `explain` are its. */
export const reader = () => readers[shownModel()];

/** @param {string} token */
export const isUnknown = (token) => reader().isUnknown(token);
/** @param {Readable} text */
export const read = (text) => reader().read(text);
/** @param {string[]} tokens */
export const explain = (tokens) => reader().explain(tokens);
