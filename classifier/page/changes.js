// @ts-check
// What the reader has changed of the text that is shown.

/** What stands in a text for a token that was blanked: the model reads padding there. */
export const BLANK = "";

/** @type {Map<number, string>} tokens by place, BLANK for one that is blanked */
export const changes = new Map();

export const isChanged = () => changes.size > 0;

export const changeNothing = () => changes.clear();

/**
 * Puts a token, or BLANK, in place of another one.
 * @param {number} place
 * @param {string} token
 * @param {string} original what stood there at first
 */
export function replace(place, token, original) {
  if (token === original) changes.delete(place);
  else changes.set(place, token);
}

/** The tokens of a text with the changes. @param {string[]} tokens */
export const changed = (tokens) => tokens.map((token, place) => changes.get(place) ?? token);
