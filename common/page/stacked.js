// @ts-check
// The LSTMs of encoders and decoders: common/lstm.py and common/stacked.py without the axis N.

import { sideBySide } from "./layers.js";

/** @import { LSTM, Vector } from "./layers.js" */

/**
 * xs (T, D) -> hs (T, H). The states of a beginning that xs shares with those before are kept: `shared` is its length.
 * A decoder goes on from any state, a character at a time: `setState`, then `step`s.
 */
export class TimeLSTM {
  /**
   * @param {LSTM} lstm
   * @param {number} H
   */
  constructor(lstm, H) {
    this.lstm = lstm;
    this.H = H;
    this.h = new Float32Array(H);
    this.c = new Float32Array(H);
    /** @type {Vector[][]} */
    this.states = []; // h and c after each of xs
  }

  /**
   * @param {Vector} h
   * @param {Vector | null} c null: zeros
   */
  setState(h, c) {
    this.h = h;
    this.c = c ?? new Float32Array(this.H);
  }

  /** @param {Vector} x */
  step(x) {
    [this.h, this.c] = this.lstm.forward(x, this.h, this.c);
    return this.h;
  }

  /**
   * @param {Vector[]} xs
   * @param {number} shared
   */
  forward(xs, shared) {
    const states = this.states.slice(0, shared);
    this.setState(.../** @type {[Vector, Vector]} */ (states.at(-1) ?? [new Float32Array(this.H), null]));
    for (const x of xs.slice(shared)) {
      this.step(x);
      states.push([this.h, this.c]);
    }
    this.states = states;
    return states.map(([h]) => h);
  }
}

/** Two LSTMs over the same text, one from each end; h and c are those of both, each at its own end. */
export class TimeBiLSTM {
  /**
   * @param {TimeLSTM} left_to_right
   * @param {TimeLSTM} right_to_left
   */
  constructor(left_to_right, right_to_left) {
    this.directions = [left_to_right, right_to_left];
    this.H = left_to_right.H + right_to_left.H;
  }

  get h() {
    return sideBySide(...this.directions.map(({ h }) => h));
  }

  get c() {
    return sideBySide(...this.directions.map(({ c }) => c));
  }

  /**
   * @param {Vector[]} xs
   * @param {number} shared
   */
  forward(xs, shared) {
    const [left_to_right, right_to_left] = this.directions;
    const hs = left_to_right.forward(xs, shared);
    const reversed = right_to_left.forward(xs.toReversed(), 0).toReversed();
    return hs.map((h, t) => sideBySide(h, reversed[t]));
  }
}

/**
 * LSTMs on top of each other: hs_0 = layer_0(xs), hs_k = hs_{k-1} + layer_k(hs_{k-1}). h and c (K * H,) are the layers'
 * own, the lowest first.
 * @template {TimeLSTM | TimeBiLSTM} Layer
 */
export class TimeStack {
  /** @param {Layer[]} layers */
  constructor(layers) {
    this.layers = layers;
    this.H = layers[0].H;
  }

  get h() {
    return sideBySide(...this.layers.map(({ h }) => h));
  }

  get c() {
    return sideBySide(...this.layers.map(({ c }) => c));
  }

  /**
   * @param {Vector[]} xs
   * @param {number} shared
   */
  forward(xs, shared) {
    const [first, ...others] = this.layers;
    // what a layer of two directions gives depends on all that it reads
    const above = first instanceof TimeBiLSTM ? 0 : shared;
    let hs = first.forward(xs, shared);
    for (const layer of others) {
      const more = layer.forward(hs, above);
      hs = hs.map((h, t) => sum(h, more[t]));
    }
    return hs;
  }
}

/** The stack of a decoder, which reads in one direction. @extends {TimeStack<TimeLSTM>} */
export class DecoderStack extends TimeStack {
  /**
   * @param {Vector} h
   * @param {Vector | null} c null: zeros
   */
  setState(h, c) {
    for (const [k, layer] of this.layers.entries()) {
      const own = [k * this.H, (k + 1) * this.H];
      layer.setState(h.subarray(...own), c?.subarray(...own) ?? null);
    }
  }

  /** @param {Vector} x */
  step(x) {
    const [first, ...others] = this.layers;
    return others.reduce((h, layer) => sum(h, layer.step(h)), first.step(x));
  }
}

/** @param {Vector} x @param {Vector} y */
const sum = (x, y) => x.map((v, k) => v + y[k]);
