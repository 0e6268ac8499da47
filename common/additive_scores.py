"""Additive scores, a block at a time: what the layers that have them share.

Source: Bahdanau et al. 2015, A.1.2; Zheng et al. 2018 (OpenTag).
"""

from collections.abc import Iterator

from common.layer import Layer
from common.np import np
from support.array import Array


class AdditiveScores(Layer):
    """A layer that scores how well each key fits each query by ``e[n, t, s] = tanh(qs[n, t] + ks[n, s]) . v``.

    qs (N, T_q, units), ks (N, T_k, units): queries and keys, already multiplied by weights; v (units, 1).

    The tanh (N, T_q, T_k, units) is ``units`` times as large as the scores. It is computed ``block`` elements at a time
    (at least the T_k * units of one query), in forward and again in backward, and never held as a whole.
    """

    block = 2**18  # 1 MB in float32 fits into a core's cache: larger blocks are no faster

    def _additive(self, qs: Array, ks: Array, v: Array) -> Array:
        """Return the scores (N, T_q, T_k)."""
        e = np.empty((*qs.shape[:2], ks.shape[1]), dtype=qs.dtype)
        for n, t in self._blocks(qs, ks):
            h = self._hidden(qs[n, t], ks[n])
            e[n, t] = (h.reshape(-1, h.shape[-1]) @ v).reshape(h.shape[:-1])
        return e

    def _additive_backward(self, de: Array, qs: Array, ks: Array, v: Array) -> tuple[Array, Array, Array]:
        """Take the gradient of the scores, return those of qs, ks and v."""
        units = len(v)
        dqs, dks = np.zeros_like(qs), np.zeros_like(ks)
        dv = np.zeros((1, units), dtype=qs.dtype)
        for n, t in self._blocks(qs, ks):
            h = self._hidden(qs[n, t], ks[n])
            dh = de[n, t]
            dv += dh.reshape(1, -1) @ h.reshape(-1, units)
            np.multiply(h, h, out=h)
            np.subtract(1, h, out=h)
            # queries were broadcast over all keys and keys over all queries, so each gradient is summed over the others
            dqs[n, t] = (dh[:, :, None, :] @ h)[:, :, 0]
            dks[n] += (dh.transpose(0, 2, 1)[:, :, None, :] @ h.transpose(0, 2, 1, 3))[:, :, 0]
        dqs *= v[:, 0]
        dks *= v[:, 0]
        return dqs, dks, dv.T

    def _blocks(self, qs: Array, ks: Array) -> Iterator[tuple[slice, slice]]:
        """Yield the rows and queries to compute at once: several whole rows, or some queries of one row."""
        if not qs.size * ks.size:
            return
        N, T_q, units = qs.shape
        of_query = ks.shape[1] * units
        rows = max(1, self.block // (T_q * of_query))
        queries = min(T_q, max(1, self.block // of_query))
        for n in range(0, N, rows):
            for t in range(0, T_q, queries):
                yield slice(n, n + rows), slice(t, t + queries)

    def _hidden(self, qs: Array, ks: Array) -> Array:
        """Return tanh of queries qs (n, t, units) plus keys ks (n, T_k, units): a work array (n, t, T_k, units)."""
        h = self.work("h", *qs.shape[:2], *ks.shape[1:])
        np.add(qs[:, :, None], ks[:, None], out=h)
        return np.tanh(h, out=h)
