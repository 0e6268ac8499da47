"""A trained run of texts: opened, and asked in words."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from classifier import load_model
from classifier.text_classifier import TextClassifier
from common.util import to_cpu
from dataset import blogs
from dataset.batches import PaddedTexts
from dataset.labelled import READERS, LabelledTexts
from dataset.tokenizers import Tokenizer, fitting, tokenizer_from_json
from dataset.words import UNK, WordVocabulary
from experiment.answers import TextAnswer, expect_text
from experiment.corpus import OPTIONS, open_corpus, pad
from experiment.date_model import models_of
from experiment.run_folder import expect_facts, expect_no_file, how_to_get_one

TRAIN = "python scripts/train_text.py"
WRITERS = "train_text.py or import_weights.py"
BATCH = 16  # texts of a heat map
WIDEST = 10_000  # tokens to which texts are padded
WEIGHTS = {  # label of the colour bar for each of ``token_weight_kinds``
    "attention": "attention weight",
    "received": "attention received",
    "output_max": "largest feature of the output",
    "evidence": "evidence for the class, of words alone",
}


FACTS: dict[str, Any] = {
    "vocabulary": list,
    "tokenizer": dict,
    "classes": list,
    "padding": str,
    "data": dict,
    "max_len": int | None,
    "keeps_end": bool,
    "width": int,
    "drops_unknown": bool,
}


class TextModel:
    """A trained classifier, with everything needed to ask it about a text.

    run: the folder that train_text.py or import_weights.py wrote.
    Raises ValueError for a folder or a file that neither wrote, OSError for a model that is not there.

        TextModel("runs/text").ask("寺と神社を巡った").label
    """

    model: TextClassifier
    tokenizer: Tokenizer
    vocabulary: WordVocabulary

    def __init__(self, run: str | os.PathLike):
        run = Path(run)
        path = run / "best.npz"
        if models_of(run):
            raise ValueError(
                f"{run}: a run of train_date.py, which DateModel reads and plot_attention.py draws; "
                "explore_attention.py makes a page of it"
            )
        expect_no_file(run)
        if not path.is_file():
            state = run / "state.npz"
            how = how_to_get_one(TRAIN, run, state if state.is_file() else None)
            raise FileNotFoundError(f"no trained model at {path}; {how}")
        self.model, facts = load_model(path)
        facts = {"keeps_end": False, "width": 1, "drops_unknown": False} | facts  # older files lack them
        expect_facts(path, WRITERS, facts, FACTS)
        if not all(isinstance(name, str) for name in facts["vocabulary"] + facts["classes"]):
            raise ValueError(f"{path}: not written by {WRITERS}: expected its words and classes to be texts")
        expect_width(path, facts["width"])
        self.path, self.facts = path, facts
        self.tokenizer = tokenizer_from_json(facts["tokenizer"])
        self.vocabulary = WordVocabulary(facts["vocabulary"])
        self.classes = facts["classes"]
        fits = name = facts["tokenizer"]["name"]
        if name in ("spaces", "keras"):  # which divide any language
            fits = fitting(facts["vocabulary"])
        self.lang = "en" if fits == "words" else "ja"

    def __repr__(self) -> str:
        return f"TextModel({str(self.path.parent)!r})"

    def ask(self, text: str, kind: str | None = None) -> TextAnswer:
        """Return the class that the model finds for a text, and the weight of each token.

        kind: one of the model's ``token_weight_kinds``, the first when None.
        Raises ValueError for a text without a token, and for a kind that the model does not have.
        """
        expect_text("TextModel.ask", text)
        (answer,) = self.answers([text], kind)
        if not answer.tokens:
            raise ValueError(f"no token in the text {text!r}")
        return answer

    def answers(self, texts: list[str], kind: str | None = None) -> list[TextAnswer]:
        """Return the answers to several texts at once. A text without a token gets an answer without tokens."""
        kinds = self.model.token_weight_kinds
        if kinds or kind:
            tokens, probabilities, weights = self.explain(texts, kind)
        else:
            tokens, weights = [self.tokens(text) for text in texts], [None] * len(texts)
            probabilities = self.model.probabilities(self.encode(tokens))
        return [
            TextAnswer(
                text=text,
                label=self.classes[p.argmax()],
                probability=float(p.max()),
                probabilities=p,
                classes=self.classes,
                tokens=words,
                unknown=[word for word in dict.fromkeys(words) if self.vocabulary.encode([word])[0] == UNK],
                weights=weight,
                kind=kind or next(iter(kinds), None),
                lang=self.lang,
            )
            for text, words, p, weight in zip(texts, tokens, to_cpu(probabilities), weights, strict=True)
        ]

    def encode(self, tokens: list[list[str]]) -> np.ndarray:
        """Return the ids (N, T) of the tokens of N texts, padded as in training.

        Raises ValueError for texts in place of their tokens: see ``tokens``.
        """
        if any(isinstance(each, str) for each in [tokens, *tokens]):
            raise ValueError("TextModel.encode: expected a list of tokens for each text, as tokens returns, got a text")
        return self.padded(tokens)[:]

    def padded(self, tokens: list[list[str]]) -> PaddedTexts:
        """Return the ids of the tokens of N texts, of which each batch is padded as in training."""
        return pad(tokens, self.vocabulary, self.facts["padding"], None, self.facts["width"])

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of a text that the model reads."""
        return self.read(self.tokenizer(text))

    def read(self, tokens: list[str]) -> list[str]:
        """Return those tokens of a text that the model reads: at most max_len, perhaps without the unknown ones."""
        if self.facts["drops_unknown"]:
            tokens = [token for token, i in zip(tokens, self.vocabulary.encode(tokens), strict=True) if i != UNK]
        most = self.facts["max_len"]
        return tokens[-most:] if most and self.facts["keeps_end"] else tokens[:most]

    def explain(self, texts: list[str], kind: str | None = None) -> tuple[list, np.ndarray, list]:
        """Return the tokens of each text (lists), the probabilities (N, K) and the weights of the tokens (arrays)."""
        tokens = [self.tokens(text) for text in texts]
        xs = self.encode(tokens)
        probabilities, weights = self.model.explain(xs, kind)
        return tokens, probabilities, [to_cpu(w[x != 0]) for w, x in zip(weights, xs, strict=True)]

    def test_texts(self) -> LabelledTexts:
        """Return the test part. Raises ValueError if the data changed since the training, and if there is none."""
        if not self.facts["data"]:
            raise ValueError(f"{self.path}: imported without --data, so it has no test texts; --text shows your own")
        data = {"options": {}} | self.facts["data"]  # version 0.1.0 wrote no options
        optional = dict.fromkeys(("path", "layout", "test_path"), str | None)
        kinds = dict(encoding=str, shares=list, seed=int, sha256=str, options=dict)
        expect_facts(self.path, WRITERS, data, kinds | optional)
        strings = all(isinstance(value, str) for value in data["options"].values())
        if data["options"].keys() - set(OPTIONS) or not strings or data["layout"] not in (None, *READERS):
            raise ValueError(f"{self.path}: not written by {WRITERS}: its data has an unknown layout")
        where = data["path"], data["layout"], data["encoding"], data["test_path"]
        return open_corpus(*where, tuple(data["shares"]), data["seed"], data["sha256"], data["options"]).test


