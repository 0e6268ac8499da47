"""Peeky seq2seq: every step of the decoder sees the encoder's state.

Source: 『ゼロから作るDeep Learning 2』 7.4.2; Cho et al. 2014.
"""

from common.lstm import LSTM
from common.np import np
from seq2seq.seq2seq import Decoder, Seq2seq
from support.array import Array


class PeekyDecoder(Decoder):
    """Like Decoder, with the encoder's state h joined to every input of the LSTM and of the Affine.

    With K layers, h is (N, K * H), and what is joined is the state of the highest.

    forward:  xs int (N, T_dec), h (N, H)  ->  scores (N, T_dec, V)
    backward: dscores (N, T_dec, V)        ->  dh (N, H)
    """

    @staticmethod
    def input_sizes(D: int, H: int) -> tuple[int, int]:
        return H + D, H + H

    def start(self, h: Array) -> None:
        super().start(h)
        self.cache = self.lstm.multiply(self.peeked(h))  # the same at every step

    def scores(self, xs: Array, h: Array) -> Array:
        product, top = self.saved(), self.peeked(h)
        if len(xs) > product.shape[1]:  # a beam search reads several characters per question
            product = np.repeat(product, len(xs) // product.shape[1], axis=1)
        out = self.lstm.forward(self.embed.forward(xs), constant=top, product=product)
        hs = np.repeat(top[:, None], out.shape[1], axis=1)  # (N, T, H)
        return self.affine.forward(np.concatenate((hs, out), axis=2))

    def backward(self, dscores: Array) -> Array:
        dhs, dout = np.split(self.affine.backward(dscores), 2, axis=2)
        dembed, dtop = self.lstm.backward(dout)
        self.embed.backward(dembed)
        # forward gave h to the LSTM as its first state, and the highest layer's to every step, twice
        dh = self.lstm.dh.copy()
        top = self.peeked(dh)
        top += dtop
        top += dhs.sum(axis=1)
        return dh

    def peeked(self, h: Array) -> Array:
        """Return the columns of h (N, K * H), or of its gradient, that belong to the highest layer: a view (N, H)."""
        return h[:, -(len(self.affine.W) // 2) :]


class PeekySeq2seq(Seq2seq):
    """Seq2seq with a PeekyDecoder."""

    decoder_class = PeekyDecoder

    def products(self, encoder_rows: float, decoder_rows: float, T_enc: int, peeks: float | None = None) -> float:
        H, decoder = self.arguments["hidden_size"], self.decoder
        saved = 0 if peeks is None else decoder_rows - peeks
        every = super().products(encoder_rows, decoder_rows, T_enc)
        return every - saved * (H * LSTM.gates * H + decoder.affine.W[:H].size)
