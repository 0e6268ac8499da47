"""A bidirectional GRU with scaled dot self-attention, for texts such as film reviews."""

from typing import Any

import numpy

from classifier.text_classifier import TextClassifier
from common.initializers import lecun_normal, normal, recurrent_weights
from common.layers import Affine, Dropout, Embedding, SigmoidWithLoss
from common.np import np
from common.self_attention import ScaledDotAttention
from common.time_layers import TimeBiGRU, TimeGRU
from support.array import Array


class GRUClassifier(TextClassifier):
    """Embedding, dropout, layers of bidirectional GRUs with dropout between them, attention, Affine.

    The query is the final states of both directions of the last layer, side by side (N, 2H), after dropout; keys and
    values are all states of that layer (N, T, 2H). Without ``attention`` the query itself goes to the Affine.
    Two classes have one score, sigmoid and binary cross entropy; more classes have one score each, and softmax.
    Weights are drawn from rng, dropout from a stream that it spawns. ``attention_layer.attention_weights`` is (N, T).
    Source: Cho et al. 2014; Vaswani et al. 2017, 3.2.1.
    """

    def __init__(
        self,
        vocab_size: int,
        wordvec_size: int = 300,
        hidden_size: int = 512,
        layers: int = 3,
        dropout: float = 0.4,
        classes: int = 2,
        attention: bool = True,
        mask: bool = True,
        *,
        rng: numpy.random.Generator | None = None,
        dtype=np.float32,
    ):
        super().__init__(classes, mask)
        V, D, H = vocab_size, wordvec_size, hidden_size
        if min(V, D, H, layers) < 1:
            raise ValueError(f"{type(self).__name__}: expected V, D, H and layers of at least 1, got {V, D, H, layers}")
        self.arguments = dict(
            vocab_size=V, wordvec_size=D, hidden_size=H, layers=layers, dropout=dropout, classes=classes
        ) | dict(attention=attention, mask=mask)
        rng = rng if rng is not None else numpy.random.default_rng()
        drop = rng.spawn(1)[0]
        draw = dict(rng=rng, dtype=dtype)

        def weights(width):
            one = recurrent_weights(width, H, TimeGRU.gates, **draw)
            return one, np.zeros_like(one[-1])

        self.embed = Embedding(normal((V, D), 1.0, **draw))
        self.dropouts, self.grus = [], []
        for layer in range(layers):
            (there, bh1), (back, bh2) = (weights(2 * H if layer else D) for _ in range(2))
            self.dropouts.append(Dropout(dropout, rng=drop))
            self.grus.append(TimeBiGRU(*there, *back, bh1=bh1, bh2=bh2, reset_after=True))
        self.query_dropout = Dropout(dropout, rng=drop)
        self.attention_layer: Any = ScaledDotAttention() if attention else None
        outputs = 1 if classes == 2 else classes
        self.affine = Affine(lecun_normal((2 * H, outputs), **draw), np.zeros(outputs, dtype=dtype))
        if classes == 2:
            self.loss = SigmoidWithLoss()
        self.token_weight_kinds = ("attention",) if attention else ()
        self.own(self.embed, *self.grus, self.affine)

    def scores(self, xs: Array) -> Array:
        mask, hs = self.seen(xs), self.embed.forward(xs)
        for dropout, gru in zip(self.dropouts, self.grus, strict=True):
            hs = gru.forward(dropout.forward(hs), mask)
        self.cache = hs.shape
        c = self.query_dropout.forward(self.grus[-1].final(hs))
        if self.attention_layer is not None:
            c = self.attention_layer.forward(c, hs, mask)
        scores = self.affine.forward(c)
        return scores if scores.shape[1] > 1 else scores[:, 0]

    def backward_scores(self, dscores: Array) -> None:
        dq = self.affine.backward(dscores.reshape(len(dscores), -1))
        if self.attention_layer is not None:
            dq, dhs = self.attention_layer.backward(dq)
        else:
            dhs = np.zeros(self.cache, dtype=dq.dtype)
        self.grus[-1].add_final(dhs, self.query_dropout.backward(dq))
        for dropout, gru in zip(reversed(self.dropouts), reversed(self.grus), strict=True):
            dhs = dropout.backward(gru.backward(dhs))
        self.embed.backward(dhs)

    def token_weights(self, kind: str, xs: Array) -> Array:
        return self.attention_layer.attention_weights
