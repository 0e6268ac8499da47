"""A run of texts as one page of HTML that runs its model in the browser: see ``classifier.page``."""

from copy import copy
from pathlib import Path

from classifier.page import Example, expect_runnable, to_page
from classifier.text_classifier import TextClassifier
from common.layer import named_params
from common.packed_model import as_in_page
from common.util import to_cpu
from dataset.files import read_text
from experiment.page_size import MEASURED
from experiment.text_model import TextModel
from support.html_page import Phrase

KINDS = {
    "gru": "bidirectional GRU, {weights} weights",
    "seqself": "self-attention and LSTM, {weights} weights",
}


def page_of(
    text_model: TextModel,
    pairs: list[tuple[str, str | None]],
    origin: Phrase,
    precision: str = "float32",
    count: int | None = None,
) -> bytes:
    """Build the page of a model, with these texts and their classes (None if unknown).

    origin: where the texts are from, for the page's head; precision: type of the weights, of
    ``support.packed_weights.PRECISIONS``: what a smaller one loses is measured on MEASURED of the texts; count: how
    many of them the page lists (None for all).
    Raises ValueError whenever ``to_page`` does.
    """
    model, facts = text_model.model, text_model.facts
    kind = KINDS[expect_runnable(model)]
    shown = copy(text_model)
    shown.model = as_in_page(model, precision)
    name = text_model.path.resolve().parent.name
    about: list[Phrase] = [
        (kind, {"weights": f"{sum(p.size for p in named_params(model).values()):,}"}),
        ("run {name}", {"name": name}),
        origin,
    ]
    if precision != "float32":
        about.append(loss(text_model, shown.model, [text for text, _ in pairs[:MEASURED]], precision))
    return to_page(
        model,
        [example(shown, text, label) for text, label in pairs[:count]],
        vocabulary=text_model.vocabulary.words,
        tokenizer=facts["tokenizer"],
        classes=text_model.classes,
        **{key: facts[key] for key in ("padding", "width", "max_len", "keeps_end", "drops_unknown")},
        lang=text_model.lang,
        precision=precision,
        title=("Where the model looks: {name}", {"name": name}),
        about=about,
    )


def example(text_model: TextModel, text: str, label: str | None) -> Example:
    """Return the text with the class that the model finds for it, alone."""
    (answer,) = text_model.answers([text])
    return Example(text, label, answer.label, text_model.tokenizer(text))


def loss(text_model: TextModel, other: TextClassifier, texts: list[str], precision: str) -> Phrase:
    """Say how much the other model, with weights of that precision, differs on the texts."""
    xs = text_model.padded([text_model.tokens(text) for text in texts])
    ours, theirs = (to_cpu(model.probabilities(xs)) for model in (text_model.model, other))
    changed = (ours.argmax(axis=1) != theirs.argmax(axis=1)).mean()
    return (
        "weights in {precision}: of {count} texts, {changed}% change their class; "
        "the largest difference of a probability is {difference}"
    ), {
        "precision": precision,
        "count": f"{len(texts):,}",
        "changed": f"{100 * changed:.2f}",
        "difference": f"{abs(ours - theirs).max():.2g}",
    }


def read_texts(path: Path, text_model: TextModel) -> list[tuple[str, str | None]]:
    """Return the text of each line of a file, without a class. Raises ValueError, naming a line without a token."""
    texts = read_text(path).removesuffix("\n").split("\n")
    for number, text in enumerate(texts, 1):
        if not text_model.tokens(text):
            raise ValueError(f"{path}:{number}: expected a text with a token in it, got {text!r:.60}")
    return [(text, None) for text in texts]
