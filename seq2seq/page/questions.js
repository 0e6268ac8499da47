// The list of questions: search, filter, choose.

import { data } from "./data.js";
import { element, find, glyph, number, oneStop, speak, visible } from "./text.js";

const AT_ONCE = 200;
const SHAPES = 30;

const questions = data.questions.map((question, index) => ({
  ...question,
  index,
  right: question.answer === null ? null : question.own === question.answer,
  shape: shapeOf(question.question),
  searched: [question.question, question.own, question.answer ?? ""].join("\n").toLowerCase(),
}));

let limit = AT_ONCE;
let chosen = null;

/** What a text looks like when words and numbers are all the same: `May 1, 1972` is `Word 0, 0`. */
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

/** The model's own answer; where it is wrong, each wrong character marked. */
function answerOf({ own, answer }) {
  const wanted = answer === null ? [...own] : [...answer];
  return [...own].map((char, place) =>
    char === wanted[place] ? element("span", {}, glyph(char)) : element("del", {}, glyph(char)),
  );
}

const MARKS = new Map([
  [true, ["right", "✓"]],
  [false, ["wrong", "✗"]],
  [null, ["no answer given", "·"]],
]);

function item(question, choose) {
  const [meaning, mark] = MARKS.get(question.right);
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

function list(choose) {
  const text = find("search").value.toLowerCase();
  const [verdict, shape] = [find("verdict").value, find("shape").value];
  const found = questions.filter(
    (question) =>
      question.searched.includes(text) &&
      (verdict === "" || String(question.right) === verdict) &&
      (shape === "" || question.shape === shape),
  );
  const wrong = found.filter(({ right }) => right === false).length;
  find("found").textContent = `${number(found.length)} of ${number(questions.length)}, ${number(wrong)} answered wrong`;
  find("list").replaceChildren(...found.slice(0, limit).map((question) => item(question, choose)));
  find("more").hidden = found.length <= limit;
  markQuestion(chosen);
}

const buttons = () => [...find("list").querySelectorAll("button")];

/** Marks the question as chosen; null for none. */
export function markQuestion(index) {
  chosen = index;
  const current = buttons().find((button) => Number(button.dataset.index) === index);
  for (const button of buttons()) button.setAttribute("aria-current", button === current);
  oneStop(buttons(), current ?? buttons()[0]);
}

/** choose(question): called with the question that was chosen. */
export function startQuestions(choose) {
  offerShapes();
  for (const id of ["search", "verdict", "shape"]) {
    find(id).addEventListener("input", () => {
      limit = AT_ONCE;
      list(choose);
      speak(find("found").textContent);
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
    const place = all.indexOf(event.target);
    const next = all[{ ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: all.length - 1 }[event.key]];
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
  list(choose);
  return questions[0] ?? null;
}
