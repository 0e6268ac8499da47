"""The models of dates as one ONNX graph, greedy decoding included."""

from typing import Any

import numpy as np

from interchange.onnx_graph import Graph
from interchange.onnx_layers import affine
from interchange.onnx_recurrent import recurrent_writer
from interchange.onnx_transformer import transformer_writer
from interchange.onnx_writer import Writer
from seq2seq import TransformerSeq2seq

QUESTION = "ids of the question's characters, in the order that the model reads them: see reading_direction"
ANSWER = "ids of the answer's characters, found by greedy decoding"
LOG_PROB = "log probability of the answer, summed over its characters, in nats"
WEIGHTS = "where each character of the answer looked in the question, in the order of its ids"
BY_HEAD = "the same by layer and head: attention_weights are the mean over both"


def date_graph(model: Any, start_id: int, T_dec: int) -> Graph:
    """Build ``question`` int64 (N, T_enc) -> ``answer`` int64 (N, T_dec), ``log_prob`` (N,) and, of a model with
    attention, ``attention_weights`` (N, T_dec, T_enc); of a Transformer also ``attention_by_head`` (N, layers, heads,
    T_dec, T_enc).

    N and T_enc are free, from 1 on; T_dec is not: the answer is written by a Loop of so many steps of the decoder.
    """
    g = Graph("dates")
    question = g.input("question", np.int64, "N", "T_enc", about=QUESTION)
    make = transformer_writer if isinstance(model, TransformerSeq2seq) else recurrent_writer
    writer = make(g, model, question, T_dec)
    N = g.add("Shape", question, end=1)
    first = g.add("Expand", g.number(start_id), g.add("Concat", g.number([1]), N, axis=0), name="start")  # (1, N)
    states = [state.first for state in writer.states]
    after = g.add_several(
        "Loop",
        *(g.number(T_dec), g.weight("true", np.array(True)), first, *states, g.add("Expand", g.number(0.0), N)),
        outputs=3 + len(states) + (writer.maps is not None),
        name="decoder",
        body=_step(g, model, writer).to_proto(with_weights=False),
    )
    log_prob, ids, *looked = after[1 + len(states) :]
    g.output("answer", g.add("Transpose", ids, perm=[1, 0]), np.int64, "N", T_dec, about=ANSWER)
    g.output("log_prob", log_prob, np.float32, "N", about=LOG_PROB)
    if writer.maps is not None:
        # of all steps (T_dec, N, *maps, T_enc); onnx's own reference lays them end to end, which this makes the same
        T_enc = g.add("Shape", question, start=1)
        shape = g.add("Concat", g.number([T_dec]), N, g.number(list(writer.maps)), T_enc, axis=0)
        _output_maps(g, g.add("Reshape", *looked, shape), T_dec, writer.maps)
    return g


def _output_maps(g: Graph, looked: str, T_dec: int, maps: tuple[int, ...]) -> None:
    """Declare the outputs of maps, from looked (T_dec, N, T_enc), or (T_dec, N, heads, layers, T_enc)."""
    if not maps:
        weights = g.add("Transpose", looked, perm=[1, 0, 2])
    else:
        heads, layers = maps
        by_head = g.add("Transpose", looked, perm=[1, 3, 2, 0, 4])
        weights = g.add("ReduceMean", by_head, axes=[1, 2], keepdims=0)
    g.output("attention_weights", weights, np.float32, "N", T_dec, "T_enc", about=WEIGHTS)
    if maps:
        g.output("attention_by_head", by_head, np.float32, "N", layers, heads, T_dec, "T_enc", about=BY_HEAD)


def _step(g: Graph, model: Any, writer: Writer) -> Graph:
    """Build the body of the loop: one character of each answer."""
    step, decoder = Graph("step", g), model.decoder
    iteration = step.input("iteration", np.int64)
    go_on = step.input("go_on", np.bool_)
    character = step.input("character", np.int64, 1, "N")
    states = [step.input(state.name, np.float32, *state.shape) for state in writer.states]
    log_prob = step.input("log_prob_before", np.float32, "N")

    x = step.add("Gather", step.weight("decoder.embed.W", decoder.embed.W), character, name="decoder.embed")
    read, after, looked = writer.step(step, x, iteration, states)
    scores = affine(step, "decoder.affine", read, decoder.affine.W, decoder.affine.b)
    log_p = step.add("LogSoftmax", scores, axis=1)
    ids = step.add("ArgMax", log_p, axis=1, keepdims=0)  # the first of several
    log_prob = step.add("Add", log_prob, step.add("ReduceMax", log_p, axes=[1], keepdims=0))

    step.output("go_on_after", go_on, np.bool_)
    step.output("character_after", step.add("Unsqueeze", ids, step.number([0])), np.int64, 1, "N")
    for state, tensor in zip(writer.states, after, strict=True):
        step.output(f"{state.name}_after", tensor, np.float32, *state.shape_after)
    step.output("log_prob_after", log_prob, np.float32, "N")
    step.output("id", ids, np.int64, "N")
    if writer.maps is not None:
        step.output("looked", looked, np.float32, "N", *writer.maps, "T_enc")
    return step
