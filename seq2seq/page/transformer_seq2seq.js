// @ts-check
// The forward pass of TransformerSeq2seq for one question at a time: seq2seq/transformer_seq2seq.py without the axis N.

import { MatMul } from "../../common/page/layers.js";
import { MultiHeadAttention } from "../../common/page/multi_head_attention.js";
import {
  FeedForward,
  LayerNorm,
  PositionalEncoding,
  Residual,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
} from "../../common/page/transformer_layers.js";
import { affineOf, embeddingOf } from "./seq2seq.js";

/** @import { Real, Vector } from "../../common/page/layers.js" */
/** @import { Params } from "../../support/page/held.js" */
/** @import { Arguments } from "./seq2seq.js" */

/** @param {Params} params @param {string} name */
const normOf = (params, name) => new LayerNorm(params[`${name}.gamma`].values, params[`${name}.beta`].values);

/** @param {Params} params @param {string} name @param {number} heads */
function attentionOf(params, name, heads) {
  const [query, value, output] = ["query", "value", "output"].map((part) => affineOf(params, `${name}.${part}`));
  const key = new MatMul(params[`${name}.key.W`].values, params[`${name}.key.W`].shape[1]);
  return new MultiHeadAttention({ query, key, value, output }, heads);
}

/**
 * What makes the parts of a layer, by their names in it.
 * @param {Params} params
 * @param {string} name of the layer
 * @param {Arguments} model
 */
function partsOf(params, name, { heads = 1, pre_norm = true }) {
  /** @template Layer @param {Layer} layer @param {string} part */
  const around = (layer, part) => new Residual(layer, normOf(params, `${name}.${part}.norm`), pre_norm);
  return {
    attention: (/** @type {string} */ part) => around(attentionOf(params, `${name}.${part}.layer`, heads), part),
    feedForward() {
      const [first, second] = [1, 2].map((k) => affineOf(params, `${name}.feed_forward.layer.affine${k}`));
      return around(new FeedForward(first, second), "feed_forward");
    },
  };
}

/** What encoder and decoder have in common: embedded tokens with their positions, and pre-norm layers' last norm. */
class TransformerPart {
  /** @param {Params} params @param {Arguments} model @param {"encoder" | "decoder"} part */
  constructor(params, { pre_norm = true }, part) {
    this.embed = embeddingOf(params, `${part}.embed`);
    this.positions = new PositionalEncoding();
    this.norm = pre_norm ? normOf(params, `${part}.norm`) : null;
  }

  /** The vector of an id that stands at t. @param {number} id @param {number} t */
  read(id, t) {
    return this.positions.forward(this.embed.forward(id), t);
  }

  /** What the last layer gave, normalized if the layers are pre-norm. @param {Vector} x */
  last(x) {
    return this.norm === null ? x : this.norm.forward(x);
  }
}

/** @template Layer @param {Arguments} model @param {(k: number) => Layer} make */
const eachLayer = ({ layers = 1 }, make) => Array.from({ length: layers }, (_, k) => make(k));

export class TransformerEncoder extends TransformerPart {
  /** @param {Params} params @param {Arguments} model */
  constructor(params, model) {
    super(params, model, "encoder");
    this.layers = eachLayer(model, (k) => {
      const { attention, feedForward } = partsOf(params, `encoder.layers.${k}`, model);
      return new TransformerEncoderLayer(attention("attention"), feedForward());
    });
  }

  /** xs, T ids -> hs (T, D) @param {number[]} xs @param {Real} mask the characters that may be looked at */
  forward(xs, mask) {
    const vectors = xs.map((id, t) => this.read(id, t));
    const hs = this.layers.reduce((read, layer) => layer.forward(read, mask), vectors);
    return hs.map((h) => this.last(h));
  }
}

/** `start`, then `step` after each character that was written: keys and values are kept. */
export class TransformerDecoder extends TransformerPart {
  /** @param {Params} params @param {Arguments} model */
  constructor(params, model) {
    super(params, model, "decoder");
    this.layers = eachLayer(model, (k) => {
      const { attention, feedForward } = partsOf(params, `decoder.layers.${k}`, model);
      return new TransformerDecoderLayer(attention("self_attention"), attention("cross_attention"), feedForward());
    });
    this.affine = affineOf(params, "decoder.affine");
    this.heads = model.heads ?? 1;
    /** @type {Real} */
    this.mask = null;
    this.position = 0;
  }

  /** @param {Vector[]} hs the encoder's states @param {Real} mask true where they may be looked at */
  start(hs, mask) {
    for (const layer of this.layers) layer.start(hs);
    this.mask = mask;
    this.position = 0;
  }

  /**
   * The scores (V,) of the next character, and the map a (T_enc,) of the look before it, see Settings of decoding.js.
   * Weights that are forced are those of the head, or of each head of each layer.
   * @param {number} id
   * @param {Vector} [forced]
   * @param {number | null} [head] of all layers, the lowest layer's first; null: their mean
   */
  step(id, forced, head = null) {
    const isForced = (/** @type {number} */ of) => head === null || of === head;
    let x = this.read(id, this.position++);
    for (const [k, layer] of this.layers.entries()) {
      const ofHeads = Array.from({ length: this.heads }, (_, of) =>
        isForced(k * this.heads + of) ? forced : undefined,
      );
      x = layer.step(x, this.mask, ofHeads);
    }
    const maps = this.layers.flatMap((layer) => layer.cross_attention.layer.attention_weights);
    return { scores: this.affine.forward(this.last(x)), a: head === null ? meanOf(maps) : maps[head] };
  }
}

/** The mean of vectors. @param {Vector[]} xs */
const meanOf = (xs) => xs[0].map((_, k) => xs.reduce((sum, x) => sum + x[k], 0) / xs.length);

export class TransformerSeq2seq {
  /** @param {Params} params @param {Arguments} model */
  constructor(params, model) {
    this.mask_padding = model.mask_padding;
    this.encoder = new TransformerEncoder(params, model);
    this.decoder = new TransformerDecoder(params, model);
  }

  /** Reads a question, for the decoder to answer. @param {number[]} xs @param {Real} mask where it may be looked at */
  start(xs, mask) {
    this.decoder.start(this.encoder.forward(xs, mask), mask);
  }
}
