"""``--resume`` of the scripts: a run that was stopped goes on with the same bytes, another one is refused."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys

import pytest
from script_tools import INFINITE, MODELS, ROOT, cores, everything, history, refused, write_dates, write_films

from common import checkpoint
from common.training_state import SaveState
from dataset.tokenizers import TOKENIZERS

# Runs a script that sends itself a signal before the state of its N-th iteration is saved: SIGNAL N SCRIPT ARGUMENTS.
STRUCK = """
import os, runpy, sys
from common.training_state import SaveState

number, left = int(sys.argv[1]), int(sys.argv[2])
sys.argv = sys.argv[3:]
save = SaveState.iteration_end

def iteration_end(self, trainer):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), number)
    save(self, trainer)

SaveState.iteration_end = iteration_end
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""
DATES = "--data tiny.txt --batch-size 8 --hidden-size 4 --wordvec-size 3 --max-epoch 1 --quiet --save-every 1".split()
DATES += ["--keep-weights"]
TEXTS = "--model gru --data films --format lines --layers 1 --wordvec-size 4 --hidden-size 3".split()
TEXTS += "--batch-size 8 --max-epoch 2 --workers 2 --quiet --save-every 5 --lr 0.03".split()


@pytest.fixture(scope="module")
def struck(script_environment):
    def run(cwd, number, iteration, name, *arguments):
        command = [sys.executable, "-X", "utf8", "-c", STRUCK, int(number), iteration, ROOT / "scripts" / name]
        command = [str(part) for part in [*command, *arguments]]
        return subprocess.run(command, cwd=cwd, env=script_environment, capture_output=True, text=True, timeout=120)

    return run


@pytest.fixture(scope="module")
def date_runs(tmp_path_factory, script, struck):
    """Folders ``whole`` and ``parts``; the second was killed in the middle of the second model and went on, with more
    jobs."""
    cwd = write_dates(tmp_path_factory.mktemp("dates"))
    more = *DATES, "--workers", cores() + 1, "--jobs", 1
    done = script(cwd, "train_date.py", *more, "--out", "whole")
    assert (done.returncode, done.stderr) == (0, "")
    killed = struck(cwd, signal.SIGKILL, 4 + 2, "train_date.py", *more, "--out", "parts")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (len(history(cwd / "parts")), len(arrays(cwd / "parts" / "peeky.state.npz")["epoch.losses"])) == (1, 1)
    config = (cwd / "parts" / "config.json").read_bytes()
    done = script(cwd, "train_date.py", "--resume", "parts", "--jobs", 2)
    assert (done.returncode, done.stderr) == (0, "")
    assert (cwd / "parts" / "config.json").read_bytes() == config
    return cwd


def arrays(path):
    return checkpoint.load(path)[0]


def without_seconds(folder):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history(folder)]


def state(path):
    """All of it but seconds."""
    found, manifest = checkpoint.load(path)
    for record in manifest["training"]["history"]:
        del record["seconds"]
    return {name: array.tobytes() for name, array in found.items()}, manifest


def same_files(whole, parts, but=("history.csv", "config.json")):
    """The names of the files, which are the same bytes."""
    names = {str(path.relative_to(whole)) for path in whole.rglob("*") if path.is_file()}
    assert names == {str(path.relative_to(parts)) for path in parts.rglob("*") if path.is_file()}
    names = {name for name in names if name not in but and not name.endswith("state.npz")}
    assert {name for name in names if (whole / name).read_bytes() != (parts / name).read_bytes()} == set()
    assert without_seconds(whole) == without_seconds(parts)
    return names


def test_dates_go_on_after_a_kill_in_the_second_model(date_runs):
    names = same_files(date_runs / "whole", date_runs / "parts")
    models = [f"{name}{file}" for name in MODELS for file in (".npz", ".epochs/0000.npz", ".epochs/0001.npz")]
    assert names == {"accuracy.png", "loss.png", "measures.png", "attention.png", *models}
    assert [row["model"] for row in history(date_runs / "whole")] == list(MODELS)
    for name in MODELS:
        file = f"{name}.state.npz"
        assert state(date_runs / "whole" / file) == state(date_runs / "parts" / file)


