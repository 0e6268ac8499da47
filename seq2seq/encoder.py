"""The encoder of the recurrent models: it reads the question.

Source: 『ゼロから作るDeep Learning 2』 7.3.1, 8.4.1 and 8.4.3; Sutskever et al. 2014.
"""

from typing import Any

from common.bidirectional import TimeBidirectional
from common.initializers import normal
from common.layer import Layer
from common.np import np
from common.rnn import TimeRecurrent
from common.stacked import TimeStack, draw_lstm
from common.steps import Prefixes
from common.time_layers import TimeEmbedding
from support.array import Array


class Encoder(Layer):
    """Embedding and LSTM; the last state stands for the whole question.

    forward:  xs int (N, T_enc)  ->  h (N, H)
    backward: dh (N, H)          ->  None
    ``c`` (N, H) is then the last cell state; backward takes its gradient dc, too, if the decoder starts from it.
    ``share_prefixes``: compute the states of a beginning that several questions share only once; the result is exact.

    bidirectional, layers, dropout: see ``common.stacked.draw_lstm``. With two directions or K layers, the last states
    are not all where a question ends, nor all in the highest layer: ``h`` and ``c`` are then (N, K * H), of all layers
    side by side, and in each those of both directions, at their own ends; and so is what forward returns.
    """

    share_prefixes = True
    bidirectional, plain = False, True  # plain: one direction and one layer, as in the chapter
    lstm: Any  # a TimeLSTM, or what a reader puts in its place

    def __init__(
        self,
        vocab_size: int,
        wordvec_size: int,
        hidden_size: int,
        *,
        bidirectional: bool = False,
        layers: int = 1,
        dropout: float = 0.0,
        rng=None,
        dtype=np.float32,
    ):
        super().__init__()
        self.bidirectional, self.plain = bidirectional, not bidirectional and layers == 1
        draw: dict[str, Any] = dict(rng=rng, dtype=dtype)
        self.embed = TimeEmbedding(normal((vocab_size, wordvec_size), 0.01, **draw))
        kind: dict[str, Any] = dict(bidirectional=bidirectional, layers=layers, dropout=dropout)
        self.lstm = draw_lstm(wordvec_size, hidden_size, **kind, **draw)
        self.own(self.embed, self.lstm)

    @property
    def shares_prefixes(self) -> bool:
        """Whether prefixes are shared: if asked for, and if the LSTM is one of our layers and starts from zeros."""
        ours = TimeRecurrent if self.plain else (TimeBidirectional, TimeStack)
        return self.share_prefixes and isinstance(self.lstm, ours) and not self.lstm.stateful

    @property
    def row_costs(self) -> tuple[float, float]:
        """What a character costs, where questions share rows and where they do not; a decoder's row costs 1."""
        every = 0.5 if self.bidirectional else 1.0  # half the units in each direction have a quarter of the weights
        shared = every * getattr(self.lstm, "shared", 1.0) if self.shares_prefixes else 0.0
        return shared, every - shared

    @property
    def h(self) -> Array:
        return self.lstm.h

    @property
    def c(self) -> Array | None:
        if self.plain and isinstance(self.lstm, TimeBidirectional):
            return None  # a reader's, whose first h is not at its own ends
        return getattr(self.lstm, "c", None)  # a reader's layer may keep none

    def states(self, xs: Array, last_only: bool = False) -> Array:
        """Return all states (N, T_enc, H); with ``last_only``, perhaps the last alone, (N, 1, H).

        Raises ValueError when xs is not (N, T_enc), or is empty.
        """
        self.expect("xs (N, T_enc)", xs, None, None)
        if 0 in xs.shape:
            raise ValueError(f"{type(self).__name__}: expected at least one question and one character, got {xs.shape}")
        if not self.shares_prefixes:
            return self.lstm.forward(self.embed.forward(xs))
        prefixes = Prefixes(xs, last_only and self.plain)
        ids = xs if self.bidirectional else prefixes.ids  # in two directions, one of them reads every question
        return self.lstm.forward(self.embed.forward(ids), prefixes=prefixes)

    def states_backward(self, dhs: Array, dc: Array | None = None, dh_last: Array | None = None) -> None:
        """Take the gradients of what ``states`` returned and of ``c`` and ``h``, None for one that was not used."""
        # a reader's layer may take neither
        last = [dc, dh_last] if dh_last is not None else [dc] if dc is not None else []
        self.embed.backward(self.lstm.backward(dhs, *last))

    def forward(self, xs: Array) -> Array:
        hs = self.states(xs, last_only=True)
        self.cache = hs.shape
        return hs[:, -1].copy() if self.plain else self.h

    def backward(self, dh: Array, dc: Array | None = None) -> None:
        dhs = np.zeros(self.saved(), dtype=dh.dtype)
        if self.plain:
            dhs[:, -1] = dh
            self.states_backward(dhs, dc)
        else:
            self.states_backward(dhs, dc, dh)
