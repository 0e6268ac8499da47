"""The history of a run as history.csv, tables and curves, which all follow the columns (``common.columns``)."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from common.columns import Column
from common.trainer import Trainer
from support.atomic_file import replacing
from support.plot_file import save_figure


def columns_of(trainers: Iterable[Trainer], leading: Sequence[Column] = ()) -> list[Column]:
    """Return the leading columns, followed by those that the trainers' callbacks declare."""
    declared = [column for trainer in trainers for callback in trainer.callbacks for column in callback.columns]
    return list(dict.fromkeys([*leading, *declared]))


def rows_of(trainers: dict[str, Trainer], columns: Sequence[Column]) -> list[dict]:
    """Return one row per epoch and model, in order of epochs; keys are the names in history.csv, declared or not.

    trainers: by the names of their models; "" for the only model of a run, whose rows name none.
    Raises ValueError for two values that would be in one column.
    """
    names = {column.name: column.csv for column in columns}
    rows = [_row(model, record, names) for model, trainer in trainers.items() for record in trainer.history]
    return sorted(rows, key=lambda row: row["epoch"])


def _row(model: str, record: dict, names: dict[str, str]) -> dict:
    row = {"model": model} if model else {}
    for name, value in record.items():
        written = names.get(name, name)
        if written in row:
            raise ValueError(f"history.csv: expected one value per column, got a second one for {written}: {name}")
        row[written] = value
    return row


def write_history(out: Path, columns: Sequence[Column], rows: list[dict], *, draw: bool = True) -> None:
    """Write history.csv and, to draw, the pictures of its panels; without rows, write nothing."""
    if not rows:
        return
    found = dict.fromkeys(name for row in rows for name in row)
    known = [name for name in ("model", "epoch", *(column.csv for column in columns)) if name in found]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys([*known, *found])), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with replacing(out / "history.csv") as file:
        file.write(text.getvalue().encode())
    if not draw:
        return
    from common.plot import plot_columns  # imported only when drawing: it loads matplotlib

    for file_name, drawn in pictures([column for column in columns if column.csv in found]).items():
        save_figure(out / file_name, plot_columns(rows, drawn).figure)


def pictures(columns: Iterable[Column]) -> dict[str, list[Column]]:
    """Group the columns that are drawn by the name of the picture's file."""
    found: dict[str, list[Column]] = {}
    for column in columns:
        if column.panel is not None:
            found.setdefault(f"{column.panel.file}.png", []).append(column)
    return found


def read_history(path: Path) -> list[dict]:
    """Return the rows of a history.csv, with numbers as floats and without empty cells.

    Raises OSError, or ValueError for a file that is not a history.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline=""), strict=True))
        return [
            {name: value if name == "model" else float(value) for name, value in row.items() if value}
            | {"epoch": int(row["epoch"])}
            for row in rows
        ]
    except (ValueError, TypeError, KeyError, csv.Error) as error:
        raise ValueError(f"{path}: not the history of a run: {error}") from error


def table(columns: Sequence[Column], rows: list[dict], first: str) -> list[str]:
    """Format a table, as lines: the column ``first`` (model or epoch), then the columns that have a heading."""
    shown = [column for column in columns if column.heading]
    cells = [[column.heading for column in shown], *([c.cell(row.get(c.csv)) for c in shown] for row in rows)]
    side = [first, *(str(row[first]) for row in rows)]
    width = max(9, *map(len, side))
    adjusted = [name.rjust(width) if first == "epoch" else name.ljust(width) for name in side]
    return [
        "  ".join([name, *(text.rjust(column.width) for text, column in zip(line, shown, strict=True))]).rstrip()
        for name, line in zip(adjusted, cells, strict=True)
    ]
