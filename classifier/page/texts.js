// @ts-check
// The list of texts: those of the test part, or the reader's.

import { startList } from "../../support/page/list.js";
import { element, find, visible } from "../../support/page/text.js";
import { data } from "./data.js";

/** @import { Text } from "./data.js" */
/** @typedef {Text & { index: number, searched: string }} Listed  searched: what the search looks through */

const SHOWN = 160; // characters of a text in the list

/** @type {Listed[]} */
const texts = data.texts.map((text, index) => ({
  ...text,
  index,
  searched: [text.text, text.own, text.label ?? ""].join("\n").toLowerCase(),
}));

/** @param {Listed} text */
function parts({ text, label, own }) {
  const chars = [...text];
  const beginning = chars.slice(0, SHOWN).join("");
  const wrong = label !== null && label !== own;
  return [
    element("bdi", { class: "asked", lang: data.lang }, visible(beginning) + (chars.length > SHOWN ? "…" : "")),
    element("span", { class: "own" }, ...(wrong ? [element("del", {}, visible(own)), " "] : []), visible(label ?? own)),
  ];
}

/**
 * Fills the list and returns its first text.
 * @param {(text: Listed) => void} choose called with each text that the reader chooses
 */
export function startTexts(choose) {
  const chosen = find("class", HTMLSelectElement);
  chosen.append(...data.classes.map((name) => element("option", { value: name }, visible(name))));
  startList({
    items: texts,
    right: ({ label, own }) => (label === null ? null : own === label),
    searched: ({ searched }) => searched,
    filters: ["class"],
    passes: ({ label, own }) => ["", label ?? own].includes(chosen.value),
    parts,
    choose,
  });
  return texts[0] ?? null;
}
