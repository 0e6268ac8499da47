"""Self-attention over word vectors, then a bidirectional LSTM, for texts such as Japanese blog sentences."""

from typing import Any

import numpy

from classifier.text_classifier import PAD, TextClassifier
from common.initializers import glorot_normal, normal, recurrent_weights
from common.layers import Affine, Embedding
from common.np import np
from common.self_attention import SeqSelfAttention
from common.time_layers import TimeBiLSTM, TimeLSTM
from support.array import Array


class SeqSelfClassifier(TextClassifier):
    """Embedding, SeqSelfAttention, bidirectional LSTM, Affine on its final states, softmax.

    ``attention``: arguments of SeqSelfAttention beyond its sizes. ``attention_layer.attention_weights`` is (N, T, T).
    The weight of a token is ``received``: the attention that it receives, averaged over the queries that are words; or
    ``output_max``: the largest feature of its vector after attention, which is not an attention weight.
    Source: Lin et al. 2017; the layer is that of keras-self-attention.
    """

    token_weight_kinds = ("received", "output_max")

    def __init__(
        self,
        vocab_size: int,
        wordvec_size: int = 300,
        hidden_size: int = 356,
        units: int = 32,
        classes: int = 4,
        mask: bool = True,
        attention: dict | None = None,
        *,
        rng: numpy.random.Generator | None = None,
        dtype=np.float32,
    ):
        super().__init__(classes, mask)
        V, D, H = vocab_size, wordvec_size, hidden_size
        if min(V, D, H) < 1:
            raise ValueError(f"{type(self).__name__}: expected sizes (V, D, H) of at least 1, got {V, D, H}")
        self.arguments = dict(
            vocab_size=V, wordvec_size=D, hidden_size=H, units=units, classes=classes, mask=mask
        ) | dict(attention=dict(attention or {}))
        rng = rng if rng is not None else numpy.random.default_rng()
        draw = dict(rng=rng, dtype=dtype)
        self.embed = Embedding(normal((V, D), 0.05, **draw))
        self.attention_layer = SeqSelfAttention(D, units, **self.arguments["attention"], **draw)
        there, back = (recurrent_weights(D, H, TimeLSTM.gates, **draw) for _ in range(2))
        self.lstm = TimeBiLSTM(*there, *back)
        self.affine = Affine(glorot_normal((2 * H, classes), **draw), np.zeros(classes, dtype=dtype))
        self.attended: Any = None  # (N, T, D), of the last forward
        self.own(self.embed, self.attention_layer, self.lstm, self.affine)

    def scores(self, xs: Array) -> Array:
        mask = self.seen(xs)
        self.attended = self.attention_layer.forward(self.embed.forward(xs), mask)
        hs = self.lstm.forward(self.attended, mask)
        self.cache = hs.shape
        return self.affine.forward(self.lstm.final(hs))

    def backward_scores(self, dscores: Array) -> None:
        dfinal = self.affine.backward(dscores)
        dhs = np.zeros(self.cache, dtype=dfinal.dtype)
        self.lstm.add_final(dhs, dfinal)
        self.embed.backward(self.attention_layer.backward(self.lstm.backward(dhs)))

    def token_weights(self, kind: str, xs: Array) -> Array:
        if kind == "output_max":
            return self.attended.max(axis=2)
        a = self.attention_layer.attention_weights
        words = xs != PAD
        return np.where(words[:, :, None], a, 0).sum(axis=1) / np.maximum(words.sum(axis=1), 1)[:, None]
