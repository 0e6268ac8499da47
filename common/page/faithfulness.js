// @ts-check
// common/faithfulness.py: rank correlation, to compare attention with what an output depends on.

/** Ranks of the values, from 1 for the smallest; equal values share their mean rank. @param {number[]} values */
export function meanRanks(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return values.map((v) => (sorted.indexOf(v) + sorted.lastIndexOf(v)) / 2 + 1);
}

/**
 * The rank correlation (-1..1) of a and b: Pearson's on their mean ranks; NaN if one is constant.
 * @param {number[]} a
 * @param {number[]} b
 */
export function spearman(a, b) {
  const [x, y] = [a, b].map((values) => meanRanks(values).map((rank) => rank - (values.length + 1) / 2));
  const product = (/** @type {number[]} */ u, /** @type {number[]} */ v) =>
    u.reduce((sum, u_k, k) => sum + u_k * v[k], 0);
  return product(x, y) / Math.sqrt(product(x, x) * product(y, y));
}
