// @ts-check
// The forward passes of Seq2seq and PeekySeq2seq for one question at a time: the layers of seq2seq/ under their names,
// without the axis N; see common/page/layers.js.

import { Affine, Embedding, LSTM, sideBySide } from "../../common/page/layers.js";
import { DecoderStack, TimeBiLSTM, TimeLSTM, TimeStack } from "../../common/page/stacked.js";

/** @import { Real, Vector } from "../../common/page/layers.js" */
/** @import { Params } from "../../support/page/held.js" */
/**
 * The arguments of a model that change what it does with its weights, see their classes in Python; heads and pre_norm
 * are those of a Transformer.
 * @typedef {object} Arguments
 * @property {number | null} mask_padding the id that attention must not look at
 * @property {boolean} cell_state
 * @property {string} [score]
 * @property {boolean} [bidirectional]
 * @property {number} [layers]
 * @property {number} [heads]
 * @property {boolean} [pre_norm]
 */
/** @param {Params} params @param {string} name */
export const embeddingOf = (params, name) => new Embedding(params[`${name}.W`].values, params[`${name}.W`].shape[1]);

/** @param {Params} params @param {string} name */
export const affineOf = (params, name) => new Affine(params[`${name}.W`].values, params[`${name}.b`].values);

/** @param {Params} params @param {string} name */
function lstmOf(params, name) {
  const [Wx, Wh, b] = ["Wx", "Wh", "b"].map((weight) => params[`${name}.${weight}`]);
  return new TimeLSTM(new LSTM(Wx.values, Wh.values, b.values), Wh.shape[0]);
}

/** The names of `layers` LSTMs on top of each other. @param {string} name @param {number} layers */
const layerNames = (name, layers) =>
  layers === 1 ? [name] : Array.from({ length: layers }, (_, k) => `${name}.layers.${k}`);

/** @param {Params} params @param {Arguments} model */
function encoderLSTM(params, { bidirectional = false, layers = 1 }) {
  const lstms = layerNames("encoder.lstm", layers).map((name) =>
    bidirectional
      ? new TimeBiLSTM(lstmOf(params, `${name}.forward_lstm`), lstmOf(params, `${name}.backward_lstm`))
      : lstmOf(params, name),
  );
  return layers === 1 ? lstms[0] : new TimeStack(lstms);
}

/** @param {Params} params @param {Arguments} model */
function decoderLSTM(params, { layers = 1 }) {
  const lstms = layerNames("decoder.lstm", layers).map((name) => lstmOf(params, name));
  return layers === 1 ? lstms[0] : new DecoderStack(lstms);
}

/**
 * seq2seq/seq2seq.py: xs, T ids -> all states hs (T, H), which attention looks at; h and c (H,), or (K * H,) of K
 * layers, are then the last states, from which decoders start. States of a beginning that the last question shares are
 * kept.
 */
export class Encoder {
  /** @param {Params} params @param {Arguments} model */
  constructor(params, model) {
    this.embed = embeddingOf(params, "encoder.embed");
    this.lstm = encoderLSTM(params, model);
    /** @type {number[]} */
    this.xs = [];
  }

  get h() {
    return this.lstm.h;
  }

  get c() {
    return this.lstm.c;
  }

  /** @param {number[]} xs */
  forward(xs) {
    const differs = xs.findIndex((id, t) => id !== this.xs[t]);
    this.xs = xs;
    const vectors = xs.map((id) => this.embed.forward(id));
    return this.lstm.forward(vectors, differs < 0 ? xs.length : differs);
  }
}

/** seq2seq/seq2seq.py: `start`, then `step` after each character that was written. */
export class Decoder {
  /** @param {Params} params @param {Arguments} model */
  constructor(params, model) {
    this.embed = embeddingOf(params, "decoder.embed");
    this.lstm = decoderLSTM(params, model);
    this.affine = affineOf(params, "decoder.affine");
  }

  /**
   * @param {Vector[]} _hs the encoder's states
   * @param {Vector} h its last state, which is the first of the LSTM
   * @param {Vector | null} c the first cell state; null: zeros
   * @param {Real} _mask true where attention may look; null: everywhere
   */
  start(_hs, h, c, _mask) {
    this.lstm.setState(h, c);
  }

  /**
   * The scores (V,) of the next character, and the weights a (T_enc,) of the look before it; null without attention.
   * @param {number} id
   * @param {Vector} [_forced] weights to use in place of its own
   * @param {number | null} [_head] whose weights these are, see Settings of decoding.js
   * @returns {{ scores: Vector, a: Vector | null }}
   */
  step(id, _forced, _head) {
    const h = this.lstm.step(this.embed.forward(id));
    return { scores: this.affine.forward(h), a: null };
  }
}

export class Seq2seq {
  /** @param {Params} params @param {Arguments} model */
  constructor(params, model) {
    this.mask_padding = model.mask_padding;
    this.cell_state = model.cell_state;
    this.encoder = new Encoder(params, model);
    this.decoder = this.makeDecoder(params, model);
  }

  /** A subclass whose decoder is another one returns its own. @param {Params} params @param {Arguments} model */
  makeDecoder(params, model) {
    return new Decoder(params, model);
  }

  /** Reads a question, for the decoder to answer. @param {number[]} xs @param {Real} mask where attention may look */
  start(xs, mask) {
    const hs = this.encoder.forward(xs);
    this.decoder.start(hs, this.encoder.h, this.cell_state ? this.encoder.c : null, mask);
  }
}

/** seq2seq/peeky_seq2seq.py: every step sees the highest layer's last state, in the LSTM and in the Affine. */
export class PeekyDecoder extends Decoder {
  encoded = new Float32Array();

  /**
   * @override
   * @param {Vector[]} hs
   * @param {Vector} h
   * @param {Vector | null} c
   * @param {Real} mask
   */
  start(hs, h, c, mask) {
    super.start(hs, h, c, mask);
    this.encoded = h.subarray(h.length - this.lstm.H);
  }

  /**
   * @override
   * @param {number} id
   * @returns {{ scores: Vector, a: Vector | null }}
   */
  step(id) {
    const h = this.lstm.step(sideBySide(this.encoded, this.embed.forward(id)));
    return { scores: this.affine.forward(sideBySide(this.encoded, h)), a: null };
  }
}

export class PeekySeq2seq extends Seq2seq {
  /** @override @param {Params} params @param {Arguments} model */
  makeDecoder(params, model) {
    return new PeekyDecoder(params, model);
  }
}
