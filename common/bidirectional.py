"""Two recurrent layers over the same sequence, one from each end: the base of TimeBiLSTM and TimeBiGRU."""

from collections.abc import Sequence
from typing import Any

from common.layer import Layer
from common.np import np
from common.rnn import TimeRecurrent
from common.steps import Prefixes
from support.array import Array


def side_by_side(layers: Sequence[Any], state: str) -> Array | None:
    """Return a state of several layers, such as their ``h``, in one array (N, sum of H); None before they have one."""
    states = [getattr(layer, state) for layer in layers]
    return None if states[0] is None else np.concatenate(states, axis=1)


class TimeBidirectional(Layer):
    """Two recurrent layers over the same sequence, one from each end, their states side by side.

    forward:  xs (N, T, D)    ->  hs (N, T, H1 + H2): left to right in the first H1, right to left in the rest
    backward: dhs (N, T, H1 + H2), dc_last and dh_last (N, H1 + H2) or None  ->  dxs (N, T, D)
    mask (N, T): see TimeRecurrent.

    ``h`` (N, H1 + H2) has the last state of each direction, which is at its own end, and ``c``, of LSTMs, the last cell
    state. dh_last and dc_last are their gradients, for a caller that uses them besides hs.

    prefixes: the Prefixes of ids whose embeddings are xs. The direction left to right shares their rows. Then dxs is
    right when summed over equal ids, as an embedding does: an input that is shared gets its gradient in one sequence,
    and 0 in the others. The direction right to left ends where the prefixes begin, so it computes every sequence.
    Source: Schuster & Paliwal 1997.
    """

    shared = 0.5  # the part of the work that is done once for equal prefixes

    def __init__(self, left_to_right: TimeRecurrent, right_to_left: TimeRecurrent):
        super().__init__()
        self.directions = left_to_right, right_to_left
        self.own(left_to_right, right_to_left)

    @property
    def stateful(self) -> bool:
        return any(layer.stateful for layer in self.directions)

    @property
    def h(self) -> Array | None:
        return side_by_side(self.directions, "h")

    @property
    def c(self) -> Array | None:
        return side_by_side(self.directions, "c")

    def reset_state(self) -> None:
        """Start the next forward from zeros in both directions; only ``stateful`` layers keep a state."""
        for layer in self.directions:
            layer.reset_state()

    def forward(self, xs: Array, mask: Array | None = None, prefixes: Prefixes | None = None) -> Array:
        left_to_right, right_to_left = self.directions
        inputs = xs if prefixes is None else prefixes.pick(xs)
        hs = left_to_right.forward(inputs, prefixes=prefixes, mask=mask)  # refuses a wrong mask
        mask_reversed = None if mask is None else mask[:, ::-1]
        hs_reversed = right_to_left.forward(xs[:, ::-1], mask=mask_reversed)
        self.cache = (prefixes,)
        return np.concatenate((hs, hs_reversed[:, ::-1]), axis=2)

    def final(self, hs: Array) -> Array:
        """Return the last states of both directions (N, H1 + H2), from the hs that forward returned."""
        H = len(self.directions[0].Wh)
        return np.concatenate((hs[:, -1, :H], hs[:, 0, H:]), axis=1)

    def add_final(self, dhs: Array, dfinal: Array) -> None:
        """Add the gradient of ``final`` to dhs, the gradient of hs, in place."""
        H = len(self.directions[0].Wh)
        dhs[:, -1, :H] += dfinal[:, :H]
        dhs[:, 0, H:] += dfinal[:, H:]

    def backward(self, dhs: Array, dc_last: Array | None = None, dh_last: Array | None = None) -> Array:
        (prefixes,), (left_to_right, right_to_left) = self.saved(), self.directions
        H1 = len(left_to_right.Wh)
        H = H1 + len(right_to_left.Wh)
        self.expect("dhs (N, T, H1 + H2)", dhs, None, None, H)
        of_cells: tuple = (), ()
        if dc_last is not None:
            self.expect("dc_last (N, H1 + H2)", dc_last, len(dhs), H)
            of_cells = (dc_last[:, :H1],), (dc_last[:, H1:],)
        if dh_last is not None:
            self.expect("dh_last (N, H1 + H2)", dh_last, len(dhs), H)
            dhs = dhs.copy()
            self.add_final(dhs, dh_last)
        dxs = left_to_right.backward(dhs[:, :, :H1], *of_cells[0])
        dxs = dxs if prefixes is None else prefixes.unpick(dxs)
        dxs_reversed = right_to_left.backward(dhs[:, ::-1, H1:], *of_cells[1])
        return dxs + dxs_reversed[:, ::-1]
