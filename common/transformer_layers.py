"""The parts of a Transformer around its attention, and the layers of its encoder and decoder.

Source: Vaswani et al. 2017, 3; 『ゼロから作るDeep Learning 2』 8.5.
"""

from typing import Any

import numpy

from common.initializers import glorot_normal
from common.layer import Layer
from common.layer_norm import LayerNorm
from common.layers import Affine, Dropout
from common.multi_head_attention import KeysValues, MultiHeadAttention
from common.np import np
from support.array import Array

DecoderKept = tuple[KeysValues | None, KeysValues]  # of the tokens so far, and of hs


def sinusoids(T: int, D: int, start: int = 0) -> Array:
    """Encode the positions from ``start`` on: float64 (T, D), a pair of columns for each wavelength.

    ``p[t, 2i] = sin(t / 10000^(2i / D))``, ``p[t, 2i + 1] = cos(t / 10000^(2i / D))``; an odd D ends with a sin.
    Source: Vaswani et al. 2017, 3.5.
    """
    j = np.arange(D)
    angles = np.arange(start, start + T)[:, None] / 10000.0 ** ((j - j % 2) / D)
    return np.where(j % 2 == 0, np.sin(angles), np.cos(angles))


class PositionalEncoding(Layer):
    """Add positions to embeddings, which are scaled by sqrt(D) first: ``ys = sqrt(D) xs + sinusoids(T, D)``.

    Attention does not see the order of its keys; this is how it learns where a token stands.

    forward:  xs (N, T, D), start (the position of the first token, in decoding)  ->  ys (N, T, D)
    backward: dys (N, T, D)  ->  dxs (N, T, D)
    Raises ValueError when xs does not have three axes. Source: Vaswani et al. 2017, 3.4 (scale) and 3.5.
    """

    def forward(self, xs: Array, start: int = 0) -> Array:
        self.expect("xs (N, T, D)", xs, None, None, None)
        self.cache = xs.shape
        _, T, D = xs.shape
        ys = xs * D**0.5
        ys += sinusoids(T, D, start).astype(xs.dtype)
        return ys

    def backward(self, dys: Array) -> Array:
        shape = self.saved()
        self.expect("dys (N, T, D)", dys, *shape)
        return dys * shape[-1] ** 0.5


class FeedForward(Layer):
    """The same two Affine layers at every position, with ReLU between: ``relu(xs W1 + b1) W2 + b2``.

    forward:  xs (..., D)   ->  ys (..., D)    with W1 (D, H), b1 (H,), W2 (H, D), b2 (D,)
    backward: dys (..., D)  ->  dxs (..., D)
    Glorot-normal weights, zero biases. Source: Vaswani et al. 2017, 3.3.
    """

    def __init__(
        self, input_size: int, hidden_size: int, *, rng: numpy.random.Generator | None = None, dtype=np.float32
    ):
        D, H = input_size, hidden_size
        if min(D, H) < 1:
            raise ValueError(f"FeedForward: expected sizes (D, H) of at least 1, got {D, H}")
        super().__init__()
        rng = rng if rng is not None else numpy.random.default_rng()
        self.affine1 = Affine(glorot_normal((D, H), rng=rng, dtype=dtype), np.zeros(H, dtype=dtype))
        self.affine2 = Affine(glorot_normal((H, D), rng=rng, dtype=dtype), np.zeros(D, dtype=dtype))
        self.own(self.affine1, self.affine2)

    def forward(self, xs: Array) -> Array:
        hs = self.affine1.forward(xs)
        active = hs.real > 0
        hs *= active  # ReLU
        self.cache = active
        return self.affine2.forward(hs)

    def backward(self, dys: Array) -> Array:
        active = self.saved()
        dhs = self.affine2.backward(dys)
        dhs *= active  # elsewhere forward gave 0, whatever its input was
        return self.affine1.backward(dhs)


class Residual(Layer):
    """A layer with a way around it: what it computes is added to its input.

    pre-norm:  ``ys = xs + dropout(layer(norm(xs)))``; the way around is free of norms, so deep models learn at once
    post-norm: ``ys = norm(xs + dropout(layer(xs)))``, as in the paper; deep models need a warm-up of the learning rate

    forward:  xs (N, T, D), what else the layer's forward takes  ->  ys (N, T, D)
    backward: dys (N, T, D)  ->  dxs (N, T, D), or a tuple of it and the layer's other gradients
    dropout 0: no Dropout. Its stream is spawned from rng.
    Source: Vaswani et al. 2017, 3.1 and 5.4; Xiong et al. 2020 (pre-norm).
    """

    def __init__(
        self,
        layer: Any,
        input_size: int,
        dropout: float = 0.0,
        pre_norm: bool = True,
        *,
        rng: numpy.random.Generator | None = None,
        dtype=np.float32,
    ):
        super().__init__()
        rng = rng if rng is not None else numpy.random.default_rng()
        self.layer, self.norm = layer, LayerNorm(input_size, dtype=dtype)
        self.dropout = Dropout(dropout, rng=rng.spawn(1)[0]) if dropout else None
        self.pre_norm = pre_norm
        self.own(self.layer, self.norm)

    def forward(self, xs: Array, *inputs: Any) -> Array:
        return self._add(xs, self.layer.forward(self._inside(xs), *inputs))

    def backward(self, dys: Array) -> Any:
        dsum = dys if self.pre_norm else self.norm.backward(dys)
        dout = dsum if self.dropout is None else self.dropout.backward(dsum)
        found = self.layer.backward(dout)
        dxs, *others = found if isinstance(found, tuple) else (found,)
        if self.pre_norm:
            dxs = self.norm.backward(dxs)
        dxs = dxs + dsum  # forward used xs twice
        return (dxs, *others) if others else dxs

    def step(self, xs: Array, kept: KeysValues | None, mask: Array | None = None) -> tuple[Array, KeysValues]:
        """Return the outputs of the next tokens and what to keep, see ``MultiHeadAttention.step``."""
        ys, kept = self.layer.step(self._inside(xs), kept, mask)
        return self._add(xs, ys), kept

    def _inside(self, xs: Array) -> Array:
        return self.norm.forward(xs) if self.pre_norm else xs

    def _add(self, xs: Array, ys: Array) -> Array:
        if self.dropout is not None:
            ys = self.dropout.forward(ys)
        ys += xs  # in place: it keeps the dtype of the weights
        return ys if self.pre_norm else self.norm.forward(ys)


