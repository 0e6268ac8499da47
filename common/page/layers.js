// @ts-check
// The layers of common/ under their names, without the axis N: one text at a time. A vector is a Float32Array, and so is
// a matrix, row after row.

/** @typedef {Float32Array<ArrayBuffer>} Vector */
/** @typedef {Vector} Matrix */

/** @param {number} x */
export const sigmoid = (x) => (1 + Math.tanh(x / 2)) / 2;

/** @param {Vector | number[]} x */
export function softmax(x) {
  const max = Math.max(...x);
  const y = Float32Array.from(x, (v) => Math.exp(v - max));
  const sum = y.reduce((a, b) => a + b);
  return y.map((v) => v / sum);
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
 * out += x W: x (D,), W (D, C), out (C,). Four rows of W at a time take a third of the time of one by one.
 * @param {Vector} out
 * @param {Vector} x
 * @param {Matrix} W
 */
export function addProduct(out, x, W) {
  const C = out.length;
  let d = 0;
  for (; d + 4 <= x.length; d += 4) {
    const [x0, x1, x2, x3] = [x[d], x[d + 1], x[d + 2], x[d + 3]];
    for (let k = 0, w = d * C; k < C; k++, w++) {
      out[k] += x0 * W[w] + x1 * W[w + C] + x2 * W[w + 2 * C] + x3 * W[w + 3 * C];
    }
  }
  for (; d < x.length; d++) {
    for (let k = 0, w = d * C; k < C; k++, w++) out[k] += x[d] * W[w];
  }
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
    addProduct(a, h_prev, this.Wh);
    const H = h_prev.length;
    const [f, g, i, o] = [0, 1, 2, 3].map((gate) => a.subarray(gate * H, (gate + 1) * H));
    const c_next = c_prev.map((c, k) => sigmoid(f[k]) * c + Math.tanh(g[k]) * sigmoid(i[k]));
    const h_next = c_next.map((c, k) => sigmoid(o[k]) * Math.tanh(c));
    return [h_next, c_next];
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
