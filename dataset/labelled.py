"""Texts and their classes, read from the three layouts that corpora come in.

- `read_folders`: a folder a class, a file a text (the film reviews `aclImdb/train/{neg,pos}/*.txt`)
- `read_lines`: a file a class, a line a text (`rt-polarity.{neg,pos}` of the sentence polarity dataset)
- `read_csv`: `features.csv` and `labels.csv`, in a folder `trains` and a folder `tests`

All return `LabelledTexts`, take the name of an encoding, drop white space around each text and a byte
order mark, and refuse texts with nothing else. They raise ValueError that begins with the file, its
line too where the file has more than one text, and the OSError of a file or folder that is not there.
"""

import csv
import io
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dataset.files import read_bytes

UNLABELLED = "unsup"  # aclImdb/train/unsup: reviews without a class


class LabelledTexts(NamedTuple):
    """N texts and their classes; ``classes[labels[i]]`` is the name of text i's.

    texts    N strings
    labels   int64 (N,), 0 .. C - 1
    classes  C names
    source   the path that was read, or the command that generates the same
    """

    texts: list[str]
    labels: np.ndarray
    classes: tuple[str, ...]
    source: str

    def take(self, rows: Sequence[int] | np.ndarray) -> "LabelledTexts":
        """The texts of these rows, int (n,), in this order."""
        return self._replace(texts=[self.texts[row] for row in rows], labels=self.labels[rows])

    def split(self, test_share: float = 0.1, seed: int = 1984) -> tuple["LabelledTexts", "LabelledTexts"]:
        """(train, test): the last ``int(N * test_share)`` texts of a shuffle are for testing.

        The shuffle is RandomState(seed).permutation(N), the same on every machine.
        Raises ValueError when one of the two would be empty.
        """
        n = len(self.texts)
        n_test = int(n * test_share + 1e-9)  # 0.29 * 100 is a little less than 29
        if not 0 < n_test < n:
            raise ValueError(f"split: a test share that leaves both parts a text wanted, got {test_share} of {n}")
        rows = np.random.RandomState(seed).permutation(n)
        return self.take(rows[: n - n_test]), self.take(rows[n - n_test :])


def read_folders(
    path: str | os.PathLike, *, classes: Sequence[str] | None = None, encoding: str = "utf-8"
) -> LabelledTexts:
    """Read a folder a class, each text a file ``*.txt``; files in the order of their names.

    `classes` names the folders, in the order of their labels; None takes all of them by name, but
    for hidden ones and `unsup`, where aclImdb keeps texts without a class.
    Raises ValueError for fewer than two classes, one without a text, an empty text, and for bytes
    that are not in the encoding.
    """
    path = Path(path)
    if classes is None:
        folders = (child.name for child in path.iterdir() if child.is_dir())
        classes = sorted(name for name in folders if name != UNLABELLED and not name.startswith("."))
    files = {name: sorted((path / name).iterdir()) for name in classes}
    found = {
        name: [_text(file, encoding) for file in inside if file.suffix == ".txt" and not file.name.startswith(".")]
        for name, inside in files.items()
    }
    return _labelled(path, found, "folders with *.txt files")


def read_lines(
    path: str | os.PathLike, *, classes: Sequence[str] | None = None, encoding: str = "utf-8"
) -> LabelledTexts:
    """Read a file a class, each text a line, from the folder `path`.

    Where two or more files share all of their name but the suffix, they are the classes, and the
    suffix their name: `rt-polarity.neg` is `neg`. Else each ``*.txt`` is a class: `neg.txt` is `neg`.
    A README and hidden files are none. `classes` takes these of them only, in the order of their
    labels; None takes all of them by name.
    Raises ValueError for fewer than two classes, one that is not there or has no text, files of more
    than one such set, an empty line, and for bytes that are not in the encoding.
    """
    path = Path(path)
    files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    by_stem = defaultdict(dict)
    for file in files:
        if file.suffix and file.stem.lower() != "readme":
            by_stem[file.stem][file.suffix[1:]] = file
    sets = {stem: members for stem, members in by_stem.items() if len(members) > 1}
    if len(sets) > 1:
        raise ValueError(f"{path}: one set of files NAME.CLASS wanted, got {', '.join(sets)}; give each a folder")
    if sets:
        (members,) = sets.values()
    else:
        members = {stem: files["txt"] for stem, files in by_stem.items() if "txt" in files}
    if classes is None:
        classes = sorted(members)
    missing = [name for name in classes if name not in members]
    if missing:
        raise ValueError(f"{path}: no file for the class {missing[0]!r}, there are {', '.join(members) or 'none'}")
    return _labelled(path, {name: list(_lines(members[name], encoding)) for name in classes}, "files NAME.CLASS")


