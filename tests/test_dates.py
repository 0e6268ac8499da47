"""The generators of dates and additions, and their command line."""

import datetime
import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from dataset import addition, dates

ROOT = Path(__file__).resolve().parents[1]

# The 50,000 lines of seed 1. Changing these bytes makes published results unrepeatable.
DATES_SHA256 = "eb05ea254af01e33ee58de62127f2d058acb2fd8eca5eb06771833bb411f432c"
ADDITION_SHA256 = "b788ea11fa3782b7cf55083373e91a28e0010f6d576a7453e86200b5169fe890"
REAL_CHARACTERS = set(" ,/_-0123456789ABCDEFGHIJLMNOPRSTUVWYabcdefghijlmnoprstuvwy")

FORMS = {
    "M/d/yy": r"\d{1,2}/\d{1,2}/\d{2}",
    "MMM d, yyyy": r"[a-z]{3} \d{1,2}, \d{4}",
    "MMMM d, yyyy": r"[a-z]{4,} \d{1,2}, \d{4}",
    "EEEE, MMMM d, yyyy": r"[a-z]+day, [a-z]+ \d{1,2}, \d{4}",
}


@pytest.fixture(scope="module")
def lines():
    return dates.generate()


def run(*args, **kwargs):
    return subprocess.run([sys.executable, "-m", *args], cwd=ROOT, capture_output=True, **kwargs)


def digest(lines):
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def form_of(question):
    (form,) = [form for form, pattern in FORMS.items() if re.fullmatch(pattern, question, re.IGNORECASE)]
    return form


def test_bytes_never_change(lines):
    assert digest(lines) == DATES_SHA256
    assert digest(addition.generate()) == ADDITION_SHA256


def test_characters_are_those_of_the_books_file(lines):
    assert len(REAL_CHARACTERS) == 59
    assert set("".join(lines)) == REAL_CHARACTERS


def test_characters_of_the_books_file(real_date_file):
    assert set(real_date_file.read_text(encoding="utf-8").replace("\n", "")) == REAL_CHARACTERS


def test_every_line_is_as_wide_as_the_books(lines):
    assert {(len(line), line.index("_"), line.count("_")) for line in lines} == {(40, 29, 1)}


def test_every_line_says_the_day_it_answers(lines):
    for line in lines:
        question, iso = line.split("_")
        day = datetime.date.fromisoformat(iso)
        question = question.rstrip().lower()
        form = form_of(question)
        month = dates.MONTHS[day.month - 1].lower()
        expected = {
            "M/d/yy": f"{day.month}/{day.day}/{day.year % 100:02}",
            "MMM d, yyyy": f"{month[:3]} {day.day}, {day.year}",
            "MMMM d, yyyy": f"{month} {day.day}, {day.year}",
            "EEEE, MMMM d, yyyy": f"{dates.WEEKDAYS[day.weekday()].lower()}, {month} {day.day}, {day.year}",
        }
        assert question == expected[form], line


def test_names_are_english():
    assert [name[:3] for name in dates.MONTHS] == "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    assert dates.WEEKDAYS[datetime.date(1972, 5, 1).weekday()] == "Monday"


def test_days_reach_from_the_first_to_the_last_of_the_books_file(lines):
    days = [line[-10:] for line in lines]
    assert min(days) == "1970-01-01" and max(days) == "2017-07-24"
    assert dates.DAYS == (datetime.date(2017, 7, 24) - datetime.date(1970, 1, 1)).days + 1
    years = Counter(day[:4] for day in days)
    assert len(years) == 48
    assert all(900 < count < 1200 for year, count in years.items() if year != "2017")


def test_forms_and_cases_have_the_shares_of_the_books_file(lines):
    questions = [line[:29].rstrip() for line in lines if "-05-" not in line]  # in May, MMM is MMMM
    found = {form: [] for form in FORMS}
    for question in questions:
        found[form_of(question)].append(question)
    assert all(0.24 < len(written) / len(questions) < 0.26 for written in found.values())
    for written in list(found.values())[1:]:
        assert 0.23 < sum(q == q.lower() for q in written) / len(written) < 0.27
        assert 0.23 < sum(q == q.upper() for q in written) / len(written) < 0.27
        assert 0.47 < sum(q == q.title() for q in written) / len(written) < 0.53


