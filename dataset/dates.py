"""Generate lines in the format of the book's date.txt: a written date, `_`, yyyy-mm-dd.

    python -m dataset.dates --count 50000 --seed 1 > date.txt

In the other direction, ``parse`` reads the date in a question, and finds the part to which each character belongs.
Source of the format: 『ゼロから作るDeep Learning 2』 8.3; the output replaces the book's file but does not copy it.
"""

import re
from typing import NamedTuple

from support import entry  # first: it reports a missing package in one line

# isort: split
import numpy as np

from dataset import generator
from support.array import Array

FIRST_DAY = np.datetime64("1970-01-01")
LAST_DAY = np.datetime64("2017-07-24")
DAYS = int((LAST_DAY - FIRST_DAY).astype(int)) + 1
QUESTION_WIDTH = 29  # "Wednesday, September 27, 1995"

# Tables, because strftime writes names in the language of the machine.
MONTHS = "January February March April May June July August September October November December".split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
FORMS = "short", "medium", "long", "full"  # 5/1/72; Jan 1, 1972; January 1, 1972; Saturday, January 1, 1972
CASES = "mixed", "lower", "upper"

# The part to which a character of a question belongs, and the part from which each character of yyyy-mm-dd comes.
OTHER, YEAR, MONTH, DAY = range(4)
NOWHERE = -1
ANSWER_SOURCES = (YEAR,) * 4 + (NOWHERE, MONTH, MONTH, NOWHERE, DAY, DAY)

WRITTEN = "|".join(
    (
        r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<yy>\d\d)",
        rf"(?P<weekday>(?:{'|'.join(WEEKDAYS)}), )?"
        rf"(?P<month>{'|'.join(name[:3] + f'({name[3:]})?' for name in MONTHS)}) "
        r"(?P<day>\d{1,2}), (?P<year>\d{4})",
    )
)
GROUPS = {YEAR: ("yy", "year"), MONTH: ("m", "month"), DAY: ("d", "day")}


def generate(count: int = generator.COUNT, seed: int = generator.SEED) -> list[str]:
    """Generate date lines: 29 characters of a written date, `_`, 10 characters of the ISO date.

    Days are uniform over 1970-01-01 .. 2017-07-24. Each of M/d/yy, MMM d, yyyy, MMMM d, yyyy
    and EEEE, MMMM d, yyyy makes up a quarter of the lines. Half of the lines keep their case,
    a quarter are in lower case, a quarter in upper case. Days repeat, and therefore lines do.

    Each line takes one draw, ``(day * 4 + form) * 4 + case``: the first k lines for a seed
    are the same for every count. Returns `count` lines without line ends.
    Raises ValueError for a count below 1 or a seed outside 0 .. 2**32 - 1.
    """
    days, choices = np.divmod(generator.draws(DAYS * 16, (count,), seed), 16)
    dates = FIRST_DAY + days
    months = dates.astype("datetime64[M]")
    columns = (
        dates.astype(str),
        months.astype(int) % 12,
        (dates - months).astype(int) + 1,
        (days + 3) % 7,  # 1970-01-01 was a Thursday
        choices // 4,
        choices % 4,
    )
    return [_line(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _line(iso: str, month: int, day: int, weekday: int, form: int, case: int) -> str:
    year, name = iso[:4], MONTHS[month]
    if form == 0:
        question = f"{month + 1}/{day}/{year[2:]}"
    elif form == 1:
        question = f"{name[:3]} {day}, {year}"
    elif form == 2:
        question = f"{name} {day}, {year}"
    else:
        question = f"{WEEKDAYS[weekday]}, {name} {day}, {year}"
    if case == 2:
        question = question.lower()
    elif case == 3:
        question = question.upper()
    return f"{question:<{QUESTION_WIDTH}}_{iso}"


class Parsed(NamedTuple):
    """A parsed question. date: ``yyyy-mm-dd``; sources int (T,): OTHER, YEAR, MONTH or DAY for each character."""

    date: str
    sources: Array

    @property
    def truth(self) -> Array:
        """Mark the characters of the question from which each character of the date comes: bool (10, T).

        Hyphens come from nowhere. If the year is written in two digits, all four digits come from these.
        """
        return self.sources == np.array(ANSWER_SOURCES)[:, None]


def parse(question: str) -> Parsed:
    """Parse a date written in one of the four forms, in any letter case; spaces may follow.

    A year of two digits means 1970 to 2069. A weekday is not a source, and is not compared with the date.
    Raises ValueError for any other text, and for a day that is not in the calendar.
    """
    found = _written(question)
    sources = np.full(len(question), OTHER)
    text: dict[int, str] = {}
    for source, groups in GROUPS.items():
        group = next(group for group in groups if found[group] is not None)
        sources[slice(*found.span(group))] = source
        text[source] = found[group]
    year, month = text[YEAR], text[MONTH]
    if len(year) == 2:
        year = f"{19 if int(year) >= 70 else 20}{year}"
    if not month.isdigit():
        month = str(1 + [name[:3] for name in MONTHS].index(month[:3].capitalize()))
    date = f"{year}-{int(month):02}-{int(text[DAY]):02}"
    try:
        np.datetime64(date)
    except ValueError:
        raise ValueError(f"dates.parse: expected a day in the calendar, got {question[:40]!r}") from None
    return Parsed(date, sources)


def style(question: str) -> tuple[str, str | None]:
    """Tell how a date is written: its form, one of FORMS, and its case, one of CASES or None without letters.

    A month of three letters counts as medium, so May is never long. Raises ValueError for any other text.
    """
    found = _written(question)
    if found["m"]:
        return "short", None
    form = "full" if found["weekday"] else "medium" if len(found["month"]) == 3 else "long"
    return form, "lower" if question.islower() else "upper" if question.isupper() else "mixed"


def _written(question: str) -> re.Match:
    found = re.fullmatch(WRITTEN, question.rstrip(" "), re.IGNORECASE | re.ASCII)
    if found is None:
        raise ValueError(f"dates.parse: expected a date such as 'May 1, 1972' or '5/1/72', got {question[:40]!r}")
    return found


if __name__ == "__main__":
    entry.run(lambda: generator.main(generate, "dates"))