def test_texts_go_on_after_a_signal(tmp_path, script, struck):
    write_films(tmp_path / "films", 60)
    whole = script(tmp_path, "train_text.py", *TEXTS, "--out", "whole")
    assert (whole.returncode, whole.stderr) == (0, "")
    stopped = struck(tmp_path, signal.SIGTERM, 7 + 2, "train_text.py", *TEXTS, "--out", "parts")
    assert stopped.returncode == 143
    said = "train_text.py: stopped by SIGTERM, the state is saved; go on with --resume parts\n"
    assert (stopped.stdout, stopped.stderr) == ("", said)
    assert len(arrays(tmp_path / "parts" / "state.npz")["epoch.losses"]) == 2, "saved at once"
    done = script(tmp_path, "train_text.py", "--resume", "parts")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", whole.stdout)
    names = same_files(tmp_path / "whole", tmp_path / "parts")
    assert names == {"best.npz", "acc.png", "loss.png", "confusion.png", "fig/attention_0.png"}
    assert state(tmp_path / "whole" / "state.npz") == state(tmp_path / "parts" / "state.npz")


# In this process, without figures


@pytest.fixture
def finished(date_runs, tmp_path):
    """A copy of the whole run, with its data beside it."""
    shutil.copytree(date_runs / "whole", tmp_path / "whole")
    shutil.copy(date_runs / "tiny.txt", tmp_path)
    return tmp_path


def test_a_run_that_is_done_says_its_results_again(date_runs, train):
    before = everything(date_runs)
    done = train(date_runs, "--resume", "whole")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["model", *MODELS]
    assert everything(date_runs) == before


def test_the_data_may_have_moved(finished, train):
    (finished / "tiny.txt").rename(finished / "moved.txt")
    before = everything(finished)
    refused(train(finished, "--resume", "whole"), "tiny.txt: no such data file")
    assert everything(finished) == before
    assert train(finished, "--resume", "whole", "--data", "moved.txt", "--max-epoch", 2).returncode == 0
    assert [row["epoch"] for row in history(finished / "whole")] == ["1"] * len(MODELS) + ["2"] * len(MODELS)


@pytest.mark.slow
def test_more_epochs_go_on_beyond_the_end(finished, train):
    options = *DATES, "--models", "attention", "baseline"
    for epochs, folder in ((3, "three"), (1, "one")):
        assert train(finished, *options, "--max-epoch", epochs, "--out", folder).returncode == 0
    assert train(finished, "--resume", "one", "--max-epoch", 3).returncode == 0
    same_files(finished / "three", finished / "one")
    assert [row["epoch"] for row in history(finished / "one")] == list("112233")
    before = everything(finished)
    assert train(finished, "--resume", "three", "--max-epoch", 2).returncode == 0
    assert everything(finished) == before, "fewer epochs than it has take none away"


def test_a_run_that_cannot_start_replaces_none(finished, train):
    before = everything(finished)
    refused(train(finished, *DATES, "--hidden-size", 10**13, "--out", "whole"), "train_date.py: .*")
    assert everything(finished) == before


def test_a_run_that_fails_costs_the_one_before_it_nothing(finished, train):
    shutil.copytree(finished / "whole", finished / "kept")
    refused(train(finished, *DATES, "--models", "attention", "--lr", INFINITE, "--out", "kept"), "not finite")
    same_files(finished / "whole", finished / "kept" / "before")
    assert train(finished, "--resume", "kept/before", "--max-epoch", 3).returncode == 0, "and it goes on"
    assert [row["epoch"] for row in history(finished / "kept" / "before")][-1] == "3"


@pytest.mark.parametrize("place", ["experiment.date_training.save_model", "experiment.training.write_history"])
def test_what_an_epoch_writes_is_made_up_for(finished, train, monkeypatch, place):
    """The state of the last epoch is saved, but the process is gone before its model and history are written."""
    options = *DATES, "--models", "peeky", "--max-epoch", 1
    assert train(finished, *options, "--out", "uninterrupted").returncode == 0

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as cut:
        cut.setattr(place, stop)
        assert train(finished, *options, "--out", "cut").returncode == 130
    assert not (finished / "cut" / "history.csv").exists()
    assert train(finished, "--resume", "cut").returncode == 0
    same_files(finished / "uninterrupted", finished / "cut")


def test_interrupts(finished, train, monkeypatch):
    """One lets the iteration end, saves, and says so; two do not."""
    save = SaveState.iteration_end
    for count, said, losses in ((1, "stopped by SIGINT, the state is saved", 2), (2, "interrupted\n", 1)):

        def interrupt(self, trainer, count=count):
            if trainer.iteration == 2:
                for _ in range(count):
                    os.kill(os.getpid(), signal.SIGINT)
            save(self, trainer)

        monkeypatch.setattr(SaveState, "iteration_end", interrupt)
        done = train(finished, *DATES, "--out", "stopped")
        assert done.returncode == 130 and done.stderr.startswith(f"train_date.py: {said}")
        assert done.stderr.count("\n") == 1
        assert len(arrays(finished / "stopped" / "baseline.state.npz")["epoch.losses"]) == losses


