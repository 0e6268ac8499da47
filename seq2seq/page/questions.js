// The list of questions: search, filter, choose.

import { data } from "./data.js";
import { element, find, glyph, number, visible } from "./text.js";

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
    element("span", { class: "mark", title: meaning }, mark),
    element("bdi", { class: "asked" }, visible(question.question)),
    element("span", { class: "own" }, ...answerOf(question)),
    element("span", { class: "spoken" }, meaning),
  );
  if (question.index === chosen) button.setAttribute("aria-current", "true");
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
}

/** Marks the question as chosen; null for none. */
export function markQuestion(index) {
  chosen = index;
  for (const button of find("list").querySelectorAll("button")) {
    button.toggleAttribute("aria-current", false);
    if (Number(button.dataset.index) === index) button.setAttribute("aria-current", "true");
  }
}

/** choose(question): called with the question that was chosen. */
export function startQuestions(choose) {
  offerShapes();
  for (const id of ["search", "verdict", "shape"]) {
    find(id).addEventListener("input", () => {
      limit = AT_ONCE;
      list(choose);
    });
  }
  find("more").addEventListener("click", () => {
    limit += AT_ONCE;
    list(choose);
  });
  find("list").addEventListener("keydown", (event) => {
    const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    const next = step && event.target.closest("li")?.[step]?.firstElementChild;
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
  list(choose);
  return questions[0] ?? null;
}
