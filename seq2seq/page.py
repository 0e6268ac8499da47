"""A page of HTML that holds an attention model and runs it in the reader's browser, without a network.

Its parts are the files in ``seq2seq/page``: the JavaScript is ES modules, which stand in the page one after another,
without their imports and exports.
"""

import base64
import html
import json
import re
from collections.abc import Iterable
from importlib import resources
from typing import NamedTuple

import numpy as np

from common.layer import named_params
from common.util import to_cpu
from seq2seq.attention_seq2seq import AttentionSeq2seq
from support.content_policy import source_of

FOLDER = resources.files("seq2seq") / "page"
SCRIPTS = (
    *("text.js", "forward.js", "data.js", "dates.js", "measures.js", "shown.js", "rows.js", "links.js", "heat.js"),
    *("pointing.js", "view.js", "questions.js", "main.js"),
)
STYLES = ("page.css", "map.css", "heat.css", "questions.css")
LARGEST = 2**28  # bytes: Chromium's JavaScript has no strings of twice that
IMPORT = re.compile(r"^(?:import\s.*?;|/\*\* @import .*?\*/)\n", re.MULTILINE | re.DOTALL)  # of values, of types
# A name declared at the top level of a module: the formatter indents all others.
DECLARED = re.compile(r"^(?:export )?(?:async )?(?:const|let|var|class|function)\b[ *]*([\w$]+|[\[{])", re.MULTILINE)
# What would end the script element that holds the JSON; ASCII leaves U+2028 and U+2029 escaped.
ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&"}


class Example(NamedTuple):
    """A question of the page.

    question: without its padding; answer: T_dec characters, or None if unknown; own: what the model writes,
    T_dec characters; truth: bool (T_dec, T_enc), which characters of the question each of the answer comes from, in the
    order of the text, or None.
    """

    question: str
    answer: str | None
    own: str
    truth: np.ndarray | None = None


def to_page(
    model: AttentionSeq2seq,
    examples: Iterable[Example],
    *,
    vocabulary: str,
    start: str,
    T_enc: int,
    T_dec: int,
    reverse: bool,
    title: str = "Where the model looks",
    about: Iterable[str] = (),
    dates: dict | None = None,
    question_characters: str | None = None,
) -> bytes:
    """Build the page: the same arguments always give the same bytes.

    vocabulary: the characters in the order of their ids; start: the character before every answer; T_enc, T_dec: length
    of questions and answers; reverse: whether the model reads questions backwards; title: of the window; about: phrases
    for the page's head; dates: how to find the answer of a typed date, where answers are yyyy-mm-dd: ``written``, the
    regular expression of a date, with the groups of ``dataset.dates.WRITTEN``, and ``months``, the names of all twelve;
    question_characters: those of the training questions, the only ones that may be typed (all of the vocabulary).
    Raises ValueError for a model that the page cannot run, a vocabulary that is not the model's, an example that does
    not fit them, and weights that are not finite, or make the page too large for a browser.
    """
    params = {name: np.asarray(to_cpu(p), "<f4") for name, p in named_params(model).items()}
    V = len(params.get("encoder.embed.W", ()))
    if type(model) is not AttentionSeq2seq:
        raise ValueError(f"page: expected an AttentionSeq2seq, got {type(model).__name__}")
    if len(vocabulary) != V or len(set(vocabulary)) != V or start not in vocabulary:
        raise ValueError(f"page: expected the model's {V} characters, with start {start!r}, got {vocabulary[:40]!r}")
    question_characters = vocabulary if question_characters is None else question_characters
    if not set(question_characters) <= set(vocabulary):
        raise ValueError(f"page: expected question_characters of the vocabulary, got {question_characters[:40]!r}")
    size = sum(p.size for p in params.values()) * 4 * 4 // 3
    if size > LARGEST:
        raise ValueError(f"page: the weights take {size} bytes of base64, and browsers open pages of {LARGEST} at most")
    for name, p in params.items():
        if not np.isfinite(p).all():
            raise ValueError(f"page: expected finite float32 weights, got nan or inf in {name}")
    data = {
        "about": list(about),
        "vocabulary": list(vocabulary),
        "question_characters": list(question_characters),
        "start": start,
        "T_enc": T_enc,
        "T_dec": T_dec,
        "reverse": bool(reverse),
        "mask_padding": model.mask_padding,
        "cell_state": model.cell_state,
        "dates": dates and _dates(**dates),
        "questions": [_question(example, set(vocabulary), T_enc, T_dec) for example in examples],
    }
    weights = {name: {"shape": p.shape, "base64": base64.b64encode(p.tobytes()).decode()} for name, p in params.items()}
    style = "\n".join(_template(name) for name in STYLES)
    script = _script()
    policy = {
        "default-src": "'none'",
        "script-src": source_of(script),
        "style-src": source_of(style),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    parts = {
        "policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "title": html.escape(title),
        "style": style,
        "data": _json(data),
        "weights": _json(weights),
        "script": script,
    }
    page = re.sub(r"\{(\w+)\}", lambda found: parts[found[1]], _template("page.html"))
    return page.encode("utf-8", "replace")


def _question(example: Example, known: set[str], T_enc: int, T_dec: int) -> dict:
    lengths = {"question": (1, T_enc), "answer": (T_dec, T_dec), "own": (T_dec, T_dec)}
    texts = {name: getattr(example, name) for name in lengths}
    if example.answer is None:
        del lengths["answer"]
    for name, (least, most) in lengths.items():
        if not (least <= len(texts[name]) <= most and known.issuperset(texts[name])):
            wanted = f"{least} to {most} characters of the vocabulary"
            raise ValueError(f"page: {name}: expected {wanted}, got {texts[name][:40]!r}")
    if example.truth is not None and example.truth.shape != (T_dec, T_enc):
        raise ValueError(f"page: expected truth {T_dec, T_enc}, got {example.truth.shape}")
    truth = None if example.truth is None else [np.flatnonzero(row).tolist() for row in example.truth]
    return texts | {"truth": truth}


def _dates(written: str, months: list[str]) -> dict:
    """Convert the regular expression and the months for JavaScript."""
    return {"written": written.replace("(?P<", "(?<"), "months": [name[:3].lower() for name in months]}


def _template(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _script() -> str:
    """Join the modules in one scope, each after those it imports from, without imports and exports."""
    texts = {name: _template(name) for name in SCRIPTS}
    owners: dict[str, str] = {}
    for name, text in texts.items():
        for declared in DECLARED.findall(text):
            if declared in "[{":
                raise ValueError(f"page: expected one name per declaration at the top level of {name}, got a pattern")
            if declared in owners:
                both = f"{owners[declared]} and {name}"
                raise ValueError(
                    f"page: expected {declared} at the top level of one module, got it in {both}: rename one"
                )
            owners[declared] = name
    script = IMPORT.sub("", "\n".join(texts.values()))
    return re.sub(r"^export ", "", script, flags=re.MULTILINE)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":")).translate(ESCAPES)
