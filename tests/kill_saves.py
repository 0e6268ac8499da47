"""Saves that are killed: ``python kill_saves.py FOLDER kills COUNT SEED``, or ``together COUNT SEED``.

Forks real processes that save two contents in turn to one path. ``kills``: one at a time, killed after a random while;
then the file must be one of the contents, with one left-over at most. ``together``: four at a time, COUNT saves each,
while the file is read. Prints a JSON object of what was seen; an AssertionError says what was wrong.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from common import checkpoint


def content(which: int) -> tuple[dict[str, np.ndarray], dict]:
    """Arrays of other shapes and numbers in each of the two, 400 KB in all, and a manifest."""
    draw = np.random.default_rng(which)
    return {f"layers.{i}.W": draw.standard_normal((64 + which, 100)) for i in range(8)}, {"which": which}


CONTENTS = [content(0), content(1)]


def which(path: Path) -> int:
    """The content that the file has, whole and unmixed."""
    arrays, manifest = checkpoint.load(path)
    expected, facts = CONTENTS[manifest["which"]]
    assert manifest == facts | {"format": checkpoint.FORMAT}
    assert list(arrays) == list(expected) and all((arrays[name] == expected[name]).all() for name in expected)
    return manifest["which"]


def fork(path: Path, first: int, count: int | None = None) -> int:
    """A process that saves ``count`` times, or until it is killed, and ends with 0 when nothing went wrong."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        i = first
        while count is None or i < first + count:
            checkpoint.save(path, *CONTENTS[i % 2])
            i += 1
        code = 0
    finally:
        os._exit(code)


def leftovers(path: Path) -> list[str]:
    return [name for name in os.listdir(path.parent) if name != path.name]


def kills(path: Path, count: int, seed: int) -> dict:
    draw, seen = random.Random(seed), {"kills": 0, "midway": 0, "contents": [0, 0]}
    checkpoint.save(path, *CONTENTS[0])
    for k in range(count):
        process = fork(path, k % 2)
        time.sleep(draw.uniform(0, 0.025))
        os.kill(process, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL
        left = leftovers(path)
        assert len(left) <= 1, left
        seen["kills"] += 1
        seen["midway"] += len(left)
        seen["contents"][which(path)] += 1
    checkpoint.save(path, *CONTENTS[0])
    assert not leftovers(path)
    return seen


def together(path: Path, count: int, seed: int) -> dict:
    seen = {"reads": 0}
    checkpoint.save(path, *CONTENTS[0])
    running = {fork(path, seed + i, count) for i in range(4)}
    while running:
        seen["reads"] += which(path) in (0, 1)
        process, status = os.waitpid(-1, os.WNOHANG)
        assert status == 0
        running -= {process}
    assert not leftovers(path)
    return seen


if __name__ == "__main__":
    folder, mode, count, seed = sys.argv[1:]
    print(json.dumps({"kills": kills, "together": together}[mode](Path(folder) / "w.npz", int(count), int(seed))))
