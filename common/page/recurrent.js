// @ts-check
// The recurrent layers over whole texts, without the axis N. They are generators, which pause after every step: a long
// text then leaves the page time for its reader.

import { addProduct, addProducts, sideBySide, sigmoid, tanh } from "./layers.js";

/** @import { Matrix, Real, Vector } from "./layers.js" */

/**
 * common/gru.py, one step with the reset after the product: Wx (D, 3H), Wh (H, 3H), b and bh (3H,), gates in the order
 * z, r, h.
 */
export class GRU {
  /**
   * @param {Matrix} Wx
   * @param {Matrix} Wh
   * @param {Vector} b
   * @param {Vector} bh
   */
  constructor(Wx, Wh, b, bh) {
    this.Wx = Wx;
    this.Wh = Wh;
    this.b = b;
    this.bh = bh;
  }

  /**
   * @param {Vector} a x Wx + b
   * @param {Vector} h_prev
   */
  step(a, h_prev) {
    const H = h_prev.length;
    const products = this.bh.slice(); // h_prev Wh + bh
    addProduct(products, h_prev, this.Wh);
    const h_next = h_prev.map((h, k) => {
      const z = sigmoid(a[k] + products[k]);
      const r = sigmoid(a[H + k] + products[H + k]);
      const g = tanh(a[2 * H + k] + r * products[2 * H + k]);
      return (1 - z) * h + z * g;
    });
    return [h_next];
  }
}

/**
 * One step of a recurrent layer: from a = x Wx + b and the states before it (h, of an LSTM h and c) to those after it.
 * @typedef {{ Wx: Matrix, Wh: Matrix, b: Vector, step(a: Vector, ...states: Vector[]): Vector[] }} Step
 */

/** common/rnn.py: xs (T, D) -> hs (T, H). At a masked position the state is carried over unchanged. */
export class TimeRecurrent {
  /**
   * @param {Step} layer
   * @param {number} H
   * @param {number} states how many it has
   */
  constructor(layer, H, states) {
    this.layer = layer;
    this.first = Array.from({ length: states }, () => new Float32Array(H));
  }

  /**
   * @param {Vector[]} xs
   * @param {Real} mask
   * @returns {Generator<void, Vector[]>}
   */
  *forward(xs, mask) {
    const as = xs.map(() => this.layer.b.slice());
    for (let t = 0; t < xs.length; t += 4) {
      addProducts(as.slice(t, t + 4), xs.slice(t, t + 4), this.layer.Wx);
      yield;
    }
    /** @type {Vector[]} */
    const hs = [];
    let states = this.first;
    for (const [t, a] of as.entries()) {
      if (mask?.[t] ?? true) states = this.layer.step(a, ...states);
      hs.push(states[0]);
      yield;
    }
    return hs;
  }
}

/** common/rnn.py: two layers over the same text, one from each end, their states side by side: xs (T, D) -> (T, 2H). */
export class TimeBidirectional {
  /**
   * @param {TimeRecurrent} left_to_right
   * @param {TimeRecurrent} right_to_left
   */
  constructor(left_to_right, right_to_left) {
    this.left_to_right = left_to_right;
    this.right_to_left = right_to_left;
  }

  /**
   * @param {Vector[]} xs
   * @param {Real} mask
   * @returns {Generator<void, Vector[]>}
   */
  *forward(xs, mask) {
    const hs = yield* this.left_to_right.forward(xs, mask);
    const reversed = yield* this.right_to_left.forward(xs.toReversed(), mask?.toReversed() ?? null);
    return hs.map((h, t) => sideBySide(h, reversed[hs.length - 1 - t]));
  }

  /** The last states of both directions (2H,), from the hs that forward returned. @param {Vector[]} hs */
  final(hs) {
    const H = hs[0].length / 2;
    return sideBySide(hs[hs.length - 1].subarray(0, H), hs[0].subarray(H));
  }
}
