"""LSTMs on top of each other (``TimeStack``), and the LSTM of an encoder or a decoder (``draw_lstm``)."""

from typing import Any

import numpy

from common.bidirectional import TimeBidirectional, side_by_side
from common.functions import as_number
from common.initializers import recurrent_weights
from common.layer import Layer
from common.layers import Dropout
from common.lstm import TimeBiLSTM, TimeLSTM
from common.np import np
from common.steps import Prefixes, PrefixRows
from support.array import Array


class TimeStack(Layer):
    """K LSTMs on top of each other, with a skip connection around each but the first, and dropout between them.

    ``hs_0 = layer_0(xs)``, ``hs_k = hs_{k-1} + layer_k(dropout(hs_{k-1}))``

    forward:  xs (N, T, D)  ->  hs (N, T, H), those of the top
    backward: dhs (N, T, H), dc_last and dh_last (N, K * H) or None  ->  dxs (N, T, D)
    layers: TimeLSTMs or TimeBiLSTMs, the first (D, H), the others (H, H). ``constant`` is the first's: see TimeLSTM.
    dropout: the share of what each layer but the first reads that training drops. Its streams are spawned from rng.

    ``h`` and ``c`` (N, K * H) are the last states of all layers side by side, the lowest first, each before a skip
    connection adds to it; dh_last and dc_last are their gradients. ``dh`` and ``dc`` are those of the first states, of
    stateful layers: others start from zeros.
    mask, and the state of stateful layers: see TimeRecurrent.

    prefixes: see TimeRecurrent or, for two directions, TimeBidirectional. In one direction, the states of all layers
    depend on the ids so far alone, so all layers share rows. Where dropout drops, only the first does: above it, each
    sequence has a mask of its own. In two directions also: what the first returns depends on all ids.
    Raises ValueError when the layers do not fit together.
    Source: 『ゼロから作るDeep Learning 2』 8.4.3; He et al. 2016 (skip connections); Zaremba et al. 2014 (dropout).
    """

    def __init__(self, layers: list[Any], dropout: float = 0.0, *, rng: numpy.random.Generator | None = None):
        super().__init__()
        sizes = [(len(layer.params[0]), width(layer)) for layer in layers]
        if not layers or any(size != (sizes[0][1], sizes[0][1]) for size in sizes[1:]):
            raise ValueError(f"TimeStack: expected layers of sizes (D, H), (H, H), (H, H), ..., got {sizes}")
        if len(set(map(id, layers))) < len(layers):
            raise ValueError(
                "TimeStack: expected different layers, as each keeps what its backward needs, got one twice"
            )
        rng = rng if rng is not None else numpy.random.default_rng()
        self.layers = list(layers)
        self.dropouts = [Dropout(dropout, rng=stream) for stream in rng.spawn(len(layers) - 1)] if dropout else []
        self.own(*layers)

    @property
    def stateful(self) -> bool:
        return any(layer.stateful for layer in self.layers)

    @property
    def shares_rows(self) -> bool:
        """Whether all layers share the rows of prefixes, not just the first."""
        both_ways = any(isinstance(layer, TimeBidirectional) for layer in self.layers)
        return not both_ways and not any(dropout.train_flg for dropout in self.dropouts)

    @property
    def shared(self) -> float:
        """The part of the work that is done once for equal prefixes."""
        return 1.0 if self.shares_rows else getattr(self.layers[0], "shared", 1.0) / len(self.layers)

    @property
    def h(self) -> Array | None:
        return side_by_side(self.layers, "h")

    @property
    def c(self) -> Array | None:
        return side_by_side(self.layers, "c")

    @property
    def dh(self) -> Array | None:
        return side_by_side(self.layers, "dh") if self.stateful else None

    @property
    def dc(self) -> Array | None:
        return side_by_side(self.layers, "dc") if self.stateful else None

    def set_state(self, h: Array, c: Array | None = None) -> None:
        """Start the next forward from h (N, K * H) and c (N, K * H); c defaults to zeros.

        Raises RuntimeError for layers of both directions, which start from zeros.
        """
        if any(isinstance(layer, TimeBidirectional) for layer in self.layers):
            raise RuntimeError("TimeStack: set_state: layers of both directions start from zeros")
        for layer, *state in zip(self.layers, self._by_layer("h", h), self._by_layer("c", c), strict=True):
            layer.set_state(*state)

    def reset_state(self) -> None:
        """Start the next forward from zeros."""
        for layer in self.layers:
            layer.reset_state()

    def multiply(self, constant: Array) -> Array:
        """Return the product of the constant (N, C) and its weights: see TimeLSTM."""
        return self.layers[0].multiply(constant)

    def forward(
        self, xs: Array, prefixes: Prefixes | None = None, mask: Array | None = None, **constant: Array
    ) -> Array:
        rows = PrefixRows(prefixes) if prefixes is not None and self.shares_rows else None
        first, *others = self.layers
        hs = first.forward(xs, prefixes=rows or prefixes, mask=mask, **constant)
        for k, layer in enumerate(others):
            inputs = self.dropouts[k].forward(hs) if self.dropouts else hs
            hs = hs + layer.forward(inputs, prefixes=rows, mask=mask)
        self.cache = (rows,)
        return hs if rows is None else rows.to_sequences(hs)

    def backward(self, dhs: Array, dc_last: Array | None = None, dh_last: Array | None = None) -> Any:
        (rows,) = self.saved()
        self.expect("dhs (N, T, H)", dhs, None, None, width(self.layers[0]))
        dhs = dhs if rows is None else rows.to_rows(dhs)
        last = list(zip(self._by_layer("dc_last", dc_last), self._by_layer("dh_last", dh_last), strict=True))
        for k in range(len(self.layers) - 1, 0, -1):
            dinputs = self.layers[k].backward(dhs, *last[k])
            dhs = dhs + (self.dropouts[k - 1].backward(dinputs) if self.dropouts else dinputs)  # forward used it twice
        return self.layers[0].backward(dhs, *last[0])

    def _by_layer(self, what: str, states: Array | None) -> list[Any]:
        """Split states (N, K * H) into those of each layer."""
        K = len(self.layers)
        if states is None:
            return [None] * K
        self.expect(f"{what} (N, K * H)", states, None, K * width(self.layers[0]))
        return np.split(states, K, axis=1)


