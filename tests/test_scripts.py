"""The scripts, run as a reader runs them: what they write, what they print, and what they refuse."""

import csv
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from itertools import groupby
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from common.layer import named_params
from dataset import dates
from dataset.sequence import generate, read
from seq2seq import exact_match, load_model, save_model

ROOT = Path(__file__).resolve().parents[1]
MODELS = ("baseline", "peeky", "attention")
CHAPTERS_LINE = re.compile(
    r"^(\w+) +\| epoch (\d+) \|  iter (\d+) / (\d+) \| time (\d+)\[s\] \| loss (\d+\.\d\d)$", re.MULTILINE
)
TINY = ("--batch-size", 8, "--hidden-size", 4, "--wordvec-size", 3, "--max-epoch", 1)


@pytest.fixture(scope="module")
def test_part(trained_run):
    """(x_test as the encoder reads it, t_test) of the trained run."""
    _, (x_test, t_test) = read(trained_run.data).split()
    return x_test[:, ::-1], t_test


@pytest.fixture
def tiny(tmp_path) -> Path:
    """A data file of 40 lines; every question stands there twice, so that leak-free makes a difference."""
    path = tmp_path / "tiny.txt"
    path.write_text("".join(f"{line}\n" for line in dates.generate(20, seed=1) * 2), encoding="utf-8")
    return path


def history(folder: Path) -> list[dict]:
    return list(csv.DictReader((folder / "history.csv").read_text(encoding="utf-8").splitlines()))