def expect_width(path: Path, width: int) -> None:
    """Raise ValueError for texts that are padded too far, which the memory would not hold."""
    if not 1 <= width <= WIDEST:
        raise ValueError(f"{path}: expected texts padded to 1 to {WIDEST} tokens, got {width}")


def rows_of_batch(texts: LabelledTexts, number: int) -> range:
    """Return the rows of the ``number``-th BATCH of texts. Raises ValueError for a number beyond the last."""
    rows = range(len(texts.texts))[number * BATCH : (number + 1) * BATCH]
    if not rows:
        raise ValueError(
            f"--batch {number}: {len(texts.texts)} texts make batches 0..{(len(texts.texts) - 1) // BATCH}"
        )
    return rows


def draw_batch(text_model: TextModel, texts: LabelledTexts, number: int, kind: str | None = None):
    """Draw the heat map of the ``number``-th BATCH of texts, each with its true and predicted class; return the figure.

    Raises ValueError for a number beyond the last.
    """
    from classifier.plot import plot_word_attention

    batch = texts.take(rows_of_batch(texts, number))
    answers = text_model.answers(batch.texts, kind)
    labels = [
        f"{batch.classes[label]} → {answer.label} {answer.probability:.2f}"
        for answer, label in zip(answers, batch.labels, strict=True)
    ]
    tokens, weights = [answer.tokens for answer in answers], [answer.token_weights() for answer in answers]
    kind = kind or text_model.model.token_weight_kinds[0]
    return plot_word_attention(tokens, weights, labels=labels, weight=WEIGHTS[kind]).figure


def attention_on_cues(model: TextClassifier, xs: PaddedTexts, texts: list[str]) -> tuple[float, float]:
    """Measure how much of a generated sentence's attention is on its cues, the words that make the class.

    texts: sentences, which the model reads as characters. Returns the share (0..1) of the attention that is on cues,
    and the share of the characters that belong to cues; both are means over the sentences.
    """
    on_cues, are_cues = [], []
    for start in range(0, len(texts), BATCH):
        batch = xs[start : start + BATCH]
        _, weights = model.explain(batch)
        for text, ids, weight in zip(texts[start : start + BATCH], batch, weights, strict=True):
            weight = weight[ids != 0]
            cue: np.ndarray = np.zeros(len(text), dtype=bool)
            for span in blogs.cue_spans(text):
                cue[slice(*span)] = True
            cue = cue[: len(weight)]  # max_len may have cut the text
            on_cues.append(weight[cue].sum() / weight.sum())
            are_cues.append(cue.mean())
    return float(np.mean(on_cues)), float(np.mean(are_cues))
