"""Whole main jobs, and steps beside another checkout: what the commands print and refuse, here at tiny sizes."""

import json
import os
import subprocess
import sys
import time

import pytest
from script_tools import ROOT, refused

from benchmarks import processes

TINY = ("--models", "baseline", "attention", "--batch-size", 8, "--hidden-size", 4, "--wordvec-size", 3)


def test_a_command_is_watched_with_its_descendants(tmp_path):
    """The child burns CPU in a grandchild, which holds 50 MB while a file appears."""
    inner = "import time; a = bytearray(b'1') * 50_000_000; open('x', 'w'); t = time.process_time()\n"
    inner += "while time.process_time() < t + 0.3: pass\ntime.sleep(1)"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}], check=True)"
    done = processes.watch([sys.executable, "-c", outer], tmp_path, dict(os.environ), tmp_path / "x")
    assert done.appeared is not None and 0 < done.appeared < done.seconds
    if os.name == "posix":
        assert done.cpu_seconds >= 0.3
    if (processes.PROC / "self" / "smaps_rollup").is_file():
        assert 50 < done.peak_mb < 500


def test_a_command_that_fails_says_how_it_ended(tmp_path):
    with pytest.raises(ValueError, match=r"exit code 3: ouch$"):
        processes.watch([sys.executable, "-c", "print('ouch'); exit(3)"], tmp_path, dict(os.environ), tmp_path / "x")


def test_without_proc_the_memory_is_not_known(monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "PROC", tmp_path)
    assert processes.watch([sys.executable, "-c", ""], tmp_path, dict(os.environ), tmp_path / "x").peak_mb is None


def test_an_interrupt_ends_the_command(monkeypatch, tmp_path):
    def interrupted(pid):
        raise KeyboardInterrupt

    monkeypatch.setattr(processes, "memory", interrupted)
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        processes.watch([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, {}, tmp_path / "x")
    assert time.perf_counter() - start < 30, "it waits for what it has ended"


@pytest.fixture
def main_job(script, tiny, tmp_path):
    def run(*options) -> tuple[str, dict]:
        options = (*TINY, "--data", tiny, "--max-epoch", 1, "--pause", 0, "--json", "b.json", *options)
        done = script(tmp_path, "benchmarks.main_job", *options)
        assert (done.returncode, done.stderr) == (0, "")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["b.json", "tiny.txt"]
        return done.stdout, json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))

    return run


@pytest.mark.slow
def test_main_jobs_take_turns(main_job):
    said, report = main_job("--models", "attention", "--rounds", 2, "--beside", ROOT, "--ours=--workers 1")
    beside = f"beside, {ROOT.name}"
    assert list(report["jobs"]) == ["ours --workers 1", beside]
    assert [len(rounds) for rounds in report["jobs"].values()] == [2, 2]
    for rounds in report["jobs"].values():
        for row in rounds:
            assert row["seconds"] > 0 and row["accuracy"].keys() == {"attention"}
    order = [line.partition(":")[0] for line in said.splitlines() if line.startswith("round ")]
    assert order == [f"round 1, {x}" for x in report["jobs"]] + [f"round 2, {x}" for x in reversed(report["jobs"])]
    (line,) = (line for line in said.splitlines() if line.startswith("ours --workers 1  "))
    assert line.split()[3:7] == ["1.00", "1.00..1.00"] * 2


@pytest.mark.slow
def test_the_main_job_of_pytorch(main_job):
    pytest.importorskip("torch")
    _, report = main_job("--rounds", 1, "--torch")
    assert list(report["jobs"]) == ["ours", "PyTorch"]
    assert report["jobs"]["PyTorch"][0]["accuracy"].keys() == {"baseline", "attention"}


@pytest.mark.slow
def test_steps_beside_another_checkout_compute_the_same(script, tiny, tmp_path):
    options = (*TINY, "--data", tiny, "--rounds", 2, "--steps", 1, "--workers", 1, 2)
    done = script(tmp_path, "benchmarks.beside", ROOT, *options)
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("baseline", "attention"):
        for workers in ("1 worker", "2 workers"):
            assert f"step, {name}, {workers} " in done.stdout and f"answers, {name}, {workers} " in done.stdout
            same = f"{name}, {workers}: losses of 4 steps differ by at most 0.0e+00 of their value; none of 4 answers"
            assert same in done.stdout


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("main_job", ("--beside", "."), "--beside .: expected a checkout of this project"),
        ("main_job", ("--data", "nowhere.txt"), "no such data file"),
        ("main_job", ("--json", "nowhere/b.json"), "folder that exists"),
        ("beside", (".",), r"\.: expected a checkout of this project"),
        ("beside", (ROOT, "--weights", "a.npz"), "--weights is of one model"),
    ],
)
def test_bad_arguments_are_one_line_and_exit_code_2(in_process, tmp_path, name, arguments, message):
    refused(in_process(tmp_path, f"benchmarks.{name}", *arguments), message)


def test_a_checkout_whose_code_fails_is_one_line_after_its_own(script, tiny, tmp_path):
    (tmp_path / "other" / "seq2seq").mkdir(parents=True)
    (tmp_path / "other" / "seq2seq" / "model_file.py").write_text("")
    done: subprocess.CompletedProcess = script(tmp_path, "benchmarks.beside", "other", *TINY, "--data", tiny)
    assert done.returncode == 2
    assert done.stderr.endswith("other: the benchmark ended there with exit code 1\n")
