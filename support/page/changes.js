// @ts-check
// What the reader has put in place of parts of a question or a text: characters or tokens, by place.

/** What stands in place of one that was blanked: the model reads padding there. */
export const BLANK = "";

/**
 * Puts a character or a token, or BLANK, in place of another one.
 * @param {Map<number, string>} changed by place
 * @param {number} place
 * @param {string} put
 * @param {string} original what stood there at first
 */
export function replace(changed, place, put, original) {
  if (put === original) changed.delete(place);
  else changed.set(place, put);
}
