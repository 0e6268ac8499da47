// @ts-check
// common/attention.py without the axis N: how well states fit a query, and their sum.

import { dot, softmax } from "./layers.js";

/** @import { Real, Vector } from "./layers.js" */

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
