"""The recurrent layers' part of the table of layers (layer_table.py)."""

import numpy as np
from table_inputs import D, H, N, T

from common.steps import Prefixes
from common.time_layers import GRU, LSTM, RNN, TimeBiGRU, TimeBiLSTM, TimeGRU, TimeLSTM, TimeRNN

GATES = {RNN: 1, GRU: 3, LSTM: 4, TimeRNN: 1, TimeGRU: 3, TimeLSTM: 4}
TIME_OF = {TimeRNN: RNN, TimeGRU: GRU, TimeLSTM: LSTM}
ALIKE = {  # ids of questions, which may begin alike
    "ragged": np.array([[3, 3, 0, 2], [3, 4, 0, 1], [5, 0, 0, 0], [3, 3, 0, 1], [3, 4, 0, 2], [3, 4, 0, 1]]),
    "all_equal": np.tile([3, 2, 3, 0], (N, 1)),
    "none_equal": np.array([[3, 2, 3, 0], [4, 2, 3, 0], [1, 2, 3, 0]]),
}
MASKS = {  # of N sequences of T steps, the second with nothing real; and of one sequence, and of one step
    "after": np.arange(T) < np.array([[3], [0], [5]]),
    "before": np.arange(T) >= np.array([[2], [5], [1]]),
    "holes": np.array([[1, 0, 0, 1, 0], [0, 0, 0, 0, 0], [0, 1, 0, 1, 1]], dtype=bool),
    "N1": np.array([[False, True, True, False, True]]),
    "T1": np.array([[True], [False], [True]]),
}


class WithState:
    """A stateful layer that takes its first state as an input, so that the gradient of the state is checked."""

    def __init__(self, layer):
        self.layer, self.params, self.grads = layer, layer.params, layer.grads

    def forward(self, xs, *state):
        self.layer.set_state(*state)
        return self.layer.forward(xs)

    def backward(self, *douts):
        dxs = self.layer.backward(*douts)
        return (dxs, self.layer.dh, self.layer.dc) if hasattr(self.layer, "dc") else (dxs, self.layer.dh)


class WithPrefixes(WithState):
    """A layer that takes the ids whose Prefixes it shares as an input, beside an x for each of its rows."""

    last_only = False

    def forward(self, xs, ids):
        return self.layer.forward(xs, Prefixes(ids, self.last_only))

    def backward(self, *douts):
        return self.layer.backward(*douts)


class WithConstant(WithState):
    """A layer that takes ``constant`` as its second input, and its first state after it, if it is stateful."""

    def forward(self, xs, constant, *state):
        if state:
            self.layer.set_state(*state)
        return self.layer.forward(xs, constant=constant)

    def backward(self, *douts):
        dxs, dconstant = self.layer.backward(*douts)
        return (dxs, dconstant, self.layer.dh, self.layer.dc) if self.layer.stateful else (dxs, dconstant)


class WithMask(WithState):
    """A layer that takes a mask as its second input."""

    def forward(self, xs, mask):
        return self.layer.forward(xs, mask=mask)

    def backward(self, *douts):
        return self.layer.backward(*douts)


class WithCell(WithState):
    """Any of the above, or an encoder, with its last cell state as a second output."""

    def __init__(self, given):
        super().__init__(getattr(given, "layer", given))
        self.given = given

    def forward(self, *inputs):
        return self.given.forward(*inputs), self.layer.c

    def backward(self, dhs, dc):
        return self.given.backward(dhs, dc)


class OfLast(WithPrefixes):
    """A layer that returns the last states alone."""

    last_only = True


def reset_after(cls, r, **options):
    """A GRU of any kind with the reset after the product and a second bias."""
    if cls is TimeBiGRU:
        return cls(*both_ways(r, 3), bh1=r(3 * 2), bh2=r(3 * 2), reset_after=True)
    return cls(*r.weights(3), bh=r(3 * H), reset_after=True, **options)


def both_ways(r, gates):
    """Weights of two directions, of two units each: they double all, and what is in each is checked by itself."""
    return *r.weights(gates, hidden=2), *r.weights(gates, hidden=2)


