"""Multi-head attention: several scaled dot attentions side by side, each over a share of the features.

Source: Vaswani et al. 2017, 3.2.2; 『ゼロから作るDeep Learning 2』 8.5.
"""

from typing import Any

import numpy

from common.functions import softmax
from common.initializers import glorot_normal
from common.layer import Layer
from common.layers import Affine, MatMul
from common.np import np
from support.array import Array

KeysValues = tuple[Array, Array]  # keys and values, each (N, heads, T_k, D / heads)


class MultiHeadAttention(Layer):
    """Attention of the queries xs to hs, or to themselves, by ``heads`` heads of d = D / heads features each.

    ``q = xs Wq + bq``, ``k = hs Wk``, ``v = hs Wv + bv``; head h has the columns ``h * d`` to ``h * d + d`` of each
    ``a[n, h, t] = softmax_s(q[n, h, t] . k[n, h, s] / sqrt(d))`` over the keys s that query t sees
    ``y[n, t] = (sum_s a[n, h, t, s] v[n, h, s], heads side by side) Wo + bo``

    forward:  xs (N, T_q, D), hs (N, T_k, D) or None (xs), mask bool (N, T_k) or None  ->  ys (N, T_q, D)
    backward: dys (N, T_q, D)  ->  dxs (N, T_q, D) if hs was None, else dxs, dhs (N, T_k, D)
    weights:  Wq, Wk, Wv, Wo (D, D), Glorot-normal; bq, bv, bo (D,), zeros. Keys have no bias: it would add the same
        ``q . bk`` to all scores of a query, which softmax cancels, and Adam would let it drift on rounding alone.
    causal:   queries see no later key than their own; only with hs None.
    ``attention_weights`` (N, heads, T_q, T_k) is a copy of the last forward's (or step's) weights, for the caller.

    Masked keys weigh exactly 0. A query that sees no key has weights and output of exactly 0, without bo, and gets and
    gives no gradient. (PyTorch gives nan or bo there, depending on the path: docs/other_libraries.md.)

    Decoding a token at a time: ``ys, kept = step(xs, kept)`` keeps the keys and values of earlier tokens, and gives
    what forward gives for these positions of the whole text, up to rounding.

    Memory: the weights of all heads are kept twice, for backward and for the caller: 2 N heads T_q T_k numbers. Forward
    and backward take a few such arrays more while they compute. No loop over heads or time.

    Raises ValueError for heads that do not divide D, shapes that do not fit, a mask that is not bool, and hs in a
    causal layer.
    """

    def __init__(
        self,
        input_size: int,
        heads: int,
        causal: bool = False,
        *,
        rng: numpy.random.Generator | None = None,
        dtype=np.float32,
    ):
        D = input_size
        if min(D, heads) < 1 or D % heads:
            raise ValueError(f"MultiHeadAttention: expected heads that divide input_size {D}, got {heads}")
        super().__init__()
        rng = rng if rng is not None else numpy.random.default_rng()
        Wq, Wk, Wv, Wo = (glorot_normal((D, D), rng=rng, dtype=dtype) for _ in range(4))
        self.query = Affine(Wq, np.zeros(D, dtype=dtype))
        self.key = MatMul(Wk)
        self.value = Affine(Wv, np.zeros(D, dtype=dtype))
        self.output = Affine(Wo, np.zeros(D, dtype=dtype))
        self.own(self.query, self.key, self.value, self.output)
        self.heads, self.causal = heads, causal
        self.attention_weights: Any = None  # an array after forward

    def forward(self, xs: Array, hs: Array | None = None, mask: Array | None = None) -> Array:
        D = len(self.query.b)
        self.expect("xs (N, T_q, D)", xs, None, None, D)
        if hs is not None:
            if self.causal:
                raise ValueError("MultiHeadAttention: expected hs None in a causal layer: it looks at xs themselves")
            self.expect("hs (N, T_k, D) for xs (N, T_q, D)", hs, len(xs), None, D)
        q, kept = self._queries(xs), self.keys_and_values(xs if hs is None else hs)
        ys, a, seeing = self._look(q, kept, mask)
        self.cache = q, kept, a, seeing, hs is None
        return ys

    def backward(self, dys: Array) -> Array | tuple[Array, Array]:
        q, (k, v), a, seeing, itself = self.saved()
        N, heads, T_q, d = q.shape
        self.expect("dys (N, T_q, D)", dys, N, T_q, heads * d)
        dc = self._split(self.output.backward(dys if seeing is None else dys * seeing))
        dv = a.transpose(0, 1, 3, 2) @ dc
        de = dc @ v.transpose(0, 1, 3, 2)  # the gradient of a, then that of the scores, see Softmax
        de -= np.einsum("nhts,nhts->nht", a, de)[..., None]  # quicker than a sum, which numpy takes of a * de
        de *= a
        dk = de.transpose(0, 1, 3, 2) @ q  # q is already divided by sqrt(d), as in the scores
        dq = (de @ k) * d**-0.5
        dxs = self.query.backward(self._merge(dq))
        dhs = self.key.backward(self._merge(dk))
        dhs += self.value.backward(self._merge(dv))  # forward used hs twice
        return dxs + dhs if itself else (dxs, dhs)

    def keys_and_values(self, hs: Array) -> KeysValues:
        """Return the keys and values of hs (N, T_k, D), each (N, heads, T_k, d); ``step`` looks at them."""
        self.expect("hs (N, T_k, D)", hs, None, None, len(self.query.b))
        if not hs.shape[1]:
            raise ValueError(f"MultiHeadAttention: expected at least one token to look at, got shape {hs.shape}")
        return self._split(self.key.forward(hs)), self._split(self.value.forward(hs))

    def step(self, xs: Array, kept: KeysValues | None, mask: Array | None = None) -> tuple[Array, KeysValues]:
        """Return the outputs ys (N, T_q, D) of the next tokens xs, and the keys and values to give to the next step.

        A causal layer appends the keys and values of xs to ``kept``, None at first; any other looks at ``kept``, the
        ``keys_and_values`` of hs. mask: bool (N, T_k) over all keys, those of xs included. N comes first in kept, so
        that a beam search can choose rows. backward needs a forward after it.
        """
        self.expect("xs (N, T_q, D)", xs, None, None, len(self.query.b))
        if kept is not None:
            self.expect("kept keys (N, heads, T_k, d) for xs (N, T_q, D)", kept[0], len(xs), self.heads, None, None)
        if self.causal:
            new = self.keys_and_values(xs)
            kept = new if kept is None else self._append(kept, new)
        elif kept is None:
            raise ValueError("MultiHeadAttention: step: expected keys_and_values(hs), got None")
        self.cache = None
        return self._look(self._queries(xs), kept, mask)[0], kept

    def _append(self, kept: KeysValues, new: KeysValues) -> KeysValues:
        keys, values = (np.concatenate(both, axis=2) for both in zip(kept, new, strict=True))
        return keys, values

    def _queries(self, xs: Array) -> Array:
        q = self.query.forward(xs)
        q *= (q.shape[-1] // self.heads) ** -0.5  # the scores are divided by sqrt(d): cheaper here than there
        return self._split(q)

    def _look(self, q: Array, kept: KeysValues, mask: Array | None) -> tuple[Array, Array, Array | None]:
        """Return outputs (N, T_q, D), weights (N, heads, T_q, T_k), and which queries see any key.

        The last is bool and broadcasts to the outputs; None: all do.
        """
        k, v = kept
        self.expect_mask(mask, len(k), k.shape[2])
        seen = self._seen(q.shape[2], k.shape[2], mask)
        a = softmax(q @ k.transpose(0, 1, 3, 2), seen)
        self.attention_weights = a.copy()
        ys = self.output.forward(self._merge(a @ v))
        if mask is None:  # every query sees a key: itself, if no other
            return ys, a, None
        seeing = seen.any(axis=-1)[:, 0, :, None]
        ys *= seeing
        return ys, a, seeing

    def _seen(self, T_q: int, T_k: int, mask: Array | None) -> Any:
        """Return which keys each query sees: bool that broadcasts to (N, heads, T_q, T_k); None: all of them.

        The queries of a causal layer are the last T_q of the T_k positions.
        """
        seen = np.tri(T_q, T_k, T_k - T_q, dtype=bool) if self.causal else None
        if mask is None:
            return seen
        mask = mask[:, None, None]  # (N, 1, 1, T_k): the same for all heads and queries
        return mask if seen is None else mask & seen

    def _split(self, xs: Array) -> Array:
        """(N, T, D) -> a view (N, heads, T, d)."""
        N, T, D = xs.shape
        return xs.reshape(N, T, self.heads, D // self.heads).transpose(0, 2, 1, 3)

    def _merge(self, xs: Array) -> Array:
        """(N, heads, T, d) -> (N, T, D)."""
        N, heads, T, d = xs.shape
        return xs.transpose(0, 2, 1, 3).reshape(N, T, heads * d)
