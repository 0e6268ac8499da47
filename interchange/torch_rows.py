"""Rows for PyTorch's modules: matrices are (outputs, inputs) there, and gates stand in another order."""

import numpy as np

from interchange.gates import OURS, TORCH, reorder
from interchange.rows import Row
from interchange.torch_names import Recurrent, Table


def same(ours: str, name: str, shape: tuple[int, ...]) -> Row:
    """Return the row of a parameter that is the same there: its name there, and its shape."""
    return Row(ours, {name: shape})


def transposed(ours: str, name: str, shape: tuple[int, int]) -> Row:
    """Return the row of a matrix that is (outputs, inputs) there: its name and its shape there."""
    return Row(ours, {name: shape}, lambda a: a.T, lambda p: [p.T])


def linear_rows(ours: str, table: Table) -> list[Row]:
    """Return the rows of an Affine; without those of a bias that is not there, ours stays 0, which is the same."""
    bias = [same(f"{ours}.b", table.bias, table.shape[:1])] if table.bias else []
    return [transposed(f"{ours}.W", table.weight, table.shape), *bias]


def lstm_rows(ours: str, part: Recurrent, reverse: bool = False) -> list[Row]:
    """Return the rows of an LSTM of one layer: ``b`` is the sum of PyTorch's two biases."""
    rows = _weights(ours, part, "lstm", 0, reverse)
    if part.bias:
        names = [part.name(bias, 0, reverse) for bias in ("bias_ih", "bias_hh")]
        rows.append(Row(f"{ours}.b", dict.fromkeys(names, (4 * part.hidden,)), _add, _split))
    return rows


def gru_rows(ours: str, part: Recurrent, layer: int, reverse: bool = False) -> list[Row]:
    """Return the rows of one direction of a layer of a GRU: the biases stay apart, as the reset comes between them."""
    rows = _weights(ours, part, "gru", layer, reverse)
    if part.bias:
        size = (3 * part.hidden,)
        for b, bias in (("b", "bias_ih"), ("bh", "bias_hh")):
            rows.append(_gates(f"{ours}.{b}", part.name(bias, layer, reverse), size, "gru"))
    return rows


def _weights(ours: str, part: Recurrent, kind: str, layer: int, reverse: bool) -> list[Row]:
    H, directions = part.hidden, 1 + part.bidirectional
    inputs = directions * H if layer else part.inputs
    return [
        _gates(f"{ours}.Wx", part.name("weight_ih", layer, reverse), (part.gates * H, inputs), kind),
        _gates(f"{ours}.Wh", part.name("weight_hh", layer, reverse), (part.gates * H, H), kind),
    ]


def _gates(ours: str, name: str, shape: tuple[int, ...], kind: str) -> Row:
    return Row(
        ours,
        {name: shape},
        lambda a: reorder(a.T, TORCH[kind], OURS[kind]),
        lambda p: [reorder(p, OURS[kind], TORCH[kind]).T],
    )


def _add(bias_ih: np.ndarray, bias_hh: np.ndarray) -> np.ndarray:
    both = np.add(bias_ih, bias_hh, dtype=np.result_type(bias_ih, bias_hh, np.float32))  # not in float16
    return reorder(both, TORCH["lstm"], OURS["lstm"])


def _split(b: np.ndarray) -> list[np.ndarray]:
    bias_ih = reorder(b, OURS["lstm"], TORCH["lstm"])
    return [bias_ih, np.full_like(bias_ih, -0.0)]  # x + -0.0 is x, even where x is -0.0
