// @ts-check
// Facts about the text that is shown, which its words, its map and its table share.

import { BLANK } from "../../support/page/changes.js";
import { t } from "../../support/page/language.js";
import { visible } from "../../support/page/text.js";

/** @import { Vector } from "../../common/page/layers.js" */
/** @import { Row } from "./table.js" */
/**
 * A text that was explained. rows: null for a model without weights; map (T, T): which tokens each token looked at, or
 * null; before: the same before the reader's changes, null where there are none; isChange: whether the weights that are
 * shown are the change since.
 * @typedef {object} Read
 * @property {string[]} tokens
 * @property {Row[] | null} rows
 * @property {Vector[] | null} map
 * @property {{ tokens: string[], weights: Vector | null, map: Vector[] | null } | null} before
 * @property {boolean} isChange
 */

/** The sign of a token that may be blanked. @param {string} token */
export const signOf = (token) => (token === BLANK ? "·" : visible(token));

/** The name of a token that may be blanked. @param {string} token */
export const nameOf = (token) => (token === BLANK ? t("blank") : visible(token));

/**
 * What stood in this place before the changes, if that was something else.
 * @param {Read} shown
 * @param {number} place
 */
export function replacedAt({ tokens, before }, place) {
  return before === null || before.tokens[place] === tokens[place] ? null : before.tokens[place];
}

/**
 * @param {Vector} after
 * @param {Vector} before
 */
const difference = (after, before) => [...after].map((weight, place) => weight - before[place]);

/** How the weights of the tokens have changed; null where nothing did. @param {Read} shown */
export function changeOfWeights({ rows, before }) {
  if (rows === null || !before?.weights) return null;
  return difference(
    Float32Array.from(rows, ({ weight }) => weight),
    before.weights,
  );
}

/** How the map has changed; null where nothing did. @param {Read} shown */
export function changeOfMap({ map, before }) {
  const was = before?.map;
  return map && was ? map.map((a, place) => difference(a, was[place])) : null;
}

/**
 * How the weights of the row that is pointed at, or else of the tokens, have changed, if that is what is shown.
 * @param {Read} shown
 * @param {number | undefined} pointed
 */
export function shownChange(shown, pointed) {
  if (!shown.isChange) return null;
  const was = shown.before?.map;
  if (shown.map && was && pointed !== undefined) return difference(shown.map[pointed], was[pointed]);
  return changeOfWeights(shown);
}
