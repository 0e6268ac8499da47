// @ts-check
// The forward passes of Seq2seq and PeekySeq2seq for one question at a time: the layers of seq2seq/ under their names,
// without the axis N; see common/page/layers.js.

import { Affine, argmax, Embedding, LSTM, logSoftmax } from "../../common/page/layers.js";

/** @import { Real, Vector } from "../../common/page/layers.js" */
/** @import { Params } from "../../support/page/held.js" */
/**
 * given: the ids to feed back in place of the most likely ones; hidden: T_enc flags, true for characters that were
 * blanked: a model that does not look at padding does not look at them either, wherever they stand; forced: weights
 * (T_enc,) to use in place of the decoder's own, by step. The last two are for models with attention.
 * @typedef {{ given?: number[] | null, hidden?: boolean[], forced?: Map<number, Vector> }} Settings
 */

/**
 * seq2seq/seq2seq.py: xs, T ids -> all states hs (T, H), of which models without attention use the last; c (H,) is then
 * the last cell state. States of a beginning that the last question shares are kept.
 */
export class Encoder {
  /**
   * @param {Embedding} embed
   * @param {LSTM} lstm
   * @param {number} H
   */
  constructor(embed, lstm, H) {
    this.embed = embed;
    this.lstm = lstm;
    this.H = H;
    /** @type {number[]} */
    this.xs = [];
    /** @type {Vector[][]} */
    this.states = []; // h and c after each of xs
    this.c = new Float32Array();
  }

  /** @param {number[]} xs */
  forward(xs) {
    const differs = xs.findIndex((id, t) => id !== this.xs[t]);
    const states = this.states.slice(0, differs < 0 ? xs.length : differs);
    let [h, c] = states.at(-1) ?? [new Float32Array(this.H), new Float32Array(this.H)];
    for (const id of xs.slice(states.length)) {
      [h, c] = this.lstm.forward(this.embed.forward(id), h, c);
      states.push([h, c]);
    }
    this.xs = xs;
    this.states = states;
    this.c = c;
    return states.map(([h_t]) => h_t);
  }
}

/** seq2seq/seq2seq.py: `start`, then `step` after each character that was written. */
export class Decoder {
  /**
   * @param {Embedding} embed
   * @param {LSTM} lstm
   * @param {Affine} affine
   */
  constructor(embed, lstm, affine) {
    this.embed = embed;
    this.lstm = lstm;
    this.affine = affine;
    /** @type {Vector[]} */
    this.hs = [];
    /** @type {Real} */
    this.mask = null;
    this.h = new Float32Array();
    this.c = new Float32Array();
  }

  /** The encoder's last state, which is the first of the LSTM. */
  get encoded() {
    return this.hs[this.hs.length - 1];
  }

  /**
   * @param {Vector[]} hs the encoder's states
   * @param {Vector | null} c the first cell state; null: zeros
   * @param {Real} mask true where attention may look; null: everywhere
   */
  start(hs, c, mask) {
    this.hs = hs;
    this.mask = mask;
    this.h = this.encoded;
    this.c = c ?? new Float32Array(this.h.length);
  }

  /**
   * The scores (V,) of the next character, and the weights a (T_enc,) of the look before it; null without attention.
   * @param {number} id
   * @param {Vector} [_forced] weights to use in place of its own
   * @returns {{ scores: Vector, a: Vector | null }}
   */
  step(id, _forced) {
    [this.h, this.c] = this.lstm.forward(this.embed.forward(id), this.h, this.c);
    return { scores: this.affine.forward(this.h), a: null };
  }
}

export class Seq2seq {
  /**
   * @param {Params} params
   * @param {number | null} mask_padding the id that attention must not look at
   * @param {boolean} cell_state whether the decoder starts from the encoder's last cell state
   */
  constructor(params, mask_padding = null, cell_state = false) {
    this.mask_padding = mask_padding;
    this.cell_state = cell_state;
    const values = (/** @type {string} */ name) => params[name].values;
    const embed = (/** @type {string} */ part) =>
      new Embedding(values(`${part}.embed.W`), params[`${part}.embed.W`].shape[1]);
    const lstm = (/** @type {string} */ part) =>
      new LSTM(values(`${part}.lstm.Wx`), values(`${part}.lstm.Wh`), values(`${part}.lstm.b`));
    const affine = new Affine(values("decoder.affine.W"), values("decoder.affine.b"));
    this.encoder = new Encoder(embed("encoder"), lstm("encoder"), params["encoder.lstm.Wh"].shape[0]);
    this.decoder = this.makeDecoder(embed("decoder"), lstm("decoder"), affine);
  }

  /**
   * A subclass whose decoder is another one returns its own.
   * @param {Embedding} embed
   * @param {LSTM} lstm
   * @param {Affine} affine
   */
  makeDecoder(embed, lstm, affine) {
    return new Decoder(embed, lstm, affine);
  }

  /**
   * Where attention may look; null: everywhere, or there is none.
   * @param {number[]} _xs
   * @param {boolean[]} _hidden
   * @returns {Real}
   */
  maskOf(_xs, _hidden) {
    return null;
  }

  /**
   * seq2seq/decoding.py: at each step take the most likely character and feed it back or, where an answer is given,
   * its character. Returns ids, the most likely characters; p, their probabilities; logP, the log-probabilities of the
   * characters that were fed back; weights (sample_size, T_enc), empty without attention; mask, where it may look.
   * @param {number[]} xs
   * @param {number} start_id
   * @param {number} sample_size
   * @param {Settings} settings
   */
  decode(xs, start_id, sample_size, { given = null, hidden = [], forced = new Map() } = {}) {
    const hs = this.encoder.forward(xs);
    const mask = this.maskOf(xs, hidden);
    this.decoder.start(hs, this.cell_state ? this.encoder.c : null, mask);
    /** @type {number[]} */
    const ids = [];
    /** @type {number[]} */
    const p = [];
    /** @type {number[]} */
    const logP = [];
    /** @type {Vector[]} */
    const weights = [];
    for (let t = 0, id = start_id; t < sample_size; t++) {
      const { scores, a } = this.decoder.step(id, forced.get(t));
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
}

/** seq2seq/peeky_seq2seq.py: every step sees the encoder's last state, in the LSTM and in the Affine. */
export class PeekyDecoder extends Decoder {
  /**
   * @override
   * @param {number} id
   * @returns {{ scores: Vector, a: Vector | null }}
   */
  step(id) {
    const { encoded } = this;
    [this.h, this.c] = this.lstm.forward(Float32Array.of(...encoded, ...this.embed.forward(id)), this.h, this.c);
    return { scores: this.affine.forward(Float32Array.of(...encoded, ...this.h)), a: null };
  }
}

export class PeekySeq2seq extends Seq2seq {
  /**
   * @override
   * @param {Embedding} embed
   * @param {LSTM} lstm
   * @param {Affine} affine
   */
  makeDecoder(embed, lstm, affine) {
    return new PeekyDecoder(embed, lstm, affine);
  }
}
