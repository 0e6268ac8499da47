// @ts-check
// The list of texts: those of the test part, or the reader's.

import { startList } from "../../support/page/list.js";
import { element, find, visible } from "../../support/page/text.js";
import { classes, data, reader } from "./data.js";
import { shownModel } from "./models.js";

/** @import { Text } from "./data.js" */
/**
 * searched: what the search looks through, besides the class that is found.
 * @typedef {Text & { index: number, searched: string }} Listed
 */

const SHOWN = 160; // characters of a text in the list

/** @type {Listed[]} */
const texts = data.texts.map((text, index) => ({
  ...text,
  index,
  searched: [text.text, text.label ?? ""].join("\n").toLowerCase(),
}));

/** The class that the model shown finds. @param {Text} text */
const ownClass = ({ own }) => own[shownModel()];

let listAgain = () => {};

/** Lists the texts by what the model that is shown now finds in them. */
export const listTexts = () => listAgain();

/** @param {Listed} listed */
function parts(listed) {
  const { text, label } = listed;
  const own = ownClass(listed);
  const chars = [...text];
  const beginning = chars.slice(0, SHOWN).join("");
  const wrong = label !== null && label !== own;
  return [
    element(
      "bdi",
      { class: "asked", lang: reader().settings.lang },
      visible(beginning) + (chars.length > SHOWN ? "…" : ""),
    ),
    element("span", { class: "own" }, ...(wrong ? [element("del", {}, visible(own)), " "] : []), visible(label ?? own)),
  ];
}

/**
 * Fills the list and returns its first text.
 * @param {(text: Listed) => void} choose called with each text that the reader chooses
 */
export function startTexts(choose) {
  const [chosen, differ] = ["class", "differ"].map((id) => find(id, HTMLSelectElement));
  differ.hidden = data.models.length < 2;
  chosen.append(...classes.map((name) => element("option", { value: name }, visible(name))));
  listAgain = startList({
    items: texts,
    right: (text) => (text.label === null ? null : ownClass(text) === text.label),
    searched: (text) => `${text.searched}\n${ownClass(text).toLowerCase()}`,
    filters: ["class", "differ"],
    passes: (text) =>
      ["", text.label ?? ownClass(text)].includes(chosen.value) &&
      ["", String(new Set(text.own).size > 1)].includes(differ.value),
    parts,
    choose,
  });
  return texts[0] ?? null;
}
