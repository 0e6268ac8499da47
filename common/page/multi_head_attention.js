// @ts-check
// common/multi_head_attention.py without the axis N: several attentions side by side, each over a share of the features.

import { AttentionWeight, WeightSum } from "./attention.js";
import { sideBySide } from "./layers.js";

/** @import { Affine, MatMul, Real, Vector } from "./layers.js" */
/** @typedef {{ keys: Vector[][], values: Vector[][] }} KeysValues  each (heads, T_k, D / heads) */

/**
 * Attention by heads of d = D / heads features each: q = x Wq + bq, k = h Wk, v = h Wv + bv; a[head, s] = softmax_s(q .
 * k[s] / sqrt(d)); y = (sum_s a[head, s] v[s], heads side by side) Wo + bo, or zeros where no head sees any key.
 */
export class MultiHeadAttention {
  /**
   * @param {{ query: Affine, key: MatMul, value: Affine, output: Affine }} parts
   * @param {number} heads
   */
  constructor({ query, key, value, output }, heads) {
    this.query = query;
    this.key = key;
    this.value = value;
    this.output = output;
    this.heads = heads;
    this.attentionWeight = new AttentionWeight();
    this.weightSum = new WeightSum();
    /** @type {Vector[]} */
    this.attention_weights = []; // (heads, T_k), after a step
  }

  /** The vector (D,) as heads (heads, d). @param {Vector} x */
  #split(x) {
    const d = x.length / this.heads;
    return Array.from({ length: this.heads }, (_, head) => x.subarray(head * d, (head + 1) * d));
  }

  /** Looks at nothing yet. @returns {KeysValues} */
  nothing() {
    const empty = () => Array.from({ length: this.heads }, () => /** @type {Vector[]} */ ([]));
    return { keys: empty(), values: empty() };
  }

  /**
   * Appends the key and the value of a token, for steps to look at.
   * @param {KeysValues} kept
   * @param {Vector} h (D,)
   */
  append({ keys, values }, h) {
    for (const [head, k] of this.#split(this.key.forward(h)).entries()) keys[head].push(k);
    for (const [head, v] of this.#split(this.value.forward(h)).entries()) values[head].push(v);
  }

  /** The keys and values of hs (T_k, D). @param {Vector[]} hs */
  keysAndValues(hs) {
    const kept = this.nothing();
    for (const h of hs) this.append(kept, h);
    return kept;
  }

  /**
   * x (D,) -> y (D,)
   * @param {Vector} x
   * @param {KeysValues} kept
   * @param {Real} mask of the keys
   * @param {(Vector | undefined)[]} forced weights to use in place of a head's own
   */
  step(x, { keys, values }, mask = null, forced = []) {
    const q = this.query.forward(x);
    const scaled = q.map((v) => v / Math.sqrt(q.length / this.heads));
    this.attention_weights = this.#split(scaled).map(
      (q_head, head) => forced[head] ?? this.attentionWeight.forward(keys[head], q_head, mask),
    );
    if (!this.attention_weights.some((a) => a.some((w) => w > 0))) return new Float32Array(x.length);
    const c = this.attention_weights.map((a, head) => this.weightSum.forward(values[head], a));
    return this.output.forward(sideBySide(...c));
  }

  /** Each of xs (T, D) looks at all of them: ys (T, D). @param {Vector[]} xs @param {Real} mask */
  forward(xs, mask) {
    const kept = this.keysAndValues(xs);
    return xs.map((x) => this.step(x, kept, mask));
  }
}