def test_additions_add_up():
    sizes = Counter()
    for line in addition.generate():
        first, second, total = re.fullmatch(r"(?=.{7}_.{4}$)(\d{1,3})\+(\d{1,3}) *_(\d{1,4}) *", line).groups()
        assert int(total) == int(first) + int(second)
        assert str(int(first)) == first and str(int(second)) == second
        sizes[len(first), len(second)] += 1
    assert len(sizes) == 9
    assert all(5000 < count < 6100 for count in sizes.values())


@pytest.mark.parametrize("module", [dates, addition])
def test_seed_and_count(module):
    assert module.generate(100, seed=1) == module.generate(1000, seed=1)[:100]
    assert module.generate(100, seed=1) != module.generate(100, seed=2)
    for count, seed, reason in [(0, 1, "count"), (-1, 1, "count"), (1, -1, "seed"), (1, 2**32, "seed")]:
        with pytest.raises(ValueError, match=f"{reason} must be"):
            module.generate(count, seed)


@pytest.mark.parametrize(("name", "sha256"), [("dates", DATES_SHA256), ("addition", ADDITION_SHA256)])
def test_command_writes_the_file(name, sha256):
    done = run(f"dataset.{name}", "--count", "50000", "--seed", "1")
    assert (done.returncode, done.stderr) == (0, b"")
    assert hashlib.sha256(done.stdout).hexdigest() == sha256
    assert run(f"dataset.{name}").stdout == done.stdout


@pytest.mark.parametrize(
    "args",
    [
        ("--count", "0"),
        ("--count", "many"),
        ("--count", "9" * 30),
        ("--seed", "-1"),
        ("--seed", "1.5"),
        ("more",),
    ],
)
def test_command_refuses_bad_arguments_in_one_line(args):
    done = run("dataset.dates", *args)
    assert (done.returncode, done.stdout) == (2, b"")
    assert re.fullmatch(rb"python -m dataset\.dates: [^\n]+\n", done.stderr)


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX pipes")
def test_command_is_silent_when_the_reader_leaves():
    command = subprocess.Popen(
        [sys.executable, "-m", "dataset.dates"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert len(command.stdout.readline()) == 41
    command.stdout.close()
    assert command.stderr.read() == b""
    assert command.wait() == 0
    command.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_command_says_when_the_disk_is_full():
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "dataset.dates", "--count", "3"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, cwd=ROOT, env=buffered, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == b"python -m dataset.dates: standard output: No space left on device\n"


def test_import_has_no_side_effects():
    code = (
        "import numpy as np; before = np.random.get_state()[1].tolist()\n"
        "from dataset import sequence, dates, addition\n"
        "assert np.random.get_state()[1].tolist() == before"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize(
    "question, date, sources",
    [
        ("5/1/72", "1972-05-01", "m.d.yy"),
        ("12/31/17   ", "2017-12-31", "mm.dd.yy..."),
        ("1/2/69", "2069-01-02", "m.d.yy"),
        ("sep 27, 1994", "1994-09-27", "mmm.dd..yyyy"),
        ("MAY 1, 2000", "2000-05-01", "mmm.d..yyyy"),
        ("Wednesday, September 7, 1995  ", "1995-09-07", "...........mmmmmmmmm.d..yyyy.."),
    ],
)
def test_what_each_character_is_a_part_of(question, date, sources):
    parsed = dates.parse(question)
    assert (parsed.date, "".join(".ymd"[source] for source in parsed.sources)) == (date, sources)
    answer = "".join("-ymd"[source] if source > 0 else "-" for source in dates.ANSWER_SOURCES)
    assert answer == "yyyy-mm-dd"
    for row, part in zip(parsed.truth, answer, strict=True):
        assert "".join(part if true else "." for true in row) == "".join(s if s == part else "." for s in sources)


def read_as_their_answers(lines, full):
    for line in lines if full else lines[::20]:
        question, _, answer = line.partition("_")
        assert dates.parse(question).date == answer


def test_every_question_is_read_as_its_answer(lines, full):
    read_as_their_answers(lines, full)


def test_every_question_of_the_books_file_is_read_as_its_answer(real_date_file, full):
    read_as_their_answers(real_date_file.read_text(encoding="utf-8").splitlines(), full)


@pytest.mark.parametrize(
    "text", "|  |1972-05-01| 5/1/72|5/1/1972|May 1 1972|May, May 1, 1972|5/1/７２|2/30/99".split("|")
)
def test_what_is_no_date_is_refused(text):
    with pytest.raises(ValueError, match=r"dates.parse: expected a .*, got"):
        dates.parse(text)
