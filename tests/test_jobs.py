"""``train_date.py --jobs K``: models side by side, each in a process of its own, which are stopped and killed."""

import importlib
import json
import os
import re
import resource
import subprocess
import sys
import time
from argparse import Namespace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from script_tools import INFINITE, MODELS, ROOT, everything, history, refused, write_dates
from test_resume_scripts import arrays, state, without_seconds

from common import config
from common.ranks import ALONE, Ranks
from experiment import command_line
from experiment.epochs import Progress
from experiment.kept_weights import kept_epochs
from experiment.mpi_job import share_of_cores
from experiment.side_by_side import Lines, jobs_of
from experiment.training import Training
from seq2seq.model_file import MODELS as CLASSES

SIZES = "--data tiny.txt --batch-size 8 --hidden-size 4 --wordvec-size 3 --max-epoch 2 --quiet --save-every 1".split()
OPTIONS = *SIZES, "--workers", 2, "--keep-maps", "--keep-weights"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_dates(tmp_path_factory.mktemp("jobs"))


@pytest.fixture
def whole(data, train):
    """The folder of the run with one process."""
    if not (data / "whole").exists():
        done = train(data, *OPTIONS, "--out", "whole")
        assert (done.returncode, done.stderr) == (0, "")
    return data / "whole"


@pytest.fixture
def drive(script_environment):
    """``drive(cwd, *arguments, strike)``: train_date.py without pictures; see ``jobs_driver``."""

    def run(cwd, *arguments, strike=None):
        command = [sys.executable, "-X", "utf8", ROOT / "tests" / "jobs_driver.py", *arguments]
        return subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env=script_environment | {"STRIKE": json.dumps(strike)},
            capture_output=True,
            text=True,
            timeout=120,
            start_new_session=True,  # a signal for all is not for pytest
        )

    return run


@pytest.fixture
def struck(data, drive):
    """Such a run with two processes at a time, which is struck."""

    def run(folder, what, model="attention", epoch=2, iteration=2):
        strike = {"model": model, "epoch": epoch, "iteration": iteration, "what": what}
        return drive(data, *OPTIONS, "--jobs", 2, "--out", folder, strike=strike)

    return run


def same_run(whole: Path, other: Path) -> None:
    """The same numbers; pictures, which ``train`` does not draw, are not compared."""
    names = {path.relative_to(whole) for path in whole.rglob("*.npz")}
    assert names == {path.relative_to(other) for path in other.rglob("*.npz")} and len(names) >= 2 * len(MODELS)
    for name in names:
        if name.name.endswith(".state.npz"):
            assert state(whole / name) == state(other / name)
        else:
            assert (whole / name).read_bytes() == (other / name).read_bytes(), name
    assert without_seconds(whole) == without_seconds(other)


def goes_on(whole: Path, folder: str, run, *more) -> None:
    done = run(whole.parent, "--resume", folder, *more)
    assert (done.returncode, done.stderr) == (0, "")
    same_run(whole, whole.parent / folder)


@pytest.mark.parametrize("jobs", [pytest.param(2, marks=pytest.mark.slow), 3])
def test_no_result_depends_on_the_number_of_processes(data, whole, drive, jobs):
    done = drive(data, *OPTIONS, "--jobs", jobs, "--out", jobs)
    assert (done.returncode, done.stderr) == (0, "")
    same_run(whole, data / str(jobs))
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["model", *MODELS]


@pytest.mark.parametrize(
    ("what", "code", "model", "iteration"),
    [
        ("INT all", 130, "attention", 2),
        ("TERM main", 143, "baseline", 2),
        ("TERM self", 143, "attention", 4),
        pytest.param("INT self", 130, "peeky", 1, marks=pytest.mark.slow),
        pytest.param("TERM all", 143, "attention", 0, marks=pytest.mark.slow),
    ],
)
def test_a_signal_saves_all_and_the_run_goes_on(whole, struck, train, what, code, model, iteration):
    folder = what.replace(" ", "-")
    done = struck(folder, what, model, 2, iteration)
    said = f"jobs_driver.py: stopped by SIG{what.split()[0]}, the state is saved; go on with --resume {folder}\n"
    assert (done.returncode, done.stderr, done.stdout) == (code, said, "")
    assert not list((whole.parent / folder).glob(".*")), "temporary files are left"
    goes_on(whole, folder, train)


@pytest.mark.slow
def test_no_process_outlives_the_main_one(whole, struck, train):
    (whole.parent / "pids").unlink(missing_ok=True)
    assert struck("orphans", "KILL main").returncode == -9, "or it waits for the child that killed it, in vain"
    pids = [int(line) for line in (whole.parent / "pids").read_text().split()]
    assert len(pids) >= 2
    deadline = time.monotonic() + 30  # the child that killed it would go on for 600
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(alive, pids)), "so that nothing is written any more"
    before = everything(whole.parent / "orphans")
    time.sleep(0.2)
    assert everything(whole.parent / "orphans") == before
    goes_on(whole, "orphans", train)


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_process_that_is_killed_stops_the_others_which_save(whole, struck, drive):
    said = "attention: its process was killed by SIGKILL; the others have saved their state; go on with --resume killed"
    refused(struck("killed", "KILL self"), f"^jobs_driver.py: {said}$")
    from_the_start = {"model": "attention", "epoch": 1, "iteration": 1, "what": "LookupError"}
    goes_on(whole, "killed", partial(drive, strike=from_the_start), "--jobs", 3)


