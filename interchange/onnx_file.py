"""Write a trained model as an ONNX file, which onnxruntime and others run without any code of ours."""

import json
import os
import reprlib
from collections.abc import Mapping
from typing import Any

from classifier.text_classifier import TextClassifier
from common.layer import named_params, walk
from common.model_file import Zeros
from common.numeric_faults import finite_params
from interchange.description import KEY, NAMES, describe
from interchange.onnx_dates import date_graph
from interchange.onnx_graph import IR_VERSION, LARGEST, OPSET, Graph
from interchange.onnx_texts import text_graph
from interchange.packages import require
from support.atomic_file import replacing

DATES = {"vocabulary": str, "start": str, "T_enc": int, "T_dec": int, "reverse": bool}
TEXTS = {"vocabulary": list, "classes": list, "tokenizer": dict, "padding": str}
READ = *TEXTS, "max_len", "keeps_end", "width", "drops_unknown"  # how a text becomes ids


def write(path: str | os.PathLike, model: Any, facts: Mapping[str, Any]) -> None:
    """Write a model as ONNX, in float32. facts: those in the model file of its run.

    Raises ValueError as ``to_onnx`` does, OSError when the file cannot be written; nothing is written then.
    """
    proto = to_onnx(model, facts)
    with replacing(path) as file:
        file.write(proto.SerializeToString())


def to_onnx(model: Any, facts: Mapping[str, Any]) -> Any:
    """Return a model as a ModelProto that onnx's checker and its strict shape inference have passed.

    What goes in and out: see ``date_graph`` and ``text_graph``. Its ``metadata_props`` hold ``attention-from-scratch``,
    its arguments and the facts of its run, in JSON; and for readers, a list in JSON or plain text each: of dates
    ``vocabulary``, ``reading_direction`` (in which order the ids of a question go in), ``start``, ``T_enc``, ``T_dec``;
    of texts ``vocabulary``, ``classes``, and how a text becomes ids (``READ``).
    Raises ValueError for a model that is none of our own, that has other layers or stateful ones, that has a weight not
    finite in float32 or more than 2 GB of them, and for facts that do not fit the model.
    """
    onnx = require("onnx")
    _expect_ours(model)
    if isinstance(model, TextClassifier):
        plain = _expect_text_facts(model, facts)
        graph = text_graph(model)
    else:
        plain = _expect_date_facts(model, facts)
        graph = date_graph(model, facts["vocabulary"].index(facts["start"]), facts["T_dec"])
    return _checked(onnx, graph, {KEY: describe(model, facts)} | plain)


def _checked(onnx: Any, graph: Graph, metadata: Mapping[str, Any]) -> Any:
    proto = onnx.helper.make_model(
        graph.to_proto(),
        ir_version=IR_VERSION,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        producer_name=KEY,
    )
    texts = {
        name: fact if isinstance(fact, str) else json.dumps(fact, ensure_ascii=False) for name, fact in metadata.items()
    }
    onnx.helper.set_model_props(proto, texts)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _expect_ours(model: Any) -> None:
    if type(model) not in NAMES:
        known = ", ".join(kind.__name__ for kind in NAMES)
        raise ValueError(f"ONNX: expected one of {known}, got {type(model).__name__}")
    size = sum(4 * p.size for p in model.params)
    if size > LARGEST:
        raise ValueError(
            f"ONNX: expected weights of less than 2 GB, which is all that a file holds, got {size:,} bytes"
        )
    expected, found = map(_anatomy, (type(model)(**model.arguments, rng=Zeros("float32")), model))
    for name in expected | found:
        if expected.get(name) != found.get(name):
            wanted, got = (_in_words(anatomy.get(name)) for anatomy in (expected, found))
            raise ValueError(f"ONNX: {name}: expected {wanted}, as in a new {type(model).__name__}, got {got}")
    finite_params(model)


def _anatomy(model: Any) -> dict[str, Any]:
    """Return the class of each part, and whether it is stateful, and the shape of each parameter."""
    parts = {path: (type(part), getattr(part, "stateful", False)) for path, part in walk(model) if path}
    return parts | {name: param.shape for name, param in named_params(model).items()}


def _in_words(found: Any) -> str:
    if not found or not isinstance(found[0], type):
        return str(found or "nothing")
    return f"{'stateful ' if found[1] else ''}{found[0].__name__}"


def _expect_date_facts(model: Any, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts for readers. Raises ValueError for facts that do not fit the model."""
    _expect_facts(facts, DATES)
    vocabulary, V = facts["vocabulary"], model.arguments["vocab_size"]
    if len(vocabulary) != V or facts["start"] not in list(vocabulary):
        found = f"{len(vocabulary)} with the start {facts['start']!r}"
        raise ValueError(f"ONNX: vocabulary: expected {V} characters, among them the start, got {found}")
    if facts["T_dec"] < 1:
        raise ValueError(f"ONNX: T_dec: expected at least 1 character, got {facts['T_dec']}")
    direction = "backwards" if facts["reverse"] else "forwards"
    kept = {name: facts[name] for name in ("start", "T_enc", "T_dec")}
    return {"vocabulary": list(vocabulary), "reading_direction": direction} | kept


def _expect_text_facts(model: Any, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts for readers. Raises ValueError for facts that do not fit the model."""
    _expect_facts(facts, TEXTS)
    for name, size in (("vocabulary", model.arguments["vocab_size"]), ("classes", model.classes)):
        if len(facts[name]) != size:
            raise ValueError(f"ONNX: {name}: expected the {size} of the model, got {len(facts[name])}")
    return {"reading_direction": "forwards"} | {name: facts[name] for name in READ if name in facts}


def _expect_facts(facts: Mapping[str, Any], kinds: Mapping[str, type]) -> None:
    for name, kind in kinds.items():
        if not isinstance(facts.get(name), kind):
            got = reprlib.repr(facts[name]) if name in facts else "nothing"
            raise ValueError(f"ONNX: facts: expected {name}, of type {kind.__name__}, got {got}")
