"""PyTorch modules for our other classifiers, SeqSelfClassifier and BagOfWords: names that ours are exported under."""

from collections.abc import Mapping
from typing import Any

from classifier import BagOfWords, SeqSelfClassifier
from interchange.arrays import Arrays
from interchange.rows import Plan, Row, listed
from interchange.torch_names import (
    Recurrent,
    Table,
    matrix,
    one_bidirectional,
    refuse,
    the_embedding,
    the_linear,
)
from interchange.torch_rows import linear_rows, lstm_rows, same, transposed

QUERY, KEY, SCORE = (f"attention.{name}" for name in ("query", "key", "score"))


def seqself_plan(
    arrays: Arrays,
    *,
    attention_width: int | None = None,
    history_only: bool = False,
    attention_activation: str | None = None,
    mask: bool = True,
) -> Plan:
    """Plan a SeqSelfClassifier from the names of ``seqself_rows_of``. Options: see SeqSelfAttention."""
    part = one_bidirectional(arrays, "nn.LSTM")
    if part.layers > 1:
        refuse(arrays, f"{part.about} has {part.layers} layers; ours has one")
    dense = the_linear(arrays, 2 * part.hidden, None, f"both directions of {part.about}")
    embedding = the_embedding(arrays, part.inputs, {dense.weight, *(n for n in arrays if n.startswith("attention."))})
    additive = f"{KEY}.weight" in arrays.entries
    window = dict(attention_width=attention_width, history_only=history_only, attention_activation=attention_activation)
    attention: dict[str, Any] = window | dict(
        attention_type="additive" if additive else "multiplicative",
        use_additive_bias=f"{QUERY}.bias" in arrays.entries,
        use_attention_bias=f"{SCORE}.bias" in arrays.entries,
    )
    arguments: dict[str, Any] = dict(
        vocab_size=embedding.shape[0], wordvec_size=part.inputs, hidden_size=part.hidden, classes=dense.shape[0]
    ) | dict(units=matrix(arrays, f"{KEY}.weight")[0] if additive else 1, mask=mask, attention=attention)
    taken = ", ".join(f"{name}={value!r}" for name, value in window.items())
    treated = "a model that does not see it" if mask else "a model without a mask, which reads it as if it were words"
    notes = [
        f"attention: the weights do not tell its window and activation; taken as {taken}",
        f"mask: the weights do not tell how padding is treated; taken as {treated}",
    ]
    return Plan(SeqSelfClassifier, arguments, _rows(part, embedding, dense, arguments), notes)


def seqself_rows_of(model: SeqSelfClassifier) -> list[Row]:
    """Return the rows of a SeqSelfClassifier.

    There it is ``embedding``; ``attention.query``, ``.key``, ``.score``, linear layers; ``lstm``, bidirectional; and
    ``dense``. Multiplicative attention has ``attention.query`` (D, D) without a bias, and the bias
    ``attention.score.bias``.
    """
    V, D, H, classes = (model.arguments[name] for name in ("vocab_size", "wordvec_size", "hidden_size", "classes"))
    part = Recurrent("lstm.", 4, D, H, bidirectional=True)
    return _rows(
        part, Table("embedding.weight", (V, D)), Table("dense.weight", (classes, 2 * H), "dense.bias"), model.arguments
    )


def _rows(part: Recurrent, embedding: Table, dense: Table, arguments: Mapping[str, Any]) -> list[Row]:
    D, units, how, attention = part.inputs, arguments["units"], arguments["attention"], "attention_layer"
    rows = [same("embed.W", embedding.weight, embedding.shape)]
    if how.get("attention_type", "additive") == "additive":
        rows += [
            transposed(f"{attention}.Wt", f"{QUERY}.weight", (units, D)),
            transposed(f"{attention}.Wx", f"{KEY}.weight", (units, D)),
            transposed(f"{attention}.Wa", f"{SCORE}.weight", (1, units)),
        ]
        if how.get("use_additive_bias", True):
            rows.append(same(f"{attention}.bh", f"{QUERY}.bias", (units,)))
    else:
        rows.append(transposed(f"{attention}.Wa", f"{QUERY}.weight", (D, D)))
    if how.get("use_attention_bias", True):
        rows.append(same(f"{attention}.ba", f"{SCORE}.bias", (1,)))
    rows += lstm_rows("lstm.forward_lstm", part)
    rows += lstm_rows("lstm.backward_lstm", part, reverse=True)
    return rows + linear_rows("affine", dense)


def bow_plan(arrays: Arrays) -> Plan:
    """Plan a BagOfWords from the names of ``bow_rows_of``; the weights do not tell that the module sums."""
    if "embedding.weight" not in arrays.entries:
        refuse(arrays, f"missing embedding.weight; found {listed(arrays)}")
    V, K = matrix(arrays, "embedding.weight")
    notes = [
        "mode: the weights do not tell; taken as nn.EmbeddingBag(mode='sum') that leaves out padding (padding_idx); "
        "its default, mode='mean', does not map"
    ]
    return Plan(BagOfWords, dict(vocab_size=V, classes=K), _bow(V, K), notes)


def bow_rows_of(model: BagOfWords) -> list[Row]:
    """Return the rows of a BagOfWords.

    There it is ``embedding``, an nn.EmbeddingBag with ``mode="sum", padding_idx=0``, and ``bias`` (K,).
    """
    return _bow(*model.embed.W.shape)


def _bow(V: int, K: int) -> list[Row]:
    return [same("embed.W", "embedding.weight", (V, K)), same("b", "bias", (K,))]
