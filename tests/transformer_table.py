"""The Transformer's part of the table of layers (layer_table.py)."""

import numpy as np
from table_inputs import BEFORE, HOLES, NOTHING, RAGGED, T_DEC, T_ENC, N, T, lively

from common.layer import walk
from common.layer_norm import LayerNorm
from common.layers import Dropout
from common.multi_head_attention import MultiHeadAttention
from common.transformer_layers import (
    FeedForward,
    PositionalEncoding,
    Residual,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
)

D, HEADS, HIDDEN = 6, 3, 5


def drawn(cls, r, *sizes, **options):
    """The layer with random weights, and dropout that drops the same in every copy."""
    layer = lively(lambda *args, **draw: cls(*args, **options, **draw), r, *sizes)
    for _, part in walk(layer):
        if isinstance(part, Dropout):
            part.rng = np.random.default_rng(1)
    return layer


def norm(r, D):
    return lively(lambda D, rng, dtype: LayerNorm(D, dtype=dtype), r, D)


def residual(make, r, *sizes, **options):
    return drawn(lambda rng, dtype: Residual(make(*sizes, rng=rng, dtype=dtype), D, rng=rng, dtype=dtype, **options), r)


def attention(mask=None, n=N, t=T_ENC, heads=HEADS, causal=False):
    """An entry: attention of texts to themselves."""
    return lambda r: (drawn(MultiHeadAttention, r, D, heads, causal), r(n, t, D), None, mask)


def cross(*mask, n=N, t_q=T_DEC, t_k=T_ENC):
    return lambda r: (drawn(MultiHeadAttention, r, D, HEADS), r(n, t_q, D), r(n, t_k, D), *mask)


def encoder(*mask, n=N, t=T_ENC, **options):
    return lambda r: (drawn(TransformerEncoderLayer, r, D, HEADS, HIDDEN, **options), r(n, t, D), *mask)


def decoder(*mask, n=N, t_dec=T_DEC, t_enc=T_ENC, **options):
    return lambda r: (
        drawn(TransformerDecoderLayer, r, D, HEADS, HIDDEN, **options),
        *(r(n, t_dec, D), r(n, t_enc, D)),
        *mask,
    )


POST, DROP = {"pre_norm": False}, {"dropout": 0.4}
TRANSFORMER = {
    "LayerNorm": lambda r: (norm(r, D), r(N, D)),
    "LayerNorm-time": lambda r: (norm(r, D), r(N, T, D)),
    "LayerNorm-vector": lambda r: (norm(r, D), r(D)),
    "LayerNorm-three": lambda r: (norm(r, 3), r(N, T, 3)),
    "PositionalEncoding": lambda r: (PositionalEncoding(), r(N, T, D)),
    "PositionalEncoding-odd": lambda r: (PositionalEncoding(), r(N, T, 7)),
    "PositionalEncoding-later": lambda r: (PositionalEncoding(), r(N, 2, D), 3),
    "FeedForward": lambda r: (drawn(FeedForward, r, D, HIDDEN), r(N, T, D)),
    "FeedForward-N1-T1": lambda r: (drawn(FeedForward, r, D, HIDDEN), r(1, 1, D)),
    "MultiHeadAttention": attention(),
    "MultiHeadAttention-ragged": attention(RAGGED),
    "MultiHeadAttention-holes": attention(HOLES),
    "MultiHeadAttention-one_head": attention(RAGGED, heads=1),
    "MultiHeadAttention-narrow_heads": attention(NOTHING, heads=D),
    "MultiHeadAttention-causal": attention(causal=True),
    "MultiHeadAttention-causal-ragged": attention(RAGGED, causal=True),
    "MultiHeadAttention-causal-before": attention(BEFORE, causal=True),  # padding, which comes first, sees nothing
    "MultiHeadAttention-causal-holes": attention(HOLES, causal=True),
    "MultiHeadAttention-N1-T1": attention(n=1, t=1),
    "MultiHeadAttention-cross": cross(),
    "MultiHeadAttention-cross-ragged": cross(RAGGED),
    "MultiHeadAttention-cross-nothing": cross(NOTHING),
    "MultiHeadAttention-cross-N1": cross(RAGGED[1:2], n=1, t_q=1),
    "MultiHeadAttention-cross-T1": cross(n=2, t_q=T, t_k=1),
    "Residual": lambda r: (residual(FeedForward, r, D, HIDDEN), r(N, T, D)),
    "Residual-post": lambda r: (residual(FeedForward, r, D, HIDDEN, **POST, **DROP), r(N, T, D)),
    "Residual-cross": lambda r: (residual(MultiHeadAttention, r, D, 2, **DROP), r(2, T, D), r(2, 3, D)),
    "TransformerEncoderLayer": encoder(),
    "TransformerEncoderLayer-ragged": encoder(RAGGED),
    "TransformerEncoderLayer-holes-dropout": encoder(HOLES, **DROP),
    "TransformerEncoderLayer-post-nothing": encoder(NOTHING, **POST),
    "TransformerEncoderLayer-post-dropout": encoder(n=2, t=3, **POST, **DROP),
    "TransformerEncoderLayer-N1-T1": encoder(n=1, t=1),
    "TransformerDecoderLayer": decoder(),
    "TransformerDecoderLayer-ragged": decoder(RAGGED),
    "TransformerDecoderLayer-nothing-dropout": decoder(NOTHING, **DROP),
    "TransformerDecoderLayer-post-nothing": decoder(NOTHING, **POST),
    "TransformerDecoderLayer-post-dropout": decoder(n=2, t_enc=3, **POST, **DROP),
    "TransformerDecoderLayer-N1-T1": decoder(n=1, t_dec=1, t_enc=1),
}
