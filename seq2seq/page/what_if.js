// @ts-check
// What if a character of the question were blank, or another one; and what came of this and of other changes.

import { lastEdited, offerEdits, refuse, startEdits } from "../../support/page/edits.js";
import { element, find, glyph, named, percent, speak } from "../../support/page/text.js";
import { changeNothing, changes, replace } from "./changes.js";
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
  refuse("");
  find("changed").hidden = shown.before === null;
  if (shown.before) drawOutcome(shown, shown.before);
}

/** Offers to change what was chosen last; null: nothing is. @param {Place | null} chosen */
export function offerChanges(chosen) {
  drawOcclusion(chosen?.out);
  offerForce(changing, chosen?.out);
  offerEdits(editable(), (chosen && (chosen.in ?? lastEdited())) ?? undefined);
}

/** The characters that can be changed. */
function editable() {
  if (changing === null) return null;
  const shown = changing;
  const label = (/** @type {number} */ place) => {
    const name = nameOf(shown.input[place]);
    return `Change ${name}, character ${place + 1} of the question`;
  };
  const sign = (/** @type {number} */ place) => signOf(shown, place);
  return { now: shown.input, original: originalOf(shown), label, sign };
}

/** @param {number} logP */
const inWords = (logP) => `${logP.toFixed(3).replace("-", "−")} (${percent(Math.exp(logP))})`;

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
  const count = `${flipped.length} of ${shown.best.length} characters flipped`;
  find("before").replaceChildren(...before.best.map((char) => element("span", {}, glyph(char))));
  find("after").replaceChildren(
    ...shown.best.map((char, place) => element(flipped.includes(place) ? "ins" : "span", {}, glyph(char))),
  );
  find("of-answer").replaceChildren(`log-probability of ${shown.given ? "the given " : ""}`, first.map(glyph).join(""));
  find("log-before").textContent = inWords(logBefore);
  find("log-after").textContent = inWords(logAfter);
  find("flipped").textContent = flipped.length ? count : "No character flipped.";
  const spoken = flipped.length ? `${count}: ${shown.best.map(named).join("")}` : "No character flipped";
  speak(`${spoken}. Log-probability ${logBefore.toFixed(3)} before, ${logAfter.toFixed(3)} after`);
}

/**
 * Puts a character in place of one of the question's and asks again.
 * @param {number} place
 * @param {string} char
 */
function put(place, char) {
  if (changing === null) return;
  const reason = refusal(char);
  if (reason) {
    refuse(`“${named(char || PAD)}” ${reason}.`);
    return;
  }
  replace(place, char, originalOf(changing)[place]);
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
}
