"""What scripts/train_date.py shows before it ends: how long it will take, and attention.png after each epoch."""

import html
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from font_tools import forget, install, make, only_matplotlibs_own
from script_tools import TINY

from dataset.sequence import read
from experiment import DateModel, estimate
from experiment.estimate import Announcer
from experiment.plot_dates import draw_epoch, map_of
from support.terminal import visible

ALONE = *TINY, "--models", "attention", "--jobs", 1


@pytest.fixture
def train(in_process):
    """``train(cwd, *arguments)``: train_date.py in this process."""
    yield lambda cwd, *arguments: in_process(cwd, "train_date.py", *arguments)
    plt.close("all")


@pytest.fixture
def strange(tmp_path, monkeypatch) -> Iterator[Path]:
    """A data file whose questions begin with spaces, differ in length, and have characters of all kinds."""
    questions = ["  $x^2$ 5月", "¥ 3/4", r"\alpha", "", " \x1b[31m<b>&%", "東京1999年", "ω{}", "  a"]
    questions += [f"{question}{k}" for k in range(4) for question in questions]
    width = max(map(len, questions)) + 2
    lines = [f"{question:<{width}}_{k % 7}年 \n" for k, question in enumerate(questions)]
    path = tmp_path / "strange.txt"
    path.write_text("".join(lines), encoding="utf-8")
    only_matplotlibs_own(monkeypatch)
    install(make(tmp_path / "japanese.ttf", "Japanese", "東京年月"))
    yield path
    monkeypatch.undo()
    forget()


def drawn_again(folder: Path, question: str, answer: str | None, epoch: int, to: Path) -> bytes:
    draw_epoch(to / "again.png", DateModel(folder, "attention"), question, answer, epoch)
    return (to / "again.png").read_bytes()


def asked_first(data: Path, leak_free: bool = False) -> tuple[str, str]:
    """The first test question, whole, and its answer."""
    _, (xs, ts) = (parts := read(data)).split(leak_free=leak_free)
    return parts.vocabulary.decode(xs[0]), parts.vocabulary.decode(ts[0, 1:])


def test_the_picture_is_that_of_the_latest_epoch(trained_run, tmp_path):
    """This run trained its three models side by side."""
    picture = (trained_run.folder / "attention.png").read_bytes()
    asked = asked_first(trained_run.data)
    assert picture == drawn_again(trained_run.folder, *asked, 2, tmp_path)
    assert picture != drawn_again(trained_run.folder, *asked, 1, tmp_path), "the title says the epoch"
    listed = trained_run.stdout.splitlines()[-1]
    assert listed.startswith("written to ") and listed.endswith(", measures.png, attention.png, config.json")


