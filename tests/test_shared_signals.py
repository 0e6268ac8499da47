"""Signals of a rank, and how it ends the run, without MPI."""

import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest
from script_tools import ROOT

from common import ranks as ranks_module
from common.ranks import ANSWER, LOOK, PASSED_ON, TURN, Ranks
from common.shared_signals import SharedSignals, Stopped
from support.stop_signals import Interrupted


@pytest.fixture
def ranks():
    """Stands in for the first of two ranks; the other one hears nothing."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    made: Any = SimpleNamespace(stop=None, ending=False, wire=lambda: write, all=lambda code: [code, 0], read=read)
    yield made
    os.close(read)
    os.close(write)


def test_a_signal_outside_training_stops_this_rank(ranks):
    before = signal.getsignal(signal.SIGTERM)
    with SharedSignals(ranks) as stop, pytest.raises(Stopped, match=r"^stopped by SIGTERM$") as caught:
        assert ranks.stop is stop
        signal.raise_signal(signal.SIGTERM)
    assert caught.value.exit_code == 143 and isinstance(caught.value, KeyboardInterrupt)
    assert os.read(ranks.read, 9) == bytes([signal.SIGTERM]), "the watchdog hears of it even while MPI waits"
    assert ranks.stop is None and signal.getsignal(signal.SIGTERM) is before and signal.set_wakeup_fd(-1) == -1


def test_a_signal_in_training_is_obeyed_when_all_know_it(ranks):
    with SharedSignals(ranks, "run") as stop:
        stop.check()
        signal.raise_signal(signal.SIGINT)
        assert (stop.local, stop.heard) == ((signal.SIGINT,), ())
        signal.raise_signal(signal.SIGINT)  # as the launcher's, after the terminal's
        stop.agree([0, 0])
        assert not stop.heard
        with pytest.raises(Interrupted, match=r"^stopped by SIGINT$") as caught:
            stop.check()
    assert (caught.value.exit_code, caught.value.folder, vars(caught.value)["rank"]) == (130, "run", 0)


def test_all_obey_the_first_rank_that_heard_one(ranks):
    ranks.all = lambda code: [0, signal.SIGTERM, signal.SIGINT]
    with SharedSignals(ranks, "run") as stop, pytest.raises(Interrupted, match="SIGTERM") as caught:
        stop.check()
    assert vars(caught.value)["rank"] == 1


def test_a_second_signal_stops_at_once(ranks):
    with pytest.raises(Stopped), SharedSignals(ranks, "run") as stop:
        signal.raise_signal(signal.SIGINT)
        stop.since -= stop.AGAIN
        signal.raise_signal(signal.SIGINT)


def test_a_rank_that_ends_hears_nothing(ranks):
    ranks.ending = True
    with SharedSignals(ranks) as stop:
        signal.raise_signal(signal.SIGTERM)
    assert not stop.local


def test_a_signal_after_the_last_step_stops_this_rank(ranks):
    with SharedSignals(ranks), pytest.raises(Stopped), SharedSignals(ranks, "run"):
        signal.raise_signal(signal.SIGTERM)


def test_the_watchdog_waits_for_a_step_but_not_long(ranks):
    heard = bytes([signal.SIGCHLD, signal.SIGTERM])
    with SharedSignals(ranks, "run") as stop:
        stop.note(heard, 100)
        assert stop.late(100 + stop.PATIENCE - 0.1) is None
        said = f"stopped by SIGTERM, but no step ended within {stop.PATIENCE:g} seconds: the state is the one that "
        assert (stop.late(100 + stop.PATIENCE) or "").startswith(said) and stop.exit_code == 143
        stop.agree([0, signal.SIGTERM])
        assert stop.late(200) is None, "it is being saved"
    with SharedSignals(ranks, "run") as stop:
        stop.note(heard, 100)
        stop.note(heard, 100.5)  # the same one
        assert stop.late(101.5) is None
        stop.note(heard, 102)
        assert stop.late(102.4) is None and stop.late(102.5) == "stopped by SIGTERM"
    with SharedSignals(ranks) as stop:
        stop.note(heard, 100)
        assert stop.late(100.9) is None and stop.late(101) == "stopped by SIGTERM"


def test_a_signal_ends_all_within_ten_seconds_though_nothing_answers():
    """Every rank may have to wait for its turn, and MPI not answer."""
    assert SharedSignals.PATIENCE + LOOK + 3 * TURN + PASSED_ON + ANSWER < 10


@pytest.mark.parametrize(
    "rank, speaker, turns",
    [
        (0, None, 0),
        (1, None, 1),
        (2, None, 2),
        (3, None, 3),
        (60, None, 3),
        (1, 1, 0),
        (0, 1, 2),
        (1, 0, 3),
        (60, 0, 4),
    ],
)
def test_one_rank_tells_and_the_others_wait_for_their_turn(monkeypatch, rank, speaker, turns):
    slept: list[float] = []
    said: list[str] = []
    ends: list[int] = []

    def leave(code):
        ends.append(code)
        raise SystemExit(code)

    alone = Ranks()
    alone.rank, alone.say, alone.comm = rank, said.append, SimpleNamespace(Abort=ends.append)
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(ranks_module.faulthandler, "dump_traceback_later", lambda *seconds, **how: ends.append(1))
    monkeypatch.setattr(ranks_module.os, "_exit", leave)
    with pytest.raises(SystemExit):
        alone.end("why", 3, speaker)
    assert (said, ends, alone.ending) == ([f"rank {rank}: why"], [1, 3, 3], True)
    assert sum(slept) == pytest.approx(TURN * turns + PASSED_ON)


@pytest.mark.skipif(os.name != "posix", reason="sleeps in the C library")
def test_an_abort_that_hangs_ends_too():
    """MPI's own holds Python's lock, so that no thread of Python could end the process."""
    program = (
        "import ctypes, types; from common.ranks import Ranks; ranks = Ranks()\n"
        "ranks.comm = types.SimpleNamespace(Abort=lambda code: ctypes.PyDLL(None).sleep(60)); ranks.end('why', 3, 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (1, "rank 0: why\n")