def read_csv(
    path: str | os.PathLike, part: str, *, classes: Sequence[str] | None = None, encoding: str = "utf-8"
) -> LabelledTexts:
    """Read ``part/features.csv`` and ``part/labels.csv``, whose columns `feature` and `label` are used.

    part     the folder inside `path`: "trains" or "tests"
    classes  the class table to use; None makes one of the labels found, in the order of their names
             as strings. Give the tests the table of the trains.
    Raises ValueError for a missing column, a row that is not as long as the header or has nothing in
    the column, files of different lengths, a label outside `classes`, fewer than two classes, wrong
    quotes, and for bytes that are not in the encoding.
    """
    folder = Path(path) / part
    features, labels = folder / "features.csv", folder / "labels.csv"
    texts = [text for _, text in _column(features, "feature", encoding)]
    rows = list(_column(labels, "label", encoding))
    if len(texts) != len(rows):
        raise ValueError(f"{folder}: features.csv has {len(texts)} rows, labels.csv has {len(rows)}")
    classes = tuple(classes or sorted({name for _, name in rows}))
    _at_least_two(folder, classes, "different labels")
    ids = {name: i for i, name in enumerate(classes)}
    for line, name in rows:
        if name not in ids:
            raise ValueError(f"{labels}:{line}: the label {name!r} is none of {', '.join(classes)}")
    return LabelledTexts(texts, np.array([ids[name] for _, name in rows], dtype=np.int64), classes, str(folder))


READERS = {"folders": read_folders, "lines": read_lines, "csv": read_csv}


def _labelled(path: Path, found: dict[str, list[str]], wanted: str) -> LabelledTexts:
    _at_least_two(path, tuple(found), wanted)
    for name, texts in found.items():
        if not texts:
            raise ValueError(f"{path}: no text of the class {name!r}")
    labels = np.repeat(np.arange(len(found), dtype=np.int64), [len(texts) for texts in found.values()])
    return LabelledTexts([text for texts in found.values() for text in texts], labels, tuple(found), str(path))


def _at_least_two(path: Path, classes: tuple[str, ...], wanted: str) -> None:
    if len(classes) < 2:
        raise ValueError(f"{path}: two or more {wanted} wanted, got {', '.join(classes) or 'none'}")


def _decoded(path: Path, encoding: str) -> str:
    """The text of a file, its line ends LF. Raises ValueError with the line and the byte (from 0)."""
    data = read_bytes(path)
    try:
        text = data.decode(encoding)
    except LookupError:
        raise ValueError(f"{path}: the name of an encoding wanted, got {encoding!r}") from None
    except UnicodeDecodeError as error:
        line = data[: error.start].decode(encoding, "replace").count("\n") + 1
        place = f"byte {error.start} of the file"
        raise ValueError(f"{path}:{line}: not {encoding} ({error.reason}), {place}") from None
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def _text(path: Path, encoding: str) -> str:
    text = _decoded(path, encoding).strip()
    if not text:
        raise ValueError(f"{path}: empty text")
    return text


def _lines(path: Path, encoding: str) -> Iterator[str]:
    text = _decoded(path, encoding).removesuffix("\n")
    # Not splitlines, which also breaks at characters that a line may hold.
    for number, line in enumerate(text.split("\n") if text else [], 1):
        if not line.strip():
            raise ValueError(f"{path}:{number}: empty line")
        yield line.strip()


def _column(path: Path, name: str, encoding: str) -> Iterator[tuple[int, str]]:
    """The line where each row begins, and what the row holds in the column."""
    reader = csv.reader(io.StringIO(_decoded(path, encoding)), strict=True)
    begin = 1
    try:
        header = next(reader, [])
        if name not in header:
            raise ValueError(f"{path}:1: a column {name!r} wanted, got {', '.join(header) or 'none'}")
        place = header.index(name)
        begin = reader.line_num + 1
        for row in reader:
            if len(row) not in (0, len(header)):
                raise ValueError(f"{path}:{begin}: {len(row)} columns in the row, {len(header)} in the header")
            if not row or not row[place].strip():
                raise ValueError(f"{path}:{begin}: empty {name}")
            yield begin, row[place].strip()
            begin = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"{path}:{begin}: {error}") from None
