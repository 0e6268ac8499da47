// @ts-check
// What if a character of the question were blank, or another one: keys and buttons that change it; and what came of
// this and of other changes.

import { onLanguage, t } from "../../support/page/language.js";
import { element, find, glyph, named, percent, speak } from "../../support/page/text.js";
import { changeNothing, changes, replace } from "./changes.js";
import { BLANK, PAD, refusal } from "./data.js";
import { offerForce, startForcing } from "./forced.js";
import { ask } from "./models.js";
import { drawOcclusion, forgetOcclusion, startOcclusion } from "./occlusion.js";
import { isFlipped, isReplaced, nameOf, originalOf, signOf } from "./shown.js";

/** @import { Asked } from "./data.js" */
/** @import { Place, Shown } from "./shown.js" */

/** @type {Shown | null} */
let changing = null;
/** @type {number | undefined} the character of the question that the buttons change: the last one that was chosen */
let chosenPlace;
/** @type {string | null} the character that was just refused */
let refused = null;
let askAgain = () => {};

/** Says what came of the changes. @param {Shown} shown */
export function drawWhatIf(shown) {
  changing = shown;
  forgetOcclusion(shown);
  refuse(null);
  find("changed").hidden = shown.before === null;
  if (shown.before) drawOutcome(shown, shown.before);
}

/** Offers to change what was chosen last; null: nothing is. @param {Place | null} chosen */
export function offerChanges(chosen) {
  drawOcclusion(chosen?.out);
  offerForce(changing?.hasMap ? changing : null, chosen?.out);
  const place = chosen && (chosen.in ?? chosenPlace);
  chosenPlace = place ?? undefined;
  find("edit").hidden = chosenPlace === undefined;
  if (changing === null || chosenPlace === undefined) return;
  offerEdits(changing, chosenPlace);
}

/**
 * @param {Shown} changing
 * @param {number} place
 */
function offerEdits(changing, place) {
  const values = { name: nameOf(changing.input[place]), place: place + 1 };
  find("edit").setAttribute("aria-label", t("Change {name}, character {place} of the question", values));
  find("edited").textContent = signOf(changing, place);
  find("edited-place").textContent = t("at {place}", values);
  find("blank").setAttribute("aria-pressed", String(changing.input[place] === BLANK));
  find("put-back", HTMLButtonElement).disabled = !isReplaced(changing, place);
}

/** A log-probability, and the probability. @param {number} logP */
export const inWords = (logP) =>
  t("{log} ({percent})", { log: logP.toFixed(3).replace("-", "−"), percent: percent(Math.exp(logP)) });

/**
 * @param {Shown} shown
 * @param {Asked} before
 */
function drawOutcome(shown, before) {
  const first = before.written;
  const same = first.every((char, place) => char === shown.written[place]);
  const again = same ? shown : ask(shown.question, first, changes);
  const [logBefore, logAfter] = [before, again].map(({ logP }) => logP.reduce((sum, p) => sum + p, 0));
  const flipped = [...shown.best.keys()].filter((place) => isFlipped(shown, place));
  const count = t("{count} of {all} characters flipped", { count: flipped.length, all: shown.best.length });
  find("before").replaceChildren(...before.best.map((char) => element("span", {}, glyph(char))));
  find("after").replaceChildren(
    ...shown.best.map((char, place) => element(flipped.includes(place) ? "ins" : "span", {}, glyph(char))),
  );
  const answer = first.map(glyph).join("");
  find("of-answer").textContent = shown.given
    ? t("log-probability of the given {answer}", { answer })
    : t("log-probability of {answer}", { answer });
  find("log-before").textContent = inWords(logBefore);
  find("log-after").textContent = inWords(logAfter);
  find("flipped").textContent = flipped.length ? count : t("No character flipped.");
  const written = shown.best.map(named).join("");
  const what = flipped.length ? t("{count}: {answer}.", { count, answer: written }) : t("No character flipped.");
  const values = { what, before: logBefore.toFixed(3), after: logAfter.toFixed(3) };
  speak(t("{what} Log-probability {before} before, {after} after", values));
}

/**
 * Puts a character in place of one of the question's and asks again.
 * @param {number} place
 * @param {string} char
 */
function put(place, char) {
  if (changing === null) return;
  if (refusal(char)) {
    refuse(char);
    speak(find("refused").textContent ?? "");
    return;
  }
  replace(place, char, originalOf(changing)[place]);
  askAgain();
}

/** Says why a character cannot be put; null: none was refused. @param {string | null} char */
function refuse(char) {
  refused = char;
  find("refused").textContent =
    char === null ? "" : t("“{char}” {reason}.", { char: named(char || PAD), reason: refusal(char) });
}

/** Blanks a character, or puts it back. @param {number} place */
function toggleBlank(place) {
  if (changing === null) return;
  put(place, changing.input[place] === BLANK ? originalOf(changing)[place] : BLANK);
}

/** @param {KeyboardEvent} event */
function changeByKey(event) {
  const button = event.target instanceof Element ? event.target.closest("button.char") : null;
  if (!(button instanceof HTMLElement) || changing === null || event.ctrlKey || event.metaKey || event.altKey) return;
  const place = Number(button.dataset.in);
  if (event.key === "Delete" || event.key === "Backspace") toggleBlank(place);
  else if (event.key === "Escape" && isReplaced(changing, place)) put(place, originalOf(changing)[place]);
  else if (event.key !== " " && [...event.key].length === 1) put(place, event.key);
  else return;
  event.preventDefault();
}

/** The button of a character of the question. @param {number} place */
const characterAt = (place) => /** @type {HTMLElement | undefined} */ (find("row-in").children[place]);

/** @param {() => void} again what to do when something has changed */
export function startWhatIf(again) {
  askAgain = again;
  startOcclusion();
  startForcing(again);
  const field = find("replacement", HTMLInputElement);
  const typedOne = (/** @type {Event} */ event) => {
    if (event instanceof InputEvent && event.isComposing) return;
    const char = [...field.value].at(-1);
    field.value = "";
    if (char !== undefined && chosenPlace !== undefined) put(chosenPlace, char);
  };
  field.addEventListener("input", typedOne);
  field.addEventListener("compositionend", typedOne);
  find("blank").addEventListener("click", () => {
    if (chosenPlace !== undefined) toggleBlank(chosenPlace);
  });
  find("put-back").addEventListener("click", () => {
    if (changing === null || chosenPlace === undefined) return;
    put(chosenPlace, originalOf(changing)[chosenPlace]);
    characterAt(chosenPlace)?.focus();
  });
  find("put-all-back").addEventListener("click", () => {
    changeNothing();
    askAgain();
    characterAt(chosenPlace ?? 0)?.focus();
  });
  find("row-in").addEventListener("keydown", changeByKey);
  onLanguage(() => {
    refuse(refused);
    if (changing?.before) drawOutcome(changing, changing.before);
  });
}
