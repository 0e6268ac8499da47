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
from seq2seq.transformer_seq2seq import TransformerDecoder, TransformerEncoder, TransformerSeq2seq

D, HEADS, HIDDEN = 6, 3, 5
WHOLE, SMALL = (5, 4, 3), (4, 3, 2)  # V, D and H of whole models, which are of many weights


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


def half(cls, mask, *shape, sizes=WHOLE, heads=2, layers=1, dropout=0.0, pre_norm=True):
    """An entry: a Transformer's encoder, or its decoder if there is a shape of what the encoder gave."""

    def build(r):
        made = drawn(cls, r, *sizes, heads, layers, dropout, pre_norm)
        made.mask = mask
        return made, r.ids(N, T_DEC if shape else T_ENC, below=sizes[0]), *([r(*shape)] if shape else [])

    return build


def whole(mask=None, n=N, t_enc=T_ENC, t_dec=T_DEC, sizes=WHOLE, smoothing=0.0, ignore=-1, **options):
    """An entry: a Transformer; where the mask is False, its questions have padding, of id 0, which is masked."""

    def build(r):
        xs, more = r.ids(n, t_enc, below=sizes[0]), options
        if mask is not None:
            xs, more = np.where(mask, 1 + xs % (sizes[0] - 1), 0), options | {"mask_padding": 0}
        model = drawn(TransformerSeq2seq, r, *sizes, **({"heads": 2, "layers": 1} | more))
        model.softmax.label_smoothing, model.softmax.ignore_label = smoothing, ignore
        return model, xs, r.ids(n, t_dec + 1, below=sizes[0])

    return build


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
    "TransformerEncoder": half(TransformerEncoder, None),
    "TransformerEncoder-nothing-dropout": half(TransformerEncoder, NOTHING, heads=4, **DROP),
    "TransformerEncoder-post": half(TransformerEncoder, BEFORE, sizes=SMALL, heads=1, layers=2, **POST),
    "TransformerDecoder": half(TransformerDecoder, None, N, T_ENC, 4),
    "TransformerDecoder-nothing-dropout": half(TransformerDecoder, NOTHING, N, T_ENC, 4, heads=1, **DROP),
    "TransformerDecoder-post": half(TransformerDecoder, RAGGED, N, T_ENC, 3, sizes=SMALL, heads=3, layers=2, **POST),
    "TransformerSeq2seq": whole(),
    "TransformerSeq2seq-nothing": whole(NOTHING, sizes=SMALL, heads=3),
    "TransformerSeq2seq-before-dropout": whole(BEFORE, sizes=SMALL, heads=1, **DROP),
    "TransformerSeq2seq-post": whole(NOTHING, sizes=SMALL, heads=3, **POST),
    "TransformerSeq2seq-post-dropout": whole(n=2, t_enc=3, t_dec=2, **POST, **DROP),
    "TransformerSeq2seq-smoothed-ignored": whole(RAGGED, sizes=SMALL, heads=1, smoothing=0.2, ignore=2),
    "TransformerSeq2seq-N1-T1": whole(n=1, t_enc=1, t_dec=1, sizes=SMALL, heads=1),
}
