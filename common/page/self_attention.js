// @ts-check
// common/self_attention.py without the axis N: attention within one text.

import { AttentionWeight, WeightSum } from "./attention.js";
import { addProduct, dot, sigmoid, softmax, tanh } from "./layers.js";

/** @import { Matrix, Real, Vector } from "./layers.js" */

/** One query per text: a = softmax_t(q . hs[t] / sqrt(H)); c = sum_t a[t] hs[t]. */
export class ScaledDotAttention {
  constructor() {
    this.attentionWeight = new AttentionWeight();
    this.weightSum = new WeightSum();
    this.attention_weights = new Float32Array(); // (T,), after forward
  }

  /**
   * q (H,), hs (T, H) -> c (H,)
   * @param {Vector} q
   * @param {Vector[]} hs
   * @param {Real} mask
   */
  forward(q, hs, mask) {
    const scaled = q.map((v) => v / Math.sqrt(q.length));
    this.attention_weights = this.attentionWeight.forward(hs, scaled, mask);
    return this.weightSum.forward(hs, this.attention_weights);
  }
}

/**
 * One query per token; additive: e[t, s] = tanh(x[t] Wt + x[s] Wx + bh) Wa + ba; multiplicative: e[t, s] = x[t] Wa x[s]
 * + ba; a[t] = softmax_s(activation(e[t])) over the tokens that t sees; y[t] = sum_s a[t, s] x[s].
 */
export class SeqSelfAttention {
  /**
   * @param {{ Wt?: Matrix, Wx?: Matrix, bh?: Vector, Wa: Matrix, ba?: Vector }} weights an unused one is left out
   * @param {number} units
   * @param {{ attention_type?: string, attention_width?: number | null, history_only?: boolean,
   *           attention_activation?: string | null }} options
   */
  constructor(weights, units, options) {
    this.weights = weights;
    this.units = units;
    this.options = options;
    this.weightSum = new WeightSum();
    /** @type {Vector[]} */
    this.attention_weights = []; // (T, T), after forward; queries come before keys
  }

  /**
   * xs (T, D) -> ys (T, D)
   * @param {Vector[]} xs
   * @param {Real} mask
   * @returns {Generator<void, Vector[]>}
   */
  *forward(xs, mask) {
    const score = this.options.attention_type === "multiplicative" ? this.#multiplicative(xs) : this.#additive(xs);
    const ba = this.weights.ba?.[0] ?? 0;
    const activation = this.options.attention_activation === "sigmoid" ? sigmoid : (/** @type {number} */ e) => e;
    this.attention_weights = [];
    /** @type {Vector[]} */
    const ys = [];
    for (const t of xs.keys()) {
      const seen = this.#seen(xs.length, t, mask);
      const e = xs.map((_, s) => (seen[s] ? activation(score(t, s) + ba) : 0));
      this.attention_weights.push(softmax(e, seen));
      ys.push(this.weightSum.forward(xs, this.attention_weights[t]));
      yield;
    }
    return ys;
  }

  /**
   * Which keys the query t sees.
   * @param {number} T
   * @param {number} t
   * @param {Real} mask
   */
  #seen(T, t, mask) {
    const width = this.options.attention_width ?? 2 * T;
    const before = this.options.history_only ? width - 1 : Math.floor(width / 2);
    return Array.from({ length: T }, (_, s) => {
      const offset = s - t + before; // 0 for the first key in the window
      return offset >= 0 && offset < width && (mask === null || (mask[t] && mask[s]));
    });
  }

  /** @param {Vector[]} xs */
  #additive(xs) {
    const { Wt, Wx, bh, Wa } = this.weights;
    const projected = (/** @type {Matrix | undefined} */ W, /** @type {Vector | undefined} */ b) =>
      xs.map((x) => {
        const out = b?.slice() ?? new Float32Array(this.units);
        if (W) addProduct(out, x, W);
        return out;
      });
    const [at_t, at_s] = [projected(Wt, bh), projected(Wx, undefined)];
    return (/** @type {number} */ t, /** @type {number} */ s) => {
      const [query, key] = [at_t[t], at_s[s]];
      let e = 0;
      for (let k = 0; k < query.length; k++) e += tanh(query[k] + key[k]) * Wa[k];
      return e;
    };
  }

  /** @param {Vector[]} xs */
  #multiplicative(xs) {
    const qs = xs.map((x) => {
      const q = new Float32Array(x.length);
      addProduct(q, x, this.weights.Wa);
      return q;
    });
    return (/** @type {number} */ t, /** @type {number} */ s) => dot(qs[t], xs[s]);
  }
}
