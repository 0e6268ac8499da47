"""A page of HTML that holds an attention model and runs it in the reader's browser, without a network.

Its parts are the files in ``seq2seq/page``, and those that pages of other models share.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from common.layer import named_params
from common.util import to_cpu
from seq2seq.attention_seq2seq import AttentionSeq2seq
from support.html_page import Phrase, to_html

TEMPLATE = "seq2seq/page/page.html"
SCRIPTS = (
    *("support/page/language.js", "support/page/japanese.js", "seq2seq/page/japanese.js"),
    *(f"support/page/{name}.js" for name in ("text", "held", "theme", "list", "pointing", "slices")),
    *(f"support/page/{name}.js" for name in ("picture", "saving")),
    *(f"common/page/{name}.js" for name in ("layers", "attention", "faithfulness")),
    *(
        f"seq2seq/page/{name}.js"
        for name in (
            *("forward", "data", "dates", "measures", "changes", "shown", "rows", "links", "heat"),
            *("occlusion", "forced", "what_if", "pointing", "heat_picture", "picture", "view", "questions", "main"),
        )
    ),
)
STYLES = (
    *(f"support/page/{name}.css" for name in ("page", "figure", "list")),
    *(f"seq2seq/page/{name}.css" for name in ("map", "heat", "what_if")),
    "support/page/print.css",
    "seq2seq/page/print.css",
)


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
    title: Phrase = "Where the model looks",
    about: Iterable[Phrase] = (),
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
    params = {name: to_cpu(p) for name, p in named_params(model).items()}
    V = len(params.get("encoder.embed.W", ()))
    if type(model) is not AttentionSeq2seq:
        raise ValueError(f"page: expected an AttentionSeq2seq, got {type(model).__name__}")
    if len(vocabulary) != V or len(set(vocabulary)) != V or start not in vocabulary:
        raise ValueError(f"page: expected the model's {V} characters, with start {start!r}, got {vocabulary[:40]!r}")
    question_characters = vocabulary if question_characters is None else question_characters
    if not set(question_characters) <= set(vocabulary):
        raise ValueError(f"page: expected question_characters of the vocabulary, got {question_characters[:40]!r}")
    data = {
        "title": title,
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
    return to_html(TEMPLATE, title=title, scripts=SCRIPTS, styles=STYLES, data=data, weights=params)


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
