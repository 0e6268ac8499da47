"""What is measured after each epoch, declared once: its column in history.csv, in tables, and its curve.

How to add a measure. Whoever measures declares it; history.csv, tables and pictures follow. Give the training one more
callback, in ``make_trainer`` of ``experiment/date_training.py`` or ``experiment/text_training.py``::

    ERRORS = Column("errors", "errors", ".2f", Panel("errors", "wrong characters per answer"))  # errors.png
    callbacks.append(Measure(ERRORS, lambda model: wrong_characters(model, xs, ts)))

or write a callback that puts numbers into ``trainer.history[-1]`` and declares them in its ``columns``, as
``seq2seq.MeasureMaps`` and ``classifier.Evaluate`` do; a new measure of attention maps belongs into the former's file
alone. A number that nobody declares is in history.csv all the same.
"""

from dataclasses import dataclass
from numbers import Real


@dataclass(frozen=True)
class Panel:
    """A vertical axis with the curves of its columns over the epochs. Panels of the same file share a picture.

    file       of the picture, without ``.png``
    label      of the axis, with the unit
    top        the greatest possible value, as 1 of shares; None: the greatest one measured
    from_zero  whether the axis shows 0; otherwise it fits the values alone
    """

    file: str
    label: str
    top: float | None = None
    from_zero: bool = True


@dataclass(frozen=True)
class Column:
    """A number in the record of each epoch (``Trainer.history``), and how it is shown.

    name     in the record
    heading  in tables; without one, the number is in history.csv alone
    format   in tables: ``.4f``, ``.2%``
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
        return max(len(self.heading), 7)  # of 10.1234

    def cell(self, value: object) -> str:
        """The value as tables show it; nothing for None."""
        if isinstance(value, Real):
            return format(value, self.format)
        return "" if value is None else str(value)