def width(layer: Any) -> int:
    """Return H, the width of a recurrent layer's states: of both directions, if it has two."""
    return sum(len(direction.Wh) for direction in getattr(layer, "directions", (layer,)))


def draw_lstm(
    input_size: int,
    hidden_size: int,
    *,
    bidirectional: bool = False,
    layers: int = 1,
    dropout: float = 0.0,
    stateful: bool = False,
    rng: numpy.random.Generator | None = None,
    dtype=np.float32,
) -> TimeLSTM | TimeBiLSTM | TimeStack:
    """Draw the weights of an LSTM (D, H), and make it.

    bidirectional: a TimeBiLSTM, H / 2 units in each direction; layers: so many, in a TimeStack with this dropout.
    Raises ValueError for options that ``check_lstm`` refuses.
    """
    check_lstm("draw_lstm", hidden_size, bidirectional, layers, dropout)
    H, draw = hidden_size, dict(rng=rng, dtype=dtype)

    def one(D: int) -> Any:
        if not bidirectional:
            return TimeLSTM(*recurrent_weights(D, H, TimeLSTM.gates, **draw), stateful)
        there, back = (recurrent_weights(D, H // 2, TimeLSTM.gates, **draw) for _ in range(2))
        return TimeBiLSTM(*there, *back, stateful)

    if layers == 1:
        return one(input_size)
    return TimeStack([one(H if layer else input_size) for layer in range(layers)], dropout, rng=rng)


def check_lstm(name: str, hidden_size: int, bidirectional: bool, layers: int, dropout: float) -> None:
    """Raise ValueError, which begins with ``name``, unless these options of an LSTM go together."""
    if not isinstance(bidirectional, bool):
        raise ValueError(f"{name}: expected bidirectional True or False, got {type(bidirectional).__name__}")
    if bidirectional and hidden_size % 2:
        raise ValueError(
            f"{name}: expected an even hidden_size for bidirectional, half of it in each direction, got {hidden_size}"
        )
    if as_number(f"{name}: layers", layers, int) < 1:
        raise ValueError(f"{name}: expected layers of at least 1, got {layers}")
    if not 0 <= as_number(f"{name}: dropout", dropout) < 1:
        raise ValueError(f"{name}: expected a dropout in [0, 1), got {dropout}")
    if dropout and layers == 1:
        raise ValueError(f"{name}: dropout {dropout} acts between layers, so it needs layers=2 or more, got layers=1")
