// @ts-check
// classifier/faithfulness.py: what the class that the model finds loses without each token, beside the token's weight.

import { spearman } from "../../common/page/faithfulness.js";
import { argmax } from "../../common/page/layers.js";
import { correlation, drawBars, tallest } from "../../common/page/parts.js";
import { BLANK } from "../../support/page/changes.js";
import { t } from "../../support/page/language.js";
import { forgetOccluded, occludeInTurn, sayOccluded, startOccluding } from "../../support/page/occluding.js";
import { element, exact, find, number, rounded, signed, speak, visible } from "../../support/page/text.js";
import { classes, explain } from "./data.js";
import { signOf } from "./shown.js";

/** @import { Explained } from "./forward.js" */
/** @typedef {{ tokens: string[], explained: Explained }} Reading */

/** @type {Reading | null} */
let occluded = null;
/** @type {number[]} (T,) log-probability that the class loses without each token, in nats */
let lost = [];
let ofKind = "";
let pointAgain = () => {};

/**
 * Occludes one token at a time: padding takes its place.
 * @param {Reading} reading
 * @returns {Generator<void, number[]>}
 */
function* occlusions({ tokens, explained }) {
  const best = argmax(explained.probabilities);
  /** @type {number[]} */
  const found = [];
  for (const [place, token] of tokens.entries()) {
    const without = token === BLANK ? explained : yield* explain(tokens.with(place, BLANK));
    found.push(explained.logP[best] - without.logP[best]);
    sayOccluded(place + 1, tokens.length);
    yield;
  }
  return found;
}

/** @param {Reading} reading */
async function occludeEach(reading) {
  const found = await occludeInTurn(occlusions(reading));
  if (found === null) return; // stopped
  lost = found;
  drawParts();
  pointAgain();
  speak(find(find("agreement").hidden ? "parts-of" : "agreement").textContent ?? "");
}

/**
 * Starts with a text that was just drawn, or draws what it lost again beside weights of another kind.
 * @param {Reading | null} reading null: none
 * @param {string} kind of the weights, "" for none
 */
export function drawOcclusion(reading, kind) {
  ofKind = kind;
  if (reading === occluded) {
    drawParts();
    return;
  }
  forgetOccluded();
  occluded = reading;
  lost = [];
}

/** What the class loses without the token, in words; "" where that is not known. @param {number} place */
export const lostAt = (place) =>
  lost.length ? t("Log-probability lost without it: {lost}", { lost: signed(lost[place]) }) : "";

/** @param {string} kind of weights */
function nameOfKind(kind) {
  if (kind === "output_max") return t("largest feature");
  return kind === "received" ? t("attention received") : t("Attention");
}

function drawParts() {
  if (occluded === null || !lost.length) return;
  const { tokens, explained } = occluded;
  const weights = ofKind ? [...explained.weights[ofKind]] : null;
  const words = tokens.map((token, place) => {
    const spoken = [...(weights ? [exact(weights[place])] : []), signed(lost[place])].join(", ");
    return element(
      "li",
      { "data-token": place },
      element("bdi", {}, signOf(token)),
      ...(weights ? [element("span", { class: "weight" })] : []),
      element("span", { class: "lost" }),
      element("span", { class: "spoken" }, spoken),
    );
  });
  const bars = (/** @type {string} */ name) =>
    words.map((word) => /** @type {HTMLElement} */ (word.querySelector(name)));
  if (weights) drawBars(bars(".weight"), weights);
  drawBars(bars(".lost"), lost);
  find("parts-words").replaceChildren(...words);
  const best = classes[argmax(explained.probabilities)];
  find("parts-of").textContent = t("What “{name}” loses without each token", { name: visible(best) });
  find("weight-key").hidden = find("agreement").hidden = weights === null;
  find("gained-key").hidden = lost.every((by) => by >= 0);
  if (weights) {
    find("weight-name").textContent = nameOfKind(ofKind);
    find("tallest-weight").textContent = exact(tallest(weights));
    showAgreement(weights);
  }
  find("tallest-lost").textContent = signed(tallest(lost));
  find("parts").hidden = false;
}

/** @param {number[]} weights */
function showAgreement(weights) {
  const seen = (/** @type {number[]} */ values) => values.filter((_, place) => occluded?.tokens[place] !== BLANK);
  const [a, b] = [seen(weights), seen(lost)];
  const count = { count: number(a.length) };
  find("rho").textContent = correlation(a, b, a.length === 1 ? t("over 1 token") : t("over {count} tokens", count));
  const rho = spearman(a, b.map(Math.abs));
  find("rho-size").textContent = Number.isNaN(rho)
    ? ""
    : t(" (without regard to signs, {rho})", { rho: rounded(rho, 2) });
}

/** @param {() => void} again points at what was pointed at, once there is more to say of it */
export function startOcclusion(again) {
  pointAgain = again;
  startOccluding(() => {
    if (occluded !== null && find("view").getAttribute("aria-busy") !== "true") occludeEach(occluded);
  });
}
