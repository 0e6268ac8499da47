"""The maps of one question, kept after each epoch, which show how a model learns where to look."""

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy

from common import checkpoint
from common.callbacks import Callback
from common.util import to_cpu
from support.array import Array


class KeptMaps(NamedTuple):
    """The maps of one question: weights (E, T_dec, T_enc) of E epochs, in the order in which the question is written;
    written: the E answers that the model gave; answer: the right one, None where it is not known."""

    weights: numpy.ndarray
    question: str
    written: list[str]
    answer: str | None


class KeepMaps(Callback):
    """Let the model answer x (T_enc,) after each epoch, and write all answers and maps so far to ``path``.

    start_id, sample_size: see ``Seq2seq.decode``; text: turns ids into a text; answer: the right one; reverse: x is
    read backwards. A resumed training keeps the ``written`` answers and ``weights`` of earlier epochs. Of several
    ranks, the first alone does all this.
    """

    state = ("written",)
    arrays = ("weights",)

    def __init__(
        self,
        path: str | os.PathLike,
        x: Array,
        start_id: int,
        sample_size: int,
        text: Callable[[list[int]], str],
        answer: str | None = None,
        *,
        reverse: bool = False,
    ):
        self.path, self.x, self.start_id, self.sample_size = path, x, start_id, sample_size
        self.text, self.answer, self.order = text, answer, slice(None, None, -1 if reverse else None)
        self.written: list[str] = []
        self.weights: dict[str, Array] = {}

    def epoch_end(self, trainer) -> None:
        if trainer.ranks.rank:
            return
        decoded = trainer.model.decode(self.x[None], self.start_id, self.sample_size)
        self.written.append(self.text(decoded.ids[0].tolist()))
        self.weights[str(trainer.current_epoch)] = decoded.attention_weights[0, :, self.order]
        question = self.text(self.x[self.order].tolist())
        maps = numpy.stack([to_cpu(weights) for weights in self.weights.values()])
        facts = {"question": question, "written": self.written, "answer": self.answer}
        checkpoint.save(self.path, {"weights": maps}, facts)


def load_maps(path: str | os.PathLike) -> KeptMaps:
    """Read what ``KeepMaps`` wrote. Raises OSError, or CheckpointError for a file that is damaged or holds no maps."""
    arrays, facts = checkpoint.load(path)
    weights = arrays.get("weights", numpy.empty(0))
    question: Any = facts.get("question")
    written: Any = facts.get("written")
    answer: Any = facts.get("answer")
    answers = [*(written if isinstance(written, list) else [None]), *([] if answer is None else [answer])]
    fits = all(isinstance(text, str) for text in (question, *answers)) and weights.dtype.kind == "f"
    if fits and weights.ndim == 3:
        E, T_dec, T_enc = weights.shape
        fits = 0 < E == len(written) and {*map(len, answers)} == {T_dec} and len(question) == T_enc
    if not fits or weights.ndim != 3:
        raise checkpoint.CheckpointError(f"{path}: not the maps of one question from epoch to epoch")
    return KeptMaps(weights, question, written, answer)
