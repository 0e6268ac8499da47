"""Seq2seq without recurrence: a Transformer, whose tokens look at each other instead of being read one after another.

Source: 『ゼロから作るDeep Learning 2』 8.5; Vaswani et al. 2017.
"""

from operator import index
from typing import Any

import numpy

from common.base_model import BaseModel
from common.functions import as_number
from common.initializers import lecun_normal, normal
from common.layer import Layer
from common.layer_norm import LayerNorm
from common.layers import Affine, Dropout, Embedding
from common.np import np
from common.transformer_layers import PositionalEncoding, TransformerDecoderLayer, TransformerEncoderLayer
from seq2seq.attention_seq2seq import padding_id, padding_of
from seq2seq.decoding import Writer
from seq2seq.seq2seq import Seq2seq
from support.array import Array


class TransformerPart(Layer):
    """What encoder and decoder have in common: embedded tokens with their positions, layers, and a last norm.

    The embedding is drawn with standard deviation 1 / sqrt(D), which ``PositionalEncoding`` scales to 1. The last norm
    is for pre-norm layers alone, whose sums nothing else normalizes. Dropout also acts on the sum of embedding and
    position. Source: Vaswani et al. 2017, 3.4 and 5.4; Xiong et al. 2020 (the last norm).
    """

    layer_class: Any  # of each of the layers

    def __init__(
        self,
        vocab_size: int,
        wordvec_size: int,
        hidden_size: int,
        heads: int,
        layers: int,
        dropout: float,
        pre_norm: bool,
        *,
        rng: numpy.random.Generator,
        dtype,
    ):
        super().__init__()
        D, draw = wordvec_size, dict(rng=rng, dtype=dtype)
        self.embed = Embedding(normal((vocab_size, D), D**-0.5, **draw))
        self.positions = PositionalEncoding()
        self.dropout = Dropout(dropout, rng=rng.spawn(1)[0]) if dropout else None
        self.layers = [self.layer_class(D, heads, hidden_size, dropout, pre_norm, **draw) for _ in range(layers)]
        self.norm = LayerNorm(D, dtype=dtype) if pre_norm else None
        self.own(self.embed, *self.layers)
        if self.norm is not None:
            self.own(self.norm)

    def read(self, xs: Array, start: int = 0) -> Array:
        """Return the vectors (N, T, D) of the ids xs (N, T), whose first one stands at ``start``."""
        vectors = self.positions.forward(self.embed.forward(xs), start)
        return vectors if self.dropout is None else self.dropout.forward(vectors)

    def read_backward(self, dvectors: Array) -> None:
        if self.dropout is not None:
            dvectors = self.dropout.backward(dvectors)
        self.embed.backward(self.positions.backward(dvectors))

    def last(self, vectors: Array) -> Array:
        """Return what the last layer gave, normalized if the layers are pre-norm."""
        return vectors if self.norm is None else self.norm.forward(vectors)

    def last_backward(self, dvectors: Array) -> Array:
        return dvectors if self.norm is None else self.norm.backward(dvectors)


class TransformerEncoder(TransformerPart):
    """Embedded characters with their positions, through layers in which each looks at all.

    forward:  xs int (N, T_enc)  ->  hs (N, T_enc, D)
    backward: dhs (N, T_enc, D)  ->  None
    ``mask`` bool (N, T_enc): the characters that may be looked at; None: all.
    Nothing is shared by questions that begin alike: every state depends on the whole question.
    """

    layer_class = TransformerEncoderLayer
    share_prefixes = False  # the switch of other encoders, without effect
    mask: Array | None = None

    def forward(self, xs: Array) -> Array:
        hs = self.read(xs)
        for layer in self.layers:
            hs = layer.forward(hs, self.mask)
        return self.last(hs)

    def backward(self, dhs: Array) -> None:
        dhs = self.last_backward(dhs)
        for layer in reversed(self.layers):
            dhs = layer.backward(dhs)
        self.read_backward(dhs)


class MeanAttention:
    """Where the decoder looked, as one map: the mean over its layers and heads.

    ``attention_weights`` (T_dec, N, T_enc): as those of a TimeAttention. The heads' own are in the layers:
    ``decoder.layers[k].cross_attention.layer.attention_weights`` (N, heads, T_dec, T_enc).
    """

    def __init__(self, layers: list[Any]):
        self.layers = layers
        self.whole: Array | None = None

    @property
    def attention_weights(self) -> Array | None:
        if self.whole is not None:
            return self.whole
        maps = [layer.cross_attention.layer.attention_weights for layer in self.layers]
        if maps[0] is None:  # before the first forward
            return None
        return np.mean([a.mean(axis=1) for a in maps], axis=0).transpose(1, 0, 2)

    def keep(self, a: Array) -> None:
        """Store weights a (N, T_dec, T_enc) as ``attention_weights``, in a separate copy, until the next forward."""
        self.whole = a.transpose(1, 0, 2).copy()


