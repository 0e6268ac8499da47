// @ts-check
// What a link holds of the view of a question: the question, the reader's changes, and what is chosen and shown.

import { BLANK, replace } from "../../support/page/changes.js";
import { t } from "../../support/page/language.js";
import {
  changesInLink,
  modelInLink,
  showModelInLink,
  showTextInLink,
  textInLink,
  textShown,
} from "../../support/page/linked_text.js";
import { isOccluded } from "../../support/page/occluding.js";
import { placeOutOf, putOutOf } from "../../support/page/share.js";
import { find } from "../../support/page/text.js";
import { changes } from "./changes.js";
import { data, PAD, refusal, strip } from "./data.js";
import { uniform } from "./forced.js";
import { headInLink, showHeadInLink } from "./heads.js";
import { epochsHere, showEpoch, showModel, shownEpoch, shownModel } from "./models.js";
import { pin, pinned } from "./pointing.js";
import { drawnMap } from "./view.js";

/** @import { Vector } from "../../common/page/layers.js" */
/** @import { Link, Shareable, State } from "../../support/page/share.js" */
/** @import { Showing } from "../../support/page/linked_text.js" */
/** @import { Shown } from "./shown.js" */
/** @typedef {Showing & { again: () => void }} Again  again: shows the question again, after changes */

const SUM = 1e-4; // how far from 1 the sum of weights may be

const askable = data.questions.map(({ question }) => question);
const modelNames = data.models.map(({ name }) => name);

/** A weight in the fewest digits that give the same float32. @param {number} weight */
function digits(weight) {
  for (let count = 1; ; count++) {
    const number = Number(weight.toPrecision(count));
    if (Math.fround(number) === weight || count === 9) return String(number);
  }
}

/**
 * Forced weights in a link: `uniform`, `only:7` or all of them.
 * @param {Vector} weights
 * @param {Shown} shown
 */
function forcedIn(weights, shown) {
  const same = (/** @type {Vector} */ others) => others.every((w, place) => w === weights[place]);
  const one = weights.indexOf(1);
  if (same(uniform(shown))) return "uniform";
  return same(onlyAt(one)) ? `only:${one + 1}` : [...weights].map(digits).join();
}

/** @param {number} one */
const onlyAt = (one) => Float32Array.from({ length: data.T_enc }, (_, place) => (place === one ? 1 : 0));

/**
 * The weights that forcedIn wrote, undefined for what it did not.
 * @param {string} written
 * @param {Shown} shown
 */
function readForced(written, shown) {
  if (written === "uniform") return uniform(shown);
  if (written.startsWith("only:")) {
    const one = placeOutOf(data.T_enc)(written.slice(5));
    return one === undefined ? undefined : onlyAt(one);
  }
  const parts = written.split(",");
  if (parts.length !== data.T_enc || !parts.every((part) => /^\d+(?:\.\d+)?(?:e-\d+)?$/.test(part))) return undefined;
  const weights = parts.map(Number);
  const sum = weights.reduce((a, b) => a + b, 0);
  return Math.abs(sum - 1) <= SUM ? Float32Array.from(weights) : undefined;
}

const areNumbersShown = () => find("numbers").getAttribute("aria-pressed") === "true";

/** @returns {State} */
function viewState() {
  const [shown, at] = [drawnMap(), pinned()];
  const question = {
    ...textInLink(askable),
    model: modelInLink(modelNames, shownModel()),
    epoch: epochsHere.length > 1 ? [String(shownEpoch())] : [],
    head: headInLink(),
  };
  if (shown === null || find("view").inert) return question;
  const show = {
    given: find("given", HTMLInputElement).checked,
    change: shown.before !== null && find("change-shown", HTMLInputElement).checked,
    weights: areNumbersShown(),
    occlusion: isOccluded(),
  };
  return {
    ...question,
    ...changesInLink(changes.input),
    force: [...changes.forced].map(([out, weights]) => `${out + 1}:${forcedIn(weights, shown)}`),
    in: at?.in === undefined ? [] : [String(at.in + 1)],
    out: at?.out === undefined ? [] : [String(at.out + 1)],
    show: Object.entries(show).flatMap(([name, is]) => (is ? [name] : [])),
  };
}

/** Takes the reader's changes from a link. @param {Link} link @param {() => void} again */
function showChanges(link, again) {
  const original = strip(textShown(askable));
  const change = (/** @type {number} */ place, /** @type {string} */ char) =>
    replace(changes.input, place, char, original[place] ?? PAD);
  const known = (/** @type {string} */ x) => ([...x].length === 1 && !refusal(x) ? x : undefined);
  const blanks = link.take("blank", t("blanks"), placeOutOf(refusal(BLANK) ? 0 : data.T_enc));
  for (const place of blanks) change(place, BLANK);
  const replaced = link.take("put", t("what was put in"), putOutOf(data.T_enc, known));
  for (const { place, put } of replaced) change(place, put);
  if (changes.input.size) again();
  const shown = drawnMap();
  if (shown === null) return;
  const weights = (/** @type {string} */ x) => (shown.hasMap ? readForced(x, shown) : undefined);
  const forced = link.take("force", t("forced weights"), putOutOf(data.T_dec, weights));
  for (const { place, put } of forced) changes.forced.set(place, put);
  if (forced.length) again();
}

/**
 * @param {Link} link
 * @param {Again} showing
 */
async function showLinked(link, showing) {
  const names = ["given", "change", "weights", "occlusion"];
  const shown = link.take("show", t("what is shown"), (name) => (names.includes(name) ? name : undefined));
  find(shown.includes("given") ? "given" : "own-answer", HTMLInputElement).checked = true;
  find(shown.includes("change") ? "change-shown" : "weights-shown", HTMLInputElement).checked = true;
  if (shown.includes("weights") !== areNumbersShown()) find("numbers").click();
  showModelInLink(link, modelNames, showModel);
  const epochs = link.take("epoch", t("the epoch"), (value) => epochsHere.find((epoch) => String(epoch) === value));
  for (const epoch of epochs) showEpoch(epoch);
  showHeadInLink(link);
  if (!(await showTextInLink(link, askable, showing))) return;
  if (shown.includes("given") && !find("given", HTMLInputElement).checked) link.misfits.add(t("the given answer"));
  showChanges(link, showing.again);
  const [input] = link.take("in", t("the chosen character"), placeOutOf(data.T_enc));
  const [out] = link.take("out", t("the chosen character"), placeOutOf(data.T_dec));
  const at = { ...(input !== undefined && { in: input }), ...(out !== undefined && { out }) };
  pin(Object.keys(at).length ? at : null);
  if (shown.includes("occlusion")) find("occlude").click();
}

/** @param {Again} showing @returns {Shareable} */
export const sharedQuestion = (showing) => ({ state: viewState, restore: (link) => showLinked(link, showing) });
