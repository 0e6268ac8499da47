"""What the tests of the scripts share."""

import csv
import os
import re
import subprocess
from pathlib import Path

import numpy as np

from dataset import blogs, dates
from experiment.command_line import RECURRENT

ROOT = Path(__file__).resolve().parents[1]
MODELS = tuple(RECURRENT)  # those that train_date.py trains unless told otherwise
CHAPTERS_LINE = re.compile(
    r"^(\w+) +\| epoch (\d+) \|  iter (\d+) / (\d+) \| time (\d+)\[s\] \| loss (\d+\.\d\d)$", re.MULTILINE
)
# A rate beyond float32: the first update is infinite on every CPU. What comes of 1e30 or 1e38 depends on the kernels.
INFINITE = 1e300
TINY = ("--batch-size", 8, "--hidden-size", 4, "--wordvec-size", 3, "--max-epoch", 1)


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def history(folder: Path) -> list[dict]:
    return list(csv.DictReader((folder / "history.csv").read_text(encoding="utf-8").splitlines()))


def everything(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def refused(done: subprocess.CompletedProcess, message: str) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    assert re.search(message, done.stderr), done.stderr
    assert done.stderr.count("\n") == 1 and done.stderr.endswith("\n"), done.stderr
    assert done.stdout == ""


def write_dates(folder: Path, seed: int = 1) -> Path:
    """Write generated dates as one file, ``tiny.txt``."""
    folder.mkdir(exist_ok=True)
    (folder / "tiny.txt").write_text("".join(f"{line}\n" for line in dates.generate(40, seed=seed)), encoding="utf-8")
    return folder


def film_reviews(count: int) -> list[tuple[str, str]]:
    """Generate reviews ``(class, text)`` in which a few words give the class away, most of the time."""
    rng = np.random.RandomState(1)
    fillers, reviews = "the a film plot actor it's scene , . and was".split(), []
    for i in range(count):
        name = ("neg", "pos")[i % 2]
        words = rng.choice(fillers, rng.randint(1, 9)).tolist()
        words.insert(rng.randint(len(words) + 1), rng.choice({"neg": ["bad", "dull"], "pos": ["good", "fine"]}[name]))
        reviews.append((name, " ".join(words)))
    return reviews


def real_film_reviews() -> Path:
    """The place of the sentence polarity dataset, which is not ours to commit: in `shared`, beside the repository."""
    return Path(__file__).resolve().parents[2] / "shared" / "data" / "sentence_polarity"


def write_films(folder: Path, count: int = 180) -> Path:
    """Write one file per class, one review per line."""
    folder.mkdir(parents=True)
    for name in ("neg", "pos"):
        lines = [f"{text}\n" for label, text in film_reviews(count) if label == name]
        (folder / f"film.{name}").write_text("".join(lines), encoding="utf-8")
    return folder


def write_film_folders(folder: Path, count: int = 24) -> Path:
    """Write one folder per class, one review per file."""
    for i, (name, text) in enumerate(film_reviews(count)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / f"{i}.txt").write_text(text, encoding="utf-8")
    return folder


def write_blogs(folder: Path, count: int = 60) -> Path:
    """Write generated sentences as two tables per part."""
    data = blogs.generate(count, seed=2)
    for part, rows in (("trains", range(count * 3 // 4)), ("tests", range(count * 3 // 4, count))):
        (folder / part).mkdir(parents=True)
        for file, column, values in (
            ("features.csv", "feature", [data.texts[i] for i in rows]),
            ("labels.csv", "label", [data.classes[data.labels[i]] for i in rows]),
        ):
            lines = [column, *values]
            (folder / part / file).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
