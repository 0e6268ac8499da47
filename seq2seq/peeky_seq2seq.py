"""Peeky seq2seq: every step of the decoder sees the encoder's state.

Source: 『ゼロから作るDeep Learning 2』 7.4.2; Cho et al. 2014.
"""

from common.np import np
from seq2seq.seq2seq import Decoder, Seq2seq
from support.array import Array


class PeekyDecoder(Decoder):
    """Like Decoder, with the encoder's state h joined to every input of the LSTM and of the Affine.

    forward:  xs int (N, T_dec), h (N, H)  ->  scores (N, T_dec, V)
    backward: dscores (N, T_dec, V)        ->  dh (N, H)
    """

    @staticmethod
    def input_sizes(D: int, H: int) -> tuple[int, int]:
        return H + D, H + H

    def start(self, h: Array) -> None:
        super().start(h)
        self.cache = self.lstm.multiply(h)  # the same at every step

    def scores(self, xs: Array, h: Array) -> Array:
        peeked = self.saved()
        if len(xs) > peeked.shape[1]:  # a beam search reads several characters per question
            peeked = np.repeat(peeked, len(xs) // peeked.shape[1], axis=1)
        out = self.lstm.forward(self.embed.forward(xs), constant=h, product=peeked)
        hs = np.repeat(h[:, None], out.shape[1], axis=1)  # (N, T, H)
        return self.affine.forward(np.concatenate((hs, out), axis=2))

    def backward(self, dscores: Array) -> Array:
        H = len(self.lstm.Wh)
        dhs, dout = np.split(self.affine.backward(dscores), [H], axis=2)
        dembed, dh = self.lstm.backward(dout)
        self.embed.backward(dembed)
        # forward gave h to every step, twice, and to the LSTM as its first state
        return self.lstm.dh + dh + dhs.sum(axis=1)


class PeekySeq2seq(Seq2seq):
    """Seq2seq with a PeekyDecoder."""

    decoder_class = PeekyDecoder

    def products(self, encoder_rows: float, decoder_rows: float, T_enc: int, peeks: float | None = None) -> float:
        H, decoder = self.arguments["hidden_size"], self.decoder
        saved = 0 if peeks is None else decoder_rows - peeks
        every = super().products(encoder_rows, decoder_rows, T_enc)
        return every - saved * (decoder.lstm.Wx[:H].size + decoder.affine.W[:H].size)
