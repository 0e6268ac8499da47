// @ts-check
// Asks the model what is typed or chosen, and shows the answer.

import { onLanguage, phrased, startLanguage, t } from "../../support/page/language.js";
import { startSharing } from "../../support/page/share.js";
import { codeOf, element, find, glyph, named, number, speak, visible } from "../../support/page/text.js";
import { startTheme } from "../../support/page/theme.js";
import { changeNothing, changes, isChanged } from "./changes.js";
import { data, faults, refusal } from "./data.js";
import { parse } from "./dates.js";
import { ask, whenShown } from "./models.js";
import { markQuestion, startQuestions } from "./questions.js";
import { sharedQuestion } from "./state.js";
import { showMap, startMap } from "./view.js";

/** @import { Asked, Question } from "./data.js" */
/** @import { Which } from "./models.js" */

const BEYOND = 50; // characters shown of a text past its limit

/** @type {Pick<Question, "question" | "answer" | "truth">} */
let current = { question: "", answer: null, truth: null };

/** @type {Asked | null} the model's answer to it, without the reader's changes */
let unchanged = null;

/** Shows a question that was just typed or chosen. @param {Pick<Question, "question" | "answer" | "truth">} question */
function show(question) {
  current = question;
  changeNothing();
  if (question.answer === null) find("own-answer", HTMLInputElement).checked = true;
  find("given", HTMLInputElement).disabled = question.answer === null;
  find("asked").textContent = visible(question.question);
  find("view").inert = false;
  answerAgain(false);
}

/** Asks the model that is shown. @param {boolean} again whether the question was shown before */
function answerAgain(again) {
  const own = ask(current.question);
  find("own").textContent = visible(own.written.join(""));
  unchanged = find("given", HTMLInputElement).checked ? null : own;
  render(again);
}

/**
 * What another model or epoch answers, or where another head looks. Forced weights were of the model, or of a head.
 * @param {Which} which
 */
function showOther(which) {
  if (which !== "epoch") changes.forced.clear();
  if (current.question && !find("view").inert) answerAgain(true);
}

/** @param {boolean} again whether the question was shown before, in the other mode or with other changes */
function render(again) {
  const { question, truth } = current;
  const answer = current.answer === null ? null : [...current.answer];
  const given = answer !== null && find("given", HTMLInputElement).checked;
  const fedBack = given ? answer : null;
  unchanged ??= ask(question, fedBack);
  const before = isChanged() ? unchanged : null;
  const asked = before ? ask(question, fedBack, changes) : unchanged;
  find("time").textContent = `${asked.ms.toFixed(1)} ms`;
  showMap({ ...asked, question, answer, truth, given, before }, again);
}

/**
 * Says what is wrong with a text, and where; returns whether anything is.
 * @param {ReturnType<typeof faults>} found
 */
function explain({ chars, input, unknown, tooLong }) {
  const reasons = [...new Set(unknown.map((place) => input[place]))].map((char) => {
    const places = unknown.filter((place) => input[place] === char).map((place) => place + 1);
    const values = {
      char: named(char),
      code: codeOf(char).toUpperCase().padStart(4, "0"),
      places: places.join(t(", ")),
      reason: refusal(char),
    };
    return places.length > 1
      ? t("“{char}” (U+{code}, characters {places}) {reason}.", values)
      : t("“{char}” (U+{code}, character {places}) {reason}.", values);
  });
  const counts = { count: number(chars.length), most: data.T_enc };
  if (tooLong) reasons.push(t("{count} characters; the model reads at most {most}.", counts));
  /** @type {(Node | string)[]} */
  const marked = chars
    .slice(0, data.T_enc + BEYOND)
    .map((char, place) => element(unknown.includes(place) || place >= data.T_enc ? "mark" : "span", {}, glyph(char)));
  if (marked.length < chars.length) marked.push("…");
  find("echo").replaceChildren(...(reasons.length ? marked : []));
  find("reasons").textContent = reasons.join(" ");
  find("count").textContent = t("{count} of {most} characters", { ...counts, count: chars.length });
  find("text").setAttribute("aria-invalid", String(reasons.length > 0));
  return reasons.length > 0;
}

/** Answers a typed text; one that cannot be asked leaves the last map in place, dimmed. */
function typed() {
  const found = faults(find("text", HTMLInputElement).value);
  const refused = explain(found);
  if (refused || !found.chars.length) {
    find("view").inert = true;
    find("own").textContent = find("time").textContent = "";
    speak(find("reasons").textContent ?? "");
    return;
  }
  const question = found.chars.join("");
  markQuestion(null);
  show({ question, ...parse(question) });
  speak(find("own").textContent ?? "");
}

/** @param {Question & { index: number }} question */
function choose(question) {
  find("text", HTMLInputElement).value = question.question;
  explain(faults(question.question));
  markQuestion(question.index);
  show(question);
}

function drawAbout() {
  find("about").textContent = visible(data.about.map(phrased).join(" · "));
}

startLanguage(data.title);
startTheme();
drawAbout();
onLanguage(drawAbout);
onLanguage(() => explain(faults(find("text", HTMLInputElement).value)));
find("known").textContent = data.question_characters.map(glyph).join(" ");
whenShown(showOther);
startMap(() => render(true));
for (const id of ["own-answer", "given"]) {
  find(id).addEventListener("change", () => {
    unchanged = null;
    render(true);
  });
}
find("text").addEventListener("input", typed);
const first = startQuestions(choose);
if (first) choose(first);
else typed();
startSharing(
  sharedQuestion({
    choose: (index) => choose({ ...data.questions[index], index }),
    type: (text) => {
      find("text", HTMLInputElement).value = text;
      typed();
    },
    again: () => render(true),
  }),
);
