"""Attention from decoder states to encoder states, one step or all steps at once, and its four scores.

Source: 『ゼロから作るDeep Learning 2』 8.1; Bahdanau et al. 2015; Luong et al. 2015, 3.1; Vaswani et al. 2017, 3.2.1.
"""

from typing import Any

import numpy

from common.additive_scores import AdditiveScores
from common.initializers import lecun_normal
from common.layer import Layer
from common.layers import Affine, MatMul, Softmax
from common.np import np
from support.array import Array


class WeightSum(Layer):
    """Context vector: the sum of the encoder's states, weighted by attention.

    ``c[n] = sum_t a[n, t] * hs[n, t]``

    forward:  hs (N, T, H), a (N, T)  ->  c (N, H)
    backward: dc (N, H)               ->  dhs (N, T, H), da (N, T)
    Raises ValueError when hs and a do not agree on N and T.
    Source: 『ゼロから作るDeep Learning 2』 8.1.3; Bahdanau et al. 2015, eq. 5.
    """

    def forward(self, hs: Array, a: Array) -> Array:
        self.expect("hs (N, T, H)", hs, None, None, None)
        self.expect("a (N, T) for hs (N, T, H)", a, *hs.shape[:2])
        self.cache = hs, a
        return (a[:, None, :] @ hs)[:, 0, :]  # (N, 1, T) @ (N, T, H)

    def backward(self, dc: Array) -> tuple[Array, Array]:
        hs, a = self.saved()
        self.expect("dc (N, H)", dc, hs.shape[0], hs.shape[2])
        dhs = a[:, :, None] * dc[:, None, :]  # forward summed over t, so every t gets dc
        da = (hs @ dc[:, :, None])[:, :, 0]
        return dhs, da


class AttentionWeight(Layer):
    """Attention weights: how well each encoder state fits one decoder state.

    ``a[n] = softmax_t(hs[n, t] . h[n])``

    forward:  hs (N, T, H), h (N, H), mask bool (N, T) or None  ->  a (N, T)
    backward: da (N, T)  ->  dhs (N, T, H), dh (N, H)
    Masked positions weigh exactly 0; a fully masked row is all 0.
    Raises ValueError when the shapes do not agree.
    Source: 『ゼロから作るDeep Learning 2』 8.1.4.
    """

    def __init__(self):
        super().__init__()
        self.softmax = Softmax()

    def forward(self, hs: Array, h: Array, mask: Array | None = None) -> Array:
        self.expect("hs (N, T, H)", hs, None, None, None)
        N, T, H = hs.shape
        self.expect("h (N, H) for hs (N, T, H)", h, N, H)
        self.expect_mask(mask, N, T)
        self.cache = hs, h
        scores = (hs @ h[:, :, None])[:, :, 0]  # (N, T, H) @ (N, H, 1)
        return self.softmax.forward(scores, mask)

    def backward(self, da: Array) -> tuple[Array, Array]:
        hs, h = self.saved()
        dscores = self.softmax.backward(da)
        dhs = dscores[:, :, None] * h[:, None, :]  # forward summed over H, so h reaches every t
        dh = (dscores[:, None, :] @ hs)[:, 0, :]
        return dhs, dh


class Attention(Layer):
    """One step of attention: AttentionWeight, then WeightSum. Keeps ``attention_weight`` (N, T) for pictures.

    forward:  hs (N, T, H), h (N, H), mask bool (N, T) or None  ->  c (N, H)
    backward: dc (N, H)  ->  dhs (N, T, H), dh (N, H)
    Source: 『ゼロから作るDeep Learning 2』 8.1.5.
    """

    def __init__(self):
        super().__init__()
        self.attention_weight_layer = AttentionWeight()
        self.weight_sum_layer = WeightSum()
        self.attention_weight: Any = None  # an array after forward

    def forward(self, hs: Array, h: Array, mask: Array | None = None) -> Array:
        a = self.attention_weight_layer.forward(hs, h, mask)
        self.attention_weight = a.copy()
        return self.weight_sum_layer.forward(hs, a)

    def backward(self, dc: Array) -> tuple[Array, Array]:
        dhs0, da = self.weight_sum_layer.backward(dc)
        dhs1, dh = self.attention_weight_layer.backward(da)
        return dhs0 + dhs1, dh


