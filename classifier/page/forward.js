// @ts-check
// The forward passes of the text classifiers for one text at a time: the models of classifier/ under their names,
// without the axis N; see common/page/layers.js. Dropout does nothing here.

import { Affine, Embedding, LSTM, logSoftmax, sigmoid, softmax } from "../../common/page/layers.js";
import { GRU, TimeBidirectional, TimeRecurrent } from "../../common/page/recurrent.js";
import { ScaledDotAttention, SeqSelfAttention } from "../../common/page/self_attention.js";

/** @import { Real, Vector } from "../../common/page/layers.js" */
/** @import { Params } from "../../support/page/held.js" */

/**
 * probabilities and logP, their logarithms in nats (K,); weights: of each kind, one per token (T,); map (T, T): which
 * tokens each token looked at, if the model has self-attention.
 * @typedef {{ probabilities: Vector, logP: Vector, weights: Record<string, Vector>, map: Vector[] | null }} Explained
 */
/**
 * mask: the model does not see padding. attention: whether a gru has it, or the arguments of SeqSelfAttention.
 * @typedef {object} Arguments
 * @property {number} hidden_size
 * @property {boolean} mask
 * @property {number} [layers]
 * @property {number} [units]
 * @property {any} attention
 */

export const PAD = 0;

/** log(1 + exp(x)) @param {number} x */
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

class TextClassifier {
  /** @param {Arguments} settings */
  constructor(settings) {
    this.mask = settings.mask;
  }

  /** The mask of xs, or null where padding counts. @param {number[]} xs @returns {Real} */
  seen(xs) {
    return this.mask ? xs.map((id) => id !== PAD) : null;
  }

  /** From the scores of all classes, or one score, of the second of two. @param {Vector} scores */
  to_probabilities(scores) {
    if (scores.length > 1) return { probabilities: softmax(scores), logP: logSoftmax(scores) };
    const [score] = scores;
    const second = sigmoid(score);
    return {
      probabilities: Float32Array.of(1 - second, second),
      logP: Float32Array.of(-softplus(score), -softplus(-score)),
    };
  }
}

/** classifier/gru_classifier.py: Embedding, bidirectional GRUs, attention of their final states to all, Affine. */
export class GRUClassifier extends TextClassifier {
  /**
   * @param {Params} params
   * @param {Arguments} settings
   */
  constructor(params, settings) {
    super(settings);
    const H = settings.hidden_size;
    const values = (/** @type {string} */ name) => params[name].values;
    const gru = (/** @type {string} */ name) => {
      const [Wx, Wh, b, bh] = ["Wx", "Wh", "b", "bh"].map((part) => values(`${name}.${part}`));
      return new TimeRecurrent(new GRU(Wx, Wh, b, bh), H, 1);
    };
    this.embed = new Embedding(values("embed.W"), params["embed.W"].shape[1]);
    this.grus = Array.from(
      { length: settings.layers ?? 1 },
      (_, layer) => new TimeBidirectional(gru(`grus.${layer}.forward_gru`), gru(`grus.${layer}.backward_gru`)),
    );
    this.attention_layer = settings.attention ? new ScaledDotAttention() : null;
    this.affine = new Affine(values("affine.W"), values("affine.b"));
  }

  /**
   * @param {number[]} xs
   * @returns {Generator<void, Vector>}
   */
  *scores(xs) {
    const mask = this.seen(xs);
    let hs = xs.map((id) => this.embed.forward(id));
    for (const gru of this.grus) hs = yield* gru.forward(hs, mask);
    let c = this.grus[this.grus.length - 1].final(hs);
    if (this.attention_layer) c = this.attention_layer.forward(c, hs, mask);
    return this.affine.forward(c);
  }

  /**
   * @param {number[]} xs
   * @returns {Generator<void, Explained>}
   */
  *explain(xs) {
    const found = this.to_probabilities(yield* this.scores(xs));
    const attention = this.attention_layer?.attention_weights;
    return { ...found, weights: attention ? { attention } : {}, map: null };
  }
}

/** classifier/seqself_classifier.py: Embedding, SeqSelfAttention, bidirectional LSTM, Affine on its final states. */
export class SeqSelfClassifier extends TextClassifier {
  /**
   * @param {Params} params
   * @param {Arguments} settings
   */
  constructor(params, settings) {
    super(settings);
    const H = settings.hidden_size;
    const values = (/** @type {string} */ name) => params[name]?.values;
    const lstm = (/** @type {string} */ name) => {
      const [Wx, Wh, b] = ["Wx", "Wh", "b"].map((part) => values(`${name}.${part}`));
      return new TimeRecurrent(new LSTM(Wx, Wh, b), H, 2);
    };
    const [Wt, Wx, bh, Wa, ba] = ["Wt", "Wx", "bh", "Wa", "ba"].map((part) => values(`attention_layer.${part}`));
    this.embed = new Embedding(values("embed.W"), params["embed.W"].shape[1]);
    this.attention_layer = new SeqSelfAttention({ Wt, Wx, bh, Wa, ba }, settings.units ?? 0, settings.attention);
    this.lstm = new TimeBidirectional(lstm("lstm.forward_lstm"), lstm("lstm.backward_lstm"));
    this.affine = new Affine(values("affine.W"), values("affine.b"));
    /** @type {Vector[]} */
    this.attended = []; // (T, D), of the last forward
  }

  /**
   * @param {number[]} xs
   * @returns {Generator<void, Vector>}
   */
  *scores(xs) {
    const mask = this.seen(xs);
    const embedded = xs.map((id) => this.embed.forward(id));
    this.attended = yield* this.attention_layer.forward(embedded, mask);
    const hs = yield* this.lstm.forward(this.attended, mask);
    return this.affine.forward(this.lstm.final(hs));
  }

  /**
   * received: the attention that a token receives, averaged over the queries that are words; output_max: the largest
   * feature of its vector after attention.
   * @param {number[]} xs
   * @returns {Generator<void, Explained>}
   */
  *explain(xs) {
    const found = this.to_probabilities(yield* this.scores(xs));
    const map = this.attention_layer.attention_weights;
    const words = map.filter((_, t) => xs[t] !== PAD);
    const mean = (/** @type {number} */ s) => words.reduce((sum, a) => sum + a[s], 0) / Math.max(1, words.length);
    const received = Float32Array.from(xs, (_, s) => mean(s));
    const output_max = Float32Array.from(this.attended, (y) => y.reduce((most, v) => Math.max(most, v)));
    return { ...found, weights: { received, output_max }, map };
  }
}
