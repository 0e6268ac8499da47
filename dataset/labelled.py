"""Texts and their classes, read from the layouts that corpora come in.

- `read_folders`: a folder a class, a file a text (the film reviews `aclImdb/train/{neg,pos}/*.txt`)
- `read_lines`: a file a class, a line a text (`rt-polarity.{neg,pos}` of the sentence polarity dataset)
- `read_csv`: `features.csv` and `labels.csv`, in a folder `trains` and a folder `tests`
- `read_table`: one file of comma- or tab-separated values, with a column of texts and one of labels

All return `LabelledTexts`, take the name of an encoding, drop white space around each text and a byte
order mark, and refuse texts with nothing else. They raise ValueError that begins with the file, its
line too where the file has more than one text, and the OSError of a file or folder that is not there.

What only happens to stand in a folder is neither text nor class, and told in `skipped`: hidden files, those of a
system or an editor (`Thumbs.db`, `__MACOSX`, `pos.txt~`), and what by its name is about the corpus: README, LICENSE,
COPYING, CITATION, CHANGELOG, stop words.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dataset.corpus_folder import (
    UNLABELLED,
    Skipped,
    class_files,
    class_folders,
    endings,
    entries,
    files_in,
    hint,
    told,
)
from dataset.files import read_text
from dataset.table import read_columns

PARTS = "trains", "tests"  # folders of read_csv


class LabelledTexts(NamedTuple):
    """N texts and their classes; ``classes[labels[i]]`` is the name of text i's.

    texts    N strings
    labels   int64 (N,), 0 .. C - 1
    classes  C names
    source   the path that was read, or the command that generates the same
    places   where each text stands, N of ``file`` or ``file:line``; none of generated texts
    skipped  what was found and is no text, in one line
    """

    texts: list[str]
    labels: np.ndarray
    classes: tuple[str, ...]
    source: str
    places: Sequence[str] = ()
    skipped: str = ""

    def take(self, rows: Sequence[int] | np.ndarray) -> "LabelledTexts":
        """The texts of these rows, int (n,), in this order."""
        places = [self.places[row] for row in rows] if self.places else ()
        return self._replace(texts=[self.texts[row] for row in rows], labels=self.labels[rows], places=places)

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
    path: str | os.PathLike,
    *,
    classes: Sequence[str] | None = None,
    encoding: str = "utf-8",
    pattern: str = "*.txt",
) -> LabelledTexts:
    """Read a folder a class, each text a file; files in the order of their names.

    classes  the folders, in the order of their labels; None takes all of them by name, but for `unsup`, where aclImdb
             keeps texts without a class
    pattern  of the names of the files that are texts, as a shell's, upper and lower case the same; `*` takes all
    Raises ValueError for fewer than two classes, one that is not there or has no text, folders that have the folders of
    classes in them, an empty text, and for bytes that are not in the encoding; says where classes seem to be instead.
    """
    path, skipped = Path(path), defaultdict(list)

    def elsewhere() -> str:
        return hint(path, lambda folder: class_folders(folder, pattern))

    folders = []
    for entry in entries(path, skipped):
        if entry.is_dir() and (entry.name != UNLABELLED if classes is None else entry.name in classes):
            folders.append(entry)
        else:
            skipped["other than folders of a class"].append(entry.name)
    if classes is None:
        if folders and all(len(class_folders(folder, pattern)) > 1 for folder in folders):
            raise ValueError(f"{path}: expected a folder a class, got folders of such folders{elsewhere()}")
        classes = [folder.name for folder in folders]
    elif missing := [name for name in classes if not (path / name).is_dir()]:
        got = ", ".join(class_folders(path, pattern)) or "none"
        raise ValueError(f"{path}: expected a folder for the class {missing[0]!r}, got {got}{elsewhere()}")
    _at_least_two(path, classes, f"folders with files {pattern}", elsewhere)
    found = {}
    for name in classes:
        files = files_in(path / name, pattern, skipped)
        if not files:
            got = endings(path / name)
            raise ValueError(f"{path}: expected files {pattern} in the folder {name!r}, got {got}{elsewhere()}")
        found[name] = [(str(file), _text(file, encoding)) for file in files]
    return _labelled(path, found, skipped)


def read_lines(
    path: str | os.PathLike,
    *,
    classes: Sequence[str] | None = None,
    encoding: str = "utf-8",
    pattern: str | None = None,
) -> LabelledTexts:
    """Read a file a class, each text a line, from the folder `path`.

    Where two or more files share all of their name but the suffix, they are the classes, and the
    suffix their name: `rt-polarity.neg` is `neg`. Else each ``*.txt`` is a class: `neg.txt` is `neg`.
    Empty lines at the end of a file are none.

    classes  takes these of them only, in the order of their labels; None takes all of them by name
    pattern  looks at files with such names only, and takes them all in place of ``*.txt``
    Raises ValueError for fewer than two classes, one that is not there or has no text, files of more
    than one such set, an empty line, and for bytes that are not in the encoding; says where classes seem to be instead.
    """
    path, skipped = Path(path), defaultdict(list)
    members = class_files(path, pattern, skipped)
    if classes is None:
        classes = sorted(members)

    def elsewhere() -> str:
        if len(class_folders(path, "*.txt")) > 1:
            return "; its folders seem to be the classes, as in the format 'folders'"
        seem = hint(path, lambda folder: class_files(folder, pattern, defaultdict(list)))
        return seem or f", of {endings(path)}"

    missing = [name for name in classes if name not in members]
    if missing:
        got = ", ".join(members) or f"none{elsewhere()}"
        raise ValueError(f"{path}: expected a file for the class {missing[0]!r}, got {got}")
    if others := [members[name].name for name in members if name not in classes]:
        skipped["of other classes"] = others
    _at_least_two(path, classes, f"files NAME.CLASS or {pattern or '*.txt'}", elsewhere)
    return _labelled(path, {name: list(_lines(members[name], encoding)) for name in classes}, skipped)


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
    path, folder = Path(path), Path(path) / part
    features, labels = folder / "features.csv", folder / "labels.csv"
    if path.is_dir() and not features.is_file():
        seem = hint(path, lambda near: [name for name in PARTS if (near / name / "features.csv").is_file()])
        raise ValueError(f"{path}: expected a file {part}/features.csv in it, got none{seem}")
    texts = read_columns(features, ["feature"], encoding)
    rows = read_columns(labels, ["label"], encoding)
    if len(texts) != len(rows):
        raise ValueError(f"{folder}: features.csv has {len(texts)} rows, labels.csv has {len(rows)}")
    places = [f"{features}:{line}" for line, _ in texts]
    named = [(f"{labels}:{line}", name) for line, (name,) in rows]
    return _from_table(folder, [text for _, (text,) in texts], places, named, classes)


def read_table(
    path: str | os.PathLike,
    text_column: str = "text",
    label_column: str = "label",
    *,
    classes: Sequence[str] | None = None,
    encoding: str = "utf-8",
) -> LabelledTexts:
    """Read one file of values that commas, tabs, semicolons or bars separate, a text and its label a row.

    The columns are named as in the first row, or given by number, from 1. Where both are numbers, the first row is a
    header, and skipped, when no other row has its label and `classes` has it neither.
    classes  as of read_csv
    Raises ValueError as read_csv and, for what is said of separators and quotes, `table.read_columns`.
    """
    path = Path(path)
    if text_column == label_column:
        raise ValueError(f"{path}: expected two columns, of texts and of labels, got {text_column!r} for both")
    rows = read_columns(path, [text_column, label_column], encoding, sniff=True)
    skipped = ""
    if text_column.isdecimal() and label_column.isdecimal() and rows:
        (_, (_, first)), *others = rows
        if first not in (classes or [label for _, (_, label) in others]):
            rows, skipped = others, f"the first row as a header, for no other has the label {first!r}"
    places = [f"{path}:{line}" for line, _ in rows]
    named = [(place, name) for place, (_, (_, name)) in zip(places, rows, strict=True)]
    return _from_table(path, [text for _, (text, _) in rows], places, named, classes)._replace(skipped=skipped)


READERS = {"folders": read_folders, "lines": read_lines, "csv": read_csv}


def _labelled(path: Path, found: dict[str, list[tuple[str, str]]], skipped: Skipped) -> LabelledTexts:
    """found: of each class places and texts."""
    for name, texts in found.items():
        if not texts:
            raise ValueError(f"{path}: no text of the class {name!r}")
    labels = np.repeat(np.arange(len(found), dtype=np.int64), [len(texts) for texts in found.values()])
    places, texts = zip(*(row for rows in found.values() for row in rows), strict=True)
    return LabelledTexts(list(texts), labels, tuple(found), str(path), places, told(skipped))


def _from_table(
    path: Path, texts: list[str], places: list[str], named: list[tuple[str, str]], classes: Sequence[str] | None
) -> LabelledTexts:
    """named: of each text where its label stands, and the label."""
    classes = tuple(classes or sorted({name for _, name in named}))
    _at_least_two(path, classes, "different labels")
    ids = {name: i for i, name in enumerate(classes)}
    for place, name in named:
        if name not in ids:
            raise ValueError(f"{place}: the label {name!r} is none of {', '.join(classes)}")
    labels = np.array([ids[name] for _, name in named], dtype=np.int64)
    return LabelledTexts(texts, labels, classes, str(path), places)


def _at_least_two(path: Path, classes: Sequence[str], wanted: str, elsewhere: Callable[[], str] = str) -> None:
    if len(set(classes)) < 2:
        got = ", ".join(dict.fromkeys(classes)) or "none"
        raise ValueError(f"{path}: expected two or more {wanted}, got {got}{elsewhere()}")


def _text(path: Path, encoding: str) -> str:
    text = read_text(path, encoding).strip()
    if not text:
        raise ValueError(f"{path}: empty text")
    return text


def _lines(path: Path, encoding: str) -> Iterator[tuple[str, str]]:
    """Where each line stands, and what it is."""
    # Not splitlines, which also breaks at characters that a line may hold.
    lines = read_text(path, encoding).split("\n")
    while lines and not lines[-1].strip():
        del lines[-1]
    for number, line in enumerate(lines, 1):
        if not line.strip():
            raise ValueError(f"{path}:{number}: empty line")
        yield f"{path}:{number}", line.strip()
