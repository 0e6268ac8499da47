"""Pairs of a question and an answer, character by character, for sequence to sequence models.

A file holds one pair a line, `question_answer`: all questions are equally long, all answers too,
both padded with spaces; `dataset.pairs` makes such a file of others. `load` gives a `SequenceData`,
which holds all there is to know; `load_data` and `get_vocab` are the book's doors to it.

Source: 『ゼロから作るDeep Learning 2』 7.2.
"""

import hashlib
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import index
from pathlib import Path

import numpy as np

from dataset import addition, dates, generator, pairs
from dataset.files import read_text, shorten
from support.array import Array

Split = tuple[tuple[Array, Array], tuple[Array, Array]]

START = "_"  # separates question and answer, and is the first character of an answer
FOLDER = Path(__file__).resolve().parent
GENERATORS = {"date.txt": dates, "addition.txt": addition}


class Vocabulary:
    """Characters and their ids 0 .. V - 1, in the order of `chars`.

    Raises ValueError when a character stands in `chars` twice. The `chars` of one vocabulary
    make an equal one: store them to rebuild it.
    """

    def __init__(self, chars: str):
        self.chars = chars
        self.char_to_id = {char: i for i, char in enumerate(chars)}
        self.id_to_char = dict(enumerate(chars))
        if len(self.char_to_id) < len(chars):
            raise ValueError(f"Vocabulary: distinct characters wanted, got {shorten(chars)}")
        codes = _codes(chars)
        # One entry more than the largest code point, -1, stands for all that lie beyond.
        self._ids = np.full(int(codes.max(initial=0)) + 2, -1)
        self._ids[codes] = np.arange(len(chars))

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Vocabulary":
        """The characters of the texts, in order of first appearance."""
        return cls("".join(dict.fromkeys("".join(texts))))

    def encode(self, text: str, width: int | None = None, *, seen: str | None = None) -> Array:
        """Ids of the characters, int (len(text),), or (width,) padded with spaces.

        seen: the characters of the training questions, where the text is to be read by a model; the vocabulary has
        those of the answers too. None takes all of the vocabulary.
        Raises ValueError when the text is longer than `width`, or naming the first character that is outside the
        vocabulary or not in `seen`, and its place (from 1).
        """
        padded = text
        if width is not None:
            if len(text) > width:
                raise ValueError(f"{shorten(text)} has {len(text)} characters, at most {width} are possible")
            padded = text.ljust(width)
        ids = self._ids[np.minimum(_codes(padded), len(self._ids) - 1)]
        unknown = ids < 0
        if seen is not None:
            unknown |= np.array([char not in seen for char in padded], dtype=bool)
        if unknown.any():
            place = int(unknown.argmax())
            reason = "is not in the vocabulary" if ids[place] < 0 else "occurs in no training question"
            raise ValueError(f"{padded[place]!r}, character {place + 1} of {shorten(text)}, {reason}")
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text of the ids, padding and all. Raises ValueError naming an id outside 0 .. V - 1."""
        try:
            return "".join([self.id_to_char[index(i)] for i in ids])
        except TypeError:
            raise ValueError("Vocabulary.decode: whole numbers as ids wanted, in one dimension") from None
        except KeyError as error:
            raise ValueError(f"id {error} is not in the vocabulary of {len(self)} characters") from None

    def __len__(self) -> int:
        return len(self.chars)

    def __eq__(self, other: object) -> bool:
        return self.chars == other.chars if isinstance(other, Vocabulary) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.chars)

    def __repr__(self) -> str:
        return f"Vocabulary({self.chars!r})"


@dataclass(frozen=True, eq=False)
class SequenceData:
    """Questions and answers as ids, with the vocabulary that made them.

    questions   int (N, T_enc), read-only
    answers     int (N, T_dec + 1), read-only; column 0 is the start mark `_`, so
                ``answers[:, :-1]`` goes into the decoder and ``answers[:, 1:]`` is its target
    source      the path that was read, or the command that generates the same
    sha256      of the lines, UTF-8 with LF: that of the file itself unless it has BOM, CRLF
                or no final newline
    """

    questions: Array
    answers: Array
    vocabulary: Vocabulary
    source: str
    sha256: str

    def encode_question(self, text: str) -> Array:
        """Ids of one question, int (T_enc,), padded with spaces; ValueError as Vocabulary.encode."""
        return self.vocabulary.encode(text, width=self.questions.shape[1])

    def split(self, seed: int | None = 1984, leak_free: bool = False) -> Split:
        """(x_train, t_train), (x_test, t_test), shuffled; the arrays are copies.

        The test part is the last N // 10 rows, as in the book. A question that the data holds
        twice may then stand in both parts (in date.txt 28.1% of the test questions do).

        With `leak_free` the *distinct* questions are shuffled, and each goes with all its rows to
        one part: from the last question on, to the test part, unless that would make it longer than
        N // 10 rows. It has just so many, or fewer when only repeated questions that do not fit are
        left. Repeated questions are as frequent in it as in the data; where no question repeats, both
        splits are the same. Questions are compared as strings: `May 1, 1972` and `may 1, 1972` are two.

        `seed` None takes fresh entropy. The global generator is not touched.
        """
        rng = np.random.RandomState(seed)  # legacy, because the book's numbers hang on its order
        n = len(self.questions)
        n_test = n // 10
        if leak_free:
            rows, n_test = self._rows_by_question(rng, n_test)
        else:
            rows = np.arange(n)
            rng.shuffle(rows)
        train, test = rows[: n - n_test], rows[n - n_test :]
        return (self.questions[train], self.answers[train]), (self.questions[test], self.answers[test])

    def _rows_by_question(self, rng: np.random.RandomState, room: int) -> tuple[Array, int]:
        """All rows (N,), those of a question side by side, and how many at the end are for testing."""
        numbers: dict[bytes, int] = {}
        question_of_row = np.array([numbers.setdefault(q.tobytes(), len(numbers)) for q in self.questions])
        sizes = np.bincount(question_of_row)
        order = np.arange(len(sizes))
        rng.shuffle(order)
        train, test = [], []
        n_test = 0
        for question in order[::-1]:
            if n_test + sizes[question] <= room:
                test.append(question)
                n_test += int(sizes[question])
            else:
                train.append(question)
        order = np.array((test + train)[::-1])
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        return np.argsort(rank[question_of_row], kind="stable"), n_test


def leaked(x_train: Array, x_test: Array) -> float:
    """Share (0..1) of the test questions x_test (n, T_enc) that stand in x_train (N, T_enc) too."""
    known = {question.tobytes() for question in x_train}
    return sum(question.tobytes() in known for question in x_test) / len(x_test)


def from_lines(lines: Sequence[str], source: str) -> SequenceData:
    """Build the data from lines `question_answer` without line ends.

    Raises ValueError, beginning `source:line:`, with the reason and the line, when there are no
    lines, or one is empty, has not just one `_`, has no question or no answer, differs in the
    length of either from the first line, or holds NUL or a carriage return.
    """
    if not lines:
        raise ValueError(f"{source}:1: the file is empty")
    for number, line in enumerate(lines, 1):
        fault = _fault(line, lines[0])
        if fault:
            raise ValueError(f"{source}:{number}: {fault}: {shorten(line)}")
    t_enc = lines[0].index(START)
    text = "".join(lines)
    vocabulary = Vocabulary.of([text])
    ids = vocabulary.encode(text).reshape(len(lines), -1)
    ids.flags.writeable = False
    sha256 = hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
    return SequenceData(ids[:, :t_enc], ids[:, t_enc:], vocabulary, source, sha256)


def read(path: str | os.PathLike) -> SequenceData:
    """Read a UTF-8 file, one `question_answer` a line; BOM, CRLF and no final newline are fine.

    Raises ValueError as `from_lines`, with the command that makes another file of pairs a data file, and as
    `files.read_text`; OSError when it cannot be read, IsADirectoryError for a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, a data file was wanted")
    text = read_text(path)
    # Not splitlines, which also breaks at characters that a line may hold.
    lines = text.removesuffix("\n").split("\n") if text else []
    try:
        return from_lines(lines, str(path))
    except ValueError as error:
        raise ValueError(f"{error}{pairs.hint(path)}") from None


