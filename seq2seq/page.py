"""A page of HTML that holds one or more date models and runs them in the reader's browser, without a network.

Its parts are the files in ``seq2seq/page``, and those that pages of other models share.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from common.layer import named_params
from common.util import to_cpu
from seq2seq.model_file import MODELS
from seq2seq.seq2seq import Seq2seq
from support.html_page import Phrase, to_html

TEMPLATE = "seq2seq/page/page.html"
SCRIPTS = (
    *("support/page/language.js", "support/page/japanese.js", "seq2seq/page/japanese.js"),
    *(f"support/page/{name}.js" for name in ("text", "held", "theme", "list", "pointing", "slices", "changes")),
    *(f"support/page/{name}.js" for name in ("share", "linked_text", "edits", "occluding", "picture", "saving")),
    *(f"common/page/{name}.js" for name in ("layers", "attention", "multi_head_attention", "transformer_layers")),
    *(f"common/page/{name}.js" for name in ("stacked", "faithfulness", "parts")),
    *(f"seq2seq/page/{name}.js" for name in ("seq2seq", "forward", "transformer_seq2seq", "decoding", "data")),
    *(f"seq2seq/page/{name}.js" for name in ("models", "dates", "measures", "changes", "shown", "rows", "links")),
    *(f"seq2seq/page/{name}.js" for name in ("heads", "heat", "occlusion", "forced", "what_if")),
    *(f"seq2seq/page/{name}.js" for name in ("small_map", "side_by_side", "learning", "pointing")),
    *(f"seq2seq/page/{name}.js" for name in ("heat_picture", "cards_picture", "picture", "view", "questions")),
    *(f"seq2seq/page/{name}.js" for name in ("state", "main")),
)
KINDS = "baseline", "peeky", "attention", "transformer"  # of MODELS, those that seq2seq/page/models.js runs
# arguments of a model that say what it does with its weights, besides mask_padding and cell_state
ARGUMENTS = ("score", "bidirectional", "layers", "heads", "pre_norm")
STYLES = (
    *(f"support/page/{name}.css" for name in ("page", "figure", "list", "share", "what_if")),
    *(f"seq2seq/page/{name}.css" for name in ("map", "heat", "what_if", "compare")),
    "support/page/print.css",
    "seq2seq/page/print.css",
)


class State(NamedTuple):
    """A model as it was after an epoch; accuracy: share (0..1) of the test questions answered right, if known."""

    epoch: int
    model: Seq2seq
    accuracy: float | None = None


@dataclass(frozen=True)
class PageModel:
    """A model of a page.

    name: what tells it from the others there; reverse: whether it reads questions backwards; epochs: its states after
    epochs, in order, which stand in the page in place of ``model``.
    """

    name: str
    model: Seq2seq
    reverse: bool
    epochs: Sequence[State] = ()

    def states(self) -> list[tuple[str, State | None, Seq2seq]]:
        """Return each state that the page holds: what to call it, its epoch if it is one, and the model."""
        if not self.epochs:
            return [(self.name, None, self.model)]
        return [(f"{self.name}, epoch {state.epoch}".lstrip(", "), state, state.model) for state in self.epochs]


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
    model: Seq2seq | Sequence[PageModel],
    examples: Iterable[Example],
    *,
    vocabulary: str,
    start: str,
    T_enc: int,
    T_dec: int,
    reverse: bool = False,
    title: Phrase = "Where the model looks",
    about: Iterable[Phrase] = (),
    dates: dict | None = None,
    question_characters: str | None = None,
    precision: str = "float32",
) -> bytes:
    """Build the page: the same arguments always give the same bytes.

    model: one model, or those to show side by side, the first with attention at first; vocabulary: the characters in
    the order of their ids; start: the character before every answer; T_enc, T_dec: length of questions and answers;
    reverse: whether a model that is given alone reads questions backwards; title: of the window; about: phrases for the
    page's head; dates: how to find the answer of a typed date, where answers are yyyy-mm-dd: ``written``, the regular
    expression of a date, with the groups of ``dataset.dates.WRITTEN``, and ``months``, the names of all twelve;
    question_characters: those of the training questions, the only ones that may be typed (all of the vocabulary);
    precision: type of the embedded weights, of ``support.packed_weights.PRECISIONS``.
    Raises ValueError for a model that the page cannot run, a vocabulary that is not the model's, an example that does
    not fit them, and weights that are not finite, or make the page too large for a browser.
    """
    models = [PageModel("", model, reverse)] if isinstance(model, Seq2seq) else model
    if not models or len({each.name for each in models}) < len(models):
        raise ValueError(f"page: expected models of different names, got {[each.name for each in models]}")
    question_characters = vocabulary if question_characters is None else question_characters
    if not set(question_characters) <= set(vocabulary):
        raise ValueError(f"page: expected question_characters of the vocabulary, got {question_characters[:40]!r}")
    weights: dict[str, np.ndarray] = {}
    data = {
        "title": title,
        "about": list(about),
        "vocabulary": list(vocabulary),
        "question_characters": list(question_characters),
        "start": start,
        "T_enc": T_enc,
        "T_dec": T_dec,
        "models": [_model(each, len(models) == 1, vocabulary, start, weights) for each in models],
        "dates": dates and _dates(**dates),
        "questions": [_question(example, set(vocabulary), T_enc, T_dec) for example in examples],
    }
    return to_html(
        TEMPLATE, title=title, scripts=SCRIPTS, styles=STYLES, data=data, weights=weights, precision=precision
    )


def _model(page_model: PageModel, alone: bool, vocabulary: str, start: str, weights: dict[str, np.ndarray]) -> dict:
    """Describe a model for JSON, and put the weights of its states among those of the page.

    alone: whether it is the only one; if it has one state, too, its weights are called what they are in its file.
    """
    epochs = []
    for name, state, model in page_model.states():
        kind = next((kind for kind in KINDS if type(model) is MODELS[kind]), None)
        if kind is None:
            known = ", ".join(MODELS[kind].__name__ for kind in KINDS)
            raise ValueError(f"page: expected one of {known}, got {type(model).__name__}")
        params = {name: to_cpu(p) for name, p in named_params(model).items()}
        V = len(params["encoder.embed.W"])
        if len(vocabulary) != V or len(set(vocabulary)) != V or start not in vocabulary:
            raise ValueError(
                f"page: expected the model's {V} characters, with start {start!r}, got {vocabulary[:40]!r}"
            )
        prefix = "" if alone and state is None else f"{name}: "
        weights |= {f"{prefix}{name}": p for name, p in params.items()}
        epoch, accuracy = (state.epoch, state.accuracy) if state else (None, None)
        epochs.append({"epoch": epoch, "accuracy": accuracy, "weights": prefix})
    return {
        "name": page_model.name,
        "kind": kind,
        "mask_padding": getattr(model, "mask_padding", None),
        "cell_state": model.cell_state,
        **{name: model.arguments[name] for name in ARGUMENTS if name in model.arguments},
        "reverse": bool(page_model.reverse),
        "epochs": epochs,
    }


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
