"""Convert a file of pairs to a data file: lines `question_answer`, both padded with spaces.

    python -m dataset.pairs convert pairs.tsv pairs.txt

Columns may be separated by tabs (as in files from Tatoeba and Anki, where quotes are ordinary characters), by commas
or semicolons (CSV: a field that contains the separator is quoted), or by `_` (a data file without padding).
"""

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from support import entry  # first: it reports a missing package in one line

# isort: split
from dataset import files
from dataset.table import fields_of_any_length, rows_of
from support.atomic_file import replacing
from support.parser import Parser

SEPARATORS = {"tab": "\t", "underscore": "_", "comma": ",", "semicolon": ";"}
OF_ENDING = {".tsv": ("tab",), ".tab": ("tab",), ".csv": ("comma", "semicolon", "tab")}  # in order of preference
BREAKS = {"\n": "a line break", "\r": "a carriage return", "\0": "NUL", "_": "'_', which separates the two,"}


class Pairs(NamedTuple):
    """N questions and answers, stripped of spaces; notes: what was read, skipped, ignored and padded, in phrases."""

    questions: list[str]
    answers: list[str]
    notes: list[str]

    def lines(self) -> list[str]:
        """Format the pairs as lines of a data file. Raises ValueError if it would be too large."""
        T_enc, T_dec = (max(map(len, texts)) for texts in (self.questions, self.answers))
        size = len(self.questions) * (T_enc + T_dec + 2)
        if size > files.MAX_BYTES:
            raise ValueError(
                f"padded to {T_enc} and {T_dec} characters, {len(self.questions):,} pairs take {size:,} bytes; "
                f"expected at most {files.MAX_BYTES:,}: leave out the longest"
            )
        rows = zip(self.questions, self.answers, strict=True)
        return [f"{question:<{T_enc}}_{answer:<{T_dec}}" for question, answer in rows]


def read(
    path: str | os.PathLike,
    *,
    separator: str | None = None,
    columns: tuple[int, int] = (1, 2),
    header: bool = False,
    encoding: str = "UTF-8",
) -> Pairs:
    """Read a file of pairs; it may have a byte order mark, CRLF and blank lines.

    separator: one of SEPARATORS; None infers it from the file's suffix, else from the first line
    columns: the columns of the questions and the answers, from 1; others are ignored
    header: whether the first line names the columns
    Raises ValueError for invalid options and, beginning `path:line:`, for a row with more or fewer columns than the
    first, a question or answer that is empty or contains a line break or `_`, wrong quotes, and bytes that are not in
    the encoding; OSError like open.
    """
    path = Path(path)
    if separator not in (None, *SEPARATORS) or min(columns) < 1:
        expected = f"a separator of {', '.join(SEPARATORS)}, and columns from 1 on"
        raise ValueError(f"pairs: expected {expected}, got {separator} and {columns}")
    text = files.read_text(path, encoding)
    with fields_of_any_length():
        separator = separator or _separator(path, text)
        rows = list(_rows(path, text, separator))
    full = [(number, fields) for number, fields in rows if "".join(fields).strip()]
    found: tuple[list[str], list[str]] = [], []
    first, names = (full or [(1, [])])[0]
    if len(names) < max(2, *columns):
        raise ValueError(
            f"{path}:{first}: expected {max(2, *columns)} columns or more, separated by {separator}, got {len(names)}"
        )
    for number, fields in full[header:]:
        if len(fields) != len(names):
            raise ValueError(
                f"{path}:{number}: expected {len(names)} columns, separated by {separator}, as in line {first}, "
                f"got {len(fields)}: {files.shorten(SEPARATORS[separator].join(fields))}"
            )
        for name, column, texts in zip(("question", "answer"), columns, found, strict=True):
            texts.append(_checked(f"{path}:{number}", name, fields[column - 1].strip()))
    if not found[0]:
        raise ValueError(f"{path}:{first}: no pairs after the header")
    notes = _notes(full[header:], separator, columns, len(rows) - len(full), names if header else [])
    return Pairs(*found, list(notes))


def _separator(path: Path, text: str) -> str:
    names = OF_ENDING.get(path.suffix.lower(), tuple(SEPARATORS))
    for name in names:
        with suppress(ValueError):
            rows = (fields for _, fields in _rows(path, text, name) if "".join(fields).strip())
            if len(next(rows, [])) > 1:
                return name
    line = text.lstrip().partition("\n")[0]
    raise ValueError(f"{path}:1: expected two columns, separated by {' or '.join(names)}, got {files.shorten(line)}")