def test_a_full_disk_ends_a_run_that_goes_on_when_there_is_room(date_runs, finished, train):
    more = *DATES, "--workers", cores() + 1
    least = min((date_runs / "whole" / f"{name}.state.npz").stat().st_size for name in MODELS)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (least + 1000, before[1]))  # enough for one model
    try:
        done = train(finished, *more, "--out", "full")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    refused(done, r"full/\w+\.state\.npz: File too large, so it was not written")
    assert not list((finished / "full").glob(".*"))
    assert train(finished, "--resume", "full").returncode == 0
    for name in MODELS:
        file = f"{name}.state.npz"
        assert state(finished / "whole" / file)[0] == state(finished / "full" / file)[0]


def test_another_vocabulary_is_refused(in_process, monkeypatch, tmp_path):
    """The texts are the same, how they become words is not."""
    write_films(tmp_path / "films", 30)
    monkeypatch.syspath_prepend(ROOT / "scripts")
    monkeypatch.setattr("experiment.training.write_history", lambda *_, **__: None)
    monkeypatch.setattr("train_text.report", lambda *_: [])
    assert in_process(tmp_path, "train_text.py", *TEXTS, "--dropout", 0, "--out", "out").returncode == 0
    (tmp_path / "films").rename(tmp_path / "moved")
    refused(in_process(tmp_path, "train_text.py", "--resume", "out"), "films")
    assert in_process(tmp_path, "train_text.py", "--resume", "out", "--data", "moved").returncode == 0
    (tmp_path / "moved").rename(tmp_path / "films")
    before = everything(tmp_path)
    monkeypatch.setattr(TOKENIZERS["words"], "__call__", lambda self, text: text[::-1].split())
    done = in_process(tmp_path, "train_text.py", "--resume", "out", "--max-epoch", 3)
    refused(done, "--resume out: the tokenizer or its vocabulary differs")
    assert everything(tmp_path) == before


def of_ranks(path, count):
    """Make the state of a model without streams of its own that of several ranks."""
    found, manifest = checkpoint.load(path)
    manifest["training"] |= {"ranks": count, "others": [{"streams": [], "copies": []}] * (count - 1)}
    checkpoint.save(path, found, manifest)


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_state_of_several_ranks_goes_on_without_mpi_if_that_is_allowed(finished, train, script, jobs):
    """In this process, and side by side in others."""
    options = *DATES, "--models", "baseline", "peeky", "--quiet", "--workers", 1, "--jobs", 1
    assert train(finished, *options, "--out", "ranks").returncode == 0
    of_ranks(finished / "ranks" / "peeky.state.npz", 3)
    before = everything(finished)
    more = "--resume", "ranks", "--max-epoch", 2, "--jobs", jobs
    said = r"^train_date\.py: --resume ranks: peeky\.state\.npz was saved by 3 ranks, but this job has 1; to go on "
    said += (
        r"with the same bits: \S*mpiexec -n 3 \S+ -m mpi4py \S*train_date\.py --mpi --resume ranks; to go on rounded "
    )
    refused(train(finished, *more), said)
    assert everything(finished) == before
    more = *more, "--allow-other-ranks"
    done = train(finished, *more) if jobs == 1 else script(finished, "train_date.py", *more)
    assert (done.returncode, done.stderr) == (0, "")
    assert [row["epoch"] for row in history(finished / "ranks")] == list("1122")
    assert train(finished, *more[:-1]).returncode == 0, "baseline's state was never theirs, and peeky's is no more"


def test_what_is_rounded_differently_is_said(finished, train):
    options = [option for option in DATES if option != "--quiet"]
    assert train(finished, *options, "--models", "peeky", "--jobs", 1, "--out", "ranks").returncode == 0
    of_ranks(finished / "ranks" / "peeky.state.npz", 2)
    done = train(finished, "--resume", "ranks", "--max-epoch", 2, "--allow-other-ranks")
    said = "saved by 2 ranks, resumed by 1 rank: the rest is rounded differently than with 2 ranks\n"
    assert done.returncode == 0 and done.stdout.count(said) == 1
    assert said not in train(finished, "--resume", "ranks", "--max-epoch", 3, "--allow-other-ranks").stdout


def test_the_facts_of_a_state_are_json(date_runs):
    facts = checkpoint.read_manifest(date_runs / "parts" / "peeky.state.npz")["facts"]
    assert json.loads(json.dumps(facts)) == facts
    assert f"--workers={cores() + 1}" in facts["options"] and facts["options"][1:4] == ["--models", *MODELS[:2]]
