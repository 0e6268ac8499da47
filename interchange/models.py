"""From the arrays of a file to a model of ours, and back."""

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any, NamedTuple

import numpy as np

from interchange import keras_layout, torch_layout
from interchange.arrays import Arrays, Entry, ForeignFileError
from interchange.description import KEY, description, ids_of
from interchange.rows import Plan, Row, listed, make, write
from interchange.vocabulary import exchange, restore
from seq2seq.model_file import MODELS as OF_DATES

PLANS: dict[str, dict[str, Callable[..., Plan]]] = {"keras": keras_layout.PLANS, "torch": torch_layout.PLANS}
DESCRIBED = {"keras": keras_layout.DESCRIBED, "torch": {}}  # from files that were exported from here alone
ROWS: dict[str, Callable[[Any], list[Row]]] = {"keras": keras_layout.rows_of, "torch": torch_layout.rows_of}
KINDS = "attention", "baseline", "peeky", "transformer", "gru", "seqself", "bow"


class Imported(NamedTuple):
    """A model that came from a file; notes: what was assumed, and what differs, one sentence each."""

    model: Any
    notes: list[str]


def to_model(
    arrays: Mapping[str, Any], kind: str, *, padding_id: int = 0, unknown_id: int | None = 1, **options: Any
) -> Imported:
    """Make a model of ours from arrays, as ``read_arrays`` returns them, or from a dict of arrays in memory.

    kind: a name in ``KINDS``. padding_id, unknown_id: those of a classifier's arrays; rows of the embedding are
    exchanged so that they become 0 and 1 (see ``exchange``, for the vocabulary). An unknown_id of None, where unknown
    words are left out of a text, makes a row of zeros for them. options: see docs/interchange.md. A file that was
    exported from here says ids and options itself.
    Raises ForeignFileError for arrays that do not fit, and for what cannot be the same here, with the reason.
    """
    if kind in OF_DATES and (padding_id, unknown_id) != (0, 1):
        raise ValueError(f"to_model: padding_id and unknown_id are for classifiers, not for {kind}, whose ids stay")
    arrays = Arrays.of(arrays)
    try:
        padding_id, unknown_id = settle_ids(arrays, padding_id, unknown_id)
        plan = plan_of(arrays, kind, **options)
        if unknown_id is None:
            plan, arrays = _with_unknown(plan, arrays)
        model = make(plan, arrays)
        _expect_described(arrays, model)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, ForeignFileError) or not description(arrays):
            raise
        raise ForeignFileError(f"{arrays.path}: its metadata {KEY} describes no model: {error}") from None
    if kind not in OF_DATES:
        if framework_of(arrays) == "keras" and model.mask and padding_id != 0:
            raise ForeignFileError(f"{arrays.path}: mask_zero masks the id 0, so that is padding, not {padding_id}")
        exchange(model.embed.W, padding_id, len(model.embed.W) - 1 if unknown_id is None else unknown_id)
    return Imported(model, plan.notes)


def plan_of(arrays: Arrays, kind: str, **options: Any) -> Plan:
    """Return which model the arrays make, and from what each of its parameters comes. Arguments as of ``to_model``."""
    if kind not in KINDS:
        raise ValueError(f"to_model: expected one of {', '.join(KINDS)}, got {kind!r}")
    framework, ours = framework_of(arrays), description(arrays)
    plans = PLANS[framework] | (DESCRIBED[framework] if ours else {})
    if kind not in plans:
        raise ForeignFileError(
            f"{arrays.path}: from {framework}, expected one of {', '.join(plans)}, got {kind}: such a model is read "
            "only from a file that export_model.py wrote, which describes what its layers compute"
        )
    if ours.get("model", kind) != kind:
        raise ForeignFileError(f"{arrays.path}: expected the model {kind}, got {ours['model']}, which was exported")
    parameters = signature(plans[kind]).parameters.values()
    known = {each.name: each.default for each in parameters if each.kind is each.KEYWORD_ONLY}
    for name in options:
        if name not in known:
            all_of_them = ", ".join(known) or "none"
            raise ValueError(f"to_model: from {framework}, {kind} has no option {name!r}; it has {all_of_them}")
    if not ours:
        return plans[kind](arrays, **options)
    said = known | {name: value for name, value in _arguments(ours).items() if name in known}
    for name, value in said.items():
        if isinstance(known[name], bool) and not isinstance(value, bool):
            raise ValueError(f"{name}: expected true or false, got {value!r}")
        if options.get(name, value) != value:
            raise ForeignFileError(f"{arrays.path}: says {name}={value!r}, not {options[name]!r}; leave the option out")
    return plans[kind](arrays, **said)._replace(notes=[])  # nothing was assumed


