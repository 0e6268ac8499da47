// @ts-check
// The forward pass of AttentionSeq2seq for one question at a time: what it has besides Seq2seq.

import { AttentionWeight, WeightSum } from "../../common/page/attention.js";
import { Decoder, Seq2seq } from "./seq2seq.js";

/** @import { Affine, Embedding, LSTM, Vector } from "../../common/page/layers.js" */

/**
 * seq2seq/attention_seq2seq.py: marks the padding among the ids (or characters) xs, the runs of `pad` at either end.
 * @template {number | string} T
 * @param {T[]} xs
 * @param {T} pad
 */
export function paddingOf(xs, pad) {
  const first = xs.findIndex((id) => id !== pad);
  const last = xs.findLastIndex((id) => id !== pad);
  return xs.map((_, t) => t < first || t > last);
}

/** seq2seq/attention_seq2seq.py: at each step it looks at all the encoder's states, and chooses where. */
export class AttentionDecoder extends Decoder {
  attentionWeight = new AttentionWeight();
  weightSum = new WeightSum();

  /**
   * @override
   * @param {number} id
   * @param {Vector} [forced] weights to use in place of its own
   */
  step(id, forced) {
    [this.h, this.c] = this.lstm.forward(this.embed.forward(id), this.h, this.c);
    const a = forced ?? this.attentionWeight.forward(this.hs, this.h, this.mask);
    const context = this.weightSum.forward(this.hs, a);
    const scores = this.affine.forward(Float32Array.of(...context, ...this.h));
    return { scores, a };
  }
}

export class AttentionSeq2seq extends Seq2seq {
  /**
   * @override
   * @param {Embedding} embed
   * @param {LSTM} lstm
   * @param {Affine} affine
   */
  makeDecoder(embed, lstm, affine) {
    return new AttentionDecoder(embed, lstm, affine);
  }

  /**
   * @override
   * @param {number[]} xs
   * @param {boolean[]} hidden
   */
  maskOf(xs, hidden) {
    if (this.mask_padding === null) return null;
    return paddingOf(xs, this.mask_padding).map((isPad, t) => !(isPad || hidden[t]));
  }
}
