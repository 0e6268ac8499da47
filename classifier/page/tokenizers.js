// @ts-check
// dataset/tokenizers.py: what divides a text into tokens, exactly as in Python. SentencePiece is not among them.

import { isSpace } from "../../support/page/text.js";

/** @typedef {(text: string) => string[]} Tokenizer */
/**
 * @typedef {object} Described  as `to_json` describes a tokeniser; the settings are those of Keras's
 * @property {string} name
 * @property {string} [filters]
 * @property {boolean} [lower]
 * @property {string} [split]
 * @property {boolean} [char_level]
 */

/** @param {string} text */
const encodable = (text) => text.replace(/\p{Surrogate}/gu, "\ufffd");

/** The text with a blank for each space of Python's: \s has others here. @param {string} text */
const spaced = (text) => [...text].map((char) => (isSpace(char) ? " " : char)).join("");

/** English words in lower case; each punctuation mark is a separate token. @type {Tokenizer} */
function words(text) {
  const plain = spaced(encodable(text).normalize("NFC"))
    .replaceAll("’", "'")
    .replace(/<br *\/?>/gi, " ");
  return plain.toLowerCase().match(/[\p{L}\p{N}_]+(?:'[\p{L}\p{N}_]+)*|[^\p{L}\p{N}_ ]/gu) ?? [];
}

/** Every character except white space. @type {Tokenizer} */
const characters = (text) => [...encodable(text).normalize("NFKC")].filter((char) => !isSpace(char));

/** What stands between white space, unchanged. @type {Tokenizer} */
const spaces = (text) =>
  spaced(encodable(text))
    .split(" ")
    .filter((token) => token);

/** What Keras's Tokenizer finds. @param {Described} settings @returns {Tokenizer} */
function keras({ filters = "", lower, split = " ", char_level }) {
  const filtered = new Set(filters);
  return (text) => {
    const chars = [...(lower ? encodable(text).toLowerCase() : encodable(text))];
    if (char_level) return chars;
    const divided = chars.map((char) => (filtered.has(char) ? split : char)).join("");
    return divided.split(split).filter((token) => token);
  };
}

/** The tokeniser that `to_json` described. @param {Described} described */
export function tokenizerFrom(described) {
  if (described.name === "keras") return keras(described);
  const tokenizer = new Map([
    ["words", words],
    ["characters", characters],
    ["spaces", spaces],
  ]).get(described.name);
  if (!tokenizer) throw new Error(`page: expected a tokeniser that it knows, got ${described.name}`);
  return tokenizer;
}
