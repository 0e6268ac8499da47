"""What the tests of the page of texts share: small classifiers with their vocabulary, and pages of them."""

from functools import partial
from pathlib import Path

import numpy as np
from script_tools import film_reviews

from classifier import GRUClassifier, SeqSelfClassifier, save_model
from classifier.page import Example, to_page
from dataset import blogs
from dataset.tokenizers import Characters, Words
from dataset.words import WordVocabulary
from experiment import TextModel

ENGLISH = [text for _, text in film_reviews(60)]
JAPANESE = blogs.generate(60, seed=3).texts
GRU = partial(GRUClassifier, wordvec_size=6, hidden_size=5, layers=2)
SEQSELF = partial(SeqSelfClassifier, wordvec_size=6, hidden_size=5, units=4)
KINDS = {"gru": (GRU, ENGLISH, Words()), "seqself": (SEQSELF, JAPANESE, Characters())}


def small_classifier(kind: str, words: int, **options):
    """A model with weights large enough for its classes and its weights to differ from text to text."""
    model = KINDS[kind][0](words, **options, rng=np.random.default_rng(5))
    for p in model.params:
        p[...] = np.random.default_rng(p.size).normal(size=p.shape) * (3 if p.ndim > 1 else 1)
    return model


def write_text_run(folder: Path, kind: str, facts: dict | None = None, **options) -> TextModel:
    """Write a run without data, and open it. facts: of the run, besides those it has; options: of the model."""
    _, texts, tokenizer = KINDS[kind]
    vocabulary = WordVocabulary.build(map(tokenizer, texts))
    model = small_classifier(kind, len(vocabulary), **options)
    names = [f"class {k}" for k in range(model.classes)]
    own = dict(vocabulary=vocabulary.words, tokenizer=tokenizer.to_json(), classes=names)
    own |= dict(padding="after", max_len=None, data={})
    save_model(folder / "best.npz", model, **own | (facts or {}))
    return TextModel(folder)


def pair_of_runs(folder: Path) -> list[TextModel]:
    """Write two runs, ``gru`` and ``seqself``, that read English texts and find the classes `a` and `b`, and open them.

    All else differs: the words that they know, the order of the classes, the padding.
    """
    runs = []
    for kind, texts, classes, facts in [
        ("gru", ENGLISH, ["a", "b"], {}),
        ("seqself", ENGLISH[:20], ["b", "a"], {"padding": "before", "width": 12, "max_len": 30}),
    ]:
        vocabulary = WordVocabulary.build(map(Words(), texts))
        own = dict(vocabulary=vocabulary.words, tokenizer=Words().to_json(), classes=classes, data={})
        own |= dict(padding="after", width=1, max_len=None) | facts
        (folder / kind).mkdir()
        save_model(folder / kind / "best.npz", small_classifier(kind, len(vocabulary), classes=2), **own)
        runs.append(TextModel(folder / kind))
    return runs


def text_page_of(texts: list[str], labels: list | None = None, kind: str = "gru", **options) -> bytes:
    """A page of these texts with their classes, `a` and `b`."""
    tokenizer = KINDS[kind][2]
    vocabulary = WordVocabulary.build(map(tokenizer, texts))
    model = small_classifier(kind, len(vocabulary), classes=2)
    examples = []
    for text, label in zip(texts, labels or [None] * len(texts), strict=True):
        p = model.probabilities(vocabulary.encode(tokenizer(text) or ["a"])[None])[0]
        examples.append(Example(text, label, "ab"[p.argmax()]))
    settings = dict(vocabulary=vocabulary.words, tokenizer=tokenizer.to_json(), classes=["a", "b"])
    return to_page(model, examples, **settings | options)