def _rows(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line where each row begins, and its fields."""
    text = text.removesuffix("\n")
    if separator in ("comma", "semicolon"):
        yield from rows_of(path, text, SEPARATORS[separator])
    else:  # not splitlines, which also splits at characters that a field can contain
        yield from enumerate((line.split(SEPARATORS[separator]) for line in text.split("\n")), 1)


def _checked(place: str, name: str, text: str) -> str:
    if not text:
        raise ValueError(f"{place}: no {name}")
    for char, what in BREAKS.items():
        if char in text:
            raise ValueError(
                f"{place}: {what} in the {name} {files.shorten(text)}; a data file cannot contain it: replace it"
            )
    return text


def _notes(
    rows: list[tuple[int, list[str]]], separator: str, columns: tuple[int, int], blank: int, header: list[str]
) -> Iterator[str]:
    (_, first), *_ = rows
    question, answer = (first[column - 1].strip() for column in columns)
    count = f"{len(rows):,} pair{'s' * (len(rows) > 1)}, separated by {separator}"
    yield f"{count}, the first {files.shorten(question)}, {files.shorten(answer)}"
    if header:
        yield f"the header skipped: {', '.join(header)[:200]!r}"
    if blank:
        yield f"{blank:,} blank line{'s' * (blank > 1)} skipped"
    for column in sorted({*range(1, len(first) + 1)} - {*columns}):
        yield f"column {column} of {len(first)} ignored, in the first row {files.shorten(first[column - 1])}"
    for name, column in zip(("questions", "answers"), columns, strict=True):
        if all(fields[column - 1].strip().isdecimal() for _, fields in rows):
            yield f"{name} are all whole numbers: are the texts in another column, as with --columns 2 4?"
        lengths = [len(fields[column - 1].strip()) for _, fields in rows]
        longest = lengths.index(max(lengths))
        size = f"{max(lengths)} character{'s' * (max(lengths) > 1)}"
        padded = f"{name} padded to {size}, the longest in line {rows[longest][0]}"
        yield padded if min(lengths) < max(lengths) else f"{name} of {size}, none padded"


def hint(path: str | os.PathLike) -> str:
    """Name the command that converts this file to a data file, for an error message; "" if it would fail."""
    path = Path(path)
    try:
        read(path).lines()
    except ValueError:
        return ""
    out = path.with_name(f"{path.stem}_padded.txt") if path.suffix == ".txt" else path.with_suffix(".txt")
    command = f"python -m dataset.pairs convert {shlex.quote(str(path))} {shlex.quote(str(out))}"
    return f"; to make it a data file: {command}"


def convert(path: str | os.PathLike, out: str | os.PathLike, **options) -> list[str]:
    """Convert a file of pairs to the data file ``out``, whole or not at all; return the notes. Options as in ``read``.

    Raises like ``read``; ValueError if both paths are the same file, OSError if ``out`` cannot be written.
    """
    if os.path.exists(out) and os.path.samefile(path, out):
        raise ValueError(f"{out}: expected another file than the one to read")
    pairs = read(path, **options)
    try:
        content = "".join(f"{line}\n" for line in pairs.lines()).encode()
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    with replacing(out) as file:
        file.write(content)
    return pairs.notes


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0, or 1 when OUT is written but standard output fails.

    Errors exit with 2 and one line on standard error.
    """
    parser = Parser(prog="python -m dataset.pairs", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="convert")
    command = commands.add_parser("convert", help="make a data file", description=__doc__)
    command.add_argument("path", metavar="IN", help="a file of pairs")
    command.add_argument("out", metavar="OUT", help="the data file to write")
    command.add_argument(
        "--separator", choices=list(SEPARATORS), help="between columns (default: by IN's suffix, else its first line)"
    )
    command.add_argument(
        "--columns",
        nargs=2,
        type=int,
        default=(1, 2),
        metavar=("Q", "A"),
        help="columns of the questions and the answers, from 1 (default 1 2)",
    )
    command.add_argument("--header", action="store_true", help="the first line names the columns")
    command.add_argument("--encoding", default="UTF-8", help="encoding of IN (default %(default)s); OUT is UTF-8")
    args = parser.parse_args(argv)
    options = dict(separator=args.separator, columns=tuple(args.columns), header=args.header, encoding=args.encoding)
    try:
        notes = convert(args.path, args.out, **options)
    except OSError as error:
        command.error(f"{error.filename}: {error.strerror}")
    except (ValueError, MemoryError) as error:
        command.error(str(error))
    try:
        print("\n".join([f"{args.path}: {notes[0]}", *notes[1:], f"written to {args.out}"]), flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # discards buffered output
        if not isinstance(error, BrokenPipeError):  # the reader left early, as head does
            print(f"{command.prog}: standard output: {error.strerror}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    entry.run(main)
