"""From the arrays of a file to a model of ours, and back."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from interchange import keras_layout, torch_layout
from interchange.arrays import Arrays, ForeignFileError
from interchange.rows import Plan, Row, make, write
from interchange.vocabulary import exchange

PLANS: dict[str, dict[str, Callable[..., Plan]]] = {"keras": keras_layout.PLANS, "torch": torch_layout.PLANS}
ROWS: dict[str, Callable[[Any], list[Row]]] = {"keras": keras_layout.rows_of, "torch": torch_layout.rows_of}
KINDS = "attention", "baseline", "peeky", "gru", "seqself", "bow"


class Imported(NamedTuple):
    """A model that came from a file; notes: what was assumed, and what differs, one sentence each."""

    model: Any
    notes: list[str]


def to_model(
    arrays: Mapping[str, Any], kind: str, *, padding_id: int = 0, unknown_id: int = 1, **options: Any
) -> Imported:
    """Make a model of ours from arrays, as ``read_arrays`` returns them, or from a dict of arrays in memory.

    kind: attention, baseline, peeky, gru, seqself, bow. padding_id, unknown_id: those of the arrays; rows of the
    embedding are exchanged so that they become 0 and 1 (see ``exchange``, for the vocabulary). options: see
    docs/interchange.md.
    Raises ForeignFileError for arrays that do not fit, and for what cannot be the same here, with the reason.
    """
    arrays = Arrays.of(arrays)
    if kind not in KINDS:
        raise ValueError(f"to_model: expected one of {', '.join(KINDS)}, got {kind!r}")
    framework = framework_of(arrays)
    plan_of = PLANS[framework].get(kind)
    if plan_of is None:
        known = ", ".join(PLANS[framework])
        raise ForeignFileError(f"{arrays.path}: from {framework}, only {known} can be read, not {kind}")
    plan = plan_of(arrays, **options)
    model = make(plan, arrays)
    if hasattr(model, "embed"):  # a classifier; characters of dates have neither id
        exchange(model.embed.W, padding_id, unknown_id)
    return Imported(model, plan.notes)


def framework_of(arrays: Arrays) -> str:
    """Return "torch" or "keras", by the names of the arrays."""
    return "torch" if any(".weight" in name or ".bias" in name for name in arrays) else "keras"


def to_arrays(model: Any, framework: str) -> dict[str, np.ndarray]:
    """Return the weights of a model of ours under the names, shapes and gate orders of "torch" or "keras"."""
    if framework not in ROWS:
        raise ValueError(f"to_arrays: expected one of {', '.join(ROWS)}, got {framework!r}")
    return write(ROWS[framework](model), model)
