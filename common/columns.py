"""Declarations of the numbers measured after each epoch: column in history.csv, column in tables, curve.

To add a measure, declare it where it is measured; history.csv, tables and pictures follow. Add one more callback to
the training, in ``make_trainer`` of ``experiment/date_training.py`` or ``experiment/text_training.py``::

    ERRORS = Column("errors", "errors", ".2f", Panel("errors", "wrong characters per answer"))  # errors.png
    callbacks.append(Measure(ERRORS, lambda model: wrong_characters(model, xs, ts)))

or write a callback that puts numbers into ``trainer.history[-1]`` and declares them in its ``columns``, like
``seq2seq.MeasureMaps`` and ``classifier.Evaluate``; a new measure of attention maps only needs the former's file.
A number that is not declared is still written to history.csv.
"""

from dataclasses import dataclass
from numbers import Real


@dataclass(frozen=True)
class Panel:
    """A vertical axis with the curves of its columns over the epochs. Panels of the same file share a picture.

    file       name of the picture's file, without ``.png``
    label      label of the axis, with the unit
    top        the greatest possible value, such as 1 for shares; None: the greatest one measured
    from_zero  whether the axis includes 0; if not, it only spans the values
    """

    file: str
    label: str
    top: float | None = None
    from_zero: bool = True


@dataclass(frozen=True)
class Column:
    """A number in the record of each epoch (``Trainer.history``), and how it is shown.

    name     key in the record
    heading  heading in tables; without one, the number appears only in history.csv
    format   format in tables, such as ``.4f`` or ``.2%``
    panel    where its curve is drawn; None: nowhere
    curve    name of the curve in a picture of several columns, by default the column's name
    csv      name in history.csv, by default the column's name
    """

    name: str
    heading: str = ""
    format: str = ".4f"
    panel: Panel | None = None
    curve: str = ""
    csv: str = ""

    def __post_init__(self) -> None:
        for field in ("curve", "csv"):
            object.__setattr__(self, field, getattr(self, field) or self.name)

    @property
    def width(self) -> int:
        """Width of the column in tables."""
        return max(len(self.heading), 7)  # the width of 10.1234

    def cell(self, value: object) -> str:
        """Return the value as tables show it; an empty string for None."""
        if isinstance(value, Real):
            return format(value, self.format)
        return "" if value is None else str(value)
