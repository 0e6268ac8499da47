"""Gates of recurrent layers, from the order and sign of one framework to that of another.

Ours: LSTM f, g, i, o; GRU z, r, h with ``h_next = (1 - z) * h_prev + z * g``; weights (inputs, gates * H).
Where another z is 1 minus ours, its weights and biases are ours negated: ``1 - sigmoid(a) = sigmoid(-a)``.
"""

from typing import NamedTuple

import numpy as np


class Gates(NamedTuple):
    """Order of the gates in the columns of a weight matrix, and those whose numbers have the other sign."""

    order: str
    negated: str = ""


OURS = {"lstm": Gates("fgio"), "gru": Gates("zrh")}
TORCH = {"lstm": Gates("ifgo"), "gru": Gates("rzh", negated="z")}  # the rows of weight_ih, so transpose; their n is h
KERAS = {"lstm": Gates("ifgo"), "gru": Gates("zrh", negated="z")}  # their c is g
ONNX = {"lstm": Gates("iofg"), "gru": Gates("zrh", negated="z")}  # rows; their c is g


def reorder(array: np.ndarray, source: Gates, target: Gates) -> np.ndarray:
    """Return a copy of array (..., gates * H) with its blocks in the order and signs of ``target``."""
    blocks = np.split(array, len(source.order), axis=-1)
    moved = []
    for gate in target.order:
        block = blocks[source.order.index(gate)]
        moved.append(-block if (gate in source.negated) != (gate in target.negated) else block)
    return np.concatenate(moved, axis=-1)
