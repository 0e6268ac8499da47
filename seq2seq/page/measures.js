// @ts-check
// Measures of a map. weights (T_dec, T_enc): each row sums to 1; each measure is a mean over the output characters.

import { BLANK } from "../../support/page/changes.js";
import { PAD } from "./data.js";

/** @param {number[]} x */
const mean = (x) => x.reduce((a, b) => a + b, 0) / x.length;

/** The place where the spaces and blanks at the end of the input begin. @param {string[]} input */
export const paddingFrom = (input) => input.findLastIndex((char) => char !== PAD && char !== BLANK) + 1;

/**
 * Share (0..1) of the weight that is on padding.
 * @param {Float32Array[]} weights
 * @param {string[]} input
 */
export function padMass(weights, input) {
  const from = paddingFrom(input);
  return mean(weights.map((a) => a.subarray(from).reduce((sum, w) => sum + w, 0)));
}

/** How spread the weight is, in nats: from 0 (all on one) to log T_enc (even). @param {Float32Array[]} weights */
export function entropy(weights) {
  return mean(weights.map((a) => -a.reduce((sum, w) => sum + (w > 0 ? w * Math.log(w) : 0), 0)));
}

/**
 * Share (0..1) of the weight on the characters that an output character comes from; null where none is known.
 * @param {Float32Array[]} weights
 * @param {number[][]} truth T_dec lists of places
 */
export function alignment(weights, truth) {
  const known = weights.flatMap((a, t) =>
    truth[t].length ? [truth[t].reduce((sum, place) => sum + a[place], 0)] : [],
  );
  return known.length ? mean(known) : null;
}
