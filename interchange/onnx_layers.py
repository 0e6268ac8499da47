"""Our layers as ONNX nodes: see docs/interchange.md for what maps to what. N texts, T tokens, D wide, H hidden."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from common.gru import TimeGRU
from common.rnn import TimeRecurrent
from common.self_attention import SeqSelfAttention
from common.util import to_cpu
from interchange.gates import ONNX, OURS, reorder
from interchange.onnx_graph import Graph
from support.array import Array

LOWEST = float(np.finfo(np.float32).min)  # a score that softmax makes 0; -inf would make nan where all keys are masked


def affine(g: Graph, name: str, x: str, W: Array, b: Array) -> str:
    """``x W + b``, for x (..., D)."""
    product = g.add("MatMul", x, g.weight(f"{name}.W", W), name=f"{name}.product")
    return g.add("Add", product, g.weight(f"{name}.b", b), name=name)


def recurrent(
    g: Graph, name: str, layers: Sequence[TimeRecurrent], xs: str, *, lengths: str = "", h: str = "", c: str = ""
) -> tuple[str, ...]:
    """A TimeLSTM or TimeGRU, or one for each direction, over xs (T, N, D).

    lengths: int32 (N,), at least 1; "" for T. h, c (directions, N, H): the first states; "" for zeros.
    Returns hs (T, directions, N, H), the last h (directions, N, H) and, of an LSTM, c.
    """
    gru = isinstance(layers[0], TimeGRU)
    kind, op = ("gru", "GRU") if gru else ("lstm", "LSTM")

    def theirs(weights: Array) -> Array:
        return reorder(to_cpu(weights), OURS[kind], ONNX[kind]).T

    def biases(layer: TimeRecurrent) -> Array:
        second = getattr(layer, "bh", None)
        return np.concatenate((theirs(layer.b), theirs(np.zeros_like(layer.b) if second is None else second)))

    weights = {
        "W": [theirs(layer.Wx) for layer in layers],
        "R": [theirs(layer.Wh) for layer in layers],
        "B": [biases(layer) for layer in layers],
    }
    W, R, B = (g.weight(f"{name}.{key}", np.stack(arrays)) for key, arrays in weights.items())
    attributes = {"linear_before_reset": int(layers[0].reset_after)} if isinstance(layers[0], TimeGRU) else {}
    return g.add_several(
        op,
        *(xs, W, R, B, lengths, h, *([] if gru else [c])),
        outputs=2 if gru else 3,
        name=name,
        hidden_size=len(layers[0].Wh),
        direction="bidirectional" if len(layers) == 2 else "forward",
        **attributes,
    )


def side_by_side(g: Graph, hs: str, perm: list[int]) -> str:
    """Join the states of the directions: (T, directions, N, H) or (directions, N, H), in the order ``perm``."""
    moved = g.add("Transpose", hs, perm=perm)
    return g.add("Reshape", moved, g.number([0] * (len(perm) - 2) + [-1]))


def final(g: Graph, h: str, count: str = "") -> str:
    """Join the last states h (directions, N, H): (N, directions * H). Where count (N, 1) is 0 they are zeros."""
    joined = side_by_side(g, h, [1, 0, 2])
    return joined if not count else g.add("Where", g.add("Greater", count, g.number(0)), joined, g.number(0.0))


def softmax(g: Graph, scores: str, mask: str = "", name: str = "") -> str:
    """Softmax over the last axis: exactly 0 where the mask is False, also where it is False everywhere."""
    if not mask:
        return g.add("Softmax", scores, name=name, axis=-1)
    weights = g.add("Softmax", g.add("Where", mask, scores, g.number(LOWEST)), axis=-1)
    return g.add("Where", mask, weights, g.number(0.0), name=name)


def look(g: Graph, hs: str, query: str, mask: str, name: str) -> tuple[str, str]:
    """Dot-product attention of query (N, H) to hs (N, T, H), mask (N, T): the context (N, H), the weights (N, T)."""
    two = g.number([2])
    scores = g.add("Squeeze", g.add("MatMul", hs, g.add("Unsqueeze", query, two)), two, name=f"{name}.scores")
    return weigh(g, hs, scores, mask, name)


def weigh(g: Graph, hs: str, scores: str, mask: str, name: str) -> tuple[str, str]:
    """What ``look`` returns, from scores (N, T)."""
    one, weights = g.number([1]), softmax(g, scores, mask, name=f"{name}.weights")
    context = g.add("Squeeze", g.add("MatMul", g.add("Unsqueeze", weights, one), hs), one, name=f"{name}.context")
    return context, weights


def seq_self_attention(g: Graph, name: str, layer: SeqSelfAttention, xs: str, real: str, T: str) -> tuple[str, str]:
    """SeqSelfAttention of xs (N, T, D), real (N, T) or "": the sums (N, T, D), and the weights (N, T, T)."""
    if layer.Wt is None:
        queries = g.add("MatMul", xs, g.weight(f"{name}.Wa", layer.Wa))
        e = g.add("MatMul", queries, g.add("Transpose", xs, perm=[0, 2, 1]))
    else:
        at_t, at_s = (g.add("MatMul", xs, g.weight(f"{name}.{W}", getattr(layer, W))) for W in ("Wt", "Wx"))
        if layer.bh is not None:
            at_t = g.add("Add", at_t, g.weight(f"{name}.bh", layer.bh))
        pairs = g.add("Add", g.add("Unsqueeze", at_t, g.number([2])), g.add("Unsqueeze", at_s, g.number([1])))
        e = g.add("MatMul", g.add("Tanh", pairs), g.weight(f"{name}.Wa", layer.Wa))  # (N, T, T, 1)
        e = g.add("Squeeze", e, g.number([3]))
    if layer.ba is not None:
        e = g.add("Add", e, g.weight(f"{name}.ba", layer.ba))
    if layer.attention_activation == "sigmoid":
        e = g.add("Sigmoid", e)
    weights = softmax(g, e, _seen(g, layer, real, T), name=f"{name}.weights")
    return g.add("MatMul", weights, xs, name=name), weights


def _seen(g: Graph, layer: SeqSelfAttention, real: str, T: str) -> str:
    """Which keys each query sees, (T, T) or (N, T, T); "" for all."""
    width, seen = layer.attention_width, []
    before = width and (width - 1 if layer.history_only else width // 2)
    after = 0 if layer.history_only else width and (width - 1) // 2
    if after is not None:
        at = positions(g, T)
        ahead = g.add("Sub", at, g.add("Unsqueeze", at, g.number([1])), name="ahead")  # [t, s] = s - t
        seen.append(g.add("LessOrEqual", ahead, g.number(after)))
        if before is not None:
            seen.append(g.add("GreaterOrEqual", ahead, g.number(-before)))
    if real:
        seen += [g.add("Unsqueeze", real, g.number([axis])) for axis in (1, 2)]
    while len(seen) > 1:
        seen[:2] = [g.add("And", seen[0], seen[1])]
    return "".join(seen)


def positions(g: Graph, T: str) -> str:
    """``0 .. T - 1``, for T (1,)."""
    return g.add("Range", g.number(0), g.add("Squeeze", T), g.number(1))


def real_first(g: Graph, real: str, T: str) -> tuple[str, str, str]:
    """Where the tokens of each text are, without the padding before and between them: for ``sequence_lens``.

    real bool (N, T). Returns order (N, T), the places of the real tokens, then of the others; count (N, 1) of the real
    ones; and lengths int32 (N,), which are the count or, where it is 0, 1: what a runtime does at 0, nothing says.
    """
    words = g.add("Cast", real, to=g.onnx.TensorProto.INT64)
    _, order = g.add_several("TopK", words, T, outputs=2, axis=1)  # of equal ones, the first comes first
    count = g.add("ReduceSum", words, g.number([1]), keepdims=1)
    lengths = g.add("Squeeze", g.add("Max", count, g.number(1)), g.number([1]))
    return order, count, g.add("Cast", lengths, to=g.onnx.TensorProto.INT32)


def not_padding(g: Graph, ids: str, pad: int) -> str:
    """The opposite of ``padding_of``: bool (N, T), False for the ``pad`` ids at either end of a row of ids (N, T)."""
    real = g.add("Cast", g.add("Not", g.add("Equal", ids, g.number(pad))), to=g.onnx.TensorProto.INT64)
    ends: list[dict[str, Any]] = [{}, {"reverse": 1}]
    begun, goes_on = (g.add("Greater", g.add("CumSum", real, g.number(1), **end), g.number(0)) for end in ends)
    return g.add("And", begun, goes_on, name="not_padding")
