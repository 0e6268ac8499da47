"""Generated date lines in the form of the book's date.txt: a written date, `_`, yyyy-mm-dd.

    python -m dataset.dates --count 50000 --seed 1 > date.txt

And the way back: ``parse`` tells the date of a question, and what each of its characters is a part of.
Source of the form: 『ゼロから作るDeep Learning 2』 8.3, whose own file this replaces but does not copy.
"""

import re
import sys
from typing import NamedTuple

import numpy as np

from dataset import generator

FIRST_DAY = np.datetime64("1970-01-01")
LAST_DAY = np.datetime64("2017-07-24")
DAYS = int((LAST_DAY - FIRST_DAY).astype(int)) + 1
QUESTION_WIDTH = 29  # "Wednesday, September 27, 1995"

# Tables of our own: strftime would answer in the language of the machine.
MONTHS = "January February March April May June July August September October November December".split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
FORMS = "short", "medium", "long", "full"  # 5/1/72; Jan 1, 1972; January 1, 1972; Saturday, January 1, 1972
CASES = "mixed", "lower", "upper"

# What a character of a question is a part of; and which part each character of an answer, yyyy-mm-dd, comes from.
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
    """Date lines: 29 characters of a written date, `_`, 10 characters of the ISO date.

    Days are uniform over 1970-01-01 .. 2017-07-24. A quarter of the lines each is written
    M/d/yy, MMM d, yyyy, MMMM d, yyyy and EEEE, MMMM d, yyyy; half stay as they are, a quarter
    each is put in lower and in upper case. Days repeat, so lines do too.

    One draw per line, ``(day * 4 + form) * 4 + case``: the first k lines for a seed are
    the same for every count. Returns `count` lines without line ends.
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
    """date: ``yyyy-mm-dd``; sources int (T,): OTHER, YEAR, MONTH or DAY for each character of the question."""

    date: str
    sources: np.ndarray

    @property
    def truth(self) -> np.ndarray:
        """Which characters of the question each one of the date comes from: bool (10, T). Hyphens come from none.

        A year of two digits is where all four of the date's come from.
        """
        return self.sources == np.array(ANSWER_SOURCES)[:, None]


def parse(question: str) -> Parsed:
    """The date that is written in one of the four forms, in any letter case, and where; spaces may follow.

    A year of two digits is one of 1970 to 2069. A weekday is no source of anything, nor is it compared with the date.
    Raises ValueError for another text, and for a day that there is not.
    """
    found = _written(question)
    sources = np.full(len(question), OTHER)
    text = {}
    for source, groups in GROUPS.items():
        group = next(group for group in groups if found[group] is not None)
        sources[slice(*found.span(group))] = source
        text[source] = found[group]
    year, month = text[YEAR], text[MONTH]
    if len(year) == 2:
        year = f"{19 if int(year) >= 70 else 20}{year}"
    if not month.isdigit():
        month = 1 + [name[:3] for name in MONTHS].index(month[:3].capitalize())
    date = f"{year}-{int(month):02}-{int(text[DAY]):02}"
    try:
        np.datetime64(date)
    except ValueError:
        raise ValueError(f"dates.parse: a day of the calendar wanted, got {question[:40]!r}") from None
    return Parsed(date, sources)


def style(question: str) -> tuple[str, str | None]:
    """How a date is written: its form, one of FORMS; and the letter case, one of CASES, None where no letters are.

    Medium is a month of three letters, so May is never long. Raises ValueError for another text.
    """
    found = _written(question)
    if found["m"]:
        return "short", None
    form = "full" if found["weekday"] else "medium" if len(found["month"]) == 3 else "long"
    return form, "lower" if question.islower() else "upper" if question.isupper() else "mixed"


def _written(question: str) -> re.Match:
    found = re.fullmatch(WRITTEN, question.rstrip(" "), re.IGNORECASE | re.ASCII)
    if found is None:
        raise ValueError(f"dates.parse: a date such as 'May 1, 1972' or '5/1/72' wanted, got {question[:40]!r}")
    return found


if __name__ == "__main__":
    sys.exit(generator.main(generate, "dates"))
