// @ts-check
// The layers of common/ under their names, without the axis N: one text at a time. A vector is a Float32Array, and so is
// a matrix, row after row.

/** @typedef {Float32Array<ArrayBuffer>} Vector */
/** @typedef {Vector} Matrix */

/** @param {number} x */
export const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** Math.tanh takes half as long again. @param {number} x */
export const tanh = (x) => 1 - 2 / (1 + Math.exp(2 * x));

/** @typedef {boolean[] | null} Real  one flag per token, false where masked; null: all tokens are real */

/**
 * common/functions.py: exactly 0 where masked, and everywhere if all is masked.
 * @param {Vector | number[]} x
 * @param {Real} real
 */
export function softmax(x, real = null) {
  let max = -Infinity;
  for (let k = 0; k < x.length; k++) if (real?.[k] ?? true) max = Math.max(max, x[k]);
  const y = Float32Array.from(x, (v, k) => ((real?.[k] ?? true) && v > -Infinity ? Math.exp(v - max) : 0));
  const sum = y.reduce((a, b) => a + b, 0);
  return sum ? y.map((v) => v / sum) : y;
}

/** @param {Vector} x */
export function logSoftmax(x) {
  const max = Math.max(...x);
  const log = Math.log(x.reduce((sum, v) => sum + Math.exp(v - max), 0));
  return x.map((v) => v - max - log);
}

/** @param {Vector} x */
export const argmax = (x) => x.reduce((best, v, k) => (v > x[best] ? k : best), 0);

/**
 * @param {Vector} x
 * @param {Vector} y
 */
export function dot(x, y) {
  let sum = 0;
  for (let k = 0; k < x.length; k++) sum += x[k] * y[k];
  return sum;
}

/**
 * out += x W: x (D,), W (D, C), out (C,). Eight rows of W at a time take a quarter of the time of one by one.
 * @param {Vector} out
 * @param {Vector} x
 * @param {Matrix} W
 */
export function addProduct(out, x, W) {
  const C = out.length;
  let d = 0;
  for (; d + 8 <= x.length; d += 8) {
    const [x0, x1, x2, x3, x4, x5, x6, x7] = x.subarray(d, d + 8);
    for (let k = 0, w = d * C; k < C; k++, w++) {
      const first = x0 * W[w] + x1 * W[w + C] + x2 * W[w + 2 * C] + x3 * W[w + 3 * C];
      out[k] += first + x4 * W[w + 4 * C] + x5 * W[w + 5 * C] + x6 * W[w + 6 * C] + x7 * W[w + 7 * C];
    }
  }
  for (; d < x.length; d++) {
    for (let k = 0, w = d * C; k < C; k++, w++) out[k] += x[d] * W[w];
  }
}

/**
 * out += x W for four x at once, or fewer: each weight is read once for all of them, which halves the time.
 * @param {Vector[]} outs
 * @param {Vector[]} xs
 * @param {Matrix} W
 */
export function addProducts(outs, xs, W) {
  if (xs.length < 4) {
    for (const [n, x] of xs.entries()) addProduct(outs[n], x, W);
    return;
  }
  const [out0, out1, out2, out3] = outs;
  const C = out0.length;
  const D = xs[0].length;
  const even = D - (D % 4);
  for (let d = 0; d < even; d += 4) {
    const [a0, a1, a2, a3] = xs[0].subarray(d, d + 4);
    const [b0, b1, b2, b3] = xs[1].subarray(d, d + 4);
    const [c0, c1, c2, c3] = xs[2].subarray(d, d + 4);
    const [d0, d1, d2, d3] = xs[3].subarray(d, d + 4);
    for (let k = 0, w = d * C; k < C; k++, w++) {
      const w0 = W[w];
      const w1 = W[w + C];
      const w2 = W[w + 2 * C];
      const w3 = W[w + 3 * C];
      out0[k] += a0 * w0 + a1 * w1 + a2 * w2 + a3 * w3;
      out1[k] += b0 * w0 + b1 * w1 + b2 * w2 + b3 * w3;
      out2[k] += c0 * w0 + c1 * w1 + c2 * w2 + c3 * w3;
      out3[k] += d0 * w0 + d1 * w1 + d2 * w2 + d3 * w3;
    }
  }
  for (const [n, x] of xs.entries()) addProduct(outs[n], x.subarray(even), W.subarray(even * C));
}

/** Vectors side by side. @param {...Vector} parts */
export function sideBySide(...parts) {
  const whole = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}

/** common/layers.py: id -> W[id], with W (V, D). */
export class Embedding {
  /**
   * @param {Matrix} W
   * @param {number} D
   */
  constructor(W, D) {
    this.W = W;
    this.D = D;
  }

  /** @param {number} id */
  forward(id) {
    return this.W.subarray(id * this.D, (id + 1) * this.D);
  }
}

/** common/lstm.py, one step: Wx (D, 4H), Wh (H, 4H), b (4H,), gates in the order f, g, i, o. */
export class LSTM {
  /**
   * @param {Matrix} Wx
   * @param {Matrix} Wh
   * @param {Vector} b
   */
  constructor(Wx, Wh, b) {
    this.Wx = Wx;
    this.Wh = Wh;
    this.b = b;
  }

  /**
   * @param {Vector} x
   * @param {Vector} h_prev
   * @param {Vector} c_prev
   */
  forward(x, h_prev, c_prev) {
    const a = this.b.slice(); // a = x Wx + h_prev Wh + b
    addProduct(a, x, this.Wx);
    return this.step(a, h_prev, c_prev);
  }

  /**
   * @param {Vector} a holds x Wx + b already
   * @param {Vector} h_prev
   * @param {Vector} c_prev
   */
  step(a, h_prev, c_prev) {
    addProduct(a, h_prev, this.Wh);
    const H = h_prev.length;
    const [f, g, i, o] = [0, 1, 2, 3].map((gate) => a.subarray(gate * H, (gate + 1) * H));
    const c_next = c_prev.map((c, k) => sigmoid(f[k]) * c + tanh(g[k]) * sigmoid(i[k]));
    const h_next = c_next.map((c, k) => sigmoid(o[k]) * tanh(c));
    return [h_next, c_next];
  }
}

/** common/layers.py: x W, with W (D, C). */
export class MatMul {
  /**
   * @param {Matrix} W
   * @param {number} C
   */
  constructor(W, C) {
    this.W = W;
    this.C = C;
  }

  /** @param {Vector} x */
  forward(x) {
    const out = new Float32Array(this.C);
    addProduct(out, x, this.W);
    return out;
  }
}

/** common/layers.py: x W + b. */
export class Affine {
  /**
   * @param {Matrix} W
   * @param {Vector} b
   */
  constructor(W, b) {
    this.W = W;
    this.b = b;
  }

  /** @param {Vector} x */
  forward(x) {
    const out = this.b.slice();
    addProduct(out, x, this.W);
    return out;
  }
}
