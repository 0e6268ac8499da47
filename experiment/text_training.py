"""The part of training specific to texts: the data as ids, the model to train, and its callbacks.

How to add a measure: see ``common.columns``.
"""

import hashlib
import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from classifier import BagOfWords, Evaluate, GRUClassifier, SeqSelfClassifier, save_model
from classifier.metrics import PANELS
from classifier.text_classifier import TextClassifier
from common.callbacks import Callback, EarlyStopping, ModelCheckpoint, Seconds, Warmup
from common.optimizer import Adam, Nadam
from common.ranks import ALONE, Ranks
from common.trainer import Trainer
from dataset.tokenizers import TOKENIZERS, SentencePiece, Tokenizer, fitting
from dataset.words import WordVocabulary, read_word_vectors
from experiment.corpus import corpus_of, pad, tokens_of
from experiment.run_folder import Files
from experiment.text_options import ORIGINAL
from seq2seq.model_file import MODELS as DATE_MODELS

FILES = Files(
    ("best.npz",),
    (
        *("state.npz", "history.csv", "confusion.png", "fig/attention_*.png", "config.json"),
        *(f"{panel.file}.png" for panel in PANELS.values()),
    ),
    tuple(f"{name}{end}" for name in DATE_MODELS for end in (".npz", ".state.npz")),
)
SAMPLE = 1000  # texts that show whether a corpus is Japanese


class TextParts:
    """The three parts of a corpus as ids, with the tokenizer and the vocabulary of the training part.

    args: from ``experiment.text_options``; args.tokenizer is filled in if None. kept: for a resumed run, the digests
    that ``same`` held when it was saved. ranks: each reads the texts; the first one's tokenizer is used by all.
    ``xs``, ``ts``  by part (train, validation, test): PaddedTexts, and labels int (N,)
    ``same``        digests of the texts and of the vocabulary
    Raises OSError or ValueError for a corpus that cannot be read, or is not that of the run.
    """

    def __init__(self, args: Namespace, kept: dict, ranks: Ranks = ALONE):
        self.corpus = corpus = ranks.on_all(lambda: corpus_of(args, args.validation_share, kept.get("sha256")))
        if args.tokenizer is None:
            args.tokenizer = fitting(corpus.train.texts[:SAMPLE])
        self.tokenizer = ranks.on_first(lambda: make_tokenizer(args, corpus.train.texts))
        ranks.on_all(lambda: self._encode(args, kept))
        ranks.expect_equal("the digest of the texts and the vocabulary", self.same)

    def _encode(self, args: Namespace, kept: dict) -> None:
        corpus = self.corpus
        tokens = {part: tokens_of(getattr(corpus, part), self.tokenizer) for part in corpus._fields[:3]}
        self.vocabulary = WordVocabulary.build(tokens["train"], min_count=args.min_count, max_size=args.vocab_size)
        if len(self.vocabulary) == 2:
            raise ValueError(f"--min-count {args.min_count}: no word of the texts is seen as often")
        said = {name: value for name, value in self.tokenizer.to_json().items() if name != "nfkc"}  # new since 0.1.0
        digest = hashlib.sha256(json.dumps([self.vocabulary.words, said]).encode()).hexdigest()
        self.same = {"sha256": corpus.origin["sha256"], "vocabulary": digest}
        if kept and kept.get("vocabulary") != digest:
            started = "the tokenizer or its vocabulary differs from what the run started with"
            raise ValueError(f"--resume {args.out}: {started}")
        self.xs = {part: pad(words, self.vocabulary, args.padding, args.max_len) for part, words in tokens.items()}
        self.ts = {part: getattr(corpus, part).labels for part in self.xs}
        self.facts = {  # what TextModel needs besides the model
            "vocabulary": self.vocabulary.words,
            "tokenizer": self.tokenizer.to_json(),
            "classes": list(corpus.train.classes),
            "padding": args.padding,
            "max_len": args.max_len,
            "data": corpus.origin,
        }

    def about(self) -> str:
        """Return one line for the user: the sizes of the parts and of the vocabulary."""
        sizes = ", ".join(f"{len(x)} {part}" for part, x in self.xs.items())
        return f"{self.corpus.train.source}: {sizes} texts; {len(self.vocabulary)} different tokens"


def make_tokenizer(args: Namespace, texts: list[str]) -> Tokenizer:
    """Make the tokenizer of the options; SentencePiece is trained on the texts, unless a trained model is named."""
    if args.tokenizer != "sentencepiece":
        kind: Any = TOKENIZERS[args.tokenizer]
        return kind()
    if args.sentencepiece_model is not None:
        return SentencePiece.load(args.sentencepiece_model)
    return SentencePiece.train(texts, args.pieces)


def word_vectors(args: Namespace, vocabulary: WordVocabulary):
    """Ids (n,) of the words that ``--embeddings`` has, and their vectors (n, D); the vectors are None without it.

    args.wordvec_size, if None, is set to the size in the file.
    """
    if args.embeddings is None:
        return np.arange(0), None
    found = read_word_vectors(args.embeddings, vocabulary, encoding=args.encoding, dimensions=args.wordvec_size)
    args.wordvec_size = found[1].shape[1]
    return found


def make_model(args: Namespace, words: int, classes: int) -> TextClassifier:
    """Make the model that the options ask for, untrained, with weights drawn from the seed's stream."""
    weights, _ = np.random.SeedSequence(args.seed).spawn(2)
    rng = np.random.default_rng(weights)
    if args.model == "bow":
        return BagOfWords(words, classes)
    mask = not args.no_mask
    if args.model == "gru":
        of_gru = args.wordvec_size, args.hidden_size, args.layers, args.dropout
        return GRUClassifier(words, *of_gru, attention=not args.no_attention, classes=classes, mask=mask, rng=rng)
    if args.model == "seqself":
        names = "attention_type", "attention_width", "history_only", "attention_activation"
        attention = {name: getattr(args, name) for name in names}
        sizes = args.wordvec_size, args.hidden_size, args.units
        return SeqSelfClassifier(words, *sizes, attention=attention, classes=classes, mask=mask, rng=rng)
    raise ValueError(f"make_model: expected one of {', '.join(ORIGINAL)}, got {args.model!r}")


def make_trainer(
    args: Namespace, model: TextClassifier, parts: TextParts, best: Path, ranks: Ranks = ALONE
) -> tuple[Trainer, ModelCheckpoint]:
    """Make the trainer, and the callback that keeps the best model so far in the file ``best``; return both."""
    checkpoint = ModelCheckpoint(best, save=lambda path, model: save_model(path, model, **parts.facts))
    callbacks: list[Callback] = [] if args.warmup is None else [Warmup(args.lr, args.warmup)]
    callbacks += [
        Evaluate(parts.xs["train"], parts.ts["train"], workers=args.workers),
        Evaluate(parts.xs["validation"], parts.ts["validation"], "val_", workers=args.workers),
        checkpoint,
    ]
    if args.patience is not None:
        callbacks.append(EarlyStopping(patience=args.patience))
    callbacks.append(Seconds())
    optimizer = (Nadam if args.model == "seqself" else Adam)(lr=args.lr)
    _, shuffling = np.random.SeedSequence(args.seed).spawn(2)
    rng = np.random.default_rng(shuffling)
    return Trainer(model, optimizer, rng=rng, callbacks=callbacks, workers=args.workers, ranks=ranks), checkpoint
