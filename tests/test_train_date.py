"""scripts/train_date.py, run as a reader runs it: what it writes, what it prints, and what it refuses."""

import hashlib
import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys
import time
from itertools import groupby
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from script_tools import CHAPTERS_LINE, INFINITE, MODELS, ROOT, TINY, cores, everything, history, refused

from common.layer import named_params
from dataset import dates
from dataset.sequence import read
from seq2seq import exact_match, load_model, padding_of
from seq2seq.map_measures import measures
from seq2seq.model_file import MODELS as MODELS_BY_NAME


def test_train_writes_models_that_can_be_used_without_the_run(trained_run):
    names = {"history.csv", "config.json", "accuracy.png", "loss.png", "measures.png"}
    assert names | {f"{name}.npz" for name in MODELS} <= {path.name for path in trained_run.folder.iterdir()}
    assert not list(trained_run.folder.glob(".*")), "temporary files are left"
    for name in MODELS:
        _, facts = load_model(trained_run.folder / f"{name}.npz")
        assert (facts["model"], facts["T_enc"], facts["T_dec"]) == (name, 29, 10)
        assert facts["vocabulary"] == read(trained_run.data).vocabulary.chars
        assert (facts["start"], facts["reverse"]) == ("_", True)


def test_train_history_is_that_of_the_models_it_saved(trained_run, test_part):
    header = (trained_run.folder / "history.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header.startswith("model,epoch,train_loss,test_accuracy,seconds,alignment,pad_mass,entropy,pad_mass_1,")
    assert header.endswith(",pad_mass_10")
    rows = history(trained_run.folder)
    assert [(row["model"], row["epoch"]) for row in rows] == [(name, epoch) for epoch in "12" for name in MODELS]
    for first, last in zip(rows[: len(MODELS)], rows[len(MODELS) :], strict=True):
        model, _ = load_model(trained_run.folder / f"{last['model']}.npz")
        assert float(last["test_accuracy"]) == exact_match(model, *test_part)
        assert float(last["train_loss"]) < float(first["train_loss"])
    assert any(float(row["test_accuracy"]) > 0 for row in rows), "all wrong would prove nothing above"
    assert all(float(row["seconds"]) > 0 for row in rows)
    model, facts = load_model(trained_run.folder / "attention.npz")
    vocabulary = read(trained_run.data).vocabulary
    xs = test_part[0]
    truth = np.array([dates.parse(vocabulary.decode(x[::-1])).truth[:, ::-1] for x in xs])
    weights = model.decode(xs, vocabulary.char_to_id[facts["start"]], 10).attention_weights
    measured = measures(weights, padding_of(xs, vocabulary.char_to_id[" "]), truth)
    last = {row["model"]: row for row in rows}
    assert {name: float(last["attention"][name]) for name in measured} == pytest.approx(measured, abs=1e-4)
    assert {last["peeky"][name] for name in measured} == {""}, "peeky has no maps"


def test_train_config_tells_how_to_repeat_the_run(trained_run):
    config = json.loads((trained_run.folder / "config.json").read_text(encoding="utf-8"))
    assert config["arguments"] == {
        "data": "date.txt",
        "models": list(MODELS),
        "max_epoch": 2,
        "batch_size": 32,
        "wordvec_size": 16,
        "hidden_size": 32,
        "max_grad": 5.0,
        "lr": 0.003,
        "seed": 0,
        "no_reverse": False,
        "mask_padding": False,
        "cell_state": False,
        "keep_maps": None,
        "keep_weights": False,
        "no_shared_prefixes": False,
        "workers": 1,
        "jobs": min(cores(), len(MODELS)),
        "until": None,
        "leak_free": False,
        "out": str(Path("runs/date")),
        "save_every": {"seconds": 30.0},
        "resume": None,
        "quiet": False,
    }
    assert config["data"]["sha256"] == hashlib.sha256(trained_run.data.read_bytes()).hexdigest()
    assert Path(config["data"]["path"]) == trained_run.data.resolve(), "a relative path would hold in one folder only"
    for name in ("numpy", "matplotlib", "attention-from-scratch"):
        assert config["versions"][name] == importlib.metadata.version(name)
    assert config["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))


@pytest.mark.parametrize("name", ["accuracy.png", "loss.png"])
def test_train_draws_three_curves(trained_run, name):
    pixels = matplotlib.image.imread(trained_run.folder / name)[..., :3]
    for cycle in ("#1f77b4", "#ff7f0e", "#2ca02c"):
        near = np.abs(pixels - matplotlib.colors.to_rgb(cycle)).max(axis=-1) < 0.02
        assert near.sum() > 100, f"{cycle} is not in {name}"


def test_train_prints_the_chapters_lines(trained_run):
    lines = CHAPTERS_LINE.findall(trained_run.stdout)
    for name in MODELS:
        own = [line[1:] for line in lines if line[0] == name]
        assert [(int(epoch), int(i)) for epoch, i, *_ in own] == [(e, i) for e in (1, 2) for i in (1, 21, 41, 61, 81)]
        assert {total for _, _, total, _, _ in own} == {"84"}, "2,700 questions in full batches of 32"
        assert 4.0 < float(own[0][-1]) < 4.2, "an untrained model's loss is about ln 59 nats"
        times = [int(line[3]) for line in own]
        assert times == sorted(times), "time counts over epochs"
        first = next(float(row["seconds"]) for row in history(trained_run.folder) if row["model"] == name)
        assert times[5] > first - 1, "time counts from the start of the run, not of each fit"


def measured(row: dict) -> list[str]:
    """The cells that tell of the maps."""
    shares = [f"{100 * float(row[key]):.1f}%" for key in ("alignment", "pad_mass") if row[key]]
    return shares and [*shares, f"{float(row['entropy']):.2f}"]


def test_train_prints_a_table_an_epoch_and_one_at_the_end(trained_run):
    for epoch, rows in groupby(history(trained_run.folder), lambda row: row["epoch"]):
        *_, below = tables = trained_run.stdout.split(f"epoch {epoch} / 2, 300 test questions\n")
        rows_there = [table.partition("\n\n")[0].count("\n") for table in tables[1:]]
        assert len(rows_there) == 3 == rows_there[-1] and rows_there == sorted(rows_there), "with what has arrived"
        header, *table = below.splitlines()[: 1 + len(MODELS)]
        assert header.split() == "model train loss test accuracy seconds alignment pad mass entropy".split()
        for line, row in zip(table, rows, strict=True):
            loss, accuracy = f"{float(row['train_loss']):.4f}", f"{100 * float(row['test_accuracy']):.2f}%"
            assert line.split()[:3] == [row["model"], loss, accuracy]
            assert line.split()[4:] == measured(row)
    header, *table = trained_run.stdout.splitlines()[-2 - len(MODELS) : -1]
    assert header.split() == "model parameters accuracy seconds per epoch alignment pad mass entropy".split()
    for line, name, row in zip(table, MODELS, history(trained_run.folder)[len(MODELS) :], strict=True):
        model, _ = load_model(trained_run.folder / f"{name}.npz")
        count = sum(param.size for param in named_params(model).values())
        assert line.split()[:3] == [name, f"{count:,}", f"{100 * float(row['test_accuracy']):.2f}%"]
        assert line.split()[4:] == measured(row)


def test_train_prints_plain_lines_when_not_on_a_terminal(trained_run):
    assert trained_run.stderr == "", "no warnings, no progress bar"
    assert not re.search(r"[\r\x1b\x08]", trained_run.stdout)


def test_train_quietly_and_alone_gives_the_same_weights_as_beside_others(tiny, train, tmp_path):
    arguments = ["--data", tiny, *TINY, "--max-epoch", 2]
    assert train(tmp_path, *arguments, "--out", "all").returncode == 0
    one = "--workers", 1, "--models", "attention", "attention"
    done = train(tmp_path, *arguments, *one, "--quiet", "--out", "alone")
    assert (done.returncode, done.stderr) == (0, "")
    header, row = done.stdout.splitlines()
    assert header.startswith("model") and row.startswith("attention"), "the last table only"
    assert (tmp_path / "alone" / "attention.npz").read_bytes() == (tmp_path / "all" / "attention.npz").read_bytes()
    assert not (tmp_path / "alone" / "baseline.npz").exists()


def test_train_twice_gives_the_same_bytes_and_every_switch_others(tiny, train):
    cwd, weights = tiny.parent, {}
    for switch in ("--seed=0", "--quiet", "--seed=1", "--no-reverse", "--leak-free"):
        done = train(cwd, "--data", tiny.name, *TINY, switch, "--out", cwd / switch)
        assert (done.returncode, done.stderr) == (0, "")
        weights[switch] = b"".join(
            array.tobytes()
            for name in MODELS
            for array in named_params(load_model(cwd / switch / f"{name}.npz")[0]).values()
        )
        arguments = json.loads((cwd / switch / "config.json").read_text(encoding="utf-8"))["arguments"]
        assert arguments["seed"] == (1 if switch == "--seed=1" else 0)
        assert arguments["no_reverse"] is (switch == "--no-reverse")
        assert arguments["leak_free"] is (switch == "--leak-free")
        assert arguments["quiet"] is (switch == "--quiet")
    for name in MODELS:
        file = f"{name}.npz"
        assert (cwd / "--seed=0" / file).read_bytes() == (cwd / "--quiet" / file).read_bytes(), "the same seed, twice"
    assert len(set(weights.values())) == 4, "seed, direction and split all matter"
    assert load_model(cwd / "--no-reverse" / "attention.npz")[1]["reverse"] is False


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--batch-size", 0], "--batch-size: .*at least 1"),
        (["--max-epoch", -1], "--max-epoch: .*at least 1"),
        (["--hidden-size", "many"], "--hidden-size: .*'many'"),
        (["--models", "reader"], "--models: .*'reader'.*attention"),
        (["--lr", "nan"], "--lr: .*above 0.*nan"),
        (["--max-grad", "inf"], "--max-grad: .*above 0.*inf"),
        (["--seed", -1], "--seed: .*at least 0"),
        (["--mask-padding", "--models", "peeky"], "--mask-padding is an option of the model attention or transformer"),
        (["--epochs", 3], "unrecognized arguments: --epochs 3"),
        (["--data", "missing.txt"], "missing.txt"),
        (["--data", "bad.txt"], r"bad\.txt:3: .*'2/7/72 1972-02-07'"),
        (["--data", "nine.txt"], r"nine\.txt: 9 lines .*a tenth"),
        (["--out", "bad.txt"], "bad.txt"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_train_refuses_in_one_line_and_writes_nothing(tiny, in_process, arguments, message):
    lines = tiny.read_text(encoding="utf-8").splitlines(keepends=True)
    (tiny.parent / "nine.txt").write_text("".join(lines[:9]), encoding="utf-8")
    (tiny.parent / "bad.txt").write_text("".join([*lines[:2], "2/7/72 1972-02-07\n"]), encoding="utf-8")
    before = everything(tiny.parent)
    done = in_process(tiny.parent, "train_date.py", "--data", tiny.name, *TINY, "--out", "runs/date", *arguments)
    refused(done, message)
    assert everything(tiny.parent) == before


def test_train_shows_a_bar_on_a_terminal_and_stops_cleanly(tiny, script_environment):
    pytest.importorskip("termios", reason="a pseudo-terminal is needed")
    import fcntl
    import pty
    import struct
    import termios

    ours, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    command = [sys.executable, ROOT / "scripts" / "train_date.py", "--data", tiny, *TINY, "--max-epoch", 10**6]
    command += ["--models", "baseline"]
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=tiny.parent,
        env=script_environment | {"TERM": "xterm"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    bar = re.compile(rb"\r +0%\|[^|]*\| \d+/4000000 \[\d\d:\d\d<[\d:days ,]+, +\d+\.\d+(it/s|s/it)\]")
    seen, interrupted, deadline = b"", False, time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            try:
                seen += os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not interrupted and bar.search(seen) and b"epoch 1 / " in seen:
                process.send_signal(signal.SIGINT)
                interrupted = True
        assert interrupted, f"no progress bar with an ETA: {seen[-2000:]!r}"
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    said = b"train_date.py: stopped by SIGINT, the state is saved; go on with --resume runs/date\r\n"
    assert said in seen and b"Traceback" not in seen
    for name in ("baseline.npz", "baseline.state.npz", "history.csv"):
        assert (tiny.parent / "runs" / "date" / name).is_file()
    assert not list((tiny.parent / "runs" / "date").glob(".*")), "temporary files are left"


def test_train_that_diverges_says_what_to_do(tiny, script, tmp_path):
    done = script(tmp_path, "train_date.py", "--data", tiny, "--lr", INFINITE, "--quiet", *TINY)
    refused(done, r"^train_date\.py: \w+: epoch 1, iteration \d+: .* not finite.*smaller learning rate")


def test_train_until_an_accuracy_stops_there(trained_run, train, tmp_path):
    arguments = ("--data", trained_run.data, "--models", "peeky", "--max-epoch", 9, *trained_run.arguments[4:])
    done = train(tmp_path, *arguments, "--until", "0.001", "--quiet")
    assert done.returncode == 0, done.stderr
    rows = history(tmp_path / "runs" / "date")
    assert 1 <= len(rows) < 9
    assert [float(row["test_accuracy"]) >= 0.001 for row in rows] == [False] * (len(rows) - 1) + [True]
    seconds = sum(float(row["seconds"]) for row in rows)
    assert done.stdout.splitlines()[-1] == f"peeky: 0.1% reached in epoch {len(rows)}, {seconds:.1f} s"


def test_train_says_which_models_did_not_reach_the_accuracy(tiny, train, tmp_path):
    arguments = ("--models", "attention", "baseline", "--until", 0.999, "--quiet")
    done = train(tmp_path, "--data", tiny, *TINY, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-2:] == ["attention: 99.9% not reached", "baseline: 99.9% not reached"]


def test_train_with_any_workers_and_prefixes_learns_the_same(trained_run, train, tmp_path):
    file = tmp_path / "date.txt"
    file.write_bytes(b"".join(trained_run.data.read_bytes().splitlines(keepends=True)[:1150]))  # two mini-batches
    data = read(file)
    model = MODELS_BY_NAME["attention"](len(data.vocabulary), 16, 96)
    (xs, ts), _ = data.split()
    assert len(model.shares(xs[:512, ::-1], ts[:512], 2)) == 2, "not work enough for two: they would not be tested"
    arguments = ("--models", "attention", "--batch-size", 512, "--hidden-size", 96, "--max-epoch", 1, "--quiet")
    losses, weights = [], set()
    for workers, *options in [1], [2], [3, "--no-shared-prefixes"]:
        options += ["--workers", workers, "--out", workers]
        done = train(tmp_path, "--data", file, *arguments, *options)
        assert done.returncode == 0, done.stderr
        losses += [float(row["train_loss"]) for row in history(tmp_path / str(workers))]
        model, _ = load_model(tmp_path / str(workers) / "attention.npz")
        weights.add(b"".join(param.tobytes() for param in model.params))
    np.testing.assert_allclose(losses, losses[0], rtol=1e-4)
    assert len(weights) == 3, "their sums round differently: the same bits would mean that nothing was split"