def settle_ids(arrays: Arrays, padding_id: int, unknown_id: int | None) -> tuple[int, int | None]:
    """Return the ids of padding and unknown words: those of the file if it was exported from here, else those given.

    Raises ForeignFileError for others than those of the file, unless they are the default.
    """
    given, ours = (padding_id, unknown_id), description(arrays)
    said = ids_of(ours["facts"]) if ours else given
    if given not in ((0, 1), said):
        what = f"says padding_id={said[0]}, unknown_id={said[1]}, not {padding_id} and {unknown_id}"
        raise ForeignFileError(f"{arrays.path}: {what}; leave the options out")
    return said


def _expect_described(arrays: Arrays, model: Any) -> None:
    """Raise ForeignFileError unless a file that was exported from here has all that was written, and the model it says.

    Of other files, what is missing may be what PyTorch calls ``bias=False``, and the weights alone tell the model.
    """
    ours = description(arrays)
    if not ours:
        return
    written = {name for row in ROWS[framework_of(arrays)](model) for name in row.theirs}
    faults = [f"missing {name}" for name in sorted(written - arrays.entries.keys())]
    of_dates = ours["model"] in OF_DATES  # classifiers have arguments that do not matter, and are not compared
    for name, said in ours["arguments"].items() if of_dates else ():
        if (found := model.arguments.get(name)) != said:
            faults.append(f"says {name}={said!r:.60}, its weights {found!r:.60}")
    if faults:
        raise ForeignFileError(f"{arrays.path}: does not fit: {listed(faults, between='; ')}")


def _arguments(ours: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a model, and those of its attention, by name."""
    arguments = ours.get("arguments", {})
    of_attention = arguments.get("attention")
    return arguments | (of_attention if isinstance(of_attention, dict) else {})


def _with_unknown(plan: Plan, arrays: Arrays) -> tuple[Plan, Arrays]:
    """Return both with one row more at the end of the embedding, of zeros."""
    at = next(i for i, row in enumerate(plan.rows) if row.ours == "embed.W")
    ((name, (V, *width)),) = plan.rows[at].theirs.items()
    entry = arrays.entries.get(name)
    if entry is None or entry.shape != (V, *width):
        return plan, arrays  # ``make`` says so

    def fill(out: np.ndarray) -> None:
        entry.fill(out[:-1])
        out[-1] = 0

    rows = [*plan.rows]
    rows[at] = rows[at]._replace(theirs={name: (V + 1, *width)})
    entries = arrays.entries | {name: Entry((V + 1, *width), entry.dtype, fill)}
    more = Arrays(arrays.path, entries, config=arrays.config, metadata=arrays.metadata, optimizer=arrays.optimizer)
    return plan._replace(arguments=plan.arguments | {"vocab_size": V + 1}, rows=rows), more


def framework_of(arrays: Arrays) -> str:
    """Return "torch" or "keras", by the names of the arrays."""
    return "torch" if any(".weight" in name or ".bias" in name for name in arrays) else "keras"


def to_arrays(model: Any, framework: str, *, padding_id: int = 0, unknown_id: int | None = 1) -> dict[str, np.ndarray]:
    """Return the weights of a model of ours under the names, shapes and gate orders of "torch" or "keras".

    padding_id, unknown_id: those that a classifier's arrays are to have, as for ``to_model``.
    """
    if framework not in ROWS:
        raise ValueError(f"to_arrays: expected one of {', '.join(ROWS)}, got {framework!r}")
    rows = ROWS[framework](model)
    arrays = write(rows, model)
    if (padding_id, unknown_id) != (0, 1):
        name = next(iter(next(row for row in rows if row.ours == "embed.W").theirs))
        restore(arrays[name], padding_id, len(arrays[name]) - 1 if unknown_id is None else unknown_id)
        if unknown_id is None:
            arrays[name] = arrays[name][:-1]  # which ``to_model`` added
    return arrays
