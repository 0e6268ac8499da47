"""A run that is killed or stopped, anywhere, and goes on in another process ends with the bits of one that was not.

Two models train in turn, dropout, shuffling, two workers and patience among them: see ``resume_driver``.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOTAL = 26  # iterations of texts (5 an epoch) and answers (2 an epoch, of which it stops early after 3)
SIGNALS = {"KILL": "SIGKILL", "TERM": "143", "INT": "130"}
# How many iterations are kept beyond those done when the strike fell: a kill loses what was not yet written, and a
# signal lets the iteration end.
PLACES = {
    "fit": (0, 1),
    "between": (0, 1),
    "forward": (0, 1),
    "gradients": (0, 1),
    "update": (0, 1),
    "iteration": (-1, 0),
    "written": (-1, 0),
    "saved": (0, 0),
    "epoch": (0, 0),
}
EPOCHS = (5, 7, 12, 14, 19, 21, 26)  # iterations done when one ends


@pytest.fixture(scope="module")
def drive(tmp_path_factory, script_environment):
    def run(plans: dict[str, list[dict]]) -> dict[str, dict]:
        command = [sys.executable, Path(__file__).with_name("resume_driver.py"), tmp_path_factory.mktemp("resumed")]
        driver = subprocess.run(
            command, env=script_environment, input=json.dumps(plans), capture_output=True, text=True, timeout=3000
        )
        assert (driver.returncode, driver.stderr) == (0, "")
        return json.loads(driver.stdout)

    return run


def stop(signal, place, done, **more):
    return {"signal": signal, "at": [[place, done]], **more}


QUICK = [
    ("KILL", "fit", 0),
    ("KILL", "forward", 6),
    ("KILL", "iteration", 9),
    ("KILL", "written", 13),
    ("KILL", "saved", 21),
    ("TERM", "gradients", 2),
    ("TERM", "iteration", 14),
    ("TERM", "epoch", 19),
    ("INT", "update", 20),
    ("INT", "written", 26),
]
OTHERS = {
    "not stopped": [],
    "over and over": [
        *(stop(*place) for place in (("INT", "forward", 1), ("TERM", "update", 3), ("KILL", "forward", 6))),
        *(stop(*place) for place in (("KILL", "iteration", 7), ("INT", "between", 7), ("TERM", "iteration", 24))),
    ],
    "every 3": [stop("KILL", "iteration", 5, every=3), stop("KILL", "forward", 11, every=3)],
    "every 3, stopped": [stop("TERM", "update", 1, every=3)],
    "stopped at once": [{"signal": "INT", "at": [["forward", 8], ["update", 8]]}],
    "stopped at once, while it saves": [{"signal": "INT", "at": [["forward", 8], ["written", 9]]}],
    "at the end": [stop("TERM", "end", TOTAL)],
    "after the end": [{"signal": "KILL", "at": []}],
}


@pytest.fixture(scope="module")
def runs(drive):
    return drive(OTHERS)


def went_on(run: dict, whole: dict, signal: str, place: str, done: int) -> None:
    assert run["ends"] == [SIGNALS[signal], "0"]
    assert run["found"] == [0, done + PLACES[place][signal != "KILL"]], "iterations done at its start, and at the next"
    is_the_same(run, whole)


def is_the_same(run: dict, whole: dict) -> None:
    assert {name for name, digest in whole["digests"].items() if run["digests"][name] != digest} == set()
    assert run["files"] == whole["files"], "temporary files are left"


def everywhere() -> list[tuple[str, str, int]]:
    at_ends = {"fit": (0, *EPOCHS[:-1]), "between": (0, *EPOCHS[:-1]), "epoch": EPOCHS}
    steps = dict.fromkeys(("forward", "gradients", "update"), range(TOTAL))
    return [
        (signal, place, done)
        for signal in SIGNALS
        for place in PLACES
        for done in (at_ends | steps).get(place, range(1, TOTAL + 1))
    ]


def test_a_run_that_was_stopped_goes_on_with_the_same_bits(drive, runs, full):
    """With ``--full`` at every place of every iteration."""
    stops = everywhere() if full else QUICK
    results = drive({" ".join(map(str, where)): [stop(*where)] for where in stops})
    for where in stops:
        went_on(results[" ".join(map(str, where))], runs["not stopped"], *where)
    each = ", ".join(f"{sum(signal == where[0] for where in stops)} by SIG{signal}" for signal in SIGNALS)
    print(f"{len(stops)} stops at {len({where[1:] for where in stops})} places: {each}; the same bits each time")


def test_a_run_that_is_stopped_over_and_over(runs):
    run = runs["over and over"]
    assert run["ends"] == ["130", "143", "SIGKILL", "SIGKILL", "130", "143", "0"]
    assert run["found"] == [0, 2, 4, 6, 6, 8, 24]
    is_the_same(run, runs["not stopped"])


def test_a_kill_loses_what_came_after_the_last_save_at_most(runs):
    assert runs["every 3"]["ends"] == ["SIGKILL", "SIGKILL", "0"]
    assert runs["every 3"]["found"] == [0, 3, 10], "iterations 3 of each epoch, and its end, are saved"
    assert runs["every 3, stopped"]["found"] == [0, 2], "a signal saves at once"
    for name in ("every 3", "every 3, stopped"):
        is_the_same(runs[name], runs["not stopped"])


def test_a_second_interrupt_stops_at_once(runs):
    run, whole = runs["stopped at once"], runs["not stopped"]
    assert run["ends"] == ["stopped at once", "0"]
    assert run["found"] == [0, 8], "what the last save has, not the iteration that was begun"
    is_the_same(run, whole)
    run = runs["stopped at once, while it saves"]
    assert (run["ends"], run["found"]) == (["stopped at once", "0"], [0, 8])
    is_the_same(run, whole)


def test_a_signal_after_the_last_iteration_and_a_run_that_is_done(runs):
    for name in ("at the end", "after the end"):
        assert (runs[name]["ends"], runs[name]["found"]) == (["0", "0"], [0, TOTAL])
        is_the_same(runs[name], runs["not stopped"])
