"""A page of HTML that holds a text classifier and runs it in the reader's browser, without a network.

Its parts are the files in ``classifier/page``, and those that pages of other models share.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from classifier.gru_classifier import GRUClassifier
from classifier.seqself_classifier import SeqSelfClassifier
from classifier.text_classifier import TextClassifier
from common.layer import named_params
from common.util import to_cpu
from support.html_page import Phrase, to_html

TEMPLATE = "classifier/page/page.html"
SCRIPTS = (
    *("support/page/language.js", "support/page/japanese.js", "classifier/page/japanese.js"),
    *(f"support/page/{name}.js" for name in ("text", "held", "theme", "slices", "list", "pointing")),
    *(f"support/page/{name}.js" for name in ("picture", "saving")),
    *(f"common/page/{name}.js" for name in ("layers", "attention", "recurrent", "self_attention", "faithfulness")),
    *(f"classifier/page/{name}.js" for name in ("forward", "tokenizers", "data", "table", "words", "map")),
    *(f"classifier/page/{name}.js" for name in ("map_picture", "picture", "view", "texts", "main")),
)
STYLES = (
    *(f"support/page/{name}.css" for name in ("page", "figure", "list")),
    *(f"classifier/page/{name}.css" for name in ("shades", "words", "map")),
    "support/page/print.css",
    "classifier/page/print.css",
)
MODELS: dict[str, type[TextClassifier]] = {"gru": GRUClassifier, "seqself": SeqSelfClassifier}
TYPED = ("words", "characters", "spaces", "keras")  # tokenisers that the page has


class Example(NamedTuple):
    """A text of the page.

    label: its class, or None if unknown; own: the class that the model finds; tokens: those that the tokeniser finds,
    which matter only for a tokeniser that the page does not have.
    """

    text: str
    label: str | None
    own: str
    tokens: Sequence[str] = ()


def to_page(
    model: TextClassifier,
    examples: Iterable[Example],
    *,
    vocabulary: Sequence[str],
    tokenizer: dict,
    classes: Sequence[str],
    padding: str = "after",
    width: int = 1,
    max_len: int | None = None,
    keeps_end: bool = False,
    drops_unknown: bool = False,
    lang: str = "en",
    precision: str = "float32",
    title: Phrase = "Where the model looks",
    about: Iterable[Phrase] = (),
) -> bytes:
    """Build the page: the same arguments always give the same bytes.

    vocabulary: the words in the order of their ids, padding and unknown words first; tokenizer: as ``to_json`` of one
    of ``dataset.tokenizers`` describes it; padding, width, max_len, keeps_end, drops_unknown: how the model reads a
    text, see ``experiment.TextModel``; lang: language of the texts; precision: type of the embedded weights, of
    ``support.packed_weights.PRECISIONS``; title: of the window; about: phrases for the page's head.
    Raises ValueError for a model that the page cannot run, a vocabulary or classes that are not the model's, and
    weights that are not finite, or make the page too large for a browser.
    """
    kind = expect_runnable(model)
    params = {name: to_cpu(p) for name, p in named_params(model).items()}
    V, K = len(params["embed.W"]), model.classes
    if len(vocabulary) != V or len(classes) != K:
        sizes = f"{len(vocabulary)} words and {len(classes)} classes"
        raise ValueError(f"page: expected the model's {V} words and {K} classes, got {sizes}")
    typed = tokenizer["name"] in TYPED
    data = {
        "title": title,
        "about": list(about),
        "model": kind,
        "arguments": model.arguments,
        "vocabulary": list(vocabulary),
        "tokenizer": tokenizer if typed else None,
        "classes": list(classes),
        "padding": padding,
        "width": width,
        "max_len": max_len,
        "keeps_end": bool(keeps_end),
        "drops_unknown": bool(drops_unknown),
        "lang": lang,
        "texts": [
            {"text": example.text, "label": example.label, "own": example.own}
            | ({} if typed else {"tokens": list(example.tokens)})
            for example in examples
        ],
    }
    return to_html(
        TEMPLATE, title=title, scripts=SCRIPTS, styles=STYLES, data=data, weights=params, precision=precision
    )


def expect_runnable(model: TextClassifier) -> str:
    """Return the name of the model's kind. Raises ValueError for a model that the page cannot run."""
    for kind, classifier in MODELS.items():
        if type(model) is classifier:
            return kind
    known = " or ".join(classifier.__name__ for classifier in MODELS.values())
    raise ValueError(f"page: expected a {known}, got {type(model).__name__}")
