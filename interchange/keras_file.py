"""Keras's ``.h5``, ``.weights.h5`` and ``.keras``: HDF5, found by its attributes."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np

from interchange import hdf5_outline
from interchange.arrays import Arrays
from interchange.packages import require
from interchange.spans import Span, entries
from interchange.zip_members import Member
from interchange.zip_members import read as read_member
from support import bounded_json

WEIGHTS, CONFIG, FACTS = "model.weights.h5", "config.json", "metadata.json"
TOP = "top_level_model_weights"  # of the model itself, beside its layers, in a ``.h5``
NO_WEIGHTS = "metrics", "compile_metrics", "loss_tracker"  # groups beside ``layers``
TIMEOUT = 60  # seconds
OUTLINE = 2**26  # bytes of memory that what a file contains may take, besides the size of the file


def read_zip(path: str, members: dict[str, Member]) -> Arrays:
    """Return the arrays of a ``.keras``, its config and its metadata."""
    facts = _json(read_member(path, members[FACTS]), FACTS) if FACTS in members else {}
    arrays = read(path, members[WEIGHTS])
    arrays.metadata = {name: str(value) for name, value in facts.items()} | arrays.metadata
    arrays.config = _json(read_member(path, members[CONFIG]), CONFIG)
    if arrays.optimizer:
        compiled = arrays.config.get("compile_config")
        arrays.optimizer.config = compiled.get("optimizer") if isinstance(compiled, dict) else None
    return arrays


def read(path: str, member: Member | None = None) -> Arrays:
    """Return the arrays of an HDF5 file, or of one that is a member of a zip, in the order of the layers or the names.

    Names are ``<layer>/<weight>`` in a ``.h5``, such as ``dense/kernel``, and paths in a ``.weights.h5``, such as
    ``layers/dense/vars/0``, where ``metadata["name:layers/dense"]`` is the name of the layer. ValueError for all else.
    """
    start, size = (member.offset, member.size) if member else (0, os.path.getsize(path))
    found = _outline(path, start, size)
    groups = found["groups"]
    spans = {
        name: Span(start + at, tuple(shape), np.dtype(dtype)) for name, (at, shape, dtype) in found["arrays"].items()
    }
    root = "model_weights" if "model_weights" in groups else ""
    metadata = {name: value for name, value in (groups[root] | groups[""]).items() if isinstance(value, str)}
    config, training = (metadata.pop(name, None) for name in ("model_config", "training_config"))
    if any(name.startswith("layer_names") for name in groups[root]):
        weights, slots = _named(groups, spans, root), _slots(groups, spans)
    else:
        places = sorted(spans, key=_natural)
        weights = {name: spans[name] for name in places if name.split("/")[0] not in ("optimizer", *NO_WEIGHTS)}
        slots = {name: spans[name] for name in places if name.startswith("optimizer/")}
        if not any("vars" in name.split("/") for name in weights):
            raise ValueError("no weights as Keras keeps them: neither an attribute layer_names nor a group vars")
        for name, attributes in groups.items():
            if name.endswith("/vars") and not name.startswith("optimizer/") and isinstance(attributes.get("name"), str):
                metadata[f"name:{name.removesuffix('/vars')}"] = attributes["name"]
    both = weights | {f"optimizer:{name}": span for name, span in slots.items()}
    all_entries = entries(path, both, start + size)
    optimizer = None
    if slots:
        compiled = _json(training.encode(), "training_config").get("optimizer_config") if training else None
        optimizer = Arrays(path, {name: all_entries[f"optimizer:{name}"] for name in slots}, config=compiled)
    return Arrays(
        path,
        {name: all_entries[name] for name in weights},
        config=_json(config.encode(), "model_config") if config else None,
        metadata=metadata,
        optimizer=optimizer,
    )


def _named(groups: dict[str, dict], spans: dict[str, Span], root: str) -> dict[str, Span]:
    """Return the arrays that the attributes of the layers name."""
    found: dict[str, Span] = {}
    for layer in [*_list(groups, root, "layer_names"), TOP]:
        group = f"{root}/{layer}".removeprefix("/")
        if group not in groups and layer != TOP:  # which is not in older files
            raise ValueError(f"{group!r} is named by an attribute and is not there")
        for weight in _list(groups, group, "weight_names"):
            path = re.sub(r":\d+$", "", f"/{weight}")
            _, _, rest = path.rpartition(f"/{layer}/") if f"/{layer}/" in path else ("", "", path.removeprefix("/"))
            _add(found, f"{layer}/{rest}", spans, f"{group}/{weight}")
    return found


def _slots(groups: dict[str, dict], spans: dict[str, Span]) -> dict[str, Span]:
    found: dict[str, Span] = {}
    for weight in _list(groups, "optimizer_weights", "weight_names"):
        _add(found, re.sub(r":\d+$", "", weight), spans, f"optimizer_weights/{weight}")
    return found


def _add(found: dict[str, Span], name: str, spans: dict[str, Span], place: str) -> None:
    if name in found:
        raise ValueError(f"{name} occurs twice")
    if place not in spans:
        raise ValueError(f"{place} is named by an attribute and is not there")
    found[name] = spans[place]


def _list(groups: dict[str, dict], group: str, name: str) -> Iterator[str]:
    """Yield the texts of an attribute; a long list is kept in several, with a number behind the name."""
    attributes = groups.get(group, {})
    names = (
        [name] if name in attributes else [f"{name}{i}" for i in range(len(attributes)) if f"{name}{i}" in attributes]
    )
    for each in names:
        if not isinstance(attributes[each], list):
            raise ValueError(f"the attribute {each} of {group!r} is not a list")
        yield from attributes[each]


def _natural(path: str) -> list[tuple[int, str]]:
    """Sort ``vars/2`` before ``vars/10``."""
    return [(int(part) if part.isdecimal() and len(part) < 10 else -1, part) for part in path.split("/")]


def _json(content: bytes, name: str, limit: int = OUTLINE) -> dict[str, Any]:
    value = bounded_json.loads(content, name, limit)
    if not isinstance(value, dict):
        raise ValueError(f"{name}: expected an object, got {type(value).__name__}")
    return value


def _outline(path: str, start: int, size: int) -> dict[str, Any]:
    if find_spec("h5py") is None:
        require("h5py")  # says how to install it
    command = [sys.executable, hdf5_outline.__file__, json.dumps(sys.path), path, str(start), str(size)]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, env=environment)
    except subprocess.TimeoutExpired:
        raise ValueError("damaged: HDF5 does not come to an end with it") from None
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"code {done.returncode}"]
        raise ValueError(f"damaged: HDF5 breaks off in it ({reason[0][:200]})")
    found = _json(done.stdout, "list of what it contains", os.path.getsize(path) + OUTLINE)
    if "error" in found:
        raise ValueError(f"damaged, or not from Keras: {found['error']}")
    return found
