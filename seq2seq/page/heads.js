// @ts-check
// Which attention of a Transformer the map shows: the mean of all heads, or that of one.

import { onLanguage, t } from "../../support/page/language.js";
import { element, find } from "../../support/page/text.js";
import { data } from "./data.js";
import { headCount, showHead, shownHead, shownModel, whenShown } from "./models.js";

/** @import { Link } from "../../support/page/share.js" */

/** The layer and the head in it, counted from 1. @param {number} head counted through all layers */
function placeOfHead(head) {
  const { heads = 1 } = data.models[shownModel()];
  return { layer: Math.floor(head / heads) + 1, head: (head % heads) + 1 };
}

/** @param {number | null} head null: all of them */
const nameOfHead = (head) =>
  head === null ? t("mean of all heads") : t("layer {layer}, head {head}", placeOfHead(head));

/** Which attention is shown, in words; "" where there is one alone. */
export const headInWords = () => (headCount() ? nameOfHead(shownHead()) : "");

/** Whose weights the reader forces, in words; "" where there is one attention alone. */
export function forcedHeads() {
  if (!headCount()) return "";
  const head = shownHead();
  return head === null
    ? t("Every head of every layer is made to look there.")
    : t("Only {head} is made to look there; the others look where they choose.", { head: nameOfHead(head) });
}

/** The head that is shown, as in a link: `2.1` is the first one of the second layer. */
export function headInLink() {
  const head = shownHead();
  return head === null ? [] : [Object.values(placeOfHead(head)).join(".")];
}

/** Shows the head that a link names, or the mean of all. @param {Link} link */
export function showHeadInLink(link) {
  const all = Array.from({ length: headCount() }, (_, head) => Object.values(placeOfHead(head)).join("."));
  const [head = null] = link.take("head", t("the head"), (value) =>
    all.includes(value) ? all.indexOf(value) : undefined,
  );
  showHead(head);
}

/** Offers the heads of the shown model. */
function offerHeads() {
  const heads = [null, ...Array(headCount()).keys()];
  find("heads").hidden = heads.length === 1;
  find("head").replaceChildren(...heads.map((head) => element("option", { value: head ?? "" }, nameOfHead(head))));
  markHead();
}

function markHead() {
  find("head", HTMLSelectElement).value = String(shownHead() ?? "");
}

export function startHeads() {
  const select = find("head", HTMLSelectElement);
  select.addEventListener("change", () => showHead(select.value === "" ? null : Number(select.value)));
  whenShown((which) => (which === "model" ? offerHeads() : markHead()));
  onLanguage(offerHeads);
  offerHeads();
}
