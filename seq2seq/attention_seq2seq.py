"""Seq2seq with attention: the decoder looks at all the encoder's states, and chooses where at each step.

Source: 『ゼロから作るDeep Learning 2』 8.2; Bahdanau et al. 2015; Luong et al. 2015.
"""

from operator import index
from typing import Any

import numpy

from common.attention import SCORES
from common.layer import Layer
from common.np import np
from seq2seq.encoder import Encoder
from seq2seq.seq2seq import Decoder, Seq2seq
from support.array import Array


def padding_of(xs: Array, pad: int) -> Array:
    """Mark the padding of the ids xs (N, T): bool (N, T), True for the ``pad`` ids at either end of a row.

    Both ends count, because questions may be reversed. A ``pad`` between other characters is a space, and not marked.
    """
    real = xs != pad
    seen_before, seen_after = real.cumsum(axis=1), real[:, ::-1].cumsum(axis=1)[:, ::-1]
    return (seen_before == 0) | (seen_after == 0)


def padding_id(name: str, mask_padding: int | None, vocab_size: int) -> int | None:
    """Return the id of the padding as an int, None for none. name: of the model, for the ValueError of a wrong id."""
    if mask_padding is not None and not 0 <= index(mask_padding) < vocab_size:
        raise ValueError(f"{name}: expected mask_padding in 0..{vocab_size - 1}, got {mask_padding}")
    return mask_padding if mask_padding is None else index(mask_padding)


class AttentionEncoder(Encoder):
    """Embedding and LSTM; all states go to the decoder.

    forward:  xs int (N, T_enc)   ->  hs (N, T_enc, H)
    backward: dhs (N, T_enc, H)   ->  None
    With two directions or several layers, backward takes the gradient dh_last of ``h``, too: see Encoder.
    """

    def forward(self, xs: Array) -> Array:
        return self.states(xs)

    def backward(self, dhs: Array, dc: Array | None = None, dh_last: Array | None = None) -> None:
        self.states_backward(dhs, dc, dh_last)


class AttentionDecoder(Decoder):
    """Embedding, LSTM that starts from the encoder's last state, attention, Affine of context and state.

    forward:  xs int (N, T_dec), hs_enc (N, T_enc, H)  ->  scores (N, T_dec, V)
    backward: dscores (N, T_dec, V)                    ->  dhs_enc (N, T_enc, H)
    ``attention.attention_weights`` (T_dec, N, T_enc): after forward, the weights under the given answer; after
    ``decode`` or ``generate``, those under the model's own.
    ``mask`` bool (N, T_enc), True where the decoder may look; None: everywhere.
    score: how well two states fit, a name in ``SCORES`` of common.attention.
    ``scores`` also takes B rows of xs for each question, side by side, which all look at its states;
    ``attention_weights`` are then (B * T_dec, N, T_enc).
    ``h`` (N, K * H): the state from which the LSTM starts, if not from the last of hs_enc; ``dh`` is its gradient after
    backward. layers, dropout: see Decoder. The highest layer's states, with what skips it, look at hs_enc.
    Raises ValueError for an unknown score.
    """

    mask: Array | None = None
    h: Array | None = None

    def __init__(
        self,
        vocab_size: int,
        wordvec_size: int,
        hidden_size: int,
        *,
        layers: int = 1,
        dropout: float = 0.0,
        score: str = "dot",
        rng=None,
        dtype=np.float32,
    ):
        if score not in tuple(SCORES):
            raise ValueError(f"{type(self).__name__}: score: expected {' or '.join(SCORES)}, got {score!r}")
        super().__init__(vocab_size, wordvec_size, hidden_size, layers=layers, dropout=dropout, rng=rng, dtype=dtype)
        self.score = score
        self.attention = self.make_attention(hidden_size, rng=rng, dtype=dtype)
        self.own(self.attention)

    def make_attention(self, hidden_size: int, *, rng, dtype) -> Layer:
        """Make the attention layer. A subclass that scores differently returns its own layer."""
        return SCORES[self.score].of_size(hidden_size, rng=rng, dtype=dtype)

    @staticmethod
    def input_sizes(D: int, H: int) -> tuple[int, int]:
        return D, H + H

    def start(self, hs_enc: Array) -> None:
        super().start(hs_enc[:, -1] if self.h is None else self.h)

    @property
    def dh(self) -> Array:
        return self.lstm.dh

    def scores(self, xs: Array, hs_enc: Array) -> Array:
        hs_dec = self.lstm.forward(self.embed.forward(xs))
        by_question = hs_dec.reshape(len(hs_enc), -1, hs_dec.shape[2])
        context = self.attention.forward(hs_enc, by_question, self.mask).reshape(hs_dec.shape)
        return self.affine.forward(np.concatenate((context, hs_dec), axis=2))

    def backward(self, dscores: Array) -> Array:
        dcontext, dhs_dec0 = np.split(self.affine.backward(dscores), 2, axis=2)
        dhs_enc, dhs_dec1 = self.attention.backward(dcontext)
        self.embed.backward(self.lstm.backward(dhs_dec0 + dhs_dec1))
        if self.h is None:
            dhs_enc[:, -1] += self.lstm.dh  # the last state was also the LSTM's first
        return dhs_enc


class AttentionSeq2seq(Seq2seq):
    """Seq2seq with an AttentionEncoder and an AttentionDecoder.

    mask_padding: the id of the padding, which the decoder then does not look at: ``padding_of`` a question weighs
    exactly 0. The encoder still reads it. None, as in the chapter: the decoder looks everywhere.
    cell_state, bidirectional, layers, dropout: see Seq2seq. score: see AttentionDecoder.
    Raises ValueError for an id outside the vocabulary, and for an unknown score.
    """

    has_maps = True
    encoder_class = AttentionEncoder
    decoder_class = AttentionDecoder

    def __init__(
        self,
        vocab_size: int,
        wordvec_size: int,
        hidden_size: int,
        mask_padding: int | None = None,
        *,
        cell_state: bool = False,
        bidirectional: bool = False,
        layers: int = 1,
        dropout: float = 0.0,
        score: str = "dot",
        rng: numpy.random.Generator | None = None,
        dtype=np.float32,
    ):
        scored = {} if score == "dot" else {"score": score}  # a decoder of one's own needs no such argument
        self.decoder_options = scored
        kind: dict[str, Any] = dict(cell_state=cell_state, bidirectional=bidirectional, layers=layers, dropout=dropout)
        super().__init__(vocab_size, wordvec_size, hidden_size, **kind, rng=rng, dtype=dtype)
        self.hands_over_h = bidirectional or layers > 1
        self.mask_padding = padding_id("AttentionSeq2seq", mask_padding, vocab_size)
        self.arguments |= {"mask_padding": self.mask_padding} | scored

    def products(self, encoder_rows: float, decoder_rows: float, T_enc: int, peeks: float | None = None) -> float:
        scores = sums = decoder_rows * T_enc * self.arguments["hidden_size"]
        every = super().products(encoder_rows, decoder_rows, T_enc, peeks) + scores + sums
        # additive scores multiply the encoder's states once, not again for each character of the answer
        We = getattr(self.decoder.attention, "We", None)
        return every if We is None else every + (encoder_rows - decoder_rows) * We.size

    def encode(self, xs: Array) -> Array:
        hs_enc = super().encode(xs)
        if self.hands_over_h:
            self.decoder.h = self.encoder.h
        self.decoder.mask = None if self.mask_padding is None else ~padding_of(xs, self.mask_padding)
        return hs_enc
