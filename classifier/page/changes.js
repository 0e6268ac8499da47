// @ts-check
// What the reader has changed of the text that is shown.

/** @type {Map<number, string>} tokens by place, BLANK for one that is blanked */
export const changes = new Map();

export const isChanged = () => changes.size > 0;

export const changeNothing = () => changes.clear();

/** The tokens of a text with the changes. @param {string[]} tokens */
export const changed = (tokens) => tokens.map((token, place) => changes.get(place) ?? token);
