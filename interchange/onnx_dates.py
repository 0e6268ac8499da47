"""The models of dates as one ONNX graph, greedy decoding included."""

from typing import Any

import numpy as np

from interchange.onnx_graph import Graph
from interchange.onnx_layers import affine, look, recurrent
from seq2seq import PeekySeq2seq

QUESTION = "ids of the question's characters, in the order that the model reads them: see reading_direction"
ANSWER = "ids of the answer's characters, found by greedy decoding"
LOG_PROB = "log probability of the answer, summed over its characters, in nats"
WEIGHTS = "where each character of the answer looked in the question, in the order of its ids"


def date_graph(model: Any, start_id: int, T_dec: int) -> Graph:
    """Build ``question`` int64 (N, T_enc) -> ``answer`` int64 (N, T_dec), ``log_prob`` (N,) and, of a model with
    attention, ``attention_weights`` (N, T_dec, T_enc).

    N and T_enc are free, from 1 on; T_dec is not: the answer is written by a Loop of so many steps of the decoder.
    """
    g, encoder, decoder = Graph("dates"), model.encoder, model.decoder
    question = g.input("question", np.int64, "N", "T_enc", about=QUESTION)
    in_steps = g.add("Transpose", question, perm=[1, 0])
    xs = g.add("Gather", g.weight("encoder.embed.W", encoder.embed.W), in_steps, name="encoder.embed")  # (T_enc, N, D)
    hs, h, c = recurrent(g, "encoder.lstm", [encoder.lstm], xs)
    encoded, mask = h, ""
    if decoder.attention is not None:
        encoded = g.add("Transpose", g.add("Squeeze", hs, g.number([1])), perm=[1, 0, 2], name="encoder.states")
        pad = model.mask_padding
        mask = "" if pad is None else _not_padding(g, question, pad)
    if not model.cell_state:
        c = g.add("Expand", g.number(0.0), g.add("Shape", h))
    N = g.add("Shape", question, end=1)
    first = g.add("Expand", g.number(start_id), g.add("Concat", g.number([1]), N, axis=0), name="start")  # (1, N)
    steps = g.add_several(
        "Loop",
        *(g.number(T_dec), g.weight("true", np.array(True)), first, h, c, g.add("Expand", g.number(0.0), N)),
        outputs=5 if decoder.attention is None else 6,
        name="decoder",
        body=_step(g, model, encoded, mask).to_proto(with_weights=False),
    )
    _, _, _, log_prob, ids, *looked = steps
    g.output("answer", g.add("Transpose", ids, perm=[1, 0]), np.int64, "N", T_dec, about=ANSWER)
    g.output("log_prob", log_prob, np.float32, "N", about=LOG_PROB)
    for weights in looked:  # of all steps (T_dec, N, T_enc)
        by_question = g.add("Transpose", weights, perm=[1, 0, 2])
        g.output("attention_weights", by_question, np.float32, "N", T_dec, "T_enc", about=WEIGHTS)
    return g


def _step(g: Graph, model: Any, encoded: str, mask: str) -> Graph:
    """Build the body of the loop: one character of each answer. encoded: what the decoder gets from the encoder."""
    step, decoder, H = Graph("step", g), model.decoder, model.arguments["hidden_size"]
    step.input("iteration", np.int64)
    go_on = step.input("go_on", np.bool_)
    character = step.input("character", np.int64, 1, "N")
    h, c = (step.input(name, np.float32, 1, "N", H) for name in ("h", "c"))
    log_prob = step.input("log_prob_before", np.float32, "N")

    one, looked = step.number([0]), ""
    x = step.add("Gather", step.weight("decoder.embed.W", decoder.embed.W), character, name="decoder.embed")
    if isinstance(model, PeekySeq2seq):
        x = step.add("Concat", encoded, x, axis=2)
    _, h, c = recurrent(step, "decoder.lstm", [decoder.lstm], x, h=h, c=c)
    read = step.add("Squeeze", h, one)  # (N, H)
    if isinstance(model, PeekySeq2seq):
        read = step.add("Concat", step.add("Squeeze", encoded, one), read, axis=1)
    elif decoder.attention is not None:
        context, looked = look(step, encoded, read, mask, "decoder.attention")
        read = step.add("Concat", context, read, axis=1)
    scores = affine(step, "decoder.affine", read, decoder.affine.W, decoder.affine.b)
    log_p = step.add("LogSoftmax", scores, axis=1)
    ids = step.add("ArgMax", log_p, axis=1, keepdims=0)  # the first of several
    log_prob = step.add("Add", log_prob, step.add("ReduceMax", log_p, axes=[1], keepdims=0))

    step.output("go_on_after", go_on, np.bool_)
    step.output("character_after", step.add("Unsqueeze", ids, one), np.int64, 1, "N")
    step.output("h_after", h, np.float32, 1, "N", H)
    step.output("c_after", c, np.float32, 1, "N", H)
    step.output("log_prob_after", log_prob, np.float32, "N")
    step.output("id", ids, np.int64, "N")
    if looked:
        step.output("looked", looked, np.float32, "N", "T_enc")
    return step


def _not_padding(g: Graph, question: str, pad: int) -> str:
    """Build the opposite of ``padding_of``: bool (N, T_enc), False for the ``pad`` ids at either end of a row."""
    real = g.add("Cast", g.add("Not", g.add("Equal", question, g.number(pad))), to=g.onnx.TensorProto.INT64)
    ends: list[dict[str, Any]] = [{}, {"reverse": 1}]
    begun, goes_on = (g.add("Greater", g.add("CumSum", real, g.number(1), **end), g.number(0)) for end in ends)
    return g.add("And", begun, goes_on, name="not_padding")
