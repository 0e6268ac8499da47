"""Columns of a table of comma-, tab-, semicolon- or bar-separated values."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dataset.files import MAX_BYTES, read_text

Rows = list[tuple[int, list[str]]]  # the line where a row begins, and its cells


def read_columns(path: Path, columns: Sequence[str], encoding: str, *, sniff: bool = False) -> Rows:
    """Of each row the line where it begins, and what it holds in these columns without the white space around.

    columns  names, that the first row has; or numbers, from 1. Of numbers alone, the first row is one of the others
    sniff    values are separated by tabs in a file *.tsv or *.tab, else by what gives the first row these columns, and
             all rows as many as the first: a comma, a tab, a semicolon or a bar. Else by commas. In a tab-separated
             file with quotes that do not pair up, they are marks of the texts.
    Lines at the end that are empty are no rows. Raises ValueError, beginning `path:line:`, for a column that is not
    there or there twice, a row of another length, one with nothing in a column, wrong quotes, and as read_text.
    """
    text = read_text(path, encoding)
    delimiters = "," if not sniff else "\t" if path.suffix.lower() in (".tsv", ".tab") else ",\t;|"
    problems = []
    with fields_of_any_length():
        for delimiter in delimiters:
            for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE)[: 1 + (delimiter == "\t")]:
                try:
                    _, header = next(rows_of(path, text, delimiter, quoting), (1, []))
                    places = [_place(path, column, header, sniff) for column in columns]
                except ValueError as error:
                    problems.append((2, error))
                    continue
                try:
                    rows = _equally_long(path, list(rows_of(path, text, delimiter, quoting)))
                except ValueError as error:
                    problems.append((1, error))
                    continue
                headed = not all(map(_is_number, columns))
                if len(set(places)) < len(places):
                    raise ValueError(f"{path}:1: expected different columns, got {' and '.join(map(repr, columns))}")
                return [(line, _cells(path, line, row, columns, places)) for line, row in rows[headed:]]
    raise min(problems, key=lambda problem: problem[0])[1]  # of equal ones the first


@contextmanager
def fields_of_any_length() -> Iterator[None]:
    """csv has one limit for all its readers, of 128 KiB; it is lifted for the block."""
    limit = csv.field_size_limit(MAX_BYTES)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def rows_of(path: Path, text: str, delimiter: str, quoting: int = csv.QUOTE_MINIMAL) -> Iterator[tuple[int, list[str]]]:
    """The line where each row of a CSV file begins, and its cells. Raises ValueError, beginning `path:line:`."""
    options = dict(delimiter=delimiter, quoting=quoting, skipinitialspace=True, strict=True)
    reader, begin = csv.reader(io.StringIO(text), **options), 1
    try:
        for row in reader:
            yield begin, row
            begin = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"{path}:{begin}: wrong quotes or line ends: {error}") from None


def _equally_long(path: Path, rows: Rows) -> Rows:
    """All rows, as long as the first one or empty, without the empty ones at the end."""
    while rows and not "".join(rows[-1][1]).strip():
        del rows[-1]
    for line, row in rows:
        if len(row) not in (0, len(rows[0][1])):
            raise ValueError(f"{path}:{line}: expected {len(rows[0][1])} columns as in the first row, got {len(row)}")
    return rows


def _place(path: Path, column: str, header: list[str], chosen: bool) -> int:
    """The index of a column in the first row. chosen: by who reads, who may choose others."""
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
