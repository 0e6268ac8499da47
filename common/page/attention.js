// @ts-check
// common/attention.py without the axis N: how well states fit a query, and their sum.

import { Affine, dot, MatMul, softmax, tanh } from "./layers.js";

/** @import { Matrix, Real, Vector } from "./layers.js" */

/** a[t] = softmax_t(hs[t] . h), with hs (T, H), h (H,) -> a (T,); exactly 0 where masked. */
export class AttentionWeight {
  /**
   * @param {Vector[]} hs
   * @param {Vector} h
   * @param {Real} mask
   */
  forward(hs, h, mask) {
    return softmax(
      hs.map((h_t) => dot(h_t, h)),
      mask,
    );
  }
}

/** c = sum_t a[t] hs[t], with hs (T, H), a (T,) -> c (H,). */
export class WeightSum {
  /**
   * @param {Vector[]} hs
   * @param {Vector} a
   */
  forward(hs, a) {
    const c = new Float32Array(hs[0].length);
    for (const [t, h_t] of hs.entries()) {
      if (a[t]) for (let k = 0; k < c.length; k++) c[k] += a[t] * h_t[k];
    }
    return c;
  }
}

/** The states of a decoder look at those of an encoder, hs (T_enc, H), one after another: `start`, then `step`s. */
export class TimeAttention {
  attentionWeight = new AttentionWeight();
  weightSum = new WeightSum();
  attention_weights = new Float32Array(); // (T_enc,), after a step
  /** @type {Vector[]} */
  hs = [];
  /** @type {Real} */
  mask = null;

  /**
   * @param {Vector[]} hs
   * @param {Real} mask
   */
  start(hs, mask) {
    this.hs = hs;
    this.mask = mask;
  }

  /**
   * h (H,) -> c (H,)
   * @param {Vector} h
   * @param {Vector} [forced] weights to use in place of its own
   */
  step(h, forced) {
    this.attention_weights = forced ?? this.weigh(h);
    return this.weightSum.forward(this.hs, this.attention_weights);
  }

  /** A subclass scores differently. @param {Vector} h */
  weigh(h) {
    return this.attentionWeight.forward(this.hs, h, this.mask);
  }
}

/** score = h_dec . h_enc / sqrt(H) */
export class TimeScaledAttention extends TimeAttention {
  /** @override @param {Vector} h */
  weigh(h) {
    return super.weigh(h.map((v) => v / Math.sqrt(h.length)));
  }
}

/** score = (h_dec W) . h_enc, with W (H, H) */
export class TimeGeneralAttention extends TimeAttention {
  /** @param {Matrix} W */
  constructor(W) {
    super();
    this.query = new MatMul(W, Math.sqrt(W.length));
  }

  /** @override @param {Vector} h */
  weigh(h) {
    return super.weigh(this.query.forward(h));
  }
}

/** score = tanh(h_dec Wd + h_enc We + b) . v, with Wd and We (H, units), b and v (units,) */
export class TimeAdditiveAttention extends TimeAttention {
  /**
   * @param {Matrix} Wd
   * @param {Matrix} We
   * @param {Vector} b
   * @param {Vector} v
   */
  constructor(Wd, We, b, v) {
    super();
    this.of_dec = new Affine(Wd, b);
    this.of_enc = new MatMul(We, v.length);
    this.v = v;
    /** @type {Vector[]} */
    this.keys = []; // hs We, once for all steps
  }

  /**
   * @override
   * @param {Vector[]} hs
   * @param {Real} mask
   */
  start(hs, mask) {
    super.start(hs, mask);
    this.keys = hs.map((h_t) => this.of_enc.forward(h_t));
  }

  /** @override @param {Vector} h */
  weigh(h) {
    const query = this.of_dec.forward(h);
    const scores = this.keys.map((key) =>
      dot(
        key.map((k, unit) => tanh(query[unit] + k)),
        this.v,
      ),
    );
    return softmax(scores, this.mask);
  }
}

/**
 * The layer that scores in each way, of its weights by name.
 * @type {Record<string, (weight: (name: string) => Vector) => TimeAttention>}
 */
export const SCORES = {
  dot: () => new TimeAttention(),
  scaled: () => new TimeScaledAttention(),
  general: (weight) => new TimeGeneralAttention(weight("W")),
  additive: (weight) => new TimeAdditiveAttention(weight("Wd"), weight("We"), weight("b"), weight("v")),
};
