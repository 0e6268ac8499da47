"""The data of a date run, in the form that its models read."""

from contextlib import suppress
from pathlib import Path

import numpy as np

from dataset import dates
from dataset.sequence import Vocabulary, leaked
from experiment.date_model import open_data
from support.array import Array

MAPS = 500  # test questions whose maps are measured


class DateParts:
    """The training and test parts of a data file, or of the generated dates.

    path: the value of ``--data``, None for generated dates; sha256: the digest the data must have, None for any.
    ``x_train``, ``x_test`` int (N, T_enc)  questions in reading order: backwards if reverse
    ``t_train``, ``t_test`` int (N, T_dec + 1)  answers, the start character first
    ``truth`` bool (MAPS, T_dec, T_enc)  see ``truth_of``, of the first test questions
    ``seen``    the characters of the training questions
    ``origin``  where it all comes from
    Raises OSError or ValueError for data that cannot be read, has another digest, or leaves no test questions.
    """

    def __init__(self, path: str | None, *, leak_free: bool = False, reverse: bool = True, sha256: str | None = None):
        data = open_data(path)
        if sha256 not in (None, data.sha256):
            raise ValueError(f"{data.source}: not the data that the run was started with (SHA-256 differs)")
        (x_train, self.t_train), (x_test, self.t_test) = data.split(leak_free=leak_free)
        if not len(x_test):
            raise ValueError(f"{data.source}: {len(data.questions)} lines are too few: a tenth of them is for testing")
        self.reverse, self.order = reverse, slice(None, None, -1 if reverse else None)
        self.x_train, self.x_test = x_train[:, self.order], x_test[:, self.order]
        self.vocabulary, self.start_id, self.T_dec = data.vocabulary, int(self.t_train[0, 0]), self.t_train.shape[1] - 1
        self.space = data.vocabulary.char_to_id.get(" ")
        self.truth = truth_of(data.vocabulary, self.x_test[:MAPS], self.t_test[:MAPS], self.order)
        self.seen = data.vocabulary.decode(np.unique(x_train))
        self.origin = {
            "path": path and str(Path(path).resolve()),
            "source": data.source,
            "sha256": data.sha256,
            "leak_free": leak_free,
        }

    @property
    def facts(self) -> dict:
        """What ``DateModel`` needs besides the model."""
        return {
            "vocabulary": self.vocabulary.chars,
            "question_characters": self.seen,
            "start": self.vocabulary.chars[self.start_id],
            "T_enc": self.x_train.shape[1],
            "T_dec": self.T_dec,
            "reverse": self.reverse,
            "dates": bool(self.truth.any()),
            "data": self.origin,
        }

    def about(self) -> str:
        """Return one line for the user: sizes, and how many test questions are also trained on, or cannot be read."""
        unread = int(np.isin(self.x_test, np.unique(self.x_train), invert=True).any(axis=1).sum())
        said = f", {unread:,} of which have a character that occurs in no training question" * (unread > 0)
        return (
            f"{self.origin['source']}: {len(self.x_train)} questions to train on, {len(self.x_test)} to test, "
            f"{100 * leaked(self.x_train, self.x_test):.1f}% of which are trained on too{said}"
        )


def truth_of(vocabulary: Vocabulary, xs: Array, ts: Array, order: slice) -> Array:
    """Mark which characters of the questions xs (N, T_enc) each character of the answers ts (N, T_dec + 1) comes from.

    order: turns a question from the order of reading into the order of the text. Returns bool (N, T_dec, T_enc), all
    False for a question and answer that are not the same date.
    """
    truth = np.zeros((len(xs), ts.shape[1] - 1, xs.shape[1]), dtype=bool)
    for row, x, t in zip(truth, xs, ts, strict=True):
        with suppress(ValueError):
            parsed = dates.parse(vocabulary.decode(x[order]))
            if parsed.date == vocabulary.decode(t[1:]):
                row[...] = parsed.truth[:, order]
    return truth
