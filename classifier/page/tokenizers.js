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

/** As Python's str.split() divides it. @param {string} text */
function atSpaces(text) {
  const spaced = [...text].map((char) => (isSpace(char) ? " " : char)).join("");
  return spaced.split(" ").filter((token) => token);
}

/** English words in lower case; each punctuation mark is a separate token. @type {Tokenizer} */
function words(text) {
  // a space here and a space in Python: \s has others
  const spaced = [...encodable(text).normalize("NFC")].map((char) => (isSpace(char) ? " " : char)).join("");
  const plain = spaced.replaceAll("’", "'").replace(/<br *\/?>/gi, " ");
  return plain.toLowerCase().match(/[\p{L}\p{N}_]+(?:'[\p{L}\p{N}_]+)*|[^\p{L}\p{N}_ ]/gu) ?? [];
}

/** Every character except white space. @type {Tokenizer} */
const characters = (text) => [...encodable(text).normalize("NFKC")].filter((char) => !isSpace(char));

/** What stands between white space, unchanged. @type {Tokenizer} */
const spaces = (text) => atSpaces(encodable(text));

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
