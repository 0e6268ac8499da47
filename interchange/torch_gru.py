"""PyTorch's bidirectional nn.GRU classifier with scaled dot attention: GRUClassifier."""

from typing import Any

from classifier import GRUClassifier
from interchange.arrays import Arrays
from interchange.rows import Plan, Row, second_less_first
from interchange.torch_names import Recurrent, Table, one_bidirectional, the_embedding, the_linear, without_bias
from interchange.torch_rows import gru_rows, linear_rows, same

SURPLUS = (
    "attention here has no weights of its own, and no layer stands between the embedding and the GRU, or between the "
    "GRU and the one Linear"
)


def gru_plan(arrays: Arrays, *, attention: bool = True, mask: bool = True, dropout: float = 0.0) -> Plan:
    """Plan a GRUClassifier from an nn.Embedding, a bidirectional nn.GRU and an nn.Linear.

    attention, mask: see GRUClassifier; the weights do not tell. dropout: acts in training only.
    """
    part = one_bidirectional(arrays, "nn.GRU")
    dense = the_linear(arrays, 2 * part.hidden, None, f"both directions of {part.about}")
    embedding = the_embedding(arrays, part.inputs, {dense.weight})
    outputs = dense.shape[0]
    arguments: dict[str, Any] = dict(
        vocab_size=embedding.shape[0], wordvec_size=part.inputs, hidden_size=part.hidden, layers=part.layers
    ) | dict(dropout=dropout, classes=max(2, outputs), attention=attention, mask=mask)
    notes = [
        f"attention: the weights do not tell whether there is any; taken as {_about_attention(attention)}",
        f"mask: the weights do not tell how padding is treated; taken as {_about_mask(mask, attention)}",
        f"dropout: acts in training only, and is not among the weights; taken as {dropout:g}",
        "batch_first: says nothing about weights; texts are (N, T) here",
        f"{dense.weight}: {_about_outputs(outputs)}",
    ]
    notes += without_bias(part, dense)
    return Plan(GRUClassifier, arguments, _rows(part, embedding, dense), notes, surplus=SURPLUS)


def gru_rows_of(model: GRUClassifier) -> list[Row]:
    """Return the rows of a GRUClassifier: there it is ``embedding``; ``gru``, bidirectional; and ``dense``."""
    V, D, H, layers = (model.arguments[name] for name in ("vocab_size", "wordvec_size", "hidden_size", "layers"))
    dense = Table("dense.weight", model.affine.W.shape[::-1], "dense.bias")
    return _rows(Recurrent("gru.", 3, D, H, layers, bidirectional=True), Table("embedding.weight", (V, D)), dense)


def _rows(part: Recurrent, embedding: Table, dense: Table) -> list[Row]:
    rows = [same("embed.W", embedding.weight, embedding.shape)]
    for layer in range(part.layers):
        rows += gru_rows(f"grus.{layer}.forward_gru", part, layer)
        rows += gru_rows(f"grus.{layer}.backward_gru", part, layer, reverse=True)
    if dense.shape[0] != 2:
        return rows + linear_rows("affine", dense)
    rows.append(Row("affine.W", {dense.weight: dense.shape}, lambda a: second_less_first(a.T)))
    if dense.bias:
        rows.append(Row("affine.b", {dense.bias: (2,)}, second_less_first))
    return rows


def _about_attention(attention: bool) -> str:
    if attention:
        how = "divided by the root of 2H, whose query is the final states of both directions of the last layer"
        return f"dot attention, {how}; if there is none, attention=False (--no-attention)"
    last = "the final states of the last layer, forwards then backwards (cat((h[-2], h[-1]), 1))"
    return f"none: the Linear reads {last}; its outputs at the last place, their mean or maximum do not map"


def _about_mask(mask: bool, attention: bool) -> str:
    if not mask:
        return "a model without a mask, which reads padding as if it were words"
    both = ", and an attention that gives padding no weight"
    how = f"a GRU that does not read padding (pack_padded_sequence){both if attention else ''}"
    return f"{how}; if padding is read as if it were words, mask=False (--no-mask)"


def _about_outputs(outputs: int) -> str:
    if outputs == 1:
        return "one output, taken as the score of the second of two classes, whose probability is the sigmoid"
    if outputs == 2:
        return "two outputs, taken for a softmax; ours has one score for two classes: the second output less the first"
    return f"{outputs} outputs, taken as the scores of {outputs} classes, for a softmax"
