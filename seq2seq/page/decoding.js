// @ts-check
// seq2seq/decoding.py for one question at a time.

import { argmax, logSoftmax } from "../../common/page/layers.js";
import { paddingOf } from "./forward.js";

/** @import { Real, Vector } from "../../common/page/layers.js" */
/**
 * A model that answers: `start` reads a question, and each `step` of the decoder gives the scores (V,) of the next
 * character, and the weights a (T_enc,) of the look before it, null without attention.
 * @typedef {object} Answering
 * @property {number | null} mask_padding
 * @property {(xs: number[], mask: Real) => void} start
 * @property {{ step(id: number, forced?: Vector, head?: number | null): { scores: Vector, a: Vector | null } }} decoder
 */
/**
 * given: the ids to feed back in place of the most likely ones; hidden: T_enc flags, true for characters that were
 * blanked: a model that does not look at padding does not look at them either, wherever they stand. For models with
 * attention, forced: weights (T_enc,) to use in place of the decoder's own, by step. For models with heads, head: the
 * one whose weights are returned, and forced, counted through all layers; null: the mean of all, and each of them.
 * @typedef {object} Settings
 * @property {number[] | null} [given]
 * @property {boolean[]} [hidden]
 * @property {Map<number, Vector>} [forced]
 * @property {number | null} [head]
 */

/**
 * At each step takes the most likely character and feeds it back or, where an answer is given, its character. Returns
 * ids, the most likely characters; p, their probabilities; logP, the log-probabilities of the characters that were fed
 * back; weights (sample_size, T_enc), empty without attention; mask, where it may look, null for everywhere.
 * @param {Answering} model
 * @param {number[]} xs
 * @param {number} start_id
 * @param {number} sample_size
 * @param {Settings} settings
 */
export function greedy(model, xs, start_id, sample_size, settings = {}) {
  const { given = null, hidden = [], forced = new Map(), head = null } = settings;
  const pad = model.mask_padding;
  const mask = pad === null ? null : paddingOf(xs, pad).map((isPad, t) => !(isPad || hidden[t]));
  model.start(xs, mask);
  /** @type {number[]} */
  const ids = [];
  /** @type {number[]} */
  const p = [];
  /** @type {number[]} */
  const logP = [];
  /** @type {Vector[]} */
  const weights = [];
  for (let t = 0, id = start_id; t < sample_size; t++) {
    const { scores, a } = model.decoder.step(id, forced.get(t), head);
    const y = logSoftmax(scores);
    const best = argmax(y);
    id = given ? given[t] : best;
    ids.push(best);
    p.push(Math.exp(y[best]));
    logP.push(y[id]);
    if (a) weights.push(a);
  }
  return { ids, p, logP, weights, mask };
}
