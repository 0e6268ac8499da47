"""What the tests of the scripts share."""

import csv
import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODELS = ("baseline", "peeky", "attention")
CHAPTERS_LINE = re.compile(
    r"^(\w+) +\| epoch (\d+) \|  iter (\d+) / (\d+) \| time (\d+)\[s\] \| loss (\d+\.\d\d)$", re.MULTILINE
)
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
