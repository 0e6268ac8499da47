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
