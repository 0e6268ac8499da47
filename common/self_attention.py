"""Attention within a text: one query per text (``ScaledDotAttention``) or per token (``SeqSelfAttention``).

Source: Vaswani et al. 2017, 3.2.1; Zheng et al. 2018 (OpenTag), as in keras-self-attention.
"""

from typing import Any

import numpy

from common.additive_scores import AdditiveScores
from common.attention import Attention
from common.functions import sigmoid, softmax
from common.initializers import glorot_normal
from common.layer import Layer
from common.np import np
from support.array import Array

TYPES = ("additive", "multiplicative")
ACTIVATIONS = (None, "sigmoid")


class ScaledDotAttention(Layer):
    """Context vector of one query per text: the sum of the states, weighted by how well each fits the query.

    ``a[n] = softmax_t(q[n] . hs[n, t] / sqrt(H))``;  ``c[n] = sum_t a[n, t] * hs[n, t]``

    forward:  q (N, H), hs (N, T, H), mask bool (N, T) or None  ->  c (N, H)
    backward: dc (N, H)  ->  dq (N, H), dhs (N, T, H)
    ``attention_weights`` (N, T) is a copy of the last forward's weights, for the caller.
    Masked positions weigh exactly 0; a fully masked row gives a zero context.
    Raises ValueError when the shapes do not agree, or the mask is not bool. Source: Vaswani et al. 2017, eq. 1.
    """

    def __init__(self):
        super().__init__()
        self.attention = Attention()
        self.attention_weights: Any = None  # an array after forward

    def forward(self, q: Array, hs: Array, mask: Array | None = None) -> Array:
        self.expect("hs (N, T, H)", hs, None, None, None)
        N, T, H = hs.shape
        self.expect("q (N, H) for hs (N, T, H)", q, N, H)
        self.expect_mask(mask, N, T)
        self.cache = H**-0.5
        c = self.attention.forward(hs, q * self.cache, mask)
        self.attention_weights = self.attention.attention_weight.copy()
        return c

    def backward(self, dc: Array) -> tuple[Array, Array]:
        scale = self.saved()
        dhs, dq = self.attention.backward(dc)
        return dq * scale, dhs


