"""Accuracy by batch size and rule for the learning rate: the runs, the table, and what goes on or is refused."""

import json
import sys

import pytest
from script_tools import refused

from benchmarks import large_batches

TINY = ("--batch-sizes", 4, 8, "--rules", "linear-warmup", "--hidden-size", 4, "--max-epoch", 3, "--warmup", 1.5)


def asked(monkeypatch, *options):
    monkeypatch.setattr(sys, "argv", ["large_batches.py", *map(str, options)])
    return list(large_batches.runs(large_batches.parse()))


def epochs(*accuracies):
    return [large_batches.Epoch(0.125, accuracy) for accuracy in accuracies]


def test_the_rate_of_each_rule(monkeypatch):
    runs = asked(monkeypatch)
    assert {run.name: round(run.lr, 6) for run in runs} == {
        "128-unchanged": 0.001,
        "512-unchanged": 0.001,
        "512-linear": 0.004,
        "512-linear-warmup": 0.004,
        "512-square-root": 0.002,
        "2048-unchanged": 0.001,
        "2048-linear": 0.016,
        "2048-linear-warmup": 0.016,
        "2048-square-root": 0.004,
    }
    for run in runs:
        wanted = ("--lr", str(run.lr), *(("--warmup", "2") if run.rule == "linear-warmup" else ()))
        assert run.options[-len(wanted) :] == wanted


def test_the_table(monkeypatch):
    base, large = asked(monkeypatch, "--batch-sizes", 128, 2048, "--rules", "linear")
    found = {base: epochs(0.0, 0.5, 0.991), large: epochs(0.0, 0.0, 0.25)}
    assert large_batches.accuracies(found, 45_000, 0.99).splitlines() == [
        "| mini-batch | updates per epoch | learning rate | rule | epoch 2 | epoch 3 | 99% in epoch | loss, epoch 3 |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        "| 128 | 351 | 0.001 | unchanged | 50.00% | 99.10% | 3 | 0.1250 |",
        "| 2048 | 21 | 0.016 | linear | 0.00% | 25.00% | - | 0.1250 |",
    ]


@pytest.mark.slow
def test_a_measurement_goes_on_where_it_ended(tmp_path, tiny, script):
    for count in (2, 3):
        done = script(
            tmp_path, "benchmarks.large_batches", "--data", tiny, *TINY, "--max-epoch", count, "--out", "runs"
        )
        assert (done.returncode, done.stderr) == (0, "")
        if count == 2:
            first = {path: path.read_bytes() for path in tmp_path.glob("runs/*/history.csv")}
    assert sorted(path.parent.name for path in first) == ["4-unchanged", "8-linear-warmup"]
    for path, rows in first.items():
        assert path.read_bytes().startswith(rows) and path.read_bytes().count(b"\n") == 4, "epochs 1 and 2 as they were"
    config = json.loads((tmp_path / "runs" / "8-linear-warmup" / "config.json").read_text(encoding="utf-8"))
    given = {name: config["arguments"][name] for name in ("models", "batch_size", "lr", "warmup", "workers", "seed")}
    assert given == dict(models=["attention"], batch_size=8, lr=0.002, warmup=1.5, workers=1, seed=0)
    assert done.stdout.splitlines()[-4].startswith("| mini-batch | updates per epoch |"), done.stdout
    assert done.stdout.splitlines()[-1].startswith("| 8 | 4 | 0.002 | linear-warmup | ")
    other = script(tmp_path, "benchmarks.large_batches", "--data", tiny, *TINY, "--hidden-size", 5, "--out", "runs")
    assert other.returncode == 2 and "--hidden-size differs from what the run was started with" in other.stderr


def test_an_interrupt_leaves_the_table_of_what_has_ended(tmp_path, tiny, in_process, monkeypatch):
    ended = iter([(1.0, epochs(0.25, 0.5))])

    def train(run, out):
        if (found := next(ended, None)) is None:
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(large_batches, "train", train)
    done = in_process(tmp_path, "benchmarks.large_batches", "--data", tiny, *TINY, "--at-once", 1)
    assert (done.returncode, done.stderr) == (130, "large_batches.py: interrupted\n")
    assert done.stdout.splitlines()[-3:] == [
        "| mini-batch | updates per epoch | learning rate | rule | epoch 2 | 99% in epoch | loss, epoch 2 |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| 4 | 9 | 0.001 | unchanged | 50.00% | - | 0.1250 |",
    ]


@pytest.mark.parametrize("option", ["--batch-sizes=0", "--rules=cube", "--warmup=0", "--at-once=0", "--reach=2"])
def test_what_is_refused(tmp_path, in_process, option):
    refused(in_process(tmp_path, "benchmarks.large_batches", option), option.partition("=")[0])
