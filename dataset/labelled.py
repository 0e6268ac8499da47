"""Readers of texts and their classes, one for each common layout of a corpus.

- `read_folders`: one folder per class, one file per text (the film reviews `aclImdb/train/{neg,pos}/*.txt`)
- `read_lines`: one file per class, one line per text (`rt-polarity.{neg,pos}` of the sentence polarity dataset)
- `read_csv`: `features.csv` and `labels.csv`, in a folder `trains` and a folder `tests`
- `read_table`: one file of comma- or tab-separated values, with a column of texts and one of labels

All return `LabelledTexts`, accept the name of an encoding, strip a byte order mark and the white space around each
text, and refuse a text that is then empty. They raise ValueError, beginning with the file and, if it holds several
texts, the line; and OSError for a file or folder that does not exist.

Stray files in a folder are neither texts nor classes, and are listed in `skipped`: hidden files, files of the system
or an editor (`Thumbs.db`, `__MACOSX`, `pos.txt~`), and files whose names say that they describe the corpus: README,
LICENSE, COPYING, CITATION, CHANGELOG, stop words.
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
from support.array import Array

PARTS = "trains", "tests"  # folders that read_csv reads


class LabelledTexts(NamedTuple):
    """N texts and their classes; ``classes[labels[i]]`` names the class of text i.

    texts    N strings
    labels   int64 (N,), 0 .. C - 1
    classes  C names
    source   the path that was read, or the command that generates the same texts
    places   where each text comes from, N times ``file`` or ``file:line``; empty for generated texts
    skipped  files and rows that were found but not read as texts, in one line
    """

    texts: list[str]
    labels: Array
    classes: tuple[str, ...]
    source: str
    places: Sequence[str] = ()
    skipped: str = ""

    def take(self, rows: Sequence[int] | Array) -> "LabelledTexts":
        """Select the texts in these rows, int (n,), in the order given."""
        places = [self.places[row] for row in rows] if self.places else ()
        return self._replace(texts=[self.texts[row] for row in rows], labels=self.labels[rows], places=places)

    def split(self, test_share: float = 0.1, seed: int = 1984) -> tuple["LabelledTexts", "LabelledTexts"]:
        """Shuffle and split into (train, test); the last ``int(N * test_share)`` texts are for testing.

        The shuffle is RandomState(seed).permutation(N), the same on every machine.
        Raises ValueError when either part would be empty.
        """
        n = len(self.texts)
        n_test = int(n * test_share + 1e-9)  # 0.29 * 100 is a little less than 29
        if not 0 < n_test < n:
            raise ValueError(f"split: expected a test share that leaves each part a text, got {test_share} of {n}")
        rows = np.random.RandomState(seed).permutation(n)
        return self.take(rows[: n - n_test]), self.take(rows[n - n_test :])


def read_folders(
    path: str | os.PathLike,
    *,
    classes: Sequence[str] | None = None,
    encoding: str = "utf-8",
    pattern: str = "*.txt",
) -> LabelledTexts:
    """Read one folder per class, one file per text, in the order of the file names.

    classes  folders, in the order of their labels; None takes all of them by name, except `unsup`, where aclImdb keeps
             texts without a class
    pattern  a shell pattern for the names of the text files, ignoring case; `*` takes all files
    Raises ValueError for fewer than two classes, a class that is missing or has no text, folders that contain the
    folders of the classes, an empty text, and bytes that are not in the encoding; suggests where the classes may be.
    """
    path = Path(path)
    skipped: Skipped = defaultdict(list)

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
            raise ValueError(f"{path}: expected one folder per class, got folders of such folders{elsewhere()}")
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
    """Read one file per class, one line per text, from the folder `path`.

    Two or more files whose names differ only in the suffix are the classes, named by the suffix:
    `rt-polarity.neg` is `neg`. Otherwise each ``*.txt`` is a class: `neg.txt` is `neg`.
    Empty lines at the end of a file are ignored.

    classes  takes only these classes, in the order of their labels; None takes all of them by name
    pattern  considers only files whose names match, and takes all of these instead of ``*.txt``
    Raises ValueError for fewer than two classes, a class that is missing or has no text, more than one
    set of files NAME.CLASS, an empty line, and bytes that are not in the encoding; suggests where the classes may be.
    """
    path = Path(path)
    skipped: Skipped = defaultdict(list)
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
    """Read the column `feature` of ``part/features.csv`` and the column `label` of ``part/labels.csv``.

    part     the folder inside `path`: "trains" or "tests"
    classes  class names in the order of their labels; None takes the labels found, sorted as strings.
             When reading "tests", pass the classes of "trains".
    Raises ValueError for a missing column, a row whose length differs from the header's, an empty cell,
    files of different lengths, a label outside `classes`, fewer than two classes, wrong quotes, and
    bytes that are not in the encoding.
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
    """Read one file of values separated by commas, tabs, semicolons or bars; each row holds a text and its label.

    Columns are named as in the first row, or given by number, from 1. With two numbers, the first row is skipped as a
    header if its label occurs in no other row and not in `classes`.
    classes  as in read_csv
    Raises ValueError like read_csv and, for separators and quotes, like `table.read_columns`.
    """
    path = Path(path)
    if text_column == label_column:
        raise ValueError(f"{path}: expected two columns, of texts and of labels, got {text_column!r} for both")
    rows = read_columns(path, [text_column, label_column], encoding, sniff=True)
    skipped = ""
    if text_column.isdecimal() and label_column.isdecimal() and rows:
        (_, (_, first)), *others = rows
        if first not in (classes or [label for _, (_, label) in others]):
            rows, skipped = others, f"the first row as a header, because no other row has the label {first!r}"
    places = [f"{path}:{line}" for line, _ in rows]
    named = [(place, name) for place, (_, (_, name)) in zip(places, rows, strict=True)]
    return _from_table(path, [text for _, (text, _) in rows], places, named, classes)._replace(skipped=skipped)


