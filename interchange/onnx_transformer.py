"""The Transformer of dates in ONNX, whose decoder keeps the keys and values of the characters before."""

from collections.abc import Callable
from typing import Any

import numpy as np

from common.layer_norm import LayerNorm
from common.multi_head_attention import MultiHeadAttention
from common.transformer_layers import FeedForward, Residual, sinusoids
from interchange.onnx_graph import Graph
from interchange.onnx_layers import affine, not_padding, positions, side_by_side, softmax
from interchange.onnx_writer import State, Writer
from seq2seq import TransformerSeq2seq
from seq2seq.transformer_seq2seq import TransformerPart


def transformer_writer(g: Graph, model: TransformerSeq2seq, question: str, T_dec: int) -> Writer:
    """Let the encoder read the question (N, T_enc), and return what writes the answer of T_dec characters."""
    D, heads = model.arguments["wordvec_size"], model.arguments["heads"]
    d, decoder = D // heads, model.decoder
    hs, mask, sees = _encode(g, model, question)
    kept = []
    for k, layer in enumerate(decoder.layers):
        name = f"decoder.layers.{k}.cross_attention.layer"
        kept.append(_keys_and_values(g, name, layer.cross_attention.layer, hs))
    at = g.weight("decoder.positions", sinusoids(T_dec, D))
    N = g.add("Shape", question, end=1)
    none = g.add("Expand", g.number(0.0), g.add("Concat", N, g.number([heads, 0, d]), axis=0))
    states = [
        State(f"{name}.{k}", none, ("N", heads, "written", d), ("N", heads, "written_after", d))
        for k in range(len(decoder.layers))
        for name in ("keys", "values")
    ]

    def step(step: Graph, x: str, iteration: str, states: list[str]) -> tuple[str, list[str], str]:
        position = step.add("Gather", at, iteration)
        ys = step.add("Add", step.add("Mul", x, step.number(D**0.5)), position)
        ys, after, looked = step.add("Transpose", ys, perm=[1, 0, 2]), [], []  # (N, 1, D)
        for k, layer in enumerate(decoder.layers):
            name = f"decoder.layers.{k}"
            causal, cross = _causal(step, states[2 * k : 2 * k + 2]), _cross(step, kept[k], mask, sees)
            ys, _, *written = _residual(step, f"{name}.self_attention", layer.self_attention, ys, causal)
            ys, weights = _residual(step, f"{name}.cross_attention", layer.cross_attention, ys, cross)
            (ys,) = _residual(step, f"{name}.feed_forward", layer.feed_forward, ys, _feed_forward(step))
            after += written
            looked.append(weights)
        read = step.add("Squeeze", _last(step, "decoder", decoder, ys), step.number([1]))
        return read, after, step.add("Concat", *looked, axis=2)  # (N, heads, layers, T_enc)

    return Writer(states, step, (heads, len(decoder.layers)))


Inside = Callable[[str, Any, str], tuple[str, ...]]  # name, layer, xs -> ys (N, T, D) and what else the layer gives


def _encode(g: Graph, model: TransformerSeq2seq, question: str) -> tuple[str, str, str]:
    """Return the states (N, T_enc, D); which of them may be looked at (N, 1, 1, T_enc), and whether any (N, 1, 1).

    Where nothing is masked, the last two are "".
    """
    encoder, D, pad = model.encoder, model.arguments["wordvec_size"], model.mask_padding
    mask = sees = ""
    if pad is not None:
        real = not_padding(g, question, pad)
        mask = g.add("Unsqueeze", real, g.number([1, 2]))
        count = g.add("ReduceSum", g.add("Cast", real, to=g.onnx.TensorProto.INT64), g.number([1]), keepdims=1)
        sees = g.add("Unsqueeze", g.add("Greater", count, g.number(0)), g.number([2]))
    xs = g.add("Gather", g.weight("encoder.embed.W", encoder.embed.W), question, name="encoder.embed")
    at = _sinusoids(g, g.add("Shape", question, start=1), D)
    xs = g.add("Add", g.add("Mul", xs, g.number(D**0.5)), at, name="encoder.positions")

    def looks_at_itself(name: str, layer: MultiHeadAttention, xs: str) -> tuple[str, ...]:
        return _attention(g, name, layer, xs, *_keys_and_values(g, name, layer, xs), mask, sees)

    for k, layer in enumerate(encoder.layers):
        xs, _ = _residual(g, f"encoder.layers.{k}.attention", layer.attention, xs, looks_at_itself)
        (xs,) = _residual(g, f"encoder.layers.{k}.feed_forward", layer.feed_forward, xs, _feed_forward(g))
    return _last(g, "encoder", encoder, xs), mask, sees