def generate(name: str, count: int = generator.COUNT, seed: int = generator.SEED) -> SequenceData:
    """Generate "date.txt" or "addition.txt"; see `dataset.dates`, `dataset.addition`.

    Raises ValueError for another name, and for a count or a seed out of range.
    """
    if name not in GENERATORS:
        raise ValueError(f"generate: one of {', '.join(GENERATORS)} wanted, got {name!r}")
    module = GENERATORS[name]
    command = f"python -m {module.__name__} --count {count} --seed {seed}"
    return from_lines(module.generate(count, seed), source=command)


def load(name: str | os.PathLike) -> SequenceData:
    """The data of that name: a path that exists, else a file in `dataset/`, else generated.

    Only the bare names `date.txt` and `addition.txt` are generated; a line on standard error
    says so. Raises FileNotFoundError for any other name that is no file, and as `read`.
    """
    name = os.fspath(name)
    beside = FOLDER / name
    if Path(name).exists():
        return read(name)
    if Path(name).name == name and beside.is_file():
        return read(beside)
    if name in GENERATORS:
        data = generate(name)
        print(
            f"{name}: no such file, so generated by `{data.source}`; "
            f"to use a file, give its path or save it as {beside}",
            file=sys.stderr,
        )
        return data
    raise FileNotFoundError(
        f"no data file {name!r}, neither as a path nor in {FOLDER}; make one with "
        "`python -m dataset.dates > date.txt` or `python -m dataset.addition > addition.txt`, or take "
        "the book's from github.com/oreilly-japan/deep-learning-from-scratch-2, folder dataset"
    )


_latest: Vocabulary | None = None  # the book's get_vocab has no argument that could say which


def load_data(file_name: str | os.PathLike = "addition.txt", seed: int | None = 1984) -> Split:
    """The book's door: ``load(file_name).split(seed)``, (x_train, t_train), (x_test, t_test)."""
    global _latest
    data = load(file_name)
    _latest = data.vocabulary
    return data.split(seed)


def get_vocab() -> tuple[dict[str, int], dict[int, str]]:
    """char_to_id and id_to_char of the latest load_data, copies. RuntimeError before any."""
    if _latest is None:
        raise RuntimeError("get_vocab: no vocabulary yet, call load_data first")
    return dict(_latest.char_to_id), dict(_latest.id_to_char)


def _fault(line: str, first: str) -> str | None:
    """What is wrong with a line, if anything, the first line being right."""
    if not line:
        return "empty line"
    if "\0" in line:
        return "NUL in the line"
    if "\r" in line:
        return "carriage return inside the line"
    question, mark, answer = line.partition(START)
    if not mark:
        return f"no {START!r} between question and answer"
    if START in answer:
        return f"{line.count(START)} {START!r} in the line, one between question and answer wanted"
    if not question or not answer:
        return f"no {'answer' if question else 'question'}"
    t_enc = first.index(START)
    if len(question) != t_enc:
        return f"a question of {len(question)} characters, that of line 1 has {t_enc}"
    if len(line) != len(first):
        return f"an answer of {len(answer)} characters, that of line 1 has {len(first) - t_enc - 1}"
    return None


def _codes(text: str) -> Array:
    """Code points, (len(text),); a lone surrogate, as a terminal may give, is one too."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
