"""Load pairs of a question and an answer, character by character, for sequence-to-sequence models.

A data file holds one pair per line, `question_answer`, padded with spaces: all questions have the same length,
and so do all answers. `dataset.pairs` converts other files to this format. `load` returns a `SequenceData`;
`load_data` and `get_vocab` are the book's interface to the same data.

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

START = "_"  # separates question and answer, and is the first character of the answer
FOLDER = Path(__file__).resolve().parent
GENERATORS = {"date.txt": dates, "addition.txt": addition}


class Vocabulary:
    """Characters and their ids 0 .. V - 1, in the order of `chars`.

    To rebuild a vocabulary, store its `chars`. Raises ValueError when `chars` repeats a character.
    """

    def __init__(self, chars: str):
        self.chars = chars
        self.char_to_id = {char: i for i, char in enumerate(chars)}
        self.id_to_char = dict(enumerate(chars))
        if len(self.char_to_id) < len(chars):
            raise ValueError(f"Vocabulary: expected distinct characters, got {shorten(chars)}")
        codes = _codes(chars)
        # The last entry, -1, stands for all code points beyond the largest.
        self._ids = np.full(int(codes.max(initial=0)) + 2, -1)
        self._ids[codes] = np.arange(len(chars))

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Vocabulary":
        """Build the vocabulary of the texts, its characters in order of first appearance."""
        return cls("".join(dict.fromkeys("".join(texts))))

    def encode(self, text: str, width: int | None = None, *, seen: str | None = None) -> Array:
        """Return the ids of the characters, int (len(text),), or (width,) padded with spaces.

        seen: for a text that a model will read, the characters of the training questions, because the vocabulary also
        has those of the answers. None accepts the whole vocabulary.
        Raises ValueError when the text is longer than `width`; and for a character outside the vocabulary or `seen`,
        naming the first one and its position (from 1).
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
        """Return the text of the ids, including padding. Raises ValueError that names an id outside 0 .. V - 1."""
        try:
            return "".join([self.id_to_char[index(i)] for i in ids])
        except TypeError:
            raise ValueError("Vocabulary.decode: expected whole numbers as ids, in one dimension") from None
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
    answers     int (N, T_dec + 1), read-only; column 0 is the start mark `_`: the decoder
                reads ``answers[:, :-1]``, and its target is ``answers[:, 1:]``
    source      the path that was read, or the command that generates the same data
    sha256      hash of the lines in UTF-8 with LF; equals the file's own unless the file has
                a BOM, CRLF or no final newline
    """

    questions: Array
    answers: Array
    vocabulary: Vocabulary
    source: str
    sha256: str

    def encode_question(self, text: str) -> Array:
        """Return the ids of a question, int (T_enc,), padded with spaces. Raises ValueError like Vocabulary.encode."""
        return self.vocabulary.encode(text, width=self.questions.shape[1])

    def split(self, seed: int | None = 1984, leak_free: bool = False) -> Split:
        """Shuffle and split into (x_train, t_train), (x_test, t_test); the arrays are copies.

        The test part is the last N // 10 rows, as in the book. A question that occurs twice in the
        data can end up in both parts (in date.txt, 28.1% of the test questions do).

        With `leak_free`, the *distinct* questions are shuffled, and all rows of a question go to the
        same part. From the last question backwards, each goes to the test part unless that would exceed
        N // 10 rows; the test part is smaller only when no remaining question fits. Repeated questions
        are as frequent in it as in the data; if no question repeats, both splits are the same.
        Questions are compared as strings: `May 1, 1972` and `may 1, 1972` differ.

        seed: None takes fresh entropy. The global generator is not touched.
        """
        rng = np.random.RandomState(seed)  # legacy: the book's numbers depend on its order
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
        """Order all rows (N,), those of a question together; return also how many at the end are for testing."""
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
    """Return the share (0..1) of the test questions x_test (n, T_enc) that also occur in x_train (N, T_enc)."""
    known = {question.tobytes() for question in x_train}
    return sum(question.tobytes() in known for question in x_test) / len(x_test)


def from_lines(lines: Sequence[str], source: str) -> SequenceData:
    """Build the data from lines `question_answer` without line ends.

    Raises ValueError, beginning `source:line:` and quoting the line, when `lines` is empty; when a
    line is empty, has no `_` or several, lacks a question or an answer, contains NUL or a carriage
    return; and when a question or an answer is not as long as the one in the first line.
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
    """Read a UTF-8 data file; it may have a BOM, CRLF and no final newline.

    Raises ValueError like `from_lines`, naming the command that converts other files of pairs, and like
    `files.read_text`; OSError when the file cannot be read, IsADirectoryError for a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path}: expected a data file, got a folder")
    text = read_text(path)
    # Not splitlines, which also splits at characters that a line can contain.
    lines = text.removesuffix("\n").split("\n") if text else []
    try:
        return from_lines(lines, str(path))
    except ValueError as error:
        raise ValueError(f"{error}{pairs.hint(path)}") from None


def generate(name: str, count: int = generator.COUNT, seed: int = generator.SEED) -> SequenceData:
    """Generate the data file of that name, "date.txt" or "addition.txt", with its module in GENERATORS.

    Raises ValueError for any other name, and for a count or a seed out of range.
    """
    if name not in GENERATORS:
        raise ValueError(f"generate: expected one of {', '.join(GENERATORS)}, got {name!r}")
    module = GENERATORS[name]
    command = f"python -m {module.__name__} --count {count} --seed {seed}"
    return from_lines(module.generate(count, seed), source=command)


def load(name: str | os.PathLike) -> SequenceData:
    """Load data by name: from the path if it exists, else from a file in `dataset/`, else generate it.

    Only the bare names in GENERATORS are generated; a line on standard error reports it.
    Raises FileNotFoundError for any other name that is not a file, and like `read`.
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
            f"{name}: no such file; generated by `{data.source}`; to use a file, give its path or save it as {beside}",
            file=sys.stderr,
        )
        return data
    commands = " or ".join(f"`python -m {module.__name__} > {made}`" for made, module in GENERATORS.items())
    raise FileNotFoundError(
        f"no data file {name!r}, neither as a path nor in {FOLDER}; make one with {commands}, or take "
        "the book's from github.com/oreilly-japan/deep-learning-from-scratch-2, folder dataset"
    )


