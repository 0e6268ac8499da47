"""PyTorch modules of attention scores: the nn.Linear of a general score, and the three of an additive one."""

import re
from typing import NamedTuple

import numpy as np

from common.attention import SCORES
from interchange.arrays import Arrays
from interchange.rows import Row, listed
from interchange.torch_names import Table, refuse, tables
from interchange.torch_rows import same, transposed

READS = "encoder", "decoder"
TELLING = re.compile(r"att|align|energy|general|score", re.IGNORECASE)  # in the name of a Linear that scores
# What the Linear of the decoder's state is called, that of the encoder's states, and that of their sum's tanh: here,
# in PyTorch's tutorial of seq2seq with attention, in d2l, and after our own weights.
ADDITIVE = (("query", "key", "score"), ("Wa", "Ua", "Va"), ("W_q", "W_k", "w_v"), ("Wd", "We", "v"))
CANCELS = "adds the same to all scores of a step, which softmax cancels; left out, exactly"


class Scores(NamedTuple):
    """The rows of a score, the names that say nothing, and notes."""

    rows: list[Row]
    ignored: frozenset[str]
    notes: list[str]

    @property
    def weights(self) -> set[str]:
        """The names of the matrices, which are then nothing else."""
        return {name for row in self.rows for name in row.theirs}


def scores_of(arrays: Arrays, score: str, reads: str, H: int) -> Scores:
    """Find the weights of attention scores of states of H numbers; dot products have none.

    reads: whose states the nn.Linear of a general score multiplies. Raises ForeignFileError where there are none, or
    where they are not told apart.
    """
    if score not in tuple(SCORES):
        raise ValueError(f"score: expected {' or '.join(SCORES)}, got {score!r}")
    if reads not in READS:
        raise ValueError(f"score_reads: expected {' or '.join(READS)}, got {reads!r}")
    if score == "general":
        return _general(arrays, reads, H)
    if score == "additive":
        return _additive(arrays, H)
    if score == "scaled":
        how = f"divided by the root of their {H} numbers; if they are not, score='dot' (without --score)"
    else:
        how = "not scaled; if they are divided by the root of the states' size, score='scaled' (--score scaled)"
    return Scores([], frozenset(), [f"attention: has no weights; taken as dot products of states, {how}"])


def score_rows_of(score: str, H: int) -> list[Row]:
    """Return the rows under the names that we write: ``key``, ``query`` and ``score`` of ``decoder.attention``."""
    query, key, v = (f"decoder.attention.{name}" for name in ADDITIVE[0])
    if score == "general":
        return _general_rows(Table(f"{key}.weight", (H, H)), "encoder")
    if score == "additive":
        matrices = Table(f"{query}.weight", (H, H), f"{query}.bias"), Table(f"{key}.weight", (H, H))
        return _additive_rows(*matrices, Table(f"{v}.weight", (1, H)))
    return []


def _general_rows(table: Table, reads: str) -> list[Row]:
    # (W hs) . h is h W hs, as in ours; (W h) . hs is h W^T hs
    make = same if reads == "encoder" else transposed
    return [make("decoder.attention.W", table.weight, table.shape)]


def _general(arrays: Arrays, reads: str, H: int) -> Scores:
    fits = [table for table in tables(arrays) if table.shape == (H, H)]
    if len(fits) > 1:
        fits = [table for table in fits if TELLING.search(table.weight)] or fits
    if len(fits) != 1:
        shown = listed((table.about for table in fits or tables(arrays)), "no matrix at all")
        refuse(
            arrays,
            f"score=general: expected one nn.Linear ({H}, {H}), or one with attention, score, general, energy or align "
            f"in its name, got {'several' if fits else 'none'}: {shown}",
        )
    (table,) = fits
    if table.bias and reads == "decoder":
        refuse(
            arrays,
            f"{table.bias}: a bias beside the decoder's state adds something else to each score, and general scores "
            "here have none; if the Linear reads the encoder's states, score_reads='encoder' (without --score-reads)",
        )
    notes = [
        f"{table.weight}: the weights do not tell whose states it multiplies; taken as the {reads}'s; "
        "score_reads (--score-reads) says another"
    ]
    notes += [f"{table.bias}: {CANCELS}"] if table.bias else []
    return Scores(_general_rows(table, reads), frozenset({table.bias} - {""}), notes)


def _additive_rows(query: Table, key: Table, v: Table) -> list[Row]:
    biases = dict.fromkeys([name for name in (query.bias, key.bias) if name], query.shape[:1])
    rows = [transposed("decoder.attention.Wd", *query[:2]), transposed("decoder.attention.We", *key[:2])]
    if len(biases) == 2:
        rows.append(Row("decoder.attention.b", biases, _add, lambda b: [b, np.full_like(b, -0.0)]))
    elif biases:
        rows.append(Row("decoder.attention.b", biases))
    return [*rows, Row("decoder.attention.v", {v.weight: v.shape}, lambda a: a[0], lambda p: [p[np.newaxis]])]


def _additive(arrays: Arrays, H: int) -> Scores:
    by_name = {table.weight: table for table in tables(arrays)}
    found = []
    for names in ADDITIVE:
        prefixes = [name.removesuffix(f"{names[2]}.weight") for name in by_name if name.endswith(f"{names[2]}.weight")]
        for prefix in prefixes:
            three = [by_name.get(f"{prefix}{name}.weight") for name in names]
            if prefix[-1:] in ("", ".") and None not in three:
                found.append([table for table in three if table])
    if len(found) != 1:
        known = ", or ".join(", ".join(names) for names in ADDITIVE)
        refuse(
            arrays,
            "score=additive: expected three nn.Linear, of the decoder's state, of the encoder's states and of the tanh "
            f"of their sum, called {known}, because their shapes do not tell them apart; got "
            f"{'several' if found else listed(by_name)}; rename them, and part one that reads both states side by side",
        )
    query, key, v = found[0]
    if (query.shape, key.shape, v.shape) != ((H, H), (H, H), (1, H)):
        shown = ", ".join(table.about for table in found[0])
        refuse(
            arrays, f"score=additive: expected {(H, H)}, {(H, H)} and {(1, H)}, as many units as states; got {shown}"
        )
    notes = [f"{v.weight}: taken as v of additive scores, v . tanh({query.weight} h + {key.weight} hs)"]
    notes += [f"{v.bias}: {CANCELS}"] if v.bias else []
    return Scores(_additive_rows(query, key, v), frozenset({v.bias} - {""}), notes)


def _add(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.add(one, other, dtype=np.result_type(one, other, np.float32))  # not in float16