# The readers by their names for --format; each is called as read(path, *, classes, encoding, **options).
READERS: dict[str, Callable[..., LabelledTexts]] = {"folders": read_folders, "lines": read_lines, "csv": read_table}


def _labelled(path: Path, found: dict[str, list[tuple[str, str]]], skipped: Skipped) -> LabelledTexts:
    """Label the texts, numbering classes in the order of `found`, which maps each to pairs of place and text."""
    for name, members in found.items():
        if not members:
            raise ValueError(f"{path}: expected a text of the class {name!r}, got none")
    labels = np.repeat(np.arange(len(found), dtype=np.int64), [len(members) for members in found.values()])
    rows = [row for members in found.values() for row in members]
    places, texts = [place for place, _ in rows], [text for _, text in rows]
    return LabelledTexts(texts, labels, tuple(found), str(path), places, told(skipped))


def _from_table(
    path: Path, texts: list[str], places: list[str], named: list[tuple[str, str]], classes: Sequence[str] | None
) -> LabelledTexts:
    """Label the texts, numbering classes as in `classes`. named: the place of each text's label, and the label."""
    classes = tuple(classes or sorted({name for _, name in named}))
    _at_least_two(path, classes, "different labels")
    ids = {name: i for i, name in enumerate(classes)}
    for place, name in named:
        if name not in ids:
            raise ValueError(f"{place}: expected a label of {', '.join(classes)}, got {name!r}")
    labels = np.array([ids[name] for _, name in named], dtype=np.int64)
    return LabelledTexts(texts, labels, classes, str(path), places)


def _at_least_two(path: Path, classes: Sequence[str], what: str, elsewhere: Callable[[], str] = str) -> None:
    if len(set(classes)) < 2:
        got = ", ".join(dict.fromkeys(classes)) or "none"
        raise ValueError(f"{path}: expected two or more {what}, got {got}{elsewhere()}")


def _text(path: Path, encoding: str) -> str:
    text = read_text(path, encoding).strip()
    if not text:
        raise ValueError(f"{path}: empty text")
    return text


def _lines(path: Path, encoding: str) -> Iterator[tuple[str, str]]:
    """Yield the place of each line, and the line."""
    # Not splitlines, which also splits at characters that a line can contain.
    lines = read_text(path, encoding).split("\n")
    while lines and not lines[-1].strip():
        del lines[-1]
    for number, line in enumerate(lines, 1):
        if not line.strip():
            raise ValueError(f"{path}:{number}: empty line")
        yield f"{path}:{number}", line.strip()
