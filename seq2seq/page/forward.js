// @ts-check
// The forward pass of AttentionSeq2seq for one question at a time: what it has besides Seq2seq.

import { SCORES } from "../../common/page/attention.js";
import { sideBySide } from "../../common/page/layers.js";
import { Decoder, Seq2seq } from "./seq2seq.js";

/** @import { Real, Vector } from "../../common/page/layers.js" */
/** @import { Params } from "../../support/page/held.js" */
/** @import { Arguments } from "./seq2seq.js" */

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
  /** @param {Params} params @param {Arguments} model */
  constructor(params, model) {
    super(params, model);
    this.attention = SCORES[model.score ?? "dot"]((name) => params[`decoder.attention.${name}`].values);
  }

  /**
   * @override
   * @param {Vector[]} hs
   * @param {Vector} h
   * @param {Vector | null} c
   * @param {Real} mask
   */
  start(hs, h, c, mask) {
    super.start(hs, h, c, mask);
    this.attention.start(hs, mask);
  }

  /**
   * @override
   * @param {number} id
   * @param {Vector} [forced]
   */
  step(id, forced) {
    const h = this.lstm.step(this.embed.forward(id));
    const context = this.attention.step(h, forced);
    return { scores: this.affine.forward(sideBySide(context, h)), a: this.attention.attention_weights };
  }
}

export class AttentionSeq2seq extends Seq2seq {
  /** @override @param {Params} params @param {Arguments} model */
  makeDecoder(params, model) {
    return new AttentionDecoder(params, model);
  }
}
