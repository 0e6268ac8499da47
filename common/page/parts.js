// @ts-check
// The part of each token in an output as bars, such as attention and occlusion, and how two such rows correlate.

import { t } from "../../support/page/language.js";
import { rounded } from "../../support/page/text.js";
import { spearman } from "./faithfulness.js";

/**
 * Makes each cell a bar, as tall as its value among all of them; a negative one hangs from the line.
 * @param {HTMLElement[]} cells
 * @param {number[]} values
 */
export function drawBars(cells, values) {
  const up = Math.max(0, ...values);
  const down = Math.max(0, ...values.map((v) => -v));
  const whole = up + down || 1;
  for (const [place, cell] of cells.entries()) {
    cell.classList.add("part");
    cell.classList.toggle("less", values[place] < 0);
    cell.style.setProperty("--w", String(Math.abs(values[place]) / whole));
    cell.style.setProperty("--base", String(down / whole));
  }
}

/** The value of the tallest bar. @param {number[]} values */
export const tallest = (values) => values.reduce((most, v) => (Math.abs(v) > Math.abs(most) ? v : most), 0);

/**
 * The rank correlation of two rows, in words.
 * @param {number[]} a
 * @param {number[]} b
 * @param {string} over what they have a value of
 */
export function correlation(a, b, over) {
  const rho = spearman(a, b);
  return Number.isNaN(rho)
    ? t("none, as one row is all equal, {over}", { over })
    : t("{rho} {over}", { rho: rounded(rho, 2), over });
}
