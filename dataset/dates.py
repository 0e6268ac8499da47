"""Generated date lines in the form of the book's date.txt: a written date, `_`, yyyy-mm-dd.

    python -m dataset.dates --count 50000 --seed 1 > date.txt

Source of the form: 『ゼロから作るDeep Learning 2』 8.3, whose own file this replaces but does not copy.
"""

import sys

import numpy as np

from dataset import generator

FIRST_DAY = np.datetime64("1970-01-01")
LAST_DAY = np.datetime64("2017-07-24")
DAYS = int((LAST_DAY - FIRST_DAY).astype(int)) + 1
QUESTION_WIDTH = 29  # "Wednesday, September 27, 1995"

# Tables of our own: strftime would answer in the language of the machine.
MONTHS = "January February March April May June July August September October November December".split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


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


if __name__ == "__main__":
    sys.exit(generator.main(generate, "dates"))
