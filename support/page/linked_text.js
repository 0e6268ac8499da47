// @ts-check
// What a link holds of the text that the model reads: typed, or chosen from the list of the page's texts.

import { BLANK } from "./changes.js";
import { t } from "./language.js";
import { chosenItem } from "./list.js";
import { placeOutOf } from "./share.js";
import { find } from "./text.js";

/** @import { Link } from "./share.js" */
/**
 * How a page shows a text of the list, or one as if it were typed.
 * @typedef {{ choose: (index: number) => unknown, type: (text: string) => unknown }} Showing
 */

const textField = () => /** @type {HTMLInputElement | HTMLTextAreaElement} */ (find("text"));

/** Which text of the list is shown; null if it was typed, or if one that was typed cannot be. */
const listedItem = () => (find("view").inert ? null : chosenItem());

/** The text as it was typed or chosen. @param {string[]} texts of the list */
export const textShown = (texts) => texts[listedItem() ?? -1] ?? textField().value;

/** @param {string[]} texts of the list */
export function textInLink(texts) {
  const index = listedItem();
  return { text: [textShown(texts)], item: index === null ? [] : [String(index + 1)] };
}

/**
 * Shows the text of a link; resolves to whether the model reads it, so that there is more to show.
 * @param {Link} link
 * @param {string[]} texts of the list
 * @param {Showing} showing
 */
export async function showTextInLink(link, texts, { choose, type }) {
  const listed = t("the place in the list");
  const [index] = link.take("item", listed, placeOutOf(texts.length));
  const [text = texts[index] ?? textShown(texts)] = link.take("text", "", (value) => value);
  const isListed = texts[index] === text;
  if (index !== undefined && !isListed) link.misfits.add(listed);
  if (!isListed && textField().readOnly) {
    link.leaveOut(t("the text"));
    return false;
  }
  await (isListed ? choose(index) : type(text));
  if (link.isOver) return false;
  // what is wrong with a text stands below it
  if (find("view").inert && link.values.size) link.leaveOut(t("what was done with the text"));
  return !find("view").inert;
}

/** What the reader has blanked and put in. @param {Map<number, string>} changes by place */
export const changesInLink = (changes) => ({
  blank: [...changes].flatMap(([place, put]) => (put === BLANK ? [String(place + 1)] : [])),
  put: [...changes].flatMap(([place, put]) => (put === BLANK ? [] : [`${place + 1}:${put}`])),
});

/**
 * The name of the model that is shown, where there are several.
 * @param {string[]} names
 * @param {number} index
 */
export const modelInLink = (names, index) => (names.length > 1 ? [names[index]] : []);

/**
 * Shows the model that a link names.
 * @param {Link} link
 * @param {string[]} names
 * @param {(index: number) => void} show
 */
export function showModelInLink(link, names, show) {
  const known = (/** @type {string} */ name) => (names.includes(name) ? names.indexOf(name) : undefined);
  for (const index of link.take("model", t("the model"), known)) show(index);
}