class TransformerDecoder(TransformerPart, Writer):
    """Embedded characters with their positions, through layers that look at those before and at the question; Affine.

    forward:  xs int (N, T_dec), hs (N, T_enc, D)  ->  scores (N, T_dec, V)
    backward: dscores (N, T_dec, V)                ->  dhs (N, T_enc, D)
    ``mask`` bool (N, T_enc): where hs may be looked at; None: everywhere.
    ``attention.attention_weights`` (T_dec, N, T_enc): see MeanAttention.
    After ``start(hs)``, ``scores(xs, hs)`` goes on from the characters before, whose keys and values it keeps: what
    forward gives for these characters of the whole answer, up to rounding. It takes several rows of xs for each
    question, too, side by side, which all look at its states; ``attention_weights`` is then (rows * T_dec, N, T_enc).
    Raises RuntimeError for scores before start, and for backward after them.
    """

    layer_class = TransformerDecoderLayer
    mask: Array | None = None

    def __init__(self, vocab_size: int, wordvec_size: int, *sizes, rng: numpy.random.Generator, dtype):
        super().__init__(vocab_size, wordvec_size, *sizes, rng=rng, dtype=dtype)
        W = lecun_normal((wordvec_size, vocab_size), rng=rng, dtype=dtype)
        self.affine = Affine(W, np.zeros(vocab_size, dtype=dtype))
        self.own(self.affine)
        self.attention = MeanAttention(self.layers)

    def forward(self, xs: Array, hs: Array) -> Array:
        self.attention.whole = self.cache = None
        ys = self.read(xs)
        for layer in self.layers:
            ys = layer.forward(ys, hs, self.mask)
        return self.affine.forward(self.last(ys))

    def backward(self, dscores: Array) -> Array:
        dys = self.last_backward(self.affine.backward(dscores))
        total: Any = 0  # every layer looked at the same hs
        for layer in reversed(self.layers):
            dys, dhs = layer.backward(dys)
            total = total + dhs
        self.read_backward(dys)
        return total

    def start(self, hs: Array) -> None:
        self.attention.whole = None
        self.cache = 0, [layer.start(hs) for layer in self.layers]

    def scores(self, xs: Array, hs: Array) -> Array:
        position, kept = self._kept()
        ys, after = self.read(xs, position), []
        for layer, of_layer in zip(self.layers, kept, strict=True):
            ys, of_layer = layer.step(ys, of_layer, self.mask)
            after.append(of_layer)
        self.cache = position + xs.shape[1], after
        return self.affine.forward(self.last(ys))

    def choose(self, rows: Array) -> None:
        position, kept = self._kept()
        of_rows = [((keys[rows], values[rows]), of_hs) for (keys, values), of_hs in kept]
        self.cache = position, of_rows

    def _kept(self) -> tuple[int, list[Any]]:
        """Return how many characters were read since ``start``, and what each layer keeps of them."""
        if self.cache is None:
            raise RuntimeError("TransformerDecoder: scores was called before start")
        return self.cache


class TransformerSeq2seq(Seq2seq):
    """Seq2seq with a TransformerEncoder and a TransformerDecoder.

    wordvec_size: the width D of the vectors of characters, from embedding to scores; hidden_size: that of the hidden
    layer in each FeedForward; heads: they divide D; layers: of the encoder, and as many of the decoder.
    dropout, pre_norm: see ``common.transformer_layers``.
    mask_padding: the id of the padding, at which neither encoder nor decoder looks then; None: it is looked at.
    Raises ValueError for sizes below 1, heads that do not divide D, a dropout outside [0, 1), and an id outside the
    vocabulary; TypeError for sizes that are not whole numbers.
    Source: Vaswani et al. 2017, with pre-norm (Xiong et al. 2020) unless told otherwise.
    """

    has_maps = True
    encoder: TransformerEncoder
    decoder: TransformerDecoder

    def __init__(
        self,
        vocab_size: int,
        wordvec_size: int,
        hidden_size: int,
        mask_padding: int | None = None,
        *,
        heads: int = 4,
        layers: int = 2,
        dropout: float = 0.0,
        pre_norm: bool = True,
        rng: numpy.random.Generator | None = None,
        dtype=np.float32,
    ):
        sizes = tuple(map(index, (vocab_size, wordvec_size, hidden_size, heads, layers)))
        if min(sizes) < 1:
            raise ValueError(
                f"TransformerSeq2seq: expected sizes (V, D, H), heads and layers of at least 1, got {sizes}"
            )
        if not isinstance(pre_norm, bool):
            raise ValueError(f"TransformerSeq2seq: expected pre_norm True or False, got {type(pre_norm).__name__}")
        dropout = as_number("TransformerSeq2seq: dropout", dropout)
        BaseModel.__init__(self)  # its parts are not made of Seq2seq's three sizes
        self.mask_padding = padding_id("TransformerSeq2seq", mask_padding, vocab_size)
        names = "vocab_size", "wordvec_size", "hidden_size", "heads", "layers"
        self.arguments = dict(zip(names, sizes, strict=True))
        self.arguments |= {"mask_padding": self.mask_padding, "dropout": dropout, "pre_norm": pre_norm}
        rng = rng if rng is not None else numpy.random.default_rng()
        how: Any = (*sizes, dropout, pre_norm)
        self.join(TransformerEncoder(*how, rng=rng, dtype=dtype), TransformerDecoder(*how, rng=rng, dtype=dtype))

    def encode(self, xs: Array) -> Array:
        self.check_questions(xs)
        mask = None if self.mask_padding is None else ~padding_of(xs, self.mask_padding)
        self.encoder.mask = self.decoder.mask = mask
        return super().encode(xs)

    def products(self, encoder_rows: float, decoder_rows: float, T_enc: int, peeks: float | None = None) -> float:
        D, layers = self.arguments["wordvec_size"], self.arguments["layers"]
        T_dec = decoder_rows * T_enc / encoder_rows  # of as many questions: no row is shared
        keys_and_values = 2 * D * D * (encoder_rows - decoder_rows)  # the decoder's second are of what the encoder read
        scores_and_sums = 2 * D * (encoder_rows * T_enc + decoder_rows * (T_dec + T_enc))
        return super().products(encoder_rows, decoder_rows, T_enc) + layers * (keys_and_values + scores_and_sums)
