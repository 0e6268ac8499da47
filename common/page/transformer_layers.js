// @ts-check
// common/layer_norm.py and common/transformer_layers.py without the axis N.

/** @import { Affine, Real, Vector } from "./layers.js" */
/** @import { KeysValues, MultiHeadAttention } from "./multi_head_attention.js" */

/** y = gamma (x - mean) / sqrt(variance + epsilon) + beta, over the features of x (D,). */
export class LayerNorm {
  /**
   * @param {Vector} gamma
   * @param {Vector} beta
   * @param {number} epsilon
   */
  constructor(gamma, beta, epsilon = 1e-5) {
    this.gamma = gamma;
    this.beta = beta;
    this.epsilon = epsilon;
  }

  /** @param {Vector} x */
  forward(x) {
    const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
    const variance = x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length;
    const scale = 1 / Math.sqrt(variance + this.epsilon);
    return x.map((v, k) => this.gamma[k] * ((v - mean) * scale) + this.beta[k]);
  }
}

/** y = sqrt(D) x + p[t]: p[t, 2i] = sin(t / 10000^(2i / D)), p[t, 2i + 1] = cos(t / 10000^(2i / D)). */
export class PositionalEncoding {
  /**
   * @param {Vector} x (D,)
   * @param {number} t its position
   */
  forward(x, t) {
    const D = x.length;
    return x.map((v, j) => {
      const angle = t / 10000 ** ((j - (j % 2)) / D);
      return Math.sqrt(D) * v + (j % 2 ? Math.cos(angle) : Math.sin(angle));
    });
  }
}

/** y = relu(x W1 + b1) W2 + b2. */
export class FeedForward {
  /**
   * @param {Affine} affine1
   * @param {Affine} affine2
   */
  constructor(affine1, affine2) {
    this.affine1 = affine1;
    this.affine2 = affine2;
  }

  /** @param {Vector} x */
  forward(x) {
    return this.affine2.forward(this.affine1.forward(x).map((v) => Math.max(v, 0)));
  }
}

/**
 * A layer with a way around it; pre-norm: y = x + layer(norm(x)), post-norm: y = norm(x + layer(x)).
 * @template Layer
 */
export class Residual {
  /**
   * @param {Layer} layer
   * @param {LayerNorm} norm
   * @param {boolean} pre_norm
   */
  constructor(layer, norm, pre_norm) {
    this.layer = layer;
    this.norm = norm;
    this.pre_norm = pre_norm;
  }

  /** What the layer reads. @param {Vector} x */
  inside(x) {
    return this.pre_norm ? this.norm.forward(x) : x;
  }

  /**
   * What the layer gave, added to what was read.
   * @param {Vector} x
   * @param {Vector} y
   */
  add(x, y) {
    const sum = x.map((v, k) => v + y[k]);
    return this.pre_norm ? sum : this.norm.forward(sum);
  }
}

/** Self-attention, then FeedForward, each with a Residual around it. */
export class TransformerEncoderLayer {
  /**
   * @param {Residual<MultiHeadAttention>} attention
   * @param {Residual<FeedForward>} feed_forward
   */
  constructor(attention, feed_forward) {
    this.attention = attention;
    this.feed_forward = feed_forward;
  }

  /**
   * xs (T, D) -> hs (T, D)
   * @param {Vector[]} xs
   * @param {Real} mask where they may be looked at
   */
  forward(xs, mask) {
    const { attention, feed_forward } = this;
    const ys = attention.layer.forward(
      xs.map((x) => attention.inside(x)),
      mask,
    );
    return xs.map((x, t) => {
      const y = attention.add(x, ys[t]);
      return feed_forward.add(y, feed_forward.layer.forward(feed_forward.inside(y)));
    });
  }
}

/**
 * Attention to the tokens so far, attention to the encoder's hs, then FeedForward, each with a Residual around it:
 * `start`, then a `step` for each token. Keys and values are kept.
 */
export class TransformerDecoderLayer {
  /**
   * @param {Residual<MultiHeadAttention>} self_attention
   * @param {Residual<MultiHeadAttention>} cross_attention
   * @param {Residual<FeedForward>} feed_forward
   */
  constructor(self_attention, cross_attention, feed_forward) {
    this.self_attention = self_attention;
    this.cross_attention = cross_attention;
    this.feed_forward = feed_forward;
    /** @type {KeysValues} */
    this.of_tokens = self_attention.layer.nothing();
    /** @type {KeysValues} */
    this.of_hs = cross_attention.layer.nothing();
  }

  /** @param {Vector[]} hs (T_enc, D) */
  start(hs) {
    this.of_tokens = this.self_attention.layer.nothing();
    this.of_hs = this.cross_attention.layer.keysAndValues(hs);
  }

  /**
   * x (D,) -> y (D,)
   * @param {Vector} x
   * @param {Real} mask where hs may be looked at
   * @param {(Vector | undefined)[]} forced weights to use in place of a head's own, of the attention to hs
   */
  step(x, mask, forced) {
    const { self_attention, cross_attention, feed_forward } = this;
    const inside = self_attention.inside(x);
    self_attention.layer.append(this.of_tokens, inside);
    let y = self_attention.add(x, self_attention.layer.step(inside, this.of_tokens));
    y = cross_attention.add(y, cross_attention.layer.step(cross_attention.inside(y), this.of_hs, mask, forced));
    return feed_forward.add(y, feed_forward.layer.forward(feed_forward.inside(y)));
  }
}