class SeqSelfAttention(AdditiveScores):
    """Attention of every token to the tokens of its text: the output is their sum, weighted by attention.

    ``additive``        ``e[t, s] = tanh(x[t] Wt + x[s] Wx + bh) Wa + ba``
    ``multiplicative``  ``e[t, s] = x[t] Wa x[s] + ba``
    ``a[t] = softmax_s(activation(e[t]))`` over the tokens that t sees;  ``y[t] = sum_s a[t, s] x[s]``

    forward:  xs (N, T, D), mask bool (N, T) or None  ->  ys (N, T, D)
    backward: dys (N, T, D)  ->  dxs (N, T, D)
    additive:       Wt (D, units), Wx (D, units), bh (units,), Wa (units, 1), ba (1,)
    multiplicative: Wa (D, D), ba (1,); ignores ``units`` and ``use_additive_bias``
    Glorot-normal weights, zero biases; an unused bias is None.

    ``attention_width`` w: t sees s from ``t - w // 2`` to ``t + (w - 1) // 2``; with ``history_only`` from
    ``t - w + 1`` to t. Without a width, t sees all tokens, or with ``history_only`` all up to itself.
    ``attention_weights`` (N, T, T) is a copy of the last forward's weights, for the caller; queries come before keys.
    Padding neither sends nor receives: a masked key weighs exactly 0; a masked query, or one that sees no key, has
    weights and output of 0; their inputs get a gradient of exactly 0. (keras-self-attention does the same up to
    0.45.0; from 0.46.0 on, words attend to padding, see docs/other_libraries.md.)
    ``ba`` shifts all scores of a query alike, which softmax cancels: without ``attention_activation`` it has no
    effect, and its gradient is 0 up to rounding.

    Memory: scores and weights of all pairs of tokens are kept, in a few arrays (N, T, T). The tanh, ``units`` times as
    large, is computed ``block`` elements at a time, see AdditiveScores.

    Raises ValueError for an unknown type or activation, a width or number of units below 1, shapes that do not fit,
    and a mask that is not bool.
    Source: Zheng et al. 2018 (OpenTag); names, widths and initial values of keras-self-attention. The draws are
    not truncated as Keras's are, see ``glorot_normal``.
    """

    def __init__(
        self,
        input_size: int,
        units: int = 32,
        attention_type: str = "additive",
        attention_width: int | None = None,
        history_only: bool = False,
        attention_activation: str | None = None,
        use_additive_bias: bool = True,
        use_attention_bias: bool = True,
        *,
        rng: numpy.random.Generator | None = None,
        dtype=np.float32,
    ):
        for name, choice, known in (
            ("attention_type", attention_type, TYPES),
            ("attention_activation", attention_activation, ACTIVATIONS),
        ):
            if choice not in known:
                raise ValueError(f"SeqSelfAttention: {name}: expected {' or '.join(map(repr, known))}, got {choice!r}")
        for name, size in (("input_size", input_size), ("units", units), ("attention_width", attention_width)):
            if size is not None and size < 1:
                raise ValueError(f"SeqSelfAttention: {name}: expected at least 1, got {size}")
        rng = rng if rng is not None else numpy.random.default_rng()

        def weight(*shape):
            return glorot_normal(shape, rng=rng, dtype=dtype)

        additive, D = attention_type == "additive", input_size
        self.Wt = weight(D, units) if additive else None
        self.Wx = weight(D, units) if additive else None
        self.bh = np.zeros(units, dtype=dtype) if additive and use_additive_bias else None
        self.Wa = weight(units, 1) if additive else weight(D, D)
        self.ba = np.zeros(1, dtype=dtype) if use_attention_bias else None
        super().__init__(*(p for p in (self.Wt, self.Wx, self.bh, self.Wa, self.ba) if p is not None))
        self.attention_type, self.attention_activation = attention_type, attention_activation
        self.attention_width, self.history_only = attention_width, history_only
        self.attention_weights: Any = None  # an array after forward

    def forward(self, xs: Array, mask: Array | None = None) -> Array:
        self.expect("xs (N, T, D)", xs, None, None, len(self.Wa if self.Wt is None else self.Wt))
        N, T, _ = xs.shape
        if T == 0:
            raise ValueError(f"SeqSelfAttention: expected at least one token per text, got xs of shape {xs.shape}")
        self.expect_mask(mask, N, T)
        xs = xs.astype(self.Wa.dtype, copy=False)
        e, projections = self._score(xs) if self.Wt is None else self._score_additive(xs)
        if self.ba is not None:
            e += self.ba
        if self.attention_activation == "sigmoid":
            e = sigmoid(e)
        a = softmax(e, self._seen(T, mask))
        self.attention_weights = a.copy()
        self.cache = xs, projections, e, a
        return a @ xs

    def backward(self, dys: Array) -> Array:
        xs, projections, e, a = self.saved()
        self.expect("dys (N, T, D)", dys, *xs.shape)
        de = dys @ xs.transpose(0, 2, 1)  # the gradient of a, then that of the scores, see Softmax
        de -= (a * de).sum(axis=-1, keepdims=True)
        de *= a
        if self.attention_activation == "sigmoid":
            de *= e * (1 - e)
        if self.ba is not None:
            self.grads[-1][...] = de.sum()
        backward = self._score_backward if self.Wt is None else self._score_additive_backward
        dxs = backward(xs, de, *projections)
        dxs += a.transpose(0, 2, 1) @ dys  # forward used xs twice, in the scores and in the sum
        return dxs

    def _seen(self, T: int, mask: Array | None) -> Array:
        """Return which keys each query sees: bool (N, T, T), or (T, T) for all texts alike."""
        width = 2 * T if self.attention_width is None else self.attention_width
        before = width - 1 if self.history_only else width // 2
        offset = np.arange(T) - np.arange(T)[:, None] + before  # 0 for the first key in the window
        seen = (offset >= 0) & (offset < width)
        return seen if mask is None else seen & mask[:, None, :] & mask[:, :, None]

    def _score(self, xs: Array) -> tuple[Array, tuple]:
        """Return multiplicative scores (N, T, T), and the arrays besides xs that their backward needs."""
        qs = (xs.reshape(-1, xs.shape[-1]) @ self.Wa).reshape(xs.shape)
        return qs @ xs.transpose(0, 2, 1), (qs,)

    def _score_backward(self, xs: Array, de: Array, qs: Array) -> Array:
        D = xs.shape[-1]
        dqs = (de @ xs).reshape(-1, D)
        self.grads[0][...] = xs.reshape(-1, D).T @ dqs
        dxs = de.transpose(0, 2, 1) @ qs
        dxs += (dqs @ self.Wa.T).reshape(xs.shape)
        return dxs

    def _score_additive(self, xs: Array) -> tuple[Array, tuple]:
        """Return additive scores (N, T, T), and two projections (N, T, units) that their backward needs besides xs."""
        N, T, D = xs.shape
        at_t, at_s = ((xs.reshape(-1, D) @ W).reshape(N, T, -1) for W in (self.Wt, self.Wx))
        if self.bh is not None:
            at_t += self.bh
        return self._additive(at_t, at_s, self.Wa), (at_t, at_s)

    def _score_additive_backward(self, xs: Array, de: Array, at_t: Array, at_s: Array) -> Array:
        D, units = xs.shape[-1], len(self.Wa)
        dt, ds, dWa = self._additive_backward(de, at_t, at_s, self.Wa)
        dt, ds = dt.reshape(-1, units), ds.reshape(-1, units)
        x = xs.reshape(-1, D)
        dWt_out, dWx_out = self.grads[:2]
        dWt_out[...] = x.T @ dt
        dWx_out[...] = x.T @ ds
        if self.bh is not None:
            self.grads[2][...] = dt.sum(axis=0)
        self.grads[2 if self.bh is None else 3][...] = dWa
        Wt, Wx = self.params[:2]
        dxs = dt @ Wt.T
        dxs += ds @ Wx.T
        return dxs.reshape(xs.shape)
