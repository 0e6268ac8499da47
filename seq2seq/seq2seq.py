"""The sequence-to-sequence model without attention, and the base of the other models.

Source: 『ゼロから作るDeep Learning 2』 7.3; Sutskever et al. 2014.
"""

from operator import index
from typing import Any

import numpy

from common.base_model import BaseModel
from common.functions import as_number, expect_array
from common.initializers import lecun_normal, normal
from common.layer import inference, walk
from common.np import np
from common.parallel import WORTH_A_WORKER, equal_work, worthwhile
from common.ranks import ALONE, Ranks
from common.stacked import check_lstm, draw_lstm
from common.steps import sort
from common.time_layers import TimeAffine, TimeEmbedding, TimeSoftmaxWithLoss
from common.util import to_cpu
from seq2seq.beam_search import beam_search
from seq2seq.decoding import Decoded, Writer, in_batches
from seq2seq.encoder import Encoder
from support.array import Array


class Decoder(Writer):
    """Embedding, LSTM that starts from the encoder's state, Affine.

    forward:  xs int (N, T_dec), h (N, H)  ->  scores (N, T_dec, V)
    backward: dscores (N, T_dec, V)        ->  dh (N, H)
    ``c`` (N, H): the cell state from which the LSTM starts, None for zeros; ``dc`` is its gradient after backward.
    layers, dropout: see ``common.stacked.draw_lstm``. With K layers, h and c are (N, K * H), the lowest layer's first:
    each layer starts from the encoder's of the same height.
    """

    c: Array | None = None
    lstm: Any  # a TimeLSTM, or what a reader puts in its place

    def __init__(
        self,
        vocab_size: int,
        wordvec_size: int,
        hidden_size: int,
        *,
        layers: int = 1,
        dropout: float = 0.0,
        rng=None,
        dtype=np.float32,
    ):
        super().__init__()
        V, D, H = vocab_size, wordvec_size, hidden_size
        draw = dict(rng=rng, dtype=dtype)
        lstm_input, affine_input = self.input_sizes(D, H)
        self.embed = TimeEmbedding(normal((V, D), 0.01, **draw))
        self.lstm = draw_lstm(lstm_input, H, layers=layers, dropout=dropout, stateful=True, **draw)
        self.affine = TimeAffine(lecun_normal((affine_input, V), **draw), np.zeros(V, dtype=dtype))
        self.own(self.embed, self.lstm, self.affine)

    @staticmethod
    def input_sizes(D: int, H: int) -> tuple[int, int]:
        """Return the width of what the LSTM reads, and of what the Affine reads."""
        return D, H

    def start(self, h: Array) -> None:
        """Begin new answers: the LSTM's state is the encoder's."""
        state = (h,) if self.c is None else (h, self.c)
        self.lstm.set_state(*state)

    @property
    def dc(self) -> Array:
        return self.lstm.dc

    def scores(self, xs: Array, h: Array) -> Array:
        """Return the scores (N, T, V) after the characters xs (N, T), going on from the LSTM's state."""
        return self.affine.forward(self.lstm.forward(self.embed.forward(xs)))

    def forward(self, xs: Array, h: Array) -> Array:
        self.start(h)
        return self.scores(xs, h)

    def backward(self, dscores: Array) -> Array:
        self.embed.backward(self.lstm.backward(self.affine.backward(dscores)))
        return self.lstm.dh

    def choose(self, rows: Array) -> None:
        self.lstm.set_state(self.lstm.h[rows], self.lstm.c[rows])


