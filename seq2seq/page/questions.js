// @ts-check
// The list of questions: search, filter, choose.

import { element, find, glyph, number, oneStop, speak, visible } from "../../support/page/text.js";
import { data } from "./data.js";

/** @import { Question } from "./data.js" */
/**
 * right: whether the model's own answer is, null where no answer is known; searched: what the search looks through.
 * @typedef {Question & { index: number, right: boolean | null, shape: string, searched: string }} Listed
 */
/** @typedef {(question: Listed) => void} Choose */

const AT_ONCE = 200;
const SHAPES = 30;

/** @type {Listed[]} */
const questions = data.questions.map((question, index) => ({
  ...question,
  index,
  right: question.answer === null ? null : question.own === question.answer,
  shape: shapeOf(question.question),
  searched: [question.question, question.own, question.answer ?? ""].join("\n").toLowerCase(),
}));

let limit = AT_ONCE;
/** @type {number | null} */
let chosen = null;

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
  const options = most.map(([shape, { example, count }]) =>
    element("option", { value: shape }, `like ${visible(example)} (${number(count)})`),
  );
  find("shape").append(...options);
}

/** The model's own answer, with each wrong character marked. @param {Listed} question */
function answerOf({ own, answer }) {
  const right = [...(answer ?? own)];
  return [...own].map((char, place) => element(char === right[place] ? "span" : "del", {}, glyph(char)));
}

/** @param {boolean | null} right */
function verdictOn(right) {
  if (right === null) return ["no answer given", "·"];
  return right ? ["right", "✓"] : ["wrong", "✗"];
}

/**
 * @param {Listed} question
 * @param {Choose} choose
 */
function item(question, choose) {
  const [meaning, mark] = verdictOn(question.right);
  const button = element(
    "button",
    { type: "button", class: "question", "data-index": question.index },
    element("span", { class: "mark", title: meaning, "aria-hidden": true }, mark),
    element("bdi", { class: "asked" }, visible(question.question)),
    element("span", { class: "own" }, ...answerOf(question)),
    element("span", { class: "spoken" }, meaning),
  );
  button.addEventListener("click", () => choose(question));
  return element("li", {}, button);
}

/** @param {Choose} choose */
function list(choose) {
  const text = find("search", HTMLInputElement).value.toLowerCase();
  const verdict = find("verdict", HTMLSelectElement).value;
  const shape = find("shape", HTMLSelectElement).value;
  const found = questions.filter(
    (question) =>
      question.searched.includes(text) &&
      (verdict === "" || String(question.right) === verdict) &&
      (shape === "" || question.shape === shape),
  );
  const wrong = found.filter(({ right }) => right === false).length;
  find("found").textContent = `${number(found.length)} of ${number(questions.length)}, ${number(wrong)} wrong`;
  find("list").replaceChildren(...found.slice(0, limit).map((question) => item(question, choose)));
  find("more").hidden = found.length <= limit;
  markQuestion(chosen);
}

const buttons = () => [...find("list").querySelectorAll("button")];

/** Marks the question as chosen; null for none. @param {number | null} index */
export function markQuestion(index) {
  chosen = index;
  const current = buttons().find((button) => Number(button.dataset.index) === index);
  for (const button of buttons()) button.setAttribute("aria-current", String(button === current));
  oneStop(buttons(), current ?? buttons()[0]);
}

/**
 * Fills the list and returns its first question.
 * @param {Choose} choose called with each question that the reader chooses
 */
export function startQuestions(choose) {
  offerShapes();
  for (const id of ["search", "verdict", "shape"]) {
    find(id).addEventListener("input", () => {
      limit = AT_ONCE;
      list(choose);
      speak(find("found").textContent ?? "");
    });
  }
  find("more").addEventListener("click", () => {
    const shown = buttons().length;
    limit += AT_ONCE;
    list(choose);
    buttons()[shown].focus();
  });
  find("list").addEventListener("focusin", ({ target }) => oneStop(buttons(), target));
  find("list").addEventListener("keydown", (event) => {
    const all = buttons();
    const place = all.indexOf(/** @type {HTMLButtonElement} */ (event.target));
    const places = new Map([
      ["ArrowDown", place + 1],
      ["ArrowUp", place - 1],
      ["Home", 0],
      ["End", all.length - 1],
    ]);
    const next = all[places.get(event.key) ?? -1];
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
  list(choose);
  return questions[0] ?? null;
}