def _sinusoids(g: Graph, T: str, D: int) -> str:
    """``sinusoids(T, D)``, for T (1,) of any length: in float64, as ours, or far positions would be rounded."""
    odd = np.arange(D) % 2
    t = g.add("Unsqueeze", g.add("Cast", positions(g, T), to=g.onnx.TensorProto.DOUBLE), g.number([1]))
    wavelengths = g.weight("positions.wavelengths", 10000.0 ** ((np.arange(D) - odd) / D), np.float64)
    angles = g.add("Div", t, wavelengths)
    shift = g.weight("positions.shift", odd * np.pi / 2, np.float64)  # cos(x) is sin(x + pi / 2)
    return g.add("Cast", g.add("Sin", g.add("Add", angles, shift)), to=g.onnx.TensorProto.FLOAT)


def _norm(g: Graph, name: str, norm: LayerNorm, xs: str) -> str:
    weights = (g.weight(f"{name}.{part}", getattr(norm, part)) for part in ("gamma", "beta"))
    return g.add("LayerNormalization", xs, *weights, name=name, axis=-1, epsilon=norm.epsilon)


def _last(g: Graph, name: str, part: TransformerPart, xs: str) -> str:
    return xs if part.norm is None else _norm(g, f"{name}.norm", part.norm, xs)


def _residual(g: Graph, name: str, residual: Residual, xs: str, inside: Inside) -> tuple[str, ...]:
    """A Residual around ``inside``: ys (N, T, D), and what else that gives."""

    def norm(xs: str) -> str:
        return _norm(g, f"{name}.norm", residual.norm, xs)

    found, *others = inside(f"{name}.layer", residual.layer, norm(xs) if residual.pre_norm else xs)
    ys = g.add("Add", found, xs, name=name)
    return ys if residual.pre_norm else norm(ys), *others


def _feed_forward(g: Graph) -> Inside:
    def inside(name: str, layer: FeedForward, xs: str) -> tuple[str, ...]:
        first, second = layer.affine1, layer.affine2
        hidden = g.add("Relu", affine(g, f"{name}.affine1", xs, first.W, first.b))
        return (affine(g, f"{name}.affine2", hidden, second.W, second.b),)

    return inside


def _causal(step: Graph, before: list[str]) -> Inside:
    """Look at the characters before and at the own one; ``inside`` gives the weights, all keys and all values, too."""

    def inside(name: str, layer: MultiHeadAttention, xs: str) -> tuple[str, ...]:
        new = _keys_and_values(step, name, layer, xs)
        keys, values = (step.add("Concat", *both, axis=2) for both in zip(before, new, strict=True))
        return *_attention(step, name, layer, xs, keys, values), keys, values

    return inside


def _cross(step: Graph, kept: tuple[str, str], mask: str, sees: str) -> Inside:
    def inside(name: str, layer: MultiHeadAttention, xs: str) -> tuple[str, ...]:
        return _attention(step, name, layer, xs, *kept, mask, sees)

    return inside


def _keys_and_values(g: Graph, name: str, layer: MultiHeadAttention, hs: str) -> tuple[str, str]:
    """Keys and values of hs (N, T, D), each (N, heads, T, d)."""
    keys = g.add("MatMul", hs, g.weight(f"{name}.key.W", layer.key.W), name=f"{name}.key")
    values = affine(g, f"{name}.value", hs, layer.value.W, layer.value.b)
    return _split(g, layer, keys), _split(g, layer, values)


def _attention(
    g: Graph, name: str, layer: MultiHeadAttention, xs: str, keys: str, values: str, mask: str = "", sees: str = ""
) -> tuple[str, str]:
    """The outputs (N, T, D), and the weights (N, heads, T, T_k). mask, sees: as ``_encode`` returns them."""
    d = len(layer.query.b) // layer.heads
    queries = affine(g, f"{name}.query", xs, layer.query.W, layer.query.b)
    queries = _split(g, layer, g.add("Mul", queries, g.number(d**-0.5)))
    scores = g.add("MatMul", queries, g.add("Transpose", keys, perm=[0, 1, 3, 2]), name=f"{name}.scores")
    weights = softmax(g, scores, mask, name=f"{name}.weights")
    context = side_by_side(g, g.add("MatMul", weights, values), [0, 2, 1, 3])
    ys = affine(g, f"{name}.output", context, layer.output.W, layer.output.b)
    return g.add("Where", sees, ys, g.number(0.0)) if sees else ys, weights


def _split(g: Graph, layer: MultiHeadAttention, xs: str) -> str:
    """(N, T, D) -> (N, heads, T, d)."""
    by_head = g.add("Reshape", xs, g.number([0, 0, layer.heads, len(layer.query.b) // layer.heads]))
    return g.add("Transpose", by_head, perm=[0, 2, 1, 3])