@pytest.mark.parametrize("whom", [pytest.param("all", marks=pytest.mark.slow), "self"])
def test_a_second_interrupt_ends_all_at_once(whole, struck, train, whom):
    folder = f"twice {whom}"
    done = struck(folder, f"INT {whom} twice")
    assert (done.returncode, done.stderr, done.stdout) == (130, "jobs_driver.py: interrupted\n", "")
    assert len(arrays(whole.parent / folder / "attention.state.npz")["epoch.losses"]) == 1
    goes_on(whole, folder, train)


def test_a_numeric_fault_names_its_model_and_the_others_save(whole, struck, train):
    done = struck("nan", "nan", "peeky", 2, 0)
    refused(done, r"^jobs_driver\.py: peeky: epoch 2, iteration 1: the weight encoder\.embed\.W .* is not finite")
    goes_on(whole, "nan", train)
    done = train(whole.parent, *SIZES, "--models", "peeky", "baseline", "--lr", INFINITE, "--out", "infinite")
    refused(done, r"^train_date\.py: peeky: epoch 1, iteration 1: ")
    done = train(whole.parent, *SIZES, "--models", "peeky", "--lr", INFINITE, "--out", "infinite")
    refused(done, r"^train_date\.py: epoch 1, iteration 1: ")


@pytest.mark.parametrize(
    "error", ["LookupError", pytest.param("EOFError", marks=pytest.mark.slow)]
)  # the latter also means that the main process is gone
def test_a_fault_of_ours_has_the_traceback_of_its_process(whole, struck, train, error):
    done = struck(error, error, "baseline")
    assert done.returncode == 1
    assert re.search(rf"the process of baseline failed:\nTraceback .*\n(.*\n)*{error}: a fault of ours\n", done.stderr)
    goes_on(whole, error, train)


@pytest.mark.slow
@pytest.mark.parametrize(
    "what, said",
    [
        ("ValueError", "peeky: a fault of ours"),
        ("OSError", "peeky: a fault of ours"),
        ("leave", "peeky: its process ended too early; the"),
    ],
)
def test_a_model_that_ends_is_named(whole, struck, train, what, said):
    refused(struck(what, what, "peeky"), f"^jobs_driver\\.py: {said}")
    goes_on(whole, what, train)


@pytest.mark.slow
def test_a_full_disk_is_named_and_the_run_goes_on_when_there_is_room(whole, drive, train):
    largest = max((whole / f"{name}.state.npz").stat().st_size for name in MODELS)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest - 100, before[1]))
    try:
        done = drive(whole.parent, *OPTIONS, "--jobs", 3, "--out", "full")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    refused(done, r"full/\w+\.state\.npz: File too large, so it was not written")
    assert not list((whole.parent / "full").glob(".*"))
    goes_on(whole, "full", train)


@pytest.mark.slow
def test_models_that_reach_an_accuracy_leave_their_place_to_others(tmp_path, drive, train):
    (tmp_path / "tiny.txt").write_text(f"{'May 1, 1972':<29}_1972-05-01\n" * 40, encoding="utf-8")
    options = *SIZES, "--keep-weights", "--max-epoch", 12, "--lr", 0.1, "--until", 1
    for jobs, run in (1, train), (2, drive):
        done = run(tmp_path, *options, "--jobs", jobs, "--out", jobs)
        assert (done.returncode, done.stderr) == (0, "")
    same_run(tmp_path / "1", tmp_path / "2")
    last = {row["model"]: row["epoch"] for row in history(tmp_path / "2")}
    reached = dict(re.findall(r"^(\w+): 100% reached in epoch (\d+), ", done.stdout, re.MULTILINE))
    assert last == dict.fromkeys(MODELS, "12") | reached and min(map(int, last.values())) < 12
    assert {name: str(max(kept_epochs(tmp_path / "1", name))) for name in MODELS} == last


def test_how_many_train_at_once(monkeypatch):
    assert [jobs_of(None, models, cores) for models, cores in ((3, 2), (3, 8), (1, 8))] == [2, 3, 1]
    assert [jobs_of(asked, 3, 2) for asked in (1, 2, 3, 256)] == [1, 2, 3, 3]
    monkeypatch.setattr(config, "GPU", True)
    assert (jobs_of(None, 3, 2), jobs_of(1, 3, 2)) == (1, 1)
    with pytest.raises(ValueError, match=r"^--jobs 2: the models share one GPU, .* --jobs 1$"):
        jobs_of(2, 3, 2)
    assert jobs_of(2, 1, 2) == 1  # nothing is shared


