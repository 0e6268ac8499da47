"""Faults and signals on the ranks of an MPI job: all end, one message names the rank, and the run goes on."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from mpi_tools import MPIS, finish, job, start
from script_tools import ROOT, write_dates, write_films
from test_jobs import alive
from test_resume_scripts import state, without_seconds

from common import checkpoint, training_state

pytestmark = pytest.mark.slow
DRIVER = ROOT / "tests" / "mpi_driver.py"
OPTIONS = "--data tiny.txt --batch-size 8 --hidden-size 4 --wordvec-size 3 --max-epoch 2 --quiet --workers 1".split()
OPTIONS += "--models attention --out run".split()
LIMIT = 10.0  # seconds from a fault to the end of all ranks, as promised
OURS = re.compile(r"^\w+\.py: (?:rank (\d): )?", re.MULTILINE)
BOTH = pytest.mark.parametrize("mpi", MPIS)


def on(names: str, mpich: list, openmpi: list) -> pytest.MarkDecorator:
    """Parametrize for both MPIs; with fewer cases under Open MPI, whose jobs take seconds to start."""
    cases = [("mpich", *case) for case in mpich] + [("openmpi", *case) for case in openmpi]
    return pytest.mark.parametrize(f"mpi, {names}", cases)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """``whole(mpi)``: the folder of a run that nothing stopped, with 2 ranks."""
    made: dict[str, Path] = {}

    def run(mpi):
        if mpi not in made:
            cwd = tmp_path_factory.mktemp(mpi)
            write_dates(cwd)
            done = job(mpi, 2, cwd, DRIVER, "train_date", "--mpi", *OPTIONS)
            assert (done.returncode, done.stderr) == (0, "")
            made[mpi] = cwd / "run"
        return made[mpi]

    return run


def strike(what: str, when: str = "step", count: int = 1, rank: int = 0) -> dict:
    return {"rank": rank, "when": when, "count": count, "what": what}


def begin(mpi, cwd, *strikes, ranks=2, own=True, more=(), script="train_date", options=OPTIONS) -> subprocess.Popen:
    write_dates(cwd)
    arguments = DRIVER, script, "--mpi", *options, *more
    return start(mpi, ranks, cwd, *arguments, own=own, STRIKE=json.dumps(strikes))


def ended(mpi_job: subprocess.Popen, cwd: Path, limit: float = LIMIT, since: float | None = None):
    """Wait for the end of a job that was struck; fail if it comes too late, or a process is left."""
    done = finish(mpi_job, 60)
    struck = since or max(float(path.read_text()) for path in cwd.glob("struck.*"))
    while any(alive(int(path.read_text())) for path in cwd.glob("pid.*")) and time.time() - struck < limit:
        time.sleep(0.02)
    assert not any(alive(int(path.read_text())) for path in cwd.glob("pid.*")), "a rank is left"
    assert time.time() - struck < limit
    return done


def whole_state(path: Path) -> int:
    """Read the state; return how many iterations of its epoch it has."""
    assert training_state.facts(path)["options"]
    return len(checkpoint.load(path)[0]["epoch.losses"])


def says(done, rank: int | None, message: str, code: int | None = None) -> None:
    """One message of ours, which names the rank, comes before what the launcher adds, if anything."""
    assert [found and int(found) for found in OURS.findall(done.stderr)] == [rank if rank is not None else ""]
    assert re.match(OURS.pattern + message, done.stderr), done.stderr
    assert done.returncode
    assert code in (None, done.returncode)


def goes_on(mpi, whole, cwd, *more) -> None:
    done = job(mpi, 2, cwd, DRIVER, "train_date", "--mpi", "--resume", "run", "--quiet", *more)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = whole(mpi), cwd / "run"
    (arrays, manifest), (others, other) = (state(run / "attention.state.npz") for run in (first, second))
    assert arrays == others and manifest["training"] == other["training"]
    assert without_seconds(first) == without_seconds(second)


TRACEBACK = r"a fault of this program:\nTraceback (?:.*\n)+"
LATER = r"epoch 1, iteration 4: the weight encoder\.embed\.W .* is not finite"
FAULTS = {  # the message for what, when and count
    "ValueError, load, 1": "a fault\n",
    "ValueError, step, 3": "a fault\n",
    "LookupError, step, 3": TRACEBACK + "LookupError: a fault\n",
    "SystemExit, step, 3": TRACEBACK + "SystemExit: a fault\n",
    "MemoryError, share, 3": "not enough memory for these sizes: a fault\n",
    "nan share, share, 3": r"epoch 1, iteration 3: the gradient of encoder\.embed\.W .* is not finite",
    "nan weight, update, 3": r"AttentionSeq2seq: the weight encoder\.embed\.W .* is not finite",
    "nan weight, begin, 1": r"epoch 1, iteration 1: the weight encoder\.embed\.W .* is not finite",
    "nan running, update, 3": r"run/.*: what the optimizer keeps is not finite",
    "OSError, evaluation, 1": "a fault\n",
    "LookupError, end, 1": TRACEBACK + "LookupError: a fault\n",
}


@on(
    "rank, fault",
    [(rank, fault) for rank in (0, 1) for fault in FAULTS],
    [(0, "ValueError, load, 1"), (0, "LookupError, step, 3"), (1, "nan share, share, 3")],
)
def test_a_fault_ends_all_with_one_message(mpi, rank, fault, tmp_path):
    what, when, count = fault.split(", ")
    message, saved_at = FAULTS[fault], int(count) - 1 or 4
    if when == "update" and rank:  # the first rank's weights are good, and it saves them
        message, saved_at = LATER, 3
    begun = begin(mpi, tmp_path, strike(what, when, int(count), rank), own=rank == 0, more=["--save-every", 1])
    done = ended(begun, tmp_path)
    says(done, rank, message, 1 if TRACEBACK in message else 2)
    saved = tmp_path / "run" / "attention.state.npz"
    assert saved.is_file() == (count == "3" or when in ("evaluation", "end"))
    assert not saved.is_file() or whole_state(saved) == saved_at


def test_weights_that_differ_are_found_after_the_epoch(tmp_path):
    done = ended(begin("mpich", tmp_path, strike("other weight", "update", 1, rank=1)), tmp_path)
    says(done, 1, r"after epoch 1, its weights are not those of rank 0: decoder\.affine\.b differs; ", 2)


@on("when, count", [("save", 3), ("draw", 1)], [])
def test_a_full_disk_is_told_by_the_first_rank(mpi, when, count, tmp_path, whole):
    done = ended(begin(mpi, tmp_path, strike("full", when, count), more=["--save-every", 1]), tmp_path)
    says(done, 0, r"run/attention\.state\.npz: No space left on device\n", 2)
    assert whole_state(tmp_path / "run" / "attention.state.npz") == {"save": 2, "draw": 4}[when]
    goes_on(mpi, whole, tmp_path)


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_data_that_only_one_rank_lacks_or_has_other(rank, tmp_path):
    (tmp_path / "none").mkdir()
    write_dates(tmp_path / "other", seed=2)
    if rank:
        done = ended(begin("mpich", tmp_path, strike("none", "load", rank=rank), ranks=3), tmp_path)
        says(done, rank, r"tiny\.txt: no such data file", 2)
    done = ended(begin("mpich", tmp_path, strike("other", "load", rank=rank), ranks=3), tmp_path)
    says(done, rank or 1, r"the data's SHA-256 differs from that of rank 0: \w+, not \w+\n", 2)
    assert not (tmp_path / "run").exists()


@on("own", [(True,), (False,)], [(True,)])
def test_a_wrong_option_is_told_once(mpi, own, tmp_path):
    done = finish(begin(mpi, tmp_path, own=own, more=["--max-epoch", "z"]))
    says(done, None, "argument --max-epoch: expected a whole number of at least 1, got 'z'\n", 2)
    done = finish(begin(mpi, tmp_path, own=own, more=["--help"]))
    assert (done.returncode, done.stderr, done.stdout.count("usage: ")) == (0, "", 1)


@on("name, rank", [("TERM", 0), ("TERM", 1), ("INT", 0), ("INT", 1)], [("TERM", 0), ("INT", 1)])
def test_a_signal_to_one_rank_saves_the_step_of_all(mpi, name, rank, tmp_path, whole):
    own = (name == "INT") == bool(rank)
    begun = begin(mpi, tmp_path, strike(name, count=3, rank=rank), own=own, more=["--save-every", 1000])
    number = getattr(signal, f"SIG{name}")
    said = (
        rf"stopped by SIG{name}, the state is saved; go on with \S*mpiexec -n 2 \S+ -m mpi4py \S+ --mpi --resume run\n"
    )
    says(ended(begun, tmp_path), rank, said, 128 + number)
    assert whole_state(tmp_path / "run" / "attention.state.npz") == 3
    assert not list((tmp_path / "run").glob(".*")), "temporary files are left"
    goes_on(mpi, whole, tmp_path)


@on("rank", [(0,), (1,)], [(0,), (1,)])
def test_a_killed_rank_ends_all(mpi, rank, tmp_path, whole):
    begun = begin(mpi, tmp_path, strike("KILL", count=3, rank=rank), own=rank == 1, more=["--save-every", 1])
    done = ended(begun, tmp_path)  # the launcher's own words
    assert done.returncode and not OURS.search(done.stderr), done.stderr
    assert whole_state(tmp_path / "run" / "attention.state.npz") == 2
    goes_on(mpi, whole, tmp_path)


@on("when, name, rank", [("load", "TERM", 1), ("load", "INT", 0), ("end", "TERM", 0)], [("end", "TERM", 1)])
def test_a_signal_before_or_after_training_ends_all_at_once(mpi, when, name, rank, tmp_path):
    done = ended(begin(mpi, tmp_path, strike(name, when, rank=rank), own=rank == 0), tmp_path)
    says(done, rank, f"stopped by SIG{name}\n", 128 + getattr(signal, f"SIG{name}"))


@on("rank", [(0,), (1,)], [(1,)])
def test_a_second_interrupt_ends_all_at_once(mpi, rank, tmp_path):
    done = ended(begin(mpi, tmp_path, strike("INT twice", count=3, rank=rank), more=["--save-every", 1]), tmp_path)
    says(done, rank, "stopped by SIGINT\n", 130)
    assert whole_state(tmp_path / "run" / "attention.state.npz") == 2


@on("rank", [(0,), (1,)], [(1,)])
def test_a_signal_is_obeyed_though_another_rank_is_stuck(mpi, rank, tmp_path):
    """The rank that hears it waits within MPI, where no handler of Python runs."""
    strikes = strike("stuck", "evaluation", rank=1 - rank), strike("TERM soon", "evaluation", rank=rank)
    done = ended(begin(mpi, tmp_path, *strikes, more=["--save-every", 1]), tmp_path, LIMIT + 1)
    says(done, rank, r"stopped by SIGTERM, but no step ended within 3\.5 seconds: the state is", 143)
    assert whole_state(tmp_path / "run" / "attention.state.npz") == 4


@on("rank", [(0,), (1,), (2,)], [(0,)])
def test_a_rank_that_hangs_ends_all_when_the_others_waited(mpi, rank, tmp_path):
    more = ["--save-every", 1, "--mpi-timeout", 5]
    done = ended(begin(mpi, tmp_path, strike("STOP", count=3, rank=rank), ranks=3, more=more), tmp_path, LIMIT + 5)
    says(
        done,
        int(rank == 0),
        "waited 5 seconds for the gradients of the other ranks: a rank hangs, or a link is cut;",
        1,
    )
    assert whole_state(tmp_path / "run" / "attention.state.npz") == 2


@on("what", [("INT",), ("INT twice",), ("INT group",), ("TERM",), ("KILL",)], [("INT",), ("KILL",)])
def test_a_signal_to_the_launcher_ends_all(mpi, what, tmp_path, whole):
    """Ctrl-C reaches the launcher, or all processes of the terminal, and the launcher passes it on."""
    name, *how = what.split()
    slow = [strike("slow", count=2, rank=rank) for rank in (0, 1)]
    begun = begin(mpi, tmp_path, *slow, more=["--save-every", 1, "--max-epoch", 200])
    while not all((tmp_path / f"struck.{rank}").exists() for rank in (0, 1)):
        time.sleep(0.02)
    time.sleep(0.5)
    since = time.time()
    for _ in range(1 + (how == ["twice"])):
        (os.killpg if how == ["group"] else os.kill)(begun.pid, getattr(signal, f"SIG{name}"))
        time.sleep(0.05)
    done = ended(begun, tmp_path, since=since)
    # MPICH's launcher (5.0.2) ends with 0 where the second signal makes its own proxy fail
    broken = what == "INT twice" and "demux engine error" in done.stderr
    assert (done.returncode or broken) and len(OURS.findall(done.stderr)) <= 1, done.stderr
    if mpi == "mpich" and what in (
        "INT",
        "INT group",
        "TERM",
    ):  # prterun passes nothing on any more
        said = rf"(?:\[mpiexec.*\n)*mpi_driver\.py: rank 0: stopped by SIG{name}, the state is saved; go on with "
        assert re.match(said, done.stderr) and done.returncode == 128 + getattr(signal, f"SIG{name}"), done.stderr
    whole_state(tmp_path / "run" / "attention.state.npz")
    if what in ("INT", "KILL"):
        goes_on(mpi, whole, tmp_path, "--max-epoch", 2)


@BOTH
def test_a_reader_that_leaves_early_ends_all(mpi, tmp_path):
    options = [option for option in OPTIONS if option != "--quiet"]
    begun = begin(mpi, tmp_path, options=options, more=["--max-epoch", 2000])
    assert begun.stdout is not None
    begun.stdout.readline()
    begun.stdout.close()
    since = time.time()
    begun.stdout = None
    done = ended(begun, tmp_path, 45, since)  # prterun takes its time
    assert done.returncode and len(OURS.findall(done.stderr)) <= 1, done.stderr


@pytest.mark.parametrize("when, rank", [("evaluation", 1), ("end", 0)])
def test_texts(when, rank, tmp_path):
    write_films(tmp_path / "films", 40)
    options = (
        "--model gru --data films --format lines --layers 1 --wordvec-size 4 --hidden-size 3 --batch-size 8".split()
    )
    options += ["--max-epoch", 1, "--quiet", "--out", "run"]
    begun = begin("mpich", tmp_path, strike("ValueError", when, rank=rank), script="train_text", options=options)
    says(ended(begun, tmp_path), rank, "a fault\n", 2)
