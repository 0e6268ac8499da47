"""The classifiers of texts as ONNX graphs, masks included."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from classifier import BagOfWords, GRUClassifier, SeqSelfClassifier
from classifier.text_classifier import PAD, TextClassifier
from interchange.onnx_graph import Graph
from interchange.onnx_layers import (
    affine,
    final,
    look,
    positions,
    real_first,
    recurrent,
    seq_self_attention,
    side_by_side,
    softmax,
)

TOKENS = f"ids of the words of each text; {PAD} is padding: before, after or between them, or all there is"
PROBABILITIES = "of the classes"
TO_EACH = "how much the model looked at each word"
FROM_EACH = "how much each word (axis 1) looked at each (axis 2)"
TOKEN_WEIGHTS = "the weight of each word that the model's maps show, 0 for padding"


class Parts(NamedTuple):
    """The tensors that become the outputs; "" for none."""

    probabilities: str
    attention_weights: str = ""
    token_weights: str = ""


def text_graph(model: TextClassifier) -> Graph:
    """Build ``tokens`` int64 (N, T) -> ``probabilities`` (N, K) and, of a model that has such, ``attention_weights``
    (N, T), or (N, T, T) of a SeqSelfClassifier, and ``token_weights`` (N, T), the weights of ``model.explain(tokens)``.

    N and T are free, from 1 on.
    """
    g = Graph("texts")
    tokens = g.input("tokens", np.int64, "N", "T", about=TOKENS)
    words = g.add("Not", g.add("Equal", tokens, g.number(PAD)), name="words")
    parts = PARTS[type(model)](g, model, tokens, words, g.add("Shape", tokens, start=1))
    g.output("probabilities", parts.probabilities, np.float32, "N", model.classes, about=PROBABILITIES)
    if parts.attention_weights:
        axes, about = (("T", "T"), FROM_EACH) if isinstance(model, SeqSelfClassifier) else (("T",), TO_EACH)
        g.output("attention_weights", parts.attention_weights, np.float32, "N", *axes, about=about)
    if parts.token_weights:
        weights = g.add("Where", words, parts.token_weights, g.number(0.0))
        g.output("token_weights", weights, np.float32, "N", "T", about=TOKEN_WEIGHTS)
    return g


def _gru(g: Graph, model: GRUClassifier, tokens: str, words: str, T: str) -> Parts:
    """Build a GRUClassifier. With a mask, all of it reads the words of a text first, then the padding."""
    order = count = lengths = seen = ""
    if model.mask:
        order, count, lengths = real_first(g, words, T)
        tokens = g.add("GatherElements", tokens, order, axis=1)
        seen = g.add("Less", g.add("Unsqueeze", positions(g, T), g.number([0])), count)  # (N, T)
    hs = g.add("Gather", g.weight("embed.W", model.embed.W), g.add("Transpose", tokens, perm=[1, 0]), name="embed")
    for k, gru in enumerate(model.grus):
        hs, h = recurrent(g, f"grus.{k}", gru.directions, hs, lengths=lengths)
        hs = side_by_side(g, hs, [0, 2, 1, 3])  # (T, N, 2H)
    read, weights = final(g, h, count), ""
    if model.attention_layer is not None:
        query = g.add("Mul", read, g.number((2 * model.arguments["hidden_size"]) ** -0.5))
        read, weights = look(g, g.add("Transpose", hs, perm=[1, 0, 2]), query, seen, "attention")
        if order:  # back to where the words were
            weights = g.add("ScatterElements", weights, order, weights, axis=1)
    scores = affine(g, "affine", read, model.affine.W, model.affine.b)
    if model.classes > 2:
        return Parts(softmax(g, scores), weights, weights)
    second = g.add("Sigmoid", scores)
    return Parts(g.add("Concat", g.add("Sub", g.number(1.0), second), second, axis=1), weights, weights)


def _seqself(g: Graph, model: SeqSelfClassifier, tokens: str, words: str, T: str) -> Parts:
    """Build a SeqSelfClassifier: the attention where the words are, then with a mask the LSTM without the padding."""
    embedded = g.add("Gather", g.weight("embed.W", model.embed.W), tokens, name="embed")
    mask, count, lengths = words if model.mask else "", "", ""
    attended, weights = seq_self_attention(g, "attention", model.attention_layer, embedded, mask, T)
    xs = attended
    if model.mask:
        order, count, lengths = real_first(g, words, T)
        xs = g.add("GatherND", xs, g.add("Unsqueeze", order, g.number([2])), batch_dims=1)
    xs = g.add("Transpose", xs, perm=[1, 0, 2])
    _, h, _ = recurrent(g, "lstm", model.lstm.directions, xs, lengths=lengths)
    probabilities = softmax(g, affine(g, "affine", final(g, h, count), model.affine.W, model.affine.b))
    asking = g.add("Cast", words, to=g.onnx.TensorProto.FLOAT)  # the queries that are words (N, T)
    received = g.add("MatMul", g.add("Unsqueeze", asking, g.number([1])), weights)  # (N, 1, T)
    number = g.add("Max", g.add("ReduceSum", asking, g.number([1]), keepdims=1), g.number(1.0))
    return Parts(probabilities, weights, g.add("Div", g.add("Squeeze", received, g.number([1])), number))


def _bag_of_words(g: Graph, model: BagOfWords, tokens: str, words: str, T: str) -> Parts:
    embedded = g.add("Gather", g.weight("embed.W", model.embed.W), tokens, name="embed")  # (N, T, K)
    seen = g.add("Unsqueeze", words, g.number([2]))
    evidence = g.add("Where", seen, embedded, g.number(0.0), name="evidence")
    scores = g.add("Add", g.add("ReduceSum", evidence, g.number([1]), keepdims=0), g.weight("b", model.b))
    best = g.add("ArgMax", scores, axis=1, keepdims=1)  # (N, 1)
    by_class = g.add("Transpose", evidence, perm=[0, 2, 1])
    of_best = g.add("GatherND", by_class, best, batch_dims=1)  # (N, T)
    return Parts(softmax(g, scores), token_weights=of_best)


PARTS: dict[type[TextClassifier], Callable[[Graph, Any, str, str, str], Parts]] = {
    GRUClassifier: _gru,
    SeqSelfClassifier: _seqself,
    BagOfWords: _bag_of_words,
}
