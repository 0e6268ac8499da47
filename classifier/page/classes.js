// @ts-check
// The probabilities of the classes, as bars.

import { argmax } from "../../common/page/layers.js";
import { element, percent, visible } from "../../support/page/text.js";
import { classes } from "./data.js";

/** @import { Explained } from "./forward.js" */

/** The class that a model finds. @param {Explained} explained */
export const classOf = ({ probabilities }) => classes[argmax(probabilities)];

/** A class's share of the probability: a bar and a number. @param {number} p */
export function shareCell(p) {
  const bar = element("div", { class: "share" });
  bar.style.setProperty("--w", p.toFixed(6));
  return element("td", {}, bar, element("span", { class: "percent" }, percent(p)));
}

/**
 * A row per class.
 * @param {Explained} explained
 * @param {string | null} label the right class, if known
 * @param {string} mark beside that
 */
export function classRows(explained, label, mark) {
  const best = classOf(explained);
  return classes.map((name, k) => {
    const right = name === label ? element("span", { class: "right" }, mark) : "";
    return element(
      "tr",
      { class: name === best ? "best" : "" },
      element("th", { scope: "row" }, element("bdi", {}, visible(name)), right),
      shareCell(explained.probabilities[k]),
    );
  });
}
