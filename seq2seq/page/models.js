// @ts-check
// The models of the page, the epochs of which it has the weights, and which of them is shown.

import { BLANK } from "../../support/page/changes.js";
import { heldWeights } from "../../support/page/held.js";
import { data, hasMap, idOf, PAD, padded, strip } from "./data.js";
import { greedy } from "./decoding.js";
import { AttentionSeq2seq } from "./forward.js";
import { PeekySeq2seq, Seq2seq } from "./seq2seq.js";
import { TransformerSeq2seq } from "./transformer_seq2seq.js";

/** @import { Vector } from "../../common/page/layers.js" */
/** @import { Asked, Changes } from "./data.js" */
/** @import { Answering } from "./decoding.js" */
/** @typedef {"model" | "epoch" | "head"} Which  what of a view is another one now */

const KINDS = {
  baseline: Seq2seq,
  peeky: PeekySeq2seq,
  attention: AttentionSeq2seq,
  transformer: TransformerSeq2seq,
};

/** Every epoch of which some model has its weights. */
export const epochsHere = [
  ...new Set(data.models.flatMap(({ epochs }) => epochs.flatMap(({ epoch }) => epoch ?? []))),
].sort((a, b) => a - b);

let shownIndex = Math.max(0, data.models.findIndex(hasMap));
/** @type {number | null} */
let epochShown = epochsHere.at(-1) ?? null;
/** @type {number | null} */
let headShown = null;
/** @type {((which: Which) => void)[]} */
const listeners = [];

/** The index of the model whose answer the large view shows. */
export const shownModel = () => shownIndex;

/** The epoch that is shown; null where the page has none. */
export const shownEpoch = () => epochShown;

/** Of which head the map is, counted through all layers of the shown model; null: the mean of all, or the only one. */
export const shownHead = () => headShown;

/** How many heads the shown model has, in all its layers; 0 for a model without any. */
export function headCount() {
  const { heads = 0, layers = 1 } = data.models[shownIndex];
  return heads * layers;
}

/** Calls back when another model, epoch or head is shown. @param {(which: Which) => void} listener */
export function whenShown(listener) {
  listeners.push(listener);
}

/** @param {Which} which */
function tellShown(which) {
  for (const listener of listeners) listener(which);
}

/** Shows another model; an index that no model has changes nothing. @param {number} index */
export function showModel(index) {
  if (index === shownIndex || !data.models[index]) return;
  shownIndex = index;
  headShown = null;
  tellShown("model");
}

/** Shows another epoch; one that is not here changes nothing. @param {number} epoch */
export function showEpoch(epoch) {
  if (epoch === epochShown || !epochsHere.includes(epoch)) return;
  epochShown = epoch;
  tellShown("epoch");
}

/** Shows the map of a head, null: of all; one that is not there changes nothing. @param {number | null} head */
export function showHead(head) {
  if (head === headShown || (head ?? 0) >= headCount()) return;
  headShown = head;
  tellShown("head");
}

/**
 * A model as it was at an epoch: where its weights are not here, after the last epoch before it, or else its first.
 * @param {number} index
 * @param {number | null} epoch
 */
export function stateAt(index, epoch) {
  const { epochs } = data.models[index];
  return epochs.findLast((state) => epoch === null || (state.epoch ?? epoch) <= epoch) ?? epochs[0];
}

/** Whether the shown model reads questions backwards. */
export const readsBackwards = () => data.models[shownIndex].reverse;

/** @type {Map<string, Answering>} */
const made = new Map();

/**
 * The model with its weights, which are unpacked when it is first asked.
 * @param {number} index
 * @param {number | null} epoch
 */
function modelAt(index, epoch) {
  const model = data.models[index];
  const { weights } = stateAt(index, epoch);
  const answering = made.get(weights) ?? new KINDS[model.kind](heldWeights(weights), model);
  made.set(weights, answering);
  return answering;
}

/** @type {Changes} */
const NOTHING = { input: new Map(), forced: new Map() };

/**
 * Asks a model as scripts/convert_date.py does. Places are those of the text, whichever way the model reads it.
 * @param {number} index of the model
 * @param {number | null} epoch
 * @param {string} question
 * @param {string[] | null} given the answer to feed back in place of what the model writes
 * @param {Changes} changed
 * @returns {Asked}
 */
export function askModel(index, epoch, question, given = null, changed = NOTHING) {
  const model = modelAt(index, epoch);
  const begin = performance.now();
  const inOrder = data.models[index].reverse ? reversed : same;
  const input = padded(strip(question)).map((char, place) => changed.input.get(place) ?? char);
  const decoded = greedy(model, inOrder(input.map((char) => idOf(char || PAD))), idOf(data.start), data.T_dec, {
    given: given?.map(idOf) ?? null,
    hidden: inOrder(input.map((char) => char === BLANK)),
    forced: new Map([...changed.forced].map(([out, a]) => [out, inOrder(a)])),
    head: index === shownIndex ? headShown : null,
  });
  const { p, logP } = decoded;
  const best = decoded.ids.map((id) => data.vocabulary[id]);
  const mapped = hasMap(data.models[index]);
  const weights = mapped ? decoded.weights.map(inOrder) : best.map(() => new Float32Array(input.length));
  const mask = decoded.mask && inOrder(decoded.mask);
  const ms = performance.now() - begin;
  return { input, written: given ?? best, best, p, logP, hasMap: mapped, weights, mask, ms };
}

/**
 * Asks the model that is shown.
 * @param {string} question
 * @param {string[] | null} [given]
 * @param {Changes} [changed]
 */
export const ask = (question, given, changed) => askModel(shownIndex, epochShown, question, given, changed);

/**
 * The order of the text for that of a model that reads backwards, or the other way round.
 * @template {unknown[] | Vector} T
 * @param {T} values
 * @returns {T}
 */
const reversed = (values) => /** @type {T} */ (values.toReversed());

/** @template T @param {T} values @returns {T} */
const same = (values) => values;