def test_the_title_says_epoch_answer_and_verdict(trained_run, tmp_path):
    date_model = DateModel(trained_run.folder, "attention")
    for question, answer in date_model.test_questions()[:3]:
        draw_epoch(tmp_path / "map.svg", date_model, question, answer, 7)
        own = date_model.answers(date_model.encode(question, of_test=True)[None])[0][0].text
        verdict = "right" if own == answer else "wrong"
        title = f"attention, epoch 7: {question.rstrip()} → {own}  (answer {answer}, {verdict})"
        assert title in (tmp_path / "map.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("option", ["--jobs=1", "--no-reverse", "--mask-padding", "--leak-free", "--quiet"])
def test_a_picture_of_any_data(train, strange, option):
    done = train(strange.parent, "--data", strange, *ALONE, option, "--out", "run")
    assert done.returncode == 0, done.stderr
    run, (question, answer) = strange.parent / "run", asked_first(strange, option == "--leak-free")
    assert (run / "attention.png").read_bytes() == drawn_again(run, question, answer, 1, strange.parent)
    assert ("attention.png" in done.stdout) == (option != "--quiet")


def test_each_column_of_the_map_is_that_of_its_character(train, strange):
    assert train(strange.parent, "--data", strange, *ALONE, "--out", "run").returncode == 0
    date_model = DateModel(strange.parent / "run")
    questions = date_model.test_questions()
    assert any(question.startswith(" ") and question.strip() for question, _ in questions)
    for question, answer in questions:
        found, _ = map_of(date_model, question, answer, of_test=True)
        assert found.input_labels == question
        x = date_model.vocabulary.encode(question)[::-1]
        weights = date_model.decode(x[None]).attention_weights[0, :, ::-1]
        np.testing.assert_allclose(found.weights, weights, atol=1e-6)
        draw_epoch(strange.parent / "map.svg", date_model, question, answer, 1)
        drawn = (strange.parent / "map.svg").read_text(encoding="utf-8")
        texts = [html.unescape(text) for text in re.findall("<!-- (.*?) -->", drawn, re.DOTALL)]
        assert len(texts) > len(question) and "\x1b" not in "".join(texts)
        assert [text.strip() for text in texts][: len(question)] == [visible(c) for c in question]


def test_the_question_of_keep_maps_is_drawn(train, tiny):
    arguments = "--data", tiny, *ALONE, "--keep-maps", " May 1 "
    assert train(tiny.parent, *arguments, "--out", "run").returncode == 0
    run = tiny.parent / "run"
    assert (run / "attention.png").read_bytes() == drawn_again(run, "May 1", None, 1, tiny.parent)


@pytest.mark.slow
def test_a_resumed_run_draws_again_and_a_new_one_moves_the_picture(train, tiny):
    run, arguments = tiny.parent / "run", ("--data", tiny, *ALONE, "--out", "run")
    assert train(tiny.parent, *arguments).returncode == 0
    first = (run / "attention.png").read_bytes()
    (run / "attention.png").unlink()
    assert train(tiny.parent, "--resume", run, "--quiet").returncode == 0
    assert (run / "attention.png").read_bytes() == first, "there was nothing left to train"
    assert train(tiny.parent, "--resume", run, "--max-epoch", 2).returncode == 0
    assert (run / "attention.png").read_bytes() == drawn_again(run, *asked_first(tiny), 2, tiny.parent)
    assert train(tiny.parent, *arguments[:-2], "--models", "peeky", "--out", "run").returncode == 0
    assert (run / "before" / "attention.png").is_file() and not (run / "attention.png").exists()


def test_without_attention_there_is_no_picture(train, tiny, monkeypatch):
    monkeypatch.setattr(estimate, "WATCHED", 0.0)
    done = train(tiny.parent, "--data", tiny, *TINY, "--models", "baseline", "peeky", "--jobs", 1, "--out", "run")
    assert done.returncode == 0 and "attention.png" not in done.stdout
    assert not (tiny.parent / "run" / "attention.png").exists()


@pytest.mark.parametrize(
    "options, line",
    [
        (["--jobs", 1, "--max-epoch", 2], "3 models, 2 epochs each, in turn: about 5 s; PICTURE about 5 s, then"),
        (
            ["--models", "peeky", "attention", "--jobs", 2, "--until", 1, "--batch-size", 1, "--max-epoch", 3],
            "2 models, 3 epochs each, 2 at a time: at most about 5 s; PICTURE about 5 s, then",
        ),
        (["--models", "attention"], "1 epoch: about 5 s; PICTURE about 5 s, then after each epoch"),
        (["--quiet", "--jobs", 1], None),
    ],
    ids=["in turn", "side by side", "one model", "quiet"],
)
def test_the_run_says_once_what_it_will_take(train, tiny, monkeypatch, options, line):
    monkeypatch.setattr(estimate, "WATCHED", 0.0)
    done = train(tiny.parent, "--data", tiny, *TINY, *options, "--out", "run")
    assert done.returncode == 0, done.stderr
    found = [said for said in done.stdout.splitlines() if "about" in said]
    assert len(found) == (line is not None)
    if line is not None:
        picture = f"{Path('run/attention.png')} shows where attention looks in one question, first in"
        said = re.sub(r"about \d+ (s|minutes)", "about 5 s", found[0])
        assert said.startswith(line.replace("PICTURE", picture))


def before_its_run(**trainers) -> Any:
    """A Training of three epochs; by name: how many are done, then iterations of the next one, done and in all."""
    made = {
        name: SimpleNamespace(current_epoch=epochs, losses=[1.0] * done, batches=[0] * size)
        for name, (epochs, done, size) in trainers.items()
    }
    args = SimpleNamespace(max_epoch=3, resume=None)

    def finished(name):
        return made[name].current_epoch == 3

    return SimpleNamespace(args=args, trainers=made, jobs=2, finished=finished, order=[*made][::-1])


def test_a_run_that_is_slow_to_begin_says_so(capsys):
    announcer = Announcer(before_its_run(attention=(0, 0, 0)), time.perf_counter() - 60, False, None)
    with announcer:
        announcer.timer.join()
    assert capsys.readouterr().out == "3 epochs; how long that takes is said after the first iterations\n"


def test_what_is_left_of_a_resumed_run():
    training = before_its_run(baseline=(3, 0, 0), peeky=(2, 0, 0), attention=(1, 6, 8))
    estimate = Announcer(training, 0.0, False, None).estimate
    assert list(estimate.left.items()) == [("attention", 1.25), ("peeky", 1.0)], "in the order of their turns"