def everything(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def refused(done: subprocess.CompletedProcess, message: str) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    assert re.search(message, done.stderr), done.stderr
    assert done.stderr.count("\n") == 1 and done.stderr.endswith("\n"), done.stderr
    assert done.stdout == ""


# train_date.py


def test_train_writes_models_that_can_be_used_without_the_run(trained_run):
    names = {"history.csv", "config.json", "accuracy.png", "loss.png"} | {f"{name}.npz" for name in MODELS}
    assert names <= {path.name for path in trained_run.folder.iterdir()}
    assert not list(trained_run.folder.glob(".*")), "temporary files are left"
    for name in MODELS:
        _, facts = load_model(trained_run.folder / f"{name}.npz")
        assert (facts["model"], facts["T_enc"], facts["T_dec"]) == (name, 29, 10)
        assert facts["vocabulary"] == read(trained_run.data).vocabulary.chars
        assert (facts["start"], facts["reverse"]) == ("_", True)


def test_train_history_is_that_of_the_models_it_saved(trained_run, test_part):
    header = (trained_run.folder / "history.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == "model,epoch,train_loss,test_accuracy,seconds"
    rows = history(trained_run.folder)
    assert [(row["model"], row["epoch"]) for row in rows] == [(name, epoch) for epoch in "12" for name in MODELS]
    for first, last in zip(rows[:3], rows[3:], strict=True):
        model, _ = load_model(trained_run.folder / f"{last['model']}.npz")
        assert float(last["test_accuracy"]) == exact_match(model, *test_part)
        assert float(last["train_loss"]) < float(first["train_loss"])
    assert any(float(row["test_accuracy"]) > 0 for row in rows), "all wrong would prove nothing above"
    assert all(float(row["seconds"]) > 0 for row in rows)


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
        "leak_free": False,
        "out": str(Path("runs/date")),
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
    assert [(name, int(epoch), int(i)) for name, epoch, i, *_ in lines] == [
        (name, epoch, i) for epoch in (1, 2) for name in MODELS for i in (1, 21, 41, 61, 81)
    ]
    assert {total for _, _, _, total, _, _ in lines} == {"84"}, "2,700 questions in full batches of 32"
    assert 4.0 < float(lines[0][-1]) < 4.2, "an untrained model's loss is about ln 59 nats"
    times = [int(line[4]) for line in lines]
    assert times == sorted(times), "time counts over models and epochs"
    earlier = sum(float(row["seconds"]) for row in history(trained_run.folder)[:-1])
    assert times[-1] > earlier - 0.6, "time counts from the start of the run, not of each fit"


def test_train_prints_a_table_an_epoch_and_one_at_the_end(trained_run):
    for epoch, rows in groupby(history(trained_run.folder), lambda row: row["epoch"]):
        _, _, below = trained_run.stdout.partition(f"epoch {epoch} / 2, 300 test questions\n")
        header, *table = below.splitlines()[:4]
        assert header.split() == "model train loss test accuracy seconds".split()
        for line, row in zip(table, rows, strict=True):
            loss, accuracy = f"{float(row['train_loss']):.4f}", f"{100 * float(row['test_accuracy']):.2f}%"
            assert line.split()[:3] == [row["model"], loss, accuracy]
    header, *table = trained_run.stdout.splitlines()[-5:-1]
    assert header.split() == "model parameters accuracy seconds per epoch".split()
    for line, name, row in zip(table, MODELS, history(trained_run.folder)[3:], strict=True):
        model, _ = load_model(trained_run.folder / f"{name}.npz")
        count = sum(param.size for param in named_params(model).values())
        assert line.split()[:3] == [name, f"{count:,}", f"{100 * float(row['test_accuracy']):.2f}%"]


def test_train_prints_plain_lines_when_not_on_a_terminal(trained_run):
    assert trained_run.stderr == "", "no warnings, no progress bar"
    assert not re.search(r"[\r\x1b\x08]", trained_run.stdout)


def test_train_quietly_and_alone_gives_the_same_weights_as_beside_others(trained_run, script, tmp_path):
    arguments = [*trained_run.arguments, "--models", "attention", "attention", "--quiet", "--out", tmp_path]
    done = script(trained_run.cwd, "train_date.py", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    header, row = done.stdout.splitlines()
    assert header.startswith("model") and row.startswith("attention"), "the last table only"
    assert (tmp_path / "attention.npz").read_bytes() == (trained_run.folder / "attention.npz").read_bytes()
    assert not (tmp_path / "baseline.npz").exists()


def test_train_twice_gives_the_same_bytes_and_every_switch_others(tiny, script):
    cwd, weights = tiny.parent, {}
    for switch in ("--seed=0", "--quiet", "--seed=1", "--no-reverse", "--leak-free"):
        done = script(cwd, "train_date.py", "--data", tiny.name, *TINY, switch, "--out", cwd / switch)
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
        (["--models", "transformer"], "--models: .*'transformer'.*attention"),
        (["--lr", "nan"], "--lr: .*above 0.*nan"),
        (["--max-grad", "inf"], "--max-grad: .*above 0.*inf"),
        (["--seed", -1], "--seed: .*at least 0"),
        (["--epochs", 3], "unrecognized arguments: --epochs 3"),
        (["--data", "missing.txt"], "missing.txt"),
        (["--data", "bad.txt"], r"bad\.txt:3: .*'2/7/72 1972-02-07'"),
        (["--data", "nine.txt"], r"nine\.txt: 9 lines .*a tenth"),
        (["--out", "bad.txt"], "bad.txt"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_train_refuses_in_one_line_and_writes_nothing(tiny, script, arguments, message):
    lines = tiny.read_text(encoding="utf-8").splitlines(keepends=True)
    (tiny.parent / "nine.txt").write_text("".join(lines[:9]), encoding="utf-8")
    (tiny.parent / "bad.txt").write_text("".join([*lines[:2], "2/7/72 1972-02-07\n"]), encoding="utf-8")
    before = everything(tiny.parent)
    done = script(tiny.parent, "train_date.py", "--data", tiny.name, *TINY, "--out", "runs/date", *arguments)
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
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=tiny.parent,
        env=script_environment | {"TERM": "xterm"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    bar = re.compile(rb"\r +0%\|[^|]*\| \d+/12000000 \[\d\d:\d\d<\d+:\d\d:\d\d, +\d+\.\d+it/s\]")
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
    assert b"train_date.py: interrupted\r\n" in seen and b"Traceback" not in seen
    for name in ("baseline.npz", "history.csv"):
        assert (tiny.parent / "runs" / "date" / name).is_file()
    assert not list((tiny.parent / "runs" / "date").glob(".*")), "temporary files are left"


# plot_attention.py


def svg(path: Path) -> tuple[str, np.ndarray]:
    """All texts of a drawing, a line each, and the grey levels 0..1 of the map's cells, as drawn."""
    text = path.read_text(encoding="utf-8")
    (mesh,) = (g for g in ElementTree.fromstring(text).iter() if g.get("id", "").startswith("PolyQuadMesh"))
    fills = [re.search(r"fill: #(\w\w)\1\1|$", cell.get("style", "")).group(1) or "00" for cell in mesh]
    return "\n".join(re.findall("<!-- (.*?) -->", text)), np.array([int(fill, 16) for fill in fills]) / 255


def drawn_labels(question: str, answer: str) -> str:
    return "\n".join([*question.replace(" ", "␣"), "input", *answer, "output"])


def test_plot_draws_where_the_model_looked_for_its_own_answer(trained_run, test_part, script, tmp_path):
    x_test, t_test = test_part
    model, _ = load_model(trained_run.folder / "attention.npz")
    vocabulary = read(trained_run.data).vocabulary
    ids = model.decode(x_test, int(t_test[0, 0]), 10).ids
    # a wrong answer, else the two maps would be one
    index = int(np.flatnonzero((ids != t_test[:, 1:]).any(axis=1))[0])
    x, t = x_test[[index]], t_test[[index]]
    question, answer = vocabulary.decode(x[0, ::-1]), vocabulary.decode(t[0, 1:])
    own = model.decode(x, int(t[0, 0]), 10)
    prediction = vocabulary.decode(own.ids[0])

    done = script(
        trained_run.cwd, "plot_attention.py", "--index", index, "--cmap", "gray", "--save", tmp_path / "own.svg"
    )
    assert (done.returncode, done.stderr) == (0, "")
    title = f"{question.rstrip()} → {prediction}  (answer {answer}, wrong)"
    assert f"test question {index}: {title}\n" in done.stdout and "own.svg" in done.stdout
    texts, grey = svg(tmp_path / "own.svg")
    assert drawn_labels(question, prediction) in texts and title in texts
    own = own.attention_weights[0, :, ::-1].ravel()
    np.testing.assert_allclose(grey, own, atol=0.005)

    arguments = ["--index", index, "--given-answer", "--cmap", "gray", "--save", tmp_path / "given.svg"]
    done = script(trained_run.cwd, "plot_attention.py", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    texts, grey = svg(tmp_path / "given.svg")
    assert drawn_labels(question, answer) in texts
    model.forward(x, t)
    given = np.array(model.decoder.attention.attention_weights)[:, 0, ::-1].ravel()
    np.testing.assert_allclose(grey, given, atol=0.005)
    assert np.abs(own - given).max() > 0.02, "else the two pictures could be one"


def test_train_that_diverges_says_what_to_do(tiny, script, tmp_path):
    done = script(tmp_path, "train_date.py", "--data", tiny, "--lr", "1e38", "--quiet", *TINY)
    assert done.returncode == 2
    assert re.search(r"train_date\.py: .*norm of the gradients is .*smaller learning rate", done.stderr)
    assert "Traceback" not in done.stderr


def test_plot_minds_no_spaces_around_a_question(trained_run, script, tmp_path):
    done = script(
        trained_run.cwd, "plot_attention.py", "--text", f" May 1, 1972{' ' * 40}", "--save", tmp_path / "a.png"
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_plot_takes_question_0_where_there_is_no_4681(trained_run, script):
    done = script(trained_run.cwd, "plot_attention.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("test question 0: ")
    assert (trained_run.folder / "attention_0.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_plot_takes_question_4681_where_there_is_one(trained_run, script, tmp_path):
    data = generate("date.txt")
    move_data(trained_run, tmp_path / "run", path=None, sha256=data.sha256)
    done = script(tmp_path, "plot_attention.py", "--run", "run")
    assert (done.returncode, done.stderr) == (0, "")
    question = data.vocabulary.decode(data.split()[1][0][4681]).rstrip()
    assert done.stdout.startswith(f"test question 4681: {question} → ")
    assert (tmp_path / "run" / "attention_4681.png").is_file()


def test_plot_of_a_question_of_ones_own_in_other_colours(trained_run, script, tmp_path):
    arguments = ["--text", "May 1, 1972", "--cmap", "Blues", "--save", tmp_path / "own.PNG"]
    done = script(trained_run.cwd, "plot_attention.py", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    pixels = matplotlib.image.imread(tmp_path / "own.PNG")[..., :3]
    assert (pixels[..., 2] - pixels[..., 0] > 0.3).any(), "Blues is blue"


def test_plot_numbers_the_files_of_random_questions(trained_run, script, tmp_path):
    arguments = ["--run", trained_run.folder, "--count", 3, "--save", "maps.pdf"]
    done = script(tmp_path, "plot_attention.py", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(set(re.findall(r"^test question (\d+):", done.stdout, re.MULTILINE))) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["maps_1.pdf", "maps_2.pdf", "maps_3.pdf"]
    assert all(path.read_bytes().startswith(b"%PDF-") for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--run", "nowhere"], r"python scripts/train_date\.py --out nowhere"),
        (["--index", 300], r"--index 300: .*300 questions"),
        (["--index", -1], "--index: .*at least 0"),
        (["--count", 0], "--count: .*at least 1"),
        (["--save", "map.gif"], r"map\.gif: .*\.png, \.svg, \.pdf"),
        (["--text", "a" * 30], "30 characters, at most 29"),
        (["--text", "May 1, ２"], "'２', character 8 "),
        (["--text", "May 1, 1972", "--given-answer"], "--given-answer"),
        (["--text", "May 1, 1972", "--index", 1], "not allowed with"),
        (["--cmap", "grayish"], "--cmap grayish"),
        (["--show"], "no window"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_plot_refuses_in_one_line(trained_run, script, arguments, message):
    before = everything(trained_run.cwd)
    refused(script(trained_run.cwd, "plot_attention.py", *arguments), message)
    assert everything(trained_run.cwd) == before


def test_plot_refuses_a_run_whose_data_changed_or_vanished(trained_run, script, tmp_path):
    data = tmp_path / "date.txt"
    move_data(trained_run, tmp_path / "run", path=str(data))
    data.write_bytes(trained_run.data.read_bytes().replace(b"May 1,", b"May 2,", 1))
    refused(script(tmp_path, "plot_attention.py", "--run", "run"), r"date\.txt: changed since run/attention\.npz")
    data.unlink()
    refused(script(tmp_path, "plot_attention.py", "--run", "run"), r"date\.txt")


def test_plot_asks_a_model_about_its_own_data_whatever_was_trained_beside_it_later(trained_run, script, tiny, tmp_path):
    shutil.copytree(trained_run.folder, tmp_path / "run")
    arguments = ["--data", tiny, "--models", "baseline", "--quiet", "--out", "run", *TINY]
    assert script(tmp_path, "train_date.py", *arguments).returncode == 0
    before = script(trained_run.cwd, "plot_attention.py", "--save", tmp_path / "before.png")
    after = script(tmp_path, "plot_attention.py", "--run", "run", "--save", "after.png")
    assert after.stdout.splitlines()[0] == before.stdout.splitlines()[0]
    assert (tmp_path / "after.png").read_bytes() == (tmp_path / "before.png").read_bytes()


def move_data(trained_run, folder: Path, **facts) -> None:
    """A copy of the attention model whose file says other facts about its data."""
    folder.mkdir()
    model, kept = load_model(trained_run.folder / "attention.npz")
    kept = {key: value for key, value in kept.items() if key not in ("format", "model", "arguments")}
    save_model(folder / "attention.npz", model, **kept | {"data": kept["data"] | facts})


# convert_date.py

ASKED = ["May 1, 1972", "7/22/08", "SEPTEMBER 27, 1994", "monday, january 5, 2004", "7/22/08"]


def answers(trained_run, name: str) -> list[str]:
    model, facts = load_model(trained_run.folder / f"{name}.npz")
    vocabulary = read(trained_run.data).vocabulary
    xs = np.stack([vocabulary.encode(text, 29)[::-1] for text in ASKED])
    decoded = model.decode(xs, vocabulary.char_to_id[facts["start"]], 10)
    return [vocabulary.decode(ids) for ids in decoded.ids]


@pytest.mark.parametrize("name", MODELS)
def test_convert_prints_the_models_answers(trained_run, script, name):
    done = script(trained_run.cwd, "convert_date.py", "--model", name, *ASKED)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == answers(trained_run, name)
    if name == "peeky":
        assert len(set(answers(trained_run, name))) > 1, "else any order would do"


def test_convert_reports_bad_lines_and_converts_the_others(trained_run, script):
    good = [text.encode() for text in ASKED]
    lines = [
        b"\xef\xbb\xbf" + good[0],
        b"5 \xff 1972",
        good[1],
        "5月1日".encode(),
        good[2],
        b"a" * 30,
        good[3],
        b"",
        good[4],
    ]
    done = script(trained_run.cwd, "convert_date.py", "--model", "peeky", stdin=b"\r\n".join(lines))
    assert done.returncode == 2
    assert done.stdout.splitlines() == answers(trained_run, "peeky")
    reports = done.stderr.splitlines()
    reasons = ("character 3", "'月', character 2", "30 characters, at most 29", "empty line")
    for number, report, reason in zip((2, 4, 6, 8), reports, reasons, strict=True):
        assert report.startswith(f"convert_date.py: line {number}: ") and reason in report


def test_convert_refuses_bad_arguments_as_it_does_lines(trained_run, script):
    done = script(trained_run.cwd, "convert_date.py", "7/22/08", "7|22|08", "", "--model", "peeky")
    assert (done.returncode, done.stdout) == (2, "2008-07-22\n")
    assert [line.split(":")[1] for line in done.stderr.splitlines()] == [" line 2", " line 3"]


def test_convert_without_a_trained_model_says_how_to_train(script, tmp_path):
    done = script(tmp_path, "convert_date.py", "May 1, 1972")
    refused(done, r"no trained attention model .*python scripts/train_date\.py --out runs")
    (tmp_path / "baseline.npz").write_bytes(b"\x80\x04 pickled")
    done = script(tmp_path, "convert_date.py", "--run", ".", "--model", "baseline", "May 1, 1972")
    refused(done, r"baseline\.npz: a pickled file is refused")


def test_convert_of_nothing_is_nothing(trained_run, script):
    done = script(trained_run.cwd, "convert_date.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_convert_whose_reader_leaves_early_ends_quietly(trained_run, script_environment):
    command = [sys.executable, ROOT / "scripts" / "convert_date.py", *["May 1, 1972"] * 20_000]
    process = subprocess.Popen(
        command, cwd=trained_run.cwd, env=script_environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.readline()
    process.stdout.close()
    assert (process.wait(timeout=120), process.stderr.read()) == (0, b"")
    process.stderr.close()