RECURRENT = {
    "TimeBiLSTM": lambda r: (TimeBiLSTM(*both_ways(r, 4)), r(N, T, D)),
    "TimeBiLSTM-N1": lambda r: (TimeBiLSTM(*both_ways(r, 4)), r(1, T, D)),
    "TimeBiLSTM-T1": lambda r: (TimeBiLSTM(*both_ways(r, 4)), r(N, 1, D)),
    "TimeLSTM-constant": lambda r: (WithConstant(TimeLSTM(*r.weights(4, 2 + D))), r(N, T, D), r(N, 2)),
    "TimeLSTM-constant-N1-T1": lambda r: (WithConstant(TimeLSTM(*r.weights(4, 2 + D))), r(1, 1, D), r(1, 2)),
    "TimeLSTM-constant_and_state": lambda r: (
        WithConstant(TimeLSTM(*r.weights(4, 2 + D), stateful=True)),
        *(r(N, T, D), r(N, 2), r(N, H), r(N, H)),
    ),
    "TimeBiGRU": lambda r: (TimeBiGRU(*both_ways(r, 3)), r(N, T, D)),
    "TimeBiGRU-reset_after": lambda r: (reset_after(TimeBiGRU, r), r(N, T, D)),
    "GRU-reset_after": lambda r: (reset_after(GRU, r), r(N, D), r(N, H)),
    "GRU-reset_after-one_bias": lambda r: (GRU(*r.weights(3), reset_after=True), r(N, D), r(N, H)),
    "TimeGRU-reset_after": lambda r: (reset_after(TimeGRU, r), r(N, T, D)),
    "TimeGRU-reset_after-one_bias": lambda r: (TimeGRU(*r.weights(3), reset_after=True), r(N, T, D)),
    "TimeGRU-reset_after-N1-T1": lambda r: (reset_after(TimeGRU, r), r(1, 1, D)),
    "TimeGRU-reset_after-state": lambda r: (WithState(reset_after(TimeGRU, r, stateful=True)), r(N, T, D), r(N, H)),
    "TimeGRU-reset_after-prefixes": lambda r: (
        WithPrefixes(reset_after(TimeGRU, r)),
        *(r(Prefixes(ALIKE["ragged"]).rows, D), ALIKE["ragged"]),
    ),
    "TimeGRU-reset_after-mask-holes": lambda r: (
        WithMask(reset_after(TimeGRU, r)),
        *(r(N, T, D), MASKS["holes"]),
    ),
}


def _add_recurrent(cls, gates):
    name, states = cls.__name__, 2 if gates == 4 else 1
    if cls in TIME_OF:  # the gates are those of the first: the others are small
        RECURRENT[name] = lambda r: (cls(*r.weights(gates)), r(N, T, D))
        RECURRENT[f"{name}-N1"] = lambda r: (cls(*r.weights(gates, hidden=2)), r(1, T, D))
        RECURRENT[f"{name}-T1"] = lambda r: (cls(*r.weights(gates, hidden=2)), r(N, 1, D))
        for alike, ids in ALIKE.items():
            RECURRENT[f"{name}-prefixes-{alike}"] = lambda r, ids=ids: (
                WithPrefixes(cls(*r.weights(gates, hidden=2))),
                r(Prefixes(ids).rows, D),
                ids,
            )
        for what, mask in MASKS.items():
            RECURRENT[f"{name}-mask-{what}"] = lambda r, mask=mask: (
                WithMask(cls(*r.weights(gates, hidden=2))),
                *(r(*mask.shape, D), mask),
            )
        RECURRENT[f"{name}-state"] = lambda r: (
            WithState(cls(*r.weights(gates), stateful=True)),
            r(N, T, D),
            *(r(N, H) for _ in range(states)),
        )
    else:
        for suffix, n in (("", N), ("-N1", 1)):
            RECURRENT[name + suffix] = lambda r, n=n: (
                cls(*r.weights(gates)),
                r(n, D),
                *(r(n, H) for _ in range(states)),
            )


for _cls, _gates in GATES.items():
    _add_recurrent(_cls, _gates)
for _name in [name for name in RECURRENT if name.startswith("TimeLSTM-")]:
    RECURRENT[f"{_name}-cell"] = lambda r, name=_name: (lambda layer, *inputs: (WithCell(layer), *inputs))(
        *RECURRENT[name](r)
    )
for _alike, _ids in ALIKE.items():
    RECURRENT[f"TimeLSTM-prefixes-last_only-{_alike}-cell"] = lambda r, ids=_ids: (
        WithCell(OfLast(TimeLSTM(*r.weights(4, hidden=2)))),
        *(r(Prefixes(ids).rows, D), ids),
    )
for _what in ("after", "holes", "N1"):  # what is after the text for one direction is before it for the other
    _mask = MASKS[_what]
    RECURRENT[f"TimeBiLSTM-mask-{_what}"] = lambda r, mask=_mask: (
        TimeBiLSTM(*both_ways(r, 4)),
        *(r(*mask.shape, D), mask),
    )
    RECURRENT[f"TimeBiGRU-mask-{_what}"] = lambda r, mask=_mask: (
        reset_after(TimeBiGRU, r),
        *(r(*mask.shape, D), mask),
    )
