"""PyTorch: names, shapes and gate orders of the modules that our models correspond to."""

from collections.abc import Callable
from typing import Any

from classifier import BagOfWords, GRUClassifier, SeqSelfClassifier
from interchange.rows import Plan, Row
from interchange.torch_gru import gru_plan, gru_rows_of
from interchange.torch_seq2seq import attention_plan, baseline_plan, peeky_plan, seq2seq_rows_of
from interchange.torch_seqself import bow_plan, bow_rows_of, seqself_plan, seqself_rows_of
from interchange.torch_transformer import transformer_plan, transformer_rows_of
from seq2seq import AttentionSeq2seq, PeekySeq2seq, Seq2seq, TransformerSeq2seq

PLANS: dict[str, Callable[..., Plan]] = {
    "attention": attention_plan,
    "baseline": baseline_plan,
    "peeky": peeky_plan,
    "transformer": transformer_plan,
    "gru": gru_plan,
    "seqself": seqself_plan,
    "bow": bow_plan,
}
ROWS: dict[type, Callable[..., list[Row]]] = {
    AttentionSeq2seq: seq2seq_rows_of,
    Seq2seq: seq2seq_rows_of,
    PeekySeq2seq: seq2seq_rows_of,
    TransformerSeq2seq: transformer_rows_of,
    GRUClassifier: gru_rows_of,
    SeqSelfClassifier: seqself_rows_of,
    BagOfWords: bow_rows_of,
}


def rows_of(model: Any) -> list[Row]:
    """Return the rows of a model of ours, with the names that ``to_arrays`` writes.

    Raises ValueError for a model that is not one of ours.
    """
    if type(model) not in ROWS:
        known = ", ".join(kind.__name__ for kind in ROWS)
        raise ValueError(f"to_arrays: expected one of {known}, got {type(model).__name__}")
    return ROWS[type(model)](model)