class TimeAttention(Layer):
    """``Attention`` for all decoder states at once: two batched matrix products, no loop over time.

    forward:  hs_enc (N, T_enc, H), hs_dec (N, T_dec, H), mask bool (N, T_enc) or None  ->  c (N, T_dec, H)
    backward: dc (N, T_dec, H)  ->  dhs_enc (N, T_enc, H), dhs_dec (N, T_dec, H)
    ``attention_weights`` is (T_dec, N, T_enc), the chapter's list of steps, stacked.
    Masked positions weigh exactly 0; a fully masked row gives a zero context.
    weights: a subclass that scores with weights (see ``SCORES``) passes them here; dot products have none.
    Raises ValueError when the shapes do not agree.
    Source: 『ゼロから作るDeep Learning 2』 8.1.5.
    """

    def __init__(self, *weights: Array):
        super().__init__(*weights)
        self.softmax = Softmax()
        self.attention_weights: Any = None  # an array after forward

    @classmethod
    def of_size(cls, hidden_size: int, *, rng: numpy.random.Generator | None = None, dtype=np.float32):
        """Make the layer for states of ``hidden_size`` numbers, with weights drawn from rng, if it has any."""
        return cls()

    def forward(self, hs_enc: Array, hs_dec: Array, mask: Array | None = None) -> Array:
        self.expect("hs_enc (N, T_enc, H)", hs_enc, None, None, None)
        N, T_enc, H = hs_enc.shape
        if not T_enc:
            raise ValueError(f"{type(self).__name__}: expected at least one state to look at, got {hs_enc.shape}")
        self.expect("hs_dec (N, T_dec, H) for hs_enc (N, T_enc, H)", hs_dec, N, None, H)
        self.expect_mask(mask, N, T_enc)
        if mask is not None:
            mask = mask[:, None, :]
        scores, projections = self._score(hs_enc, hs_dec)
        a = self.softmax.forward(scores, mask)
        self.cache = hs_enc, hs_dec, a, projections
        self.keep(a)
        return a @ hs_enc

    def keep(self, a: Array) -> None:
        """Store weights a (N, T_dec, T_enc) as ``attention_weights``, in a separate copy."""
        self.attention_weights = a.transpose(1, 0, 2).copy()

    def backward(self, dc: Array) -> tuple[Array, Array]:
        hs_enc, hs_dec, a, _ = self.saved()
        dscores = self._score_gradient(dc)
        dhs_dec = dscores @ hs_enc
        # forward used hs_enc twice, in the sum and in the scores: a^T dc + dscores^T hs_dec, in one product
        weights, by = np.concatenate((a, dscores), axis=1), np.concatenate((dc, hs_dec), axis=1)
        dhs_enc = weights.transpose(0, 2, 1) @ by
        return dhs_enc, dhs_dec

    def _score(self, hs_enc: Array, hs_dec: Array) -> tuple[Array, tuple]:
        """Return the scores (N, T_dec, T_enc), and the arrays besides the states that backward needs."""
        # the product is faster with its longer side first: (N, T_enc, T_dec), then transposed
        return (hs_enc @ hs_dec.transpose(0, 2, 1)).transpose(0, 2, 1), ()

    def _score_gradient(self, dc: Array) -> Array:
        """Return the gradient (N, T_dec, T_enc) of the scores, which reached dc through the softmax and the sum."""
        hs_enc, hs_dec, *_ = self.saved()
        self.expect("dc (N, T_dec, H)", dc, *hs_dec.shape)
        return self.softmax.backward((hs_enc @ dc.transpose(0, 2, 1)).transpose(0, 2, 1))


class TimeScaledAttention(TimeAttention):
    """TimeAttention with scores divided by the root of the states' size: ``score = h_dec . h_enc / sqrt(H)``.

    Dot products of long states are large, and the softmax of large scores is steep; divided, they keep the size of a
    state's numbers.

    forward, backward, mask, attention_weights: see TimeAttention.
    Source: Vaswani et al. 2017, 3.2.1.
    """

    def forward(self, hs_enc: Array, hs_dec: Array, mask: Array | None = None) -> Array:
        self.expect("hs_dec (N, T_dec, H)", hs_dec, None, None, None)
        return super().forward(hs_enc, hs_dec * hs_dec.shape[2] ** -0.5, mask)

    def backward(self, dc: Array) -> tuple[Array, Array]:
        dhs_enc, dqueries = super().backward(dc)
        return dhs_enc, dqueries * dqueries.shape[2] ** -0.5


