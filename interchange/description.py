"""What a file that was written here says about its model, in its metadata: enough to make the run again."""

import json
import math
from collections.abc import Mapping
from typing import Any

from classifier.model_file import MODELS as TEXT_MODELS
from interchange.arrays import Arrays, ForeignFileError
from seq2seq.model_file import MODELS as DATE_MODELS
from support import bounded_json

KEY = "attention-from-scratch"
NAMES: dict[Any, str] = {kind: name for table in (DATE_MODELS, TEXT_MODELS) for name, kind in table.items()}
PARTS = {"model": str, "arguments": dict, "facts": dict}


def describe(model: Any, facts: Mapping[str, Any]) -> str:
    """Return the JSON from which the model is made again: its name, its arguments, its facts.

    Of an imported model, only the ids that it came with are kept: the rest names files of this machine.
    Raises ValueError for a model that is not one of ours.
    """
    if type(model) not in NAMES:
        known = ", ".join(kind.__name__ for kind in NAMES)
        raise ValueError(f"expected a model of {known}, got {type(model).__name__}")
    others = {name: fact for name, fact in facts.items() if name not in ("model", "arguments")}
    if "imported" in facts:
        others["imported"] = {"ids": ids_of(facts)}
    return json.dumps({"model": NAMES[type(model)], "arguments": model.arguments, "facts": others})


def ids_of(facts: Mapping[str, Any]) -> tuple[int, int | None]:
    """Return the ids of padding and of unknown words in the file that a run was imported from; 0 and 1 for ours.

    A file that is written from such a run has them again. Raises ValueError for ids that are none.
    """
    imported = facts.get("imported")
    found = imported.get("ids", [0, 1]) if isinstance(imported, dict) else [0, 1]
    if not (isinstance(found, (list, tuple)) and len(found) == 2 and type(found[0]) is int):
        raise ValueError(f"expected the ids of padding and of unknown words, got {found!r:.60}")
    if found[1] is not None and type(found[1]) is not int:
        raise ValueError(f"expected the id of unknown words, got {found[1]!r:.60}")
    return found[0], found[1]


def description(arrays: Arrays) -> dict[str, Any]:
    """Return what a file that was exported from here says about its model; nothing for a file from elsewhere.

    ``model`` is its kind, ``arguments`` are those of its class, ``facts`` what a run needs besides.
    Raises ForeignFileError for a description that is none.
    """
    if KEY not in arrays.metadata:
        return {}
    try:
        size = sum(math.prod(entry.shape) * entry.dtype.itemsize for entry in arrays.entries.values())
        found = bounded_json.loads(arrays.metadata[KEY].encode(), KEY, size + 28 * 2**20)
        if not all(isinstance(found[name], kind) for name, kind in PARTS.items()):
            raise ValueError(f"expected {', '.join(PARTS)}")
        if found["model"] not in NAMES.values():
            raise ValueError(f"expected a model of {', '.join(NAMES.values())}, got {found['model']:.60}")
    except (ValueError, TypeError, KeyError) as error:
        raise ForeignFileError(f"{arrays.path}: its metadata {KEY} describes no model: {error}") from None
    return found
