"""Compare, for the examples of a run, the model's attention with what its outputs depend on.

``common.faithfulness`` defines what is compared, and how.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from classifier.faithfulness import parts as classifier_parts
from classifier.token_table import numbers
from common.faithfulness import Parts, rank_correlations
from dataset.batches import PaddedTexts
from dataset.words import PAD
from experiment.date_model import DateModel
from experiment.text_model import TextModel
from seq2seq.faithfulness import parts as seq2seq_parts
from support.terminal import ljust, visible, width_of

BATCH = 100
PAIRS = {  # gradients and drops may have either sign; their size tells how much the output depends on a token
    "attention, |gradient x input|": lambda p: (p.attention, abs(p.gradient)),
    "attention, |occlusion|": lambda p: (p.attention, abs(p.occlusion)),
    "|gradient x input|, |occlusion|": lambda p: (abs(p.gradient), abs(p.occlusion)),
}


class Examples(NamedTuple):
    """Examples of a run, and the functions that ask its model about them.

    what: a phrase for the outputs that are compared. xs: the ids (N, T) of the examples. parts: explains a batch.
    names: takes the ids (T,) of one example; returns what the model wrote (T_out texts), the tokens, and their order.
    """

    what: str
    xs: np.ndarray | PaddedTexts
    parts: Callable[[np.ndarray], Parts]
    names: Callable[[np.ndarray], tuple[list[str], list[str], range]]

    def batches(self) -> list[np.ndarray]:
        """Return the examples in batches."""
        return [self.xs[start : start + BATCH] for start in range(0, len(self.xs), BATCH)]


def of_dates(date_model: DateModel, questions: list[str], *, of_test: bool) -> Examples:
    """Prepare the comparison of each answer's characters, for a date model; of_test: see ``DateModel.encode``.

    Raises ValueError for a model without maps, a model whose questions have no spaces, and what cannot be asked.
    """
    date_model.expect_maps()
    model, vocabulary, T_dec = date_model.model, date_model.vocabulary, date_model.T_dec
    if " " not in date_model.question_characters:
        raise ValueError(f"{date_model.path}: its questions have no spaces, which stand for what is left out")
    return Examples(
        f"{T_dec} characters of each answer",
        np.stack([date_model.encode(question, of_test=of_test) for question in questions]),
        lambda xs: seq2seq_parts(model, xs, date_model.start_id, T_dec, vocabulary.char_to_id[" "]),
        lambda x: (
            list(vocabulary.decode(date_model.decode(x[None]).ids[0])),
            list(vocabulary.decode(x)),
            range(date_model.T_enc)[:: -1 if date_model.reverse else 1],
        ),
    )


def of_texts(text_model: TextModel, texts: Iterable[str]) -> Examples:
    """Prepare the comparison of the predicted class, for each text that has a token. Raises ValueError if none has."""
    tokens = sorted(filter(None, map(text_model.tokens, texts)), key=len)
    if not tokens:
        raise ValueError(f"{text_model.path}: the text has no token")

    def names(x: np.ndarray) -> tuple[list[str], list[str], range]:
        probabilities, _ = text_model.model.explain(x[None])
        at = dict(zip(np.flatnonzero(x != PAD).tolist(), tokens[0], strict=True))  # between them, or before, is padding
        return [text_model.classes[probabilities[0].argmax()]], [at.get(t, "") for t in range(len(x))], range(len(x))

    return Examples("its class", text_model.padded(tokens), lambda xs: classifier_parts(text_model.model, xs), names)


def compared(batches: Iterable[Parts]) -> dict[str, np.ndarray]:
    """Return the rank correlations (N, T_out) of each of ``PAIRS``."""
    found: dict[str, list[np.ndarray]] = {pair: [] for pair in PAIRS}
    for parts in batches:
        for pair, two in PAIRS.items():
            found[pair].append(rank_correlations(*two(parts), parts.seen))
    return {pair: np.concatenate(each) for pair, each in found.items()}


def token_lines(parts: Parts, outputs: list[str], tokens: list[str], places: range) -> list[str]:
    """Return one line per output and token of a single example: what the token contributed, measured in three ways."""
    outputs, tokens = ([visible(text) for text in texts] for texts in (outputs, tokens))
    wide = [max(map(width_of, texts)) for texts in (["output", *outputs], ["token", *tokens])]
    seen = parts.seen[0]
    shown = [np.reshape(numbers(np.where(seen, part[0], 0).ravel()), part[0].shape) for part in parts[:3]]
    row = "{} {}  {:>11}  {:>16}  {:>11}".format
    lines = [row(*map(ljust, ("output", "token"), wide), "attention", "gradient x input", "occlusion")]
    for i, output in enumerate(outputs):
        cells = [(tokens[t], *(part[i, t] for part in shown)) for t in places if seen[t]]
        lines += [row(*map(ljust, (output, token), wide), *values) for token, *values in cells] + [""]
    return lines