def test_data_that_can_be_read_only_once_is_for_one_process(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for once in (str(tmp_path / "pipe"), "/dev/stdin"):
        assert (jobs_of(None, 3, 2, once), jobs_of(2, 1, 2, once)) == (1, 1)
        with pytest.raises(ValueError, match=rf"^--jobs 3: {once} can be read only once, so models can only"):
            jobs_of(3, 3, 2, once)
    assert jobs_of(None, 3, 2, str(tmp_path / "missing")) == 2  # which is said later
    assert jobs_of(None, 3, 2, __file__) == 2


def test_data_that_can_be_read_only_once_is_for_one_rank(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    ranks = cast(Ranks, SimpleNamespace(size=2, first=lambda said: said))
    for once in (str(tmp_path / "pipe"), "/dev/stdin"):
        with pytest.raises(ValueError, match=rf"^{once} can be read only once; each rank needs a file of its own, "):
            command_line.expect_data(once, ranks)
        command_line.expect_data(once, ALONE)
    for data in (None, __file__, str(tmp_path), str(tmp_path / "missing"), "/dev/shm"):
        command_line.expect_data(data, ranks)


def test_only_the_workers_of_a_single_model_depend_on_the_cores(monkeypatch):
    monkeypatch.setattr(command_line, "cores", lambda: 384)
    parser = command_line.Parser()
    parser.add_training()
    parser.add_jobs()
    for models, workers in ([], 1), (["--models", "peeky", "baseline"], 1), (["--models", "peeky"], 256):
        assert parser.parse_args(models).workers == workers
        assert parser.parse_args([*models, "--workers", "3"]).workers == 3


@pytest.mark.parametrize(
    ("here", "shares"),
    [
        ([("a", [*range(8)])] * 2, [4, 4]),
        ([("a", [*range(8)])] * 3 + [("b", [*range(8)])], [2, 2, 2, 8]),
        ([("a", [0]), ("a", [1])], [1, 1]),  # bound to a core each
        ([("a", [0, 1, 2, 3]), ("a", [4, 5, 6, 7])], [4, 4]),  # to a socket each
        ([("a", [*range(7)]), ("a", [7])], [4, 1]),
        ([("a", [0, 1])] * 5, [1] * 5),  # oversubscribed
    ],
)
def test_how_the_ranks_of_a_host_share_its_cores(here, shares):
    assert [share_of_cores(here, rank) for rank in range(len(here))] == shares


def test_a_rank_has_its_share_of_the_cores_as_workers_whatever_the_models(monkeypatch):
    monkeypatch.setattr(command_line, "cores", lambda: 8)
    for size, workers in (1, 8), (2, 3):  # one rank has all cores
        parser = command_line.Parser(ranks=cast(Ranks, SimpleNamespace(size=size, cores=3)))
        parser.add_training()
        parser.add_jobs()
        parser.add_run("out")
        for models in [], ["--models", "peeky"]:
            assert parser.parse_args([*models, "--mpi"]).workers == workers
            assert parser.parse_args([*models, "--mpi", "--workers", "5"]).workers == 5


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--mpi", "--jobs", "2"], "--jobs 2: with --mpi, models train one after another"),
        (["--mpi-timeout", "5"], "--mpi-timeout needs --mpi"),
        (["--mpi", "--mpi-timeout", "0"], "argument --mpi-timeout: expected a number above 0, got 0"),
        (["--allow-other-ranks"], "--allow-other-ranks needs --resume"),
        (["--mpi", "--allow-other-ranks"], "--allow-other-ranks needs --resume"),
    ],
)
def test_options_of_ranks_that_go_with_others_are_refused_without(monkeypatch, capsys, given, said):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    parse = importlib.import_module("train_date").parse
    monkeypatch.setattr(sys, "argv", ["train_date.py", *given])
    with pytest.raises(SystemExit) as end:
        parse()
    assert end.value.code == 2 and capsys.readouterr() == ("", f"train_date.py: {said}\n")
    monkeypatch.setattr(sys, "argv", ["train_date.py", "--mpi", "--jobs", "1", "--mpi-timeout", "5"])
    assert parse()[0].mpi_timeout == 5


@pytest.mark.parametrize("jobs, first", [(1, "baseline"), (2, "attention")])
def test_side_by_side_the_models_with_a_map_come_first(jobs, first):
    made: Any = {name: SimpleNamespace(model=kind, callbacks=[], current_epoch=0) for name, kind in CLASSES.items()}
    training = Training(Namespace(max_epoch=1), made, is_done=lambda trainer: False, jobs=jobs)
    assert training.next() == training.order[0] == first
    assert training.next([first]) == {"baseline": "peeky", "attention": "transformer"}[first]


def test_progress_is_told_now_and_then_and_at_the_end_of_an_epoch():
    told: list[int] = []
    trainer, progress = SimpleNamespace(current_epoch=1, max_iters=3), Progress(told.append, seconds=9.0)
    for trainer.iteration in (1, 2, 3):
        progress.iteration_end(trainer)
    trainer.current_epoch = 2
    progress.epoch_end(trainer)
    assert told == [4, 6]


def test_a_child_prints_whole_lines():
    lines = []
    stream = Lines(lines.append)
    for text in ("a", "b\nc", "\n", "\nd"):
        assert stream.write(text) == len(text)
    assert lines == ["ab", "c", ""]