class TimeGeneralAttention(TimeAttention):
    """TimeAttention of decoder states that are first multiplied by weights: ``score = (h_dec W) . h_enc``.

    The decoder may thus ask for something other than its own state.

    forward, backward, mask, attention_weights: see TimeAttention; with W (H, H).
    Source: Luong et al. 2015, 3.1 (general).
    """

    def __init__(self, W: Array):
        super().__init__()
        self.W = W
        self.expect("W (H, H)", W, len(W), len(W))
        self.query = MatMul(W)
        self.own(self.query)

    @classmethod
    def of_size(cls, hidden_size: int, *, rng: numpy.random.Generator | None = None, dtype=np.float32):
        return cls(lecun_normal((hidden_size, hidden_size), rng=rng, dtype=dtype))

    def forward(self, hs_enc: Array, hs_dec: Array, mask: Array | None = None) -> Array:
        self.expect("hs_dec (N, T_dec, H)", hs_dec, None, None, len(self.W))
        return super().forward(hs_enc, self.query.forward(hs_dec), mask)

    def backward(self, dc: Array) -> tuple[Array, Array]:
        dhs_enc, dqueries = super().backward(dc)
        return dhs_enc, self.query.backward(dqueries)


class TimeAdditiveAttention(AdditiveScores, TimeAttention):
    """TimeAttention scored by a small network: ``score = tanh(h_dec Wd + h_enc We + b) . v``.

    forward, backward, mask, attention_weights: see TimeAttention; with Wd (H, units), We (H, units), b (units,) and
    v (units,). The tanh of all pairs of states is never held as a whole: see AdditiveScores.
    Source: Bahdanau et al. 2015, A.1.2, whose b is zero.
    """

    def __init__(self, Wd: Array, We: Array, b: Array, v: Array):
        super().__init__(v)
        self.Wd, self.We, self.b, self.v = Wd, We, b, v
        self.of_dec, self.of_enc = Affine(Wd, b), MatMul(We)
        self.expect("We (H, units) for Wd (H, units)", We, *Wd.shape)
        self.expect("v (units,) for Wd (H, units)", v, Wd.shape[1])
        self.own(self.of_dec, self.of_enc)

    @classmethod
    def of_size(cls, hidden_size: int, *, rng: numpy.random.Generator | None = None, dtype=np.float32):
        H, draw = hidden_size, dict(rng=rng, dtype=dtype)
        Wd, We, v = lecun_normal((H, H), **draw), lecun_normal((H, H), **draw), lecun_normal((H, 1), **draw)
        return cls(Wd, We, np.zeros(H, dtype=dtype), v[:, 0])

    def _score(self, hs_enc: Array, hs_dec: Array) -> tuple[Array, tuple]:
        self.expect("hs_enc (N, T_enc, H)", hs_enc, None, None, len(self.We))
        projections = self.of_dec.forward(hs_dec), self.of_enc.forward(hs_enc)
        return self._additive(*projections, self.v[:, None]), projections

    def backward(self, dc: Array) -> tuple[Array, Array]:
        _, _, a, (of_dec, of_enc) = self.saved()
        dof_dec, dof_enc, dv = self._additive_backward(self._score_gradient(dc), of_dec, of_enc, self.v[:, None])
        self.grads[0][...] = dv[:, 0]
        dhs_enc = a.transpose(0, 2, 1) @ dc
        dhs_enc += self.of_enc.backward(dof_enc)  # forward used hs_enc twice, in the sum and in the scores
        return dhs_enc, self.of_dec.backward(dof_dec)


SCORES: dict[str, type[TimeAttention]] = {
    "dot": TimeAttention,
    "scaled": TimeScaledAttention,
    "general": TimeGeneralAttention,
    "additive": TimeAdditiveAttention,
}
