"""Read columns of a table whose values are separated by commas, tabs, semicolons or bars."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dataset.files import MAX_BYTES, read_text

Rows = list[tuple[int, list[str]]]  # the line where a row begins, and its cells


def read_columns(path: Path, columns: Sequence[str], encoding: str, *, sniff: bool = False) -> Rows:
    """Return, for each row, the line where it begins and its stripped cells in these columns.

    columns  names from the header, which is the first row; or numbers from 1. If all are numbers, no row is a header
    sniff    guesses the separator: a tab in a file *.tsv or *.tab; else the comma, tab, semicolon or bar with which
             the first row has these columns and all rows are equally long; else a comma. In a tab-separated file
             whose quotes do not pair up, quotes are ordinary characters.
    Ignores empty lines at the end. Raises ValueError, beginning `path:line:`, for a column that is missing or occurs
    twice, rows of different lengths, an empty cell, wrong quotes, and like read_text.
    """
    text = read_text(path, encoding)
    delimiters = "," if not sniff else "\t" if path.suffix.lower() in (".tsv", ".tab") else ",\t;|"
    problems = []
    with fields_of_any_length():
        for delimiter in delimiters:
            for quotes in (True, False)[: 1 + (delimiter == "\t")]:
                try:
                    _, header = next(rows_of(path, text, delimiter, quotes), (1, []))
                    places = [_place(path, column, header, sniff) for column in columns]
                except ValueError as error:
                    problems.append((2, error))
                    continue
                try:
                    rows = _equally_long(path, list(rows_of(path, text, delimiter, quotes)))
                except ValueError as error:
                    problems.append((1, error))
                    continue
                headed = not all(map(_is_number, columns))
                if len(set(places)) < len(places):
                    raise ValueError(f"{path}:1: expected different columns, got {' and '.join(map(repr, columns))}")
                return [(line, _cells(path, line, row, columns, places)) for line, row in rows[headed:]]
    raise min(problems, key=lambda problem: problem[0])[1]  # the first, if several are equal


@contextmanager
def fields_of_any_length() -> Iterator[None]:
    """Lift the csv module's global limit of 128 KiB per field within the block."""
    limit = csv.field_size_limit(MAX_BYTES)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def rows_of(path: Path, text: str, delimiter: str, quotes: bool = True) -> Iterator[tuple[int, list[str]]]:
    """Yield the line where each row begins, and its cells. quotes: whether a quoted cell may hold the delimiter.

    Raises ValueError, beginning `path:line:`.
    """
    reader = csv.reader(
        io.StringIO(text),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE,
        skipinitialspace=True,
        strict=True,
    )
    begin = 1
    try:
        for row in reader:
            yield begin, row
            begin = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"{path}:{begin}: wrong quotes or line ends: {error}") from None


def _equally_long(path: Path, rows: Rows) -> Rows:
    """Drop empty rows at the end, and check that each other row is empty or as long as the first."""
    while rows and not "".join(rows[-1][1]).strip():
        del rows[-1]
    for line, row in rows:
        if len(row) not in (0, len(rows[0][1])):
            raise ValueError(f"{path}:{line}: expected {len(rows[0][1])} columns as in the first row, got {len(row)}")
    return rows


def _place(path: Path, column: str, header: list[str], chosen: bool) -> int:
    """Return the index of a column in the first row. chosen: whether the user chose the columns."""
    if _is_number(column):
        if not 0 < int(column) <= len(header):
            raise ValueError(f"{path}:1: expected a column {column}, got {len(header)} columns")
        return int(column) - 1
    more = "; text_column and label_column say which, by name or by number from 1" if chosen else ""
    names = [name.strip() for name in header]
    if names.count(column) != 1:
        got = f"{names.count(column)} of them" if column in names else ", ".join(names) or "none"
        raise ValueError(f"{path}:1: expected a column {column!r}, got {got}{more}")
    return names.index(column)


def _cells(path: Path, line: int, row: list[str], columns: Sequence[str], places: list[int]) -> list[str]:
    cells = [row[place].strip() for place in places] if row else [""]
    for column, cell in zip(columns, cells, strict=False):
        if not cell:
            raise ValueError(f"{path}:{line}: empty {'column ' * _is_number(column)}{column}")
    return cells


def _is_number(column: str) -> bool:
    return column.isascii() and column.isdecimal()