class TransformerEncoderLayer(Layer):
    """Self-attention, then FeedForward, each with a Residual around it.

    forward:  xs (N, T, D), mask bool (N, T) or None  ->  hs (N, T, D)
    backward: dhs (N, T, D)  ->  dxs (N, T, D)
    ``attention.layer.attention_weights`` is (N, heads, T, T).
    Padding is not looked at; its own outputs mean nothing, and reach no other position.
    dropout: of what each of the two adds, as in the paper (PyTorch also drops attention weights and hidden units).
    With pre_norm the last layer's output is not normalized: a model adds a LayerNorm after it.
    Source: Vaswani et al. 2017, 3.1.
    """

    def __init__(
        self,
        input_size: int,
        heads: int,
        hidden_size: int,
        dropout: float = 0.0,
        pre_norm: bool = True,
        *,
        rng: numpy.random.Generator | None = None,
        dtype=np.float32,
    ):
        super().__init__()
        draw: dict = dict(rng=rng if rng is not None else numpy.random.default_rng(), dtype=dtype)
        around = input_size, dropout, pre_norm
        self.attention = Residual(MultiHeadAttention(input_size, heads, **draw), *around, **draw)
        self.feed_forward = Residual(FeedForward(input_size, hidden_size, **draw), *around, **draw)
        self.own(self.attention, self.feed_forward)

    def forward(self, xs: Array, mask: Array | None = None) -> Array:
        return self.feed_forward.forward(self.attention.forward(xs, None, mask))

    def backward(self, dhs: Array) -> Array:
        return self.attention.backward(self.feed_forward.backward(dhs))


class TransformerDecoderLayer(Layer):
    """Causal self-attention, attention to the encoder's hs, then FeedForward, each with a Residual around it.

    forward:  xs (N, T_dec, D), hs (N, T_enc, D), mask bool (N, T_enc) or None  ->  ys (N, T_dec, D)
    backward: dys (N, T_dec, D)  ->  dxs (N, T_dec, D), dhs (N, T_enc, D)
    mask: where hs may be looked at. Answers are padded at the end and need none: no token looks at a later one.
    ``cross_attention.layer.attention_weights`` is (N, heads, T_dec, T_enc), ``self_attention.layer``'s (N, heads,
    T_dec, T_dec). dropout and pre_norm: see TransformerEncoderLayer.

    Decoding a token at a time: ``kept = start(hs)``, then ``ys, kept = step(xs, kept, mask)`` for each.
    Source: Vaswani et al. 2017, 3.1.
    """

    def __init__(
        self,
        input_size: int,
        heads: int,
        hidden_size: int,
        dropout: float = 0.0,
        pre_norm: bool = True,
        *,
        rng: numpy.random.Generator | None = None,
        dtype=np.float32,
    ):
        super().__init__()
        draw: dict = dict(rng=rng if rng is not None else numpy.random.default_rng(), dtype=dtype)
        around = input_size, dropout, pre_norm
        self.self_attention = Residual(MultiHeadAttention(input_size, heads, causal=True, **draw), *around, **draw)
        self.cross_attention = Residual(MultiHeadAttention(input_size, heads, **draw), *around, **draw)
        self.feed_forward = Residual(FeedForward(input_size, hidden_size, **draw), *around, **draw)
        self.own(self.self_attention, self.cross_attention, self.feed_forward)

    def forward(self, xs: Array, hs: Array, mask: Array | None = None) -> Array:
        self.expect("hs (N, T_enc, D)", hs, None, None, None)  # without it, the second attention would look at xs
        xs = self.self_attention.forward(xs)
        xs = self.cross_attention.forward(xs, hs, mask)
        return self.feed_forward.forward(xs)

    def backward(self, dys: Array) -> tuple[Array, Array]:
        dxs, dhs = self.cross_attention.backward(self.feed_forward.backward(dys))
        return self.self_attention.backward(dxs), dhs

    def start(self, hs: Array) -> DecoderKept:
        """Return what the first step needs: the keys and values of hs (N, T_enc, D), and none of tokens."""
        return None, self.cross_attention.layer.keys_and_values(hs)

    def step(self, xs: Array, kept: DecoderKept, mask: Array | None = None) -> tuple[Array, DecoderKept]:
        """Return the outputs ys (N, T, D) of the next tokens xs (N, T, D), and what to give to the next step.

        They are forward's for these positions, up to rounding, without computing those before again. Several rows of
        xs for each of hs, side by side, all look at it, as the hypotheses of a beam search do.
        """
        tokens, of_hs = kept
        N = len(of_hs[0])
        if len(xs) % max(N, 1):
            raise ValueError(f"TransformerDecoderLayer: expected a multiple of {N} rows of xs, as of hs, got {len(xs)}")
        xs, tokens = self.self_attention.step(xs, tokens)
        by_hs = xs.reshape(N, -1, xs.shape[2])
        ys, of_hs = self.cross_attention.step(by_hs, of_hs, mask)
        return self.feed_forward.forward(ys.reshape(xs.shape)), (tokens, of_hs)
