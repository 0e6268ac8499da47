// @ts-check
// seq2seq/faithfulness.py: what the answer loses without each character of the question, beside the attention to it, if there is any.

import { correlation, drawBars, tallest } from "../../common/page/parts.js";
import { t } from "../../support/page/language.js";
import { forgetOccluded, occludeInTurn, sayOccluded, startOccluding } from "../../support/page/occluding.js";
import { element, exact, find, number, signed, speak } from "../../support/page/text.js";
import { changes } from "./changes.js";
import { data, PAD } from "./data.js";
import { paddingOf } from "./forward.js";
import { ask, readsBackwards } from "./models.js";
import { nameOf, paddingOfShown, signOf } from "./shown.js";

/** @import { Shown } from "./shown.js" */

/** @type {Shown | null} */
let occluded = null;
/** @type {number[][]} (T_enc, T_dec) log-probability that each character of the answer loses, in nats */
let lost = [];
/** @type {number | undefined} the character of the answer that is chosen */
let ofOutput;

/** Whether the model reads padding at this place already. @param {string} char */
const isPad = (char) => (char || PAD) === PAD;

/**
 * The log-probability (T_dec,) that what is written loses when padding takes the place of a character. It is seen
 * wherever padding is: between other characters, as a space.
 * @param {Shown} shown
 * @param {number} place
 */
function lostWithout(shown, place) {
  if (isPad(shown.input[place])) return shown.logP.map(() => 0);
  const input = new Map([...changes.input, [place, PAD]]);
  const { logP } = ask(shown.question, shown.written, { ...changes, input });
  return shown.logP.map((before, out) => before - logP[out]);
}

/**
 * Occludes one character at a time, so that keys are heard in between.
 * @param {Shown} shown
 * @returns {Generator<void, number[][]>}
 */
function* occlusions(shown) {
  const places = [...shown.input.keys()];
  /** @type {number[][]} */
  const found = [];
  // in the order of reading: the encoder keeps the beginning that two questions share
  for (const [count, place] of (readsBackwards() ? places.toReversed() : places).entries()) {
    found[place] = lostWithout(shown, place);
    sayOccluded(count + 1, places.length);
    yield;
  }
  return found;
}

/** @param {Shown} shown */
async function occludeEach(shown) {
  forgetOcclusion(shown);
  const found = await occludeInTurn(occlusions(shown));
  if (found === null) return; // stopped
  lost = found;
  drawOcclusion(ofOutput);
  const said = shown.hasMap ? find("agreement") : find("parts-table", HTMLTableElement).tBodies[1].rows[0];
  speak(said.textContent ?? "");
}

/** Starts with a question that was just drawn. @param {Shown} shown */
export function forgetOcclusion(shown) {
  forgetOccluded();
  occluded = shown;
  lost = [];
}

/** Draws attention and occlusion for a character of the answer; without one, for all of it. @param {number} [out] */
export function drawOcclusion(out) {
  ofOutput = out;
  if (occluded === null || !lost.length) return;
  const { input, weights, written, hasMap } = occluded;
  const sum = (/** @type {ArrayLike<number>} */ x) => Array.from(x).reduce((a, b) => a + b, 0);
  const attention = input.map((_, place) =>
    out === undefined ? sum(weights.map((a) => a[place])) : weights[out][place],
  );
  const drops = input.map((_, place) => (out === undefined ? sum(lost[place]) : lost[place][out]));
  const unseen = paddingOf(
    input.map((char) => char || PAD),
    PAD,
  );
  const seen = (/** @type {number[]} */ values) => values.filter((_, place) => !unseen[place]);
  find("parts-of").textContent =
    out === undefined
      ? t("For the whole answer")
      : t("For {name}, character {place} of the answer", { name: nameOf(written[out]), place: out + 1 });
  const row = find("parts-table", HTMLTableElement);
  row.tHead?.replaceChildren(element("tr", {}, ...input.map((_, place) => head(place))));
  const title = out === undefined ? t("Attention, summed over the answer") : t("Attention");
  row.tBodies[0].replaceChildren(...(hasMap ? bars(title, attention, exact) : []));
  row.tBodies[1].replaceChildren(...bars(t("Log-probability lost without it, in nats"), drops, signed));
  find("parts").hidden = false;
  find("agreement").hidden = !hasMap;
  const over = t("over {count} characters", { count: number(seen(drops).length) });
  find("rho").textContent = correlation(seen(attention), seen(drops), over);
}

/** @param {number} place */
function head(place) {
  const shown = /** @type {Shown} */ (occluded);
  const kind = place >= paddingOfShown(shown) ? "padding" : "";
  return element("th", { scope: "col", "data-in": place, class: kind }, signOf(shown, place));
}

/**
 * Rows of the table: a title, then a bar for each value.
 * @param {string} title
 * @param {number[]} values
 * @param {(value: number) => string} text
 */
function bars(title, values, text) {
  const cells = values.map((value, place) =>
    element("td", { "data-in": place }, element("span", { class: "spoken" }, text(value))),
  );
  drawBars(cells, values);
  const name = t("{title}; tallest bar {value}", { title, value: text(tallest(values)) });
  const head = element("th", { scope: "rowgroup", colspan: values.length }, name);
  return [element("tr", {}, head), element("tr", {}, ...cells)];
}

export function startOcclusion() {
  find("parts-table").style.setProperty("--columns", String(data.T_enc));
  startOccluding(() => {
    if (occluded !== null) occludeEach(occluded);
  });
  find("occlude", HTMLButtonElement).disabled = !data.vocabulary.includes(PAD);
}
