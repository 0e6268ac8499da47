// @ts-check
// What if a character of the question were blank, or another one; and what came of this and of other changes.

import { replace } from "../../support/page/changes.js";
import { lastEdited, offerEdits, refuse, startEdits } from "../../support/page/edits.js";
import { onLanguage, t } from "../../support/page/language.js";
import { element, find, glyph, named, percent, rounded, speak } from "../../support/page/text.js";
import { changeNothing, changes } from "./changes.js";
import { PAD, refusal } from "./data.js";
import { offerForce, startForcing } from "./forced.js";
import { ask } from "./models.js";
import { drawOcclusion, forgetOcclusion, startOcclusion } from "./occlusion.js";
import { isFlipped, nameOf, originalOf, signOf } from "./shown.js";

/** @import { Asked } from "./data.js" */
/** @import { Place, Shown } from "./shown.js" */

/** @type {Shown | null} */
let changing = null;
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
  offerEdits(editable(), (chosen && (chosen.in ?? lastEdited())) ?? undefined);
}

/** The characters that can be changed. */
function editable() {
  if (changing === null) return null;
  const shown = changing;
  const label = (/** @type {number} */ place) =>
    t("Change {name}, character {place} of the question", { name: nameOf(shown.input[place]), place: place + 1 });
  const sign = (/** @type {number} */ place) => signOf(shown, place);
  return { now: shown.input, original: originalOf(shown), label, sign };
}

/** A log-probability, and the probability. @param {number} logP */
export const inWords = (logP) => t("{log} ({percent})", { log: rounded(logP, 3), percent: percent(Math.exp(logP)) });

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
    refuse(() => t("“{char}” {reason}.", { char: named(char || PAD), reason: refusal(char) }));
    return;
  }
  replace(changes.input, place, char, originalOf(changing)[place]);
  askAgain();
}

/** @param {() => void} again what to do when something has changed */
export function startWhatIf(again) {
  askAgain = again;
  startOcclusion();
  startForcing(again);
  startEdits({
    row: find("row-in"),
    editable,
    put,
    type: (place, text) => put(place, /** @type {string} */ ([...text].at(-1))),
    single: () => true,
    putAllBack: () => {
      changeNothing();
      askAgain();
    },
  });
  onLanguage(() => {
    if (changing?.before) drawOutcome(changing, changing.before);
  });
}
