"""A page of HTML that holds a text classifier and runs it in the reader's browser, without a network.

Its parts are the files in ``classifier/page``, and those that pages of other models share.
"""

from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

from classifier.gru_classifier import GRUClassifier
from classifier.seqself_classifier import SeqSelfClassifier
from classifier.text_classifier import TextClassifier
from common.layer import named_params
from common.util import to_cpu
from support.html_page import Phrase, to_html

TITLE = "Where the model looks"
TEMPLATE = "classifier/page/page.html"
SCRIPTS = (
    *("support/page/language.js", "support/page/japanese.js", "classifier/page/japanese.js"),
    *(f"support/page/{name}.js" for name in ("text", "held", "theme", "slices", "list", "pointing", "changes")),
    *(f"support/page/{name}.js" for name in ("share", "linked_text", "edits", "occluding", "picture", "saving")),
    *(f"common/page/{name}.js" for name in ("layers", "attention", "recurrent", "self_attention", "faithfulness")),
    "common/page/parts.js",
    *(
        f"classifier/page/{name}.js"
        for name in (
            *("changes", "forward", "tokenizers", "models", "data", "shown", "classes", "table", "side_by_side"),
            *("words", "map", "occlusion", "what_if", "map_picture", "picture", "view", "texts", "state", "main"),
        )
    ),
)
STYLES = (
    *(f"support/page/{name}.css" for name in ("page", "figure", "list", "share", "what_if")),
    *(f"classifier/page/{name}.css" for name in ("shades", "words", "map", "what_if", "side_by_side")),
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


@dataclass(frozen=True)
class PageModel:
    """A model of a page, and how it reads a text.

    name: what tells it from the others, in a few words; vocabulary: the words in the order of their ids, padding and
    unknown words first; tokenizer: as ``to_json`` of one of ``dataset.tokenizers`` describes it; padding, width,
    max_len, keeps_end, drops_unknown: see ``experiment.TextModel``; lang: language of the texts.
    Raises ValueError for a model that the page cannot run, and a vocabulary or classes that are not the model's.
    """

    model: TextClassifier
    _: KW_ONLY
    vocabulary: Sequence[str]
    tokenizer: dict
    classes: Sequence[str]
    padding: str = "after"
    width: int = 1
    max_len: int | None = None
    keeps_end: bool = False
    drops_unknown: bool = False
    lang: str = "en"
    name: str = ""

    def __post_init__(self):
        expect_runnable(self.model)
        V, K = len(named_params(self.model)["embed.W"]), self.model.classes
        if len(self.vocabulary) != V or len(self.classes) != K:
            sizes = f"{len(self.vocabulary)} words and {len(self.classes)} classes"
            raise ValueError(f"page: expected the model's {V} words and {K} classes, got {sizes}")

    @property
    def typed(self) -> bool:
        """Whether the page has the tokeniser, so that texts can be typed."""
        return self.tokenizer["name"] in TYPED

    def settings(self) -> dict:
        """Return what the page needs to know of the model, except its weights."""
        return {
            "name": self.name,
            "model": expect_runnable(self.model),
            "arguments": self.model.arguments,
            "vocabulary": list(self.vocabulary),
            "tokenizer": self.tokenizer if self.typed else None,
            "classes": list(self.classes),
            "padding": self.padding,
            "width": self.width,
            "max_len": self.max_len,
            "keeps_end": bool(self.keeps_end),
            "drops_unknown": bool(self.drops_unknown),
            "lang": self.lang,
        }


def to_page(
    model: TextClassifier,
    examples: Iterable[Example],
    *,
    precision: str = "float32",
    title: Phrase = TITLE,
    about: Iterable[Phrase] = (),
    **reading: Any,
) -> bytes:
    """Build the page of one model: the same arguments always give the same bytes.

    reading: what a ``PageModel`` takes besides the model; the rest as for ``to_page_of_several``, which says what is
    raised.
    """
    return to_page_of_several([PageModel(model, **reading)], [examples], precision=precision, title=title, about=about)


def to_page_of_several(
    models: Sequence[PageModel],
    examples: Sequence[Iterable[Example]],
    *,
    precision: str = "float32",
    title: Phrase = TITLE,
    about: Iterable[Phrase] = (),
) -> bytes:
    """Build a page on which models read the same texts side by side; the first is the one shown at first.

    examples: of each model, the same texts with what it finds; precision: type of the embedded weights, of
    ``support.packed_weights.PRECISIONS``; title: of the window; about: phrases for the page's head.
    Raises ValueError for models whose classes have other names, for weights that are not finite, or make the page too
    large for a browser, and whenever ``PageModel`` does.
    """
    first, *others = models
    if len({model.name for model in models}) < len(models):
        raise ValueError(f"page: expected models of different names, got {[model.name for model in models]}")
    for other in others:
        if sorted(other.classes) != sorted(first.classes):
            names = [f"{', '.join(model.classes)} of {model.name}" for model in (first, other)]
            raise ValueError(f"page: expected models of the same classes, got {' and '.join(names)}")
    settings: list[dict] = []
    weights: dict[str, Any] = {}
    for model in models:
        prefix = f"{model.name}: " if others else ""
        settings.append(model.settings() | {"weights": prefix})
        weights |= {prefix + name: to_cpu(p) for name, p in named_params(model.model).items()}
    data = {
        "title": title,
        "about": list(about),
        "models": settings,
        "texts": [
            {
                "text": found[0].text,
                "label": found[0].label,
                "own": [each.own for each in found],
                "tokens": [
                    None if model.typed else list(each.tokens) for model, each in zip(models, found, strict=True)
                ],
            }
            for found in zip(*examples, strict=True)
        ],
    }
    return to_html(
        TEMPLATE, title=title, scripts=SCRIPTS, styles=STYLES, data=data, weights=weights, precision=precision
    )


def expect_runnable(model: TextClassifier) -> str:
    """Return the name of the model's kind. Raises ValueError for a model that the page cannot run."""
    for kind, classifier in MODELS.items():
        if type(model) is classifier:
            return kind
    known = " or ".join(classifier.__name__ for classifier in MODELS.values())
    raise ValueError(f"page: expected a {known}, got {type(model).__name__}")
