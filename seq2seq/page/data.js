// What the page holds: settings and questions, the weights, and the characters that the model knows.

import { AttentionSeq2seq } from "./forward.js";

const held = (id) => JSON.parse(document.getElementById(id).textContent);

export const data = held("data");

/** Base64 of little-endian float32, which is the order of every machine that runs a browser. */
function floats(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
  return new Float32Array(bytes.buffer);
}

export const model = new AttentionSeq2seq(
  Object.fromEntries(
    Object.entries(held("weights")).map(([name, { shape, base64 }]) => [name, { shape, values: floats(base64) }]),
  ),
  data.mask_padding,
);

const ids = new Map(data.vocabulary.map((char, id) => [char, id]));
const seen = new Set(data.question_characters);

// As Python's str.strip has it; trim() takes others away.
const isSpace = (char) => char !== "\ufeff" && (/\s/u.test(char) || "\x1c\x1d\x1e\x1f\x85".includes(char));

/** The characters of a text without the spaces around it. */
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

/** The characters of a text, padded with spaces to the width that the model was trained on. */
function padded(chars) {
  return [...chars, ...Array(Math.max(0, data.T_enc - chars.length)).fill(" ")];
}

/** What is wrong with a text: places of the characters that no question had, as far as it is read; whether it is too long. */
export function faults(text) {
  const chars = strip(text);
  const input = chars.length ? padded(chars).slice(0, data.T_enc) : [];
  const unknown = [...input.keys()].filter((place) => !seen.has(input[place]));
  return { chars, input, unknown, tooLong: chars.length > data.T_enc };
}

/**
 * Asks the model as scripts/convert_date.py does. Places are those of the text, whichever way the model reads it.
 * Returns input and written, characters; best: the model's own choice at each place; p; weights; ms.
 */
export function ask(question, given = null) {
  const begin = performance.now();
  const input = padded(strip(question));
  const xs = input.map((char) => ids.get(char));
  const written = given === null ? null : [...given];
  const decoded = model.decode(
    data.reverse ? xs.toReversed() : xs,
    ids.get(data.start),
    data.T_dec,
    written?.map((char) => ids.get(char)),
  );
  const weights = data.reverse ? decoded.weights.map((a) => a.toReversed()) : decoded.weights;
  const best = decoded.ids.map((id) => data.vocabulary[id]);
  return { input, written: written ?? best, best, p: decoded.p, weights, ms: performance.now() - begin };
}
