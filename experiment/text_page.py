"""Runs of texts as one page of HTML that runs their models in the browser: see ``classifier.page``."""

from collections.abc import Iterator, Sequence
from copy import copy
from pathlib import Path

from classifier.page import Example, PageModel, expect_runnable, to_page_of_several
from classifier.text_classifier import TextClassifier
from common.layer import named_params
from common.packed_model import as_in_page
from common.util import to_cpu
from dataset.files import read_text
from experiment.page_size import MEASURED
from experiment.run_names import different, endings
from experiment.text_model import TextModel
from support.html_page import Phrase

KINDS = {
    "gru": "bidirectional GRU, {weights} weights",
    "seqself": "self-attention and LSTM, {weights} weights",
}
NAMED = {
    "gru": "{name}: bidirectional GRU, {weights} weights",
    "seqself": "{name}: self-attention and LSTM, {weights} weights",
}
LOSS = (
    "weights in {precision}: of {count} texts, {changed}% change their class; "
    "the largest difference of a probability is {difference}"
)
NAMED_LOSS = (
    "{name}, weights in {precision}: of {count} texts, {changed}% change their class; "
    "the largest difference of a probability is {difference}"
)
PARTS = "sha256", "shares", "seed", "options"  # facts of a run's data that say what it was trained on


def names_of(text_models: Sequence[TextModel]) -> list[str]:
    """Return short names that tell the runs apart: the ends of their paths, as much of them as that takes.

    Raises ValueError for a run that is there twice.
    """
    return different(endings([text_model.path.parent for text_model in text_models]), "runs")


def page_of(
    text_model: TextModel | Sequence[TextModel],
    pairs: list[tuple[str, str | None]],
    origin: Phrase,
    precision: str = "float32",
    count: int | None = None,
) -> bytes:
    """Build the page of a model, or of several side by side, with these texts and their classes (None if unknown).

    origin: where the texts are from, for the page's head; precision: type of the weights, of
    ``support.packed_weights.PRECISIONS``: what a smaller one loses is measured on MEASURED of the texts; count: how
    many of them the page lists (None for all).
    Raises ValueError for the same run twice, and whenever ``to_page_of_several`` does.
    """
    text_models = [text_model] if isinstance(text_model, TextModel) else text_model
    several = len(text_models) > 1
    names, found = names_of(text_models), []
    about: list[Phrase] = []
    lost: list[Phrase] = []
    for name, own in zip(names, text_models, strict=True):
        shown = copy(own)
        shown.model = as_in_page(own.model, precision)
        found.append(examples(shown, pairs[:count]))
        kind = expect_runnable(own.model)
        named, size = {"name": name}, {"weights": f"{sum(p.size for p in named_params(own.model).values()):,}"}
        about += [(NAMED[kind], named | size)] if several else [(KINDS[kind], size), ("run {name}", named)]
        if precision != "float32":
            measured = loss(own, shown.model, [text for text, _ in pairs[:MEASURED]], precision)
            lost.append((NAMED_LOSS, named | measured) if several else (LOSS, measured))
    is_test = any(label is not None for _, label in pairs)
    return to_page_of_several(
        [page_model(own, name) for name, own in zip(names, text_models, strict=True)],
        found,
        precision=precision,
        title=("Where the model looks: {name}", {"name": ", ".join(names)}),
        about=[*about, origin, *(trained_otherwise(text_models) if is_test else []), *lost],
    )


def page_model(text_model: TextModel, name: str) -> PageModel:
    """Return what a page needs to know of a model."""
    facts = text_model.facts
    return PageModel(
        text_model.model,
        vocabulary=text_model.vocabulary.words,
        tokenizer=facts["tokenizer"],
        classes=text_model.classes,
        **{key: facts[key] for key in ("padding", "width", "max_len", "keeps_end", "drops_unknown")},
        lang=text_model.lang,
        name=name,
    )


def trained_otherwise(text_models: Sequence[TextModel]) -> list[Phrase]:
    """Say which models may know test texts of the first: those trained on other data, or on another part of it."""
    first, *others = [
        [({"options": {}} | text_model.facts["data"]).get(key) for key in PARTS] for text_model in text_models
    ]
    return [
        ("{name} has another training part, and may have seen some of the test texts", {"name": name})
        for name, parts in zip(names_of(text_models)[1:], others, strict=True)
        if parts != first
    ]


def examples(text_model: TextModel, pairs: list[tuple[str, str | None]]) -> Iterator[Example]:
    """Yield each text with the class that the model finds for it, alone."""
    for text, label in pairs:
        (answer,) = text_model.answers([text])
        yield Example(text, label, answer.label, text_model.tokenizer(text))


def loss(text_model: TextModel, other: TextClassifier, texts: list[str], precision: str) -> dict[str, str]:
    """Measure how much the other model, with weights of that precision, differs on the texts: the values of LOSS."""
    xs = text_model.padded([text_model.tokens(text) for text in texts])
    batch_size = 256 if text_model.model.mask else 1  # where padding counts, each text alone, as the page asks
    ours, theirs = (to_cpu(model.probabilities(xs, batch_size)) for model in (text_model.model, other))
    changed = (ours.argmax(axis=1) != theirs.argmax(axis=1)).mean()
    return {
        "precision": precision,
        "count": f"{len(texts):,}",
        "changed": f"{100 * changed:.2f}",
        "difference": f"{abs(ours - theirs).max():.2g}",
    }


def expect_tokens(text_models: Sequence[TextModel], text: str) -> None:
    """Raise ValueError for a text in which a model has nothing to read."""
    for text_model in text_models:
        if not text_model.tokens(text):
            of = f" of {text_model.path.parent}" if len(text_models) > 1 else ""
            raise ValueError(f"no token{of} in the text {text!r}")


def read_texts(path: Path, text_models: Sequence[TextModel]) -> list[tuple[str, str | None]]:
    """Return the text of each line of a file, without a class. Raises ValueError, naming a line without a token."""
    texts = read_text(path).removesuffix("\n").split("\n")
    for number, text in enumerate(texts, 1):
        try:
            expect_tokens(text_models, text)
        except ValueError:
            raise ValueError(f"{path}:{number}: expected a text with a token in it, got {text!r:.60}") from None
    return [(text, None) for text in texts]
