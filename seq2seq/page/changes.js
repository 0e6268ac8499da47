// @ts-check
// What the reader has changed of the question that is shown.

/** @import { Changes } from "./data.js" */

/** @type {Changes} */
export const changes = { input: new Map(), forced: new Map() };

export const isChanged = () => changes.input.size + changes.forced.size > 0;

export function changeNothing() {
  changes.input.clear();
  changes.forced.clear();
}

/**
 * Puts a character, or BLANK, in place of another one.
 * @param {number} place
 * @param {string} char
 * @param {string} original what stood there at first
 */
export function replace(place, char, original) {
  if (char === original) changes.input.delete(place);
  else changes.input.set(place, char);
}
