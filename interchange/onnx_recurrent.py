"""The recurrent models of dates in ONNX: encoder and decoder of LSTMs, with attention of every score or without."""

from collections.abc import Callable
from typing import Any

import numpy as np

from common.attention import TimeAdditiveAttention, TimeAttention, TimeGeneralAttention, TimeScaledAttention
from interchange.onnx_graph import Graph
from interchange.onnx_layers import affine, final, look, not_padding, recurrent, side_by_side, weigh
from interchange.onnx_writer import State, Writer
from seq2seq import PeekySeq2seq

Look = Callable[[Graph, str], tuple[str, str]]  # of a query (N, H): the context (N, H) and the weights (N, T_enc)


def recurrent_writer(g: Graph, model: Any, question: str, T_dec: int) -> Writer:
    """Let the encoder read the question (N, T_enc), and return what writes the answer."""
    encoder, decoder, H = model.encoder, model.decoder, model.arguments["hidden_size"]
    in_steps = g.add("Transpose", question, perm=[1, 0])
    xs = g.add("Gather", g.weight("encoder.embed.W", encoder.embed.W), in_steps, name="encoder.embed")  # (T_enc, N, D)
    attention = decoder.attention
    hs, last = _encode(g, encoder.lstm, xs, attention is not None)
    look = None
    if attention is not None:
        states = g.add("Transpose", hs, perm=[1, 0, 2], name="encoder.states")
        mask = "" if model.mask_padding is None else not_padding(g, question, model.mask_padding)
        look = _look(g, attention, states, mask, H)
    first = []
    for k, (h, c) in enumerate(last):
        number = f".{k}" if len(last) > 1 else ""
        if not model.cell_state:
            c = g.add("Expand", g.number(0.0), g.add("Shape", h))
        first += [State(f"{name}{number}", tensor, (1, "N", H)) for name, tensor in (("h", h), ("c", c))]
    peeked = last[-1][0] if isinstance(model, PeekySeq2seq) else ""

    def step(step: Graph, x: str, iteration: str, states: list[str]) -> tuple[str, list[str], str]:
        if peeked:
            x = step.add("Concat", peeked, x, axis=2)
        after: list[str] = []
        for k, (name, layer) in enumerate(_layers("decoder.lstm", decoder.lstm)):
            _, h, c = recurrent(step, name, [layer], x, h=states[2 * k], c=states[2 * k + 1])
            x = step.add("Add", x, h) if k else h  # of one step, h is also what the layer returns
            after += [h, c]
        read, looked = step.add("Squeeze", x, step.number([0])), ""  # (N, H)
        if peeked:
            read = step.add("Concat", step.add("Squeeze", peeked, step.number([0])), read, axis=1)
        elif look is not None:
            context, looked = look(step, read)
            read = step.add("Concat", context, read, axis=1)
        return read, after, looked

    return Writer(first, step, None if look is None else ())


def _layers(name: str, lstm: Any) -> list[tuple[str, Any]]:
    """Return the layers of a TimeStack, or the one that it is, by name."""
    layers = getattr(lstm, "layers", None)
    return [(name, lstm)] if layers is None else [(f"{name}.layers.{k}", layer) for k, layer in enumerate(layers)]


def _encode(g: Graph, lstm: Any, xs: str, all_states: bool) -> tuple[str, list[tuple[str, str]]]:
    """Return the states hs (T_enc, N, H) of the top, "" unless they are wanted, and the last h, c (1, N, H) of each."""
    layers, last, hs = _layers("encoder.lstm", lstm), [], ""
    for k, (name, layer) in enumerate(layers):
        directions = getattr(layer, "directions", [layer])
        by_direction, *states = recurrent(g, name, directions, hs or xs)
        if len(directions) > 1:  # each at its own end
            states = [g.add("Unsqueeze", final(g, state), g.number([0])) for state in states]
        last.append((states[0], states[1]))
        if k + 1 < len(layers) or all_states:
            if len(directions) > 1:
                returned = side_by_side(g, by_direction, [0, 2, 1, 3])
            else:
                returned = g.add("Squeeze", by_direction, g.number([1]))
            hs = g.add("Add", hs, returned) if k else returned
    return hs, last


def _look(g: Graph, attention: TimeAttention, hs: str, mask: str, H: int) -> Look:
    """Return what builds one look at the states hs (N, T_enc, H); what is the same for all of them is built once."""
    name = "decoder.attention"
    if isinstance(attention, TimeAdditiveAttention):
        return _additive(g, attention, hs, mask, name)

    def look_for(step: Graph, query: str) -> tuple[str, str]:
        if isinstance(attention, TimeScaledAttention):
            query = step.add("Mul", query, step.number(H**-0.5))
        elif isinstance(attention, TimeGeneralAttention):
            query = step.add("MatMul", query, step.weight(f"{name}.W", attention.W), name=f"{name}.query")
        return look(step, hs, query, mask, name)

    return look_for


def _additive(g: Graph, attention: TimeAdditiveAttention, hs: str, mask: str, name: str) -> Look:
    of_enc = g.add("MatMul", hs, g.weight(f"{name}.We", attention.We), name=f"{name}.keys")  # (N, T_enc, units)
    v = g.weight(f"{name}.v", attention.v[:, np.newaxis])

    def look_for(step: Graph, query: str) -> tuple[str, str]:
        of_dec = affine(step, f"{name}.query", query, attention.Wd, attention.b)
        pairs = step.add("Tanh", step.add("Add", step.add("Unsqueeze", of_dec, step.number([1])), of_enc))
        scores = step.add("Squeeze", step.add("MatMul", pairs, v), step.number([2]), name=f"{name}.scores")
        return weigh(step, hs, scores, mask, name)

    return look_for