class Seq2seq(BaseModel):
    """Encoder, decoder and loss.

    xs int (N, T_enc): questions; ts int (N, T_dec + 1): answers, the start character first. The decoder reads
    ``ts[:, :-1]`` and learns to write ``ts[:, 1:]``.
    cell_state: whether the decoder's LSTM starts from the encoder's last cell state too, as in most other libraries;
    False, as in the chapter: from that of zeros. An encoder of yours then has ``c``, and a ``backward(dh, dc)``; a
    decoder ``c``, which is given to it before each forward, and ``dc``: see Encoder and Decoder.
    bidirectional: whether the encoder reads from both ends, with half the units in each direction (8.4.1).
    layers: LSTMs on top of each other, with skip connections, in the encoder and in the decoder (8.4.3).
    dropout: the share of values dropped between layers in training, from streams that rng spawns.
    Weights are drawn from rng (fresh entropy when None), in ``dtype``.
    ``has_maps``: whether ``decode`` returns attention weights: where each character of the answer looked.
    """

    has_maps = False
    cell_state = False
    hands_over_h = False  # whether the decoder starts from ``h`` of the encoder, which is no part of what it returned
    worth_a_worker = WORTH_A_WORKER
    encoder_class: type[Encoder] = Encoder
    decoder_class: type[Decoder] = Decoder
    encoder: Any  # both are ours, or a reader's
    decoder: Any
    decoder_options: dict[str, Any] = {}  # arguments of the decoder besides sizes and draws
    arguments: dict[str, Any]

    def __init__(
        self,
        vocab_size: int,
        wordvec_size: int,
        hidden_size: int,
        *,
        cell_state: bool = False,
        bidirectional: bool = False,
        layers: int = 1,
        dropout: float = 0.0,
        rng: numpy.random.Generator | None = None,
        dtype=np.float32,
    ):
        super().__init__()
        sizes = vocab_size, wordvec_size, hidden_size
        if min(sizes) < 1:
            raise ValueError(f"{type(self).__name__}: expected sizes (V, D, H) of at least 1, got {sizes}")
        if not isinstance(cell_state, bool):
            raise ValueError(
                f"{type(self).__name__}: expected cell_state True or False, got {type(cell_state).__name__}"
            )
        self.arguments = dict(zip(("vocab_size", "wordvec_size", "hidden_size"), sizes, strict=True))
        self.cell_state = cell_state
        check_lstm(type(self).__name__, hidden_size, bidirectional, layers, dropout)
        # what is not asked for is left out: version 0.2.0 can load the model, and a reader's parts need not know it
        deep: dict[str, Any] = {"layers": index(layers)} if layers > 1 else {}
        deep |= {"dropout": as_number("dropout", dropout)} if dropout else {}
        both_ways = {"bidirectional": True} if bidirectional else {}
        self.arguments |= ({"cell_state": True} if cell_state else {}) | both_ways | deep
        rng = rng if rng is not None else numpy.random.default_rng()
        encoder = self.encoder_class(*sizes, **(both_ways | deep), rng=rng, dtype=dtype)
        self.join(encoder, self.decoder_class(*sizes, **(deep | self.decoder_options), rng=rng, dtype=dtype))

    def join(self, encoder: Any, decoder: Any) -> None:
        """Make the model of these parts and the loss."""
        self.encoder, self.decoder, self.softmax = encoder, decoder, TimeSoftmaxWithLoss()
        self.params = encoder.params + decoder.params
        self.grads = encoder.grads + decoder.grads

    @property
    def stateful(self) -> bool:
        """Whether a forward depends on the one before it. The decoder never does: each forward sets its state anew."""
        return any(getattr(part, "stateful", False) for _, part in walk(self.encoder))

    def encode(self, xs: Array) -> Array:
        """Return what the decoder gets from the questions xs (N, T_enc)."""
        encoded = self.encoder.forward(xs)
        if self.cell_state:
            c = getattr(self.encoder, "c", None)
            if c is None or not hasattr(self.decoder, "dc"):
                raise ValueError(
                    f"{type(self).__name__}: cell_state needs an encoder with c, its last cell state, and a decoder "
                    f"with c and dc, got {type(self.encoder).__name__} and {type(self.decoder).__name__}"
                )
            self.decoder.c = c
        return encoded

    def forward(self, xs: Array, ts: Array) -> Array:
        """Return the mean cross entropy, in nats per character. Raises ValueError when the shapes do not fit."""
        self._check(xs, ts)
        encoded = self.encode(xs)
        scores = self.decoder.forward(ts[:, :-1], encoded)
        return self.softmax.forward(scores, ts[:, 1:])

    def backward(self, dout: float = 1) -> None:
        dencoded = self.decoder.backward(self.softmax.backward(dout))
        dh = {"dh_last": self.decoder.dh} if self.hands_over_h else {}
        if self.cell_state:
            self.encoder.backward(dencoded, self.decoder.dc, **dh)
        else:
            self.encoder.backward(dencoded, **dh)

    def check_questions(self, xs: Array) -> None:
        """Raise ValueError unless xs is (N, T_enc), of at least one question and one character."""
        expect_array(type(self).__name__, "xs (N, T_enc)", xs)
        if xs.ndim != 2 or 0 in xs.shape:
            raise ValueError(
                f"{type(self).__name__}: expected xs (N, T_enc) of at least one question and one character, "
                f"got {xs.shape}"
            )

    def _check(self, xs: Array, ts: Array) -> None:
        self.check_questions(xs)
        expect_array(type(self).__name__, "ts (N, T_dec + 1)", ts)
        if ts.ndim != 2 or len(ts) != len(xs) or ts.shape[1] < 2:
            raise ValueError(f"{type(self).__name__}: expected ts ({len(xs)}, T_dec + 1), got {ts.shape}")

    def shares(self, xs: Array, ts: Array, count: int, each: tuple[float, float] | None = None) -> list[Array]:
        """Divide the rows of a mini-batch among ``count`` workers: equal beginnings together, equal work for each.
        Returns fewer shares when there is too little work for so many workers. each: the least work that makes one
        worthwhile, see ``worthwhile``; ``worth_a_worker`` when None.

        A question costs one row of the LSTM for each character of its answer, and for each of its own characters that
        it does not share with the question before it, see ``row_costs`` of the encoder.
        """
        self._check(xs, ts)
        order, parts = sort(to_cpu(xs))
        shared, own = getattr(self.encoder, "row_costs", (0.0, 1.0))
        cost = shared * (xs.shape[1] - parts) + own * xs.shape[1] + ts.shape[1] - 1
        work = cost.sum()
        # a row meets about half of the weights, the encoder's or the decoder's, in three products of 2 operations each
        operations = 3 * work * sum(p.size for p in self.params)
        rows = work / (xs.shape[1] + ts.shape[1] - 1)
        count = worthwhile(count, operations, rows, each or self.worth_a_worker)
        return equal_work(order, cost, count, multiple=4)  # products are quickest for 4, 8, 12, ... rows

    def products(self, encoder_rows: float, decoder_rows: float, T_enc: int, peeks: float | None = None) -> float:
        """Count the multiplications in the matrix products of a forward: by default, each row times each weight matrix.

        encoder_rows, decoder_rows: characters read and written, over all questions. peeks: how often a decoder that
        sees the encoder's last state at every step multiplies it (once per character when None).
        """
        of_encoder, of_decoder = (
            sum(p.size for p in part.params if p.ndim > 1) - part.embed.W.size  # an embedding is looked up
            for part in (self.encoder, self.decoder)
        )
        return encoder_rows * of_encoder + decoder_rows * of_decoder

    def generate(self, xs: Array, start_id: int, sample_size: int) -> list[int]:
        """Return the answer to one question xs (1, T_enc): ``sample_size`` ids. Raises ValueError for several."""
        with inference(self):
            return self.decoder.generate(self.encode(xs), start_id, sample_size)

    def decode(
        self,
        xs: Array,
        start_id: int,
        sample_size: int,
        batch_size: int = 128,
        *,
        workers: int = 1,
        ranks: Ranks = ALONE,
    ) -> Decoded:
        """Write the model's own answers to xs (N, T_enc), ``batch_size`` questions at a time to bound the memory.

        The batches are dealt out to ``workers`` threads, each of which has one batch in memory, and to ``ranks``,
        all of which have to call this.

        Afterwards the ``attention_weights`` of a decoder with attention are those of all answers.
        A custom decoder needs a method ``decode``.
        Raises ValueError for no question, and for a sample_size or batch_size below 1.
        """

        def answer(model, xs: Array) -> Decoded:
            return model.decoder.decode(model.encode(xs), start_id, sample_size)

        decoded = in_batches("decode", self, xs, answer, batch_size, workers, ranks)
        if decoded.attention_weights is not None:
            self.decoder.attention.keep(decoded.attention_weights)
        return decoded

    beam_search = beam_search  # as a method: model.beam_search(xs, ...)