_latest: Vocabulary | None = None  # the book's get_vocab has no argument to choose one


def load_data(file_name: str | os.PathLike = "addition.txt", seed: int | None = 1984) -> Split:
    """Load and split as the book does: ``load(file_name).split(seed)``, (x_train, t_train), (x_test, t_test)."""
    global _latest
    data = load(file_name)
    _latest = data.vocabulary
    return data.split(seed)


def get_vocab() -> tuple[dict[str, int], dict[int, str]]:
    """Return copies of char_to_id and id_to_char of the latest load_data. Raises RuntimeError before the first."""
    if _latest is None:
        raise RuntimeError("get_vocab: no vocabulary yet, call load_data first")
    return dict(_latest.char_to_id), dict(_latest.id_to_char)


def _fault(line: str, first: str) -> str | None:
    """Say what is wrong with a line, or return None; `first` is the first line of the file."""
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
        return f"expected one {START!r}, between question and answer, got {line.count(START)}"
    if not question or not answer:
        return f"no {'answer' if question else 'question'}"
    t_enc = first.index(START)
    if len(question) != t_enc:
        return f"expected a question of length {t_enc}, as in line 1, got {len(question)}"
    if len(line) != len(first):
        return f"expected an answer of length {len(first) - t_enc - 1}, as in line 1, got {len(answer)}"
    return None


def _codes(text: str) -> Array:
    """Return the code points, (len(text),), including lone surrogates, which a terminal can produce."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
