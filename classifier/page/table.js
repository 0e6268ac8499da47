// @ts-check
// classifier/token_table.py: the table of a text's tokens and their weights.

import { meanRanks } from "../../common/page/faithfulness.js";
import { t } from "../../support/page/language.js";
import { element, find } from "../../support/page/text.js";
import { reader } from "./data.js";
import { changeOfWeights, signOf } from "./shown.js";

/** @import { Vector } from "../../common/page/layers.js" */
/** @import { Explained } from "./forward.js" */
/** @import { Read } from "./shown.js" */
/**
 * A row per token: rank, 1 for the largest, ties sharing their mean rank; normalized, the weight above the mean; shade,
 * 0..1, how dark to draw it.
 * @typedef {{ weight: number, rank: number, normalized: number, shade: number }} Row
 */

const SHADES = 12;

/** The kind of weights that is shown of those that a model has, if any. @param {Explained} explained */
export function kindOf({ weights }) {
  const kinds = Object.keys(weights);
  return kinds.find((kind) => document.getElementById(kind)?.matches(":checked")) ?? kinds[0];
}

/** @param {Vector} weights @returns {Row[]} */
export function tokenTable(weights) {
  const values = [...weights];
  const ranks = meanRanks(values.map((v) => -v));
  const [least, most] = [Math.min(...values), Math.max(...values)];
  // rounding must not move the mean of equal weights away from them
  const mean = Math.min(Math.max(values.reduce((sum, v) => sum + v, 0) / values.length, least), most);
  const largest = most - mean || 1;
  return values.map((weight, place) => {
    const normalized = Math.max(weight - mean, 0);
    return { weight, rank: ranks[place], normalized, shade: normalized / largest };
  });
}

/** Four decimals, and up to eight where even the largest is small, as in a long text. @param {number[]} values */
export function numbers(values) {
  const largest = Math.max(...values.map(Math.abs));
  const decimals = largest > 0 ? Math.max(4, 2 - Math.floor(Math.log10(largest))) : 4;
  if (decimals > 8) return values.map((value) => (value ? value.toExponential(2) : "0"));
  return values.map((value) => (Math.abs(value) < 1000 ? value.toFixed(decimals) : value.toPrecision(3)));
}

/** Changes, with their signs. @param {number[]} changes */
export function signedNumbers(changes) {
  const sizes = numbers(changes.map(Math.abs));
  return sizes.map((size, place) => (changes[place] < 0 ? "−" : "+") + size);
}

/** The class of a shade 0..1. @param {number} shade */
export const shadeOf = (shade) => `s${Math.round(shade * (SHADES - 1))}`;

/** @param {Read} shown */
export function drawTable(shown) {
  const rows = shown.rows ?? [];
  const change = changeOfWeights(shown);
  const changes = change && signedNumbers(change);
  const weights = numbers(rows.map(({ weight }) => weight));
  const normalized = numbers(rows.map((row) => row.normalized));
  const drawn = rows.map(({ rank, shade, normalized: above }, place) => {
    const looks = { scope: "row", class: shadeOf(shade), lang: reader().settings.lang };
    const name = element("th", looks, element("bdi", {}, signOf(shown.tokens[place])));
    const cells = [weights[place], String(rank), normalized[place], above > 0 ? t("yes") : t("no")];
    if (changes) cells.push(changes[place]);
    return element("tr", { "data-token": place }, name, ...cells.map((cell) => element("td", {}, cell)));
  });
  find("change-column").hidden = change === null;
  find("table", HTMLTableElement).tBodies[0].replaceChildren(...drawn);
}

/** Fills the legend with all shades; its colours are those of the map. */
export function drawRamp() {
  find("ramp").replaceChildren(...Array.from({ length: SHADES }, (_, k) => element("span", { class: `shade s${k}` })));
}
