// @ts-check
// The list of questions, and their formats.

import { onLanguage, t } from "../../support/page/language.js";
import { markItem, startList } from "../../support/page/list.js";
import { element, find, number, visible } from "../../support/page/text.js";
import { data } from "./data.js";
import { epochsHere, shownEpoch, shownModel, stateAt } from "./models.js";
import { markWrong } from "./shown.js";
import { nameOfEpoch } from "./side_by_side.js";

/** @import { Question } from "./data.js" */
/** @typedef {Question & { index: number, shape: string, searched: string }} Listed  searched: what the search looks through */

const SHAPES = 30;

/** @type {Listed[]} */
const questions = data.questions.map((question, index) => ({
  ...question,
  index,
  shape: shapeOf(question.question),
  searched: [question.question, question.own, question.answer ?? ""].join("\n").toLowerCase(),
}));

/** A text with all words and all numbers alike: `May 1, 1972` is `Word 0, 0`. @param {string} text */
function shapeOf(text) {
  return text.replace(/\p{N}+/gu, "0").replace(/\p{L}[\p{L}\p{M}]*/gu, (word) => {
    if (word === word.toLowerCase()) return "word";
    return word === word.toUpperCase() ? "WORD" : "Word";
  });
}

function offerShapes() {
  const counts = new Map();
  for (const { shape, question } of questions) {
    const known = counts.get(shape) ?? { example: question, count: 0 };
    counts.set(shape, { ...known, count: known.count + 1 });
  }
  const most = [...counts].sort(([, a], [, b]) => b.count - a.count).slice(0, SHAPES);
  const options = most.map(([value]) => element("option", { value }));
  find("shape").append(...options);
  const name = () => {
    for (const [place, [, { example, count }]] of most.entries())
      options[place].textContent = t("like {example} ({count})", { example: visible(example), count: number(count) });
  };
  onLanguage(name);
  name();
}

/** Says whose answers the list has, where the page has others: those of what is shown at first. */
function nameAnswers() {
  const { name } = data.models[shownModel()];
  const { epoch } = stateAt(shownModel(), shownEpoch());
  const write = () => {
    const model = data.models.length > 1 ? visible(name) : "";
    const parts = [model, epochsHere.length > 1 ? nameOfEpoch(epoch) : ""].filter((part) => part);
    find("answers-of").textContent = parts.length ? t("answers of {name}", { name: parts.join(t(", ")) }) : "";
  };
  onLanguage(write);
  write();
}

/** Marks the question as chosen; null for none. */
export const markQuestion = markItem;

/**
 * Fills the list and returns its first question.
 * @param {(question: Listed) => void} choose called with each question that the reader chooses
 */
export function startQuestions(choose) {
  offerShapes();
  nameAnswers();
  startList({
    items: questions,
    right: ({ own, answer }) => (answer === null ? null : own === answer),
    searched: ({ searched }) => searched,
    filters: ["shape"],
    passes: ({ shape }) => ["", shape].includes(find("shape", HTMLSelectElement).value),
    parts: (question) => [
      element("bdi", { class: "asked" }, visible(question.question)),
      element(
        "span",
        { class: "own" },
        ...markWrong([...question.own], question.answer === null ? null : [...question.answer]),
      ),
    ],
    choose,
  });
  return questions[0] ?? null;
}
