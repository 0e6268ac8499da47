"""A corpus of labelled texts: opened, described, tokenized and padded for training."""

import hashlib
from argparse import Namespace
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dataset import blogs
from dataset.batches import PaddedTexts
from dataset.files import shorten
from dataset.labelled import PARTS, READERS, LabelledTexts, read_csv
from dataset.tokenizers import Tokenizer
from dataset.words import WordVocabulary
from support.terminal import rjust, width_of

MOST_CLASSES = 30  # the most that are printed with their counts
OPTIONS = "pattern", "text_column", "label_column"  # of the readers


class Corpus(NamedTuple):
    train: LabelledTexts
    validation: LabelledTexts
    test: LabelledTexts
    origin: dict  # what it takes to open the same again, for JSON


def open_corpus(
    path: str | None,
    layout: str | None,
    encoding: str,
    test_path: str | None,
    shares: tuple[float, float],
    seed: int,
    sha256: str | None = None,
    options: dict[str, str] | None = None,
) -> Corpus:
    """Open a corpus in one of the layouts of ``dataset.labelled``, or the generated sentences when path is None.

    shares: of all texts for testing, unless the corpus has its own test part, and of the rest for validation. sha256:
    the digest that the texts must have. options: passed to the reader. Raises ValueError or OSError for a corpus that
    cannot be read, or has changed.
    """
    test_share, validation_share = shares
    options = options or {}
    if path is None:
        train, test = blogs.generate().split(test_share, seed)
    elif layout == "csv" and Path(path).is_dir():
        train = read_csv(path, PARTS[0], encoding=encoding)
        test = read_csv(path, PARTS[1], classes=train.classes, encoding=encoding)
    else:
        reader: Any = READERS[layout or ""]
        read = partial(reader, encoding=encoding, **options)
        train = read(path)
        if test_path is None:
            train, test = train.split(test_share, seed)
        else:
            test = read(test_path, classes=train.classes)
    digest = hashlib.sha256()
    for part in (train, test):
        for text, label in zip(part.texts, part.labels.tolist(), strict=True):
            digest.update(f"{label} {len(text)} {text}".encode("utf-8", "surrogatepass"))
    if sha256 not in (None, digest.hexdigest()):
        raise ValueError(f"{train.source}: changed since the model was trained on it (SHA-256 differs)")
    origin = {
        "path": path and str(Path(path).resolve()),
        "layout": layout,
        "encoding": encoding,
        "test_path": test_path and str(Path(test_path).resolve()),
        "shares": list(shares),
        "seed": seed,
        "sha256": digest.hexdigest(),
        "options": options,
    }
    return Corpus(*train.split(validation_share, seed), test, origin)


def corpus_of(args: Namespace, validation_share: float, sha256: str | None = None) -> Corpus:
    """Open the corpus that the options name (``experiment.text_options.add_corpus``); see ``open_corpus``."""
    options = {name: getattr(args, name) for name in OPTIONS if getattr(args, name) is not None}
    where = args.data, args.format, args.encoding, args.test_data
    return open_corpus(*where, (args.test_share, validation_share), args.seed, sha256, options)


def tokens_of(texts: LabelledTexts, tokenizer: Tokenizer) -> list[list[str]]:
    """Return the tokens of each text. Raises ValueError, naming the place, for a text without tokens."""
    tokens = []
    for i, text in enumerate(texts.texts):
        tokens.append(tokenizer(text))
        if not tokens[-1]:
            place = texts.places[i] if texts.places else texts.source
            raise ValueError(f"{place}: expected a text with a token in it, got {shorten(text)}")
    return tokens


def about(corpus: Corpus) -> list[str]:
    """Describe the corpus, in lines: class counts of each part, oddities, and what was skipped."""
    parts = {name: getattr(corpus, name) for name in corpus._fields[:3]}
    classes = corpus.train.classes
    counts = [np.bincount(part.labels, minlength=len(classes)) for part in parts.values()]
    rows = [
        ["class", *parts],
        *([name, *map(str, row)] for name, row in zip(classes, np.transpose(counts), strict=True)),
    ]
    widths = [max(map(width_of, column)) for column in zip(*rows[: MOST_CLASSES + 1], strict=True)]
    lines = ["  ".join(map(rjust, row, widths)) for row in rows[: MOST_CLASSES + 1]]
    if len(classes) > MOST_CLASSES:
        lines.append(f"... and {len(classes) - MOST_CLASSES:,} classes more")
    if len(classes) > MOST_CLASSES and (np.sum(counts, axis=0) == 1).sum() > len(classes) / 2:
        lines.append("most classes have one text: are these labels, or do those stand in another column or folder?")
    if unseen := [name for name, count in zip(classes, counts[0], strict=True) if not count]:
        lines.append(f"no text to train on: {', '.join(unseen[:MOST_CLASSES])}{', ...' * (len(unseen) > MOST_CLASSES)}")
    labels = defaultdict(set)
    for part in parts.values():
        for text, label in zip(part.texts, part.labels.tolist(), strict=True):
            labels[text].add(label)
    if several := sum(len(of_text) > 1 for of_text in labels.values()):
        lines.append(f"texts that stand under more than one class: {several:,}")
    skipped = {part.source: part.skipped for part in parts.values() if part.skipped}
    return lines + [f"skipped in {source}: {what}" for source, what in skipped.items()]


def pad(
    tokens: list[list[str]], vocabulary: WordVocabulary, padding: str, max_len: int | None, width: int = 1
) -> PaddedTexts:
    """Return the texts as ids of the vocabulary, cut to max_len tokens, each batch to be padded on its own."""
    return PaddedTexts([vocabulary.encode(words) for words in tokens], padding=padding, max_len=max_len, width=width)
