"""experiment.history: one declaration of a measure makes its column in history.csv, in tables, and its curve."""

from argparse import Namespace

import matplotlib.image
import numpy as np
import pytest
from script_tools import TINY, history
from test_trainer import Recorder

import common.plot
from common.callbacks import Callback, Measure, Seconds
from common.columns import Column, Panel
from common.optimizer import SGD
from common.plot import plot_columns
from common.trainer import Trainer
from experiment.history import read_history, rows_of, table, write_history
from experiment.training import Training
from seq2seq import map_measures
from seq2seq.map_measures import COLUMNS

TOY = Column("toy", "toy heading", ".1f", Panel("toys", "toys [units]"), "the toy")


class Undeclared(Callback):
    def epoch_end(self, trainer):
        trainer.history[-1]["surprise"] = 7


def train(folder, *names, quiet=False, **more):
    """What ``Training`` leaves in the folder of models of these names that measure a toy in epochs 1 and 2."""
    trainers = {
        name: Trainer(
            Recorder(),
            SGD(),
            rng=np.random.default_rng(0),
            callbacks=[Measure(TOY, lambda model, i=i: 2.5 + i), Undeclared(), Seconds()],
        )
        for i, name in enumerate(names)
    }
    args = Namespace(
        out=folder, resume=None, quiet=quiet, max_epoch=2, batch_size=2, max_grad=None, save_every={"seconds": 30.0}
    )
    folder.mkdir(exist_ok=True)
    training = Training(args, trainers)
    training.begin({}, (), ())
    x = np.arange(4)[:, None]
    training.run(x, 10 * x, {}, **more)
    return training


def test_a_new_measure_is_in_the_file_the_table_and_a_curve(tmp_path, capsys, monkeypatch):
    drawn = {}
    monkeypatch.setattr(common.plot, "plot_columns", lambda *given: drawn.setdefault(len(drawn), plot_columns(*given)))
    training = train(tmp_path / "run", "a", "b", title=" of the test")
    rows = history(tmp_path / "run")
    assert list(rows[0]) == ["model", "epoch", "toy", "seconds", "loss", "surprise"], "declared first; none is dropped"
    assert [(row["model"], row["epoch"], row["toy"]) for row in rows] == [
        (model, epoch, value) for epoch in "12" for model, value in (("a", "2.5"), ("b", "3.5"))
    ]
    assert {row["surprise"] for row in rows} == {"7"}
    printed = capsys.readouterr().out
    header, *lines = printed.rpartition("epoch 2 / 2 of the test\n")[2].splitlines()[:3]
    assert header.split() == ["model", "toy", "heading", "seconds"]
    assert [line.split()[:2] for line in lines] == [["a", "2.5"], ["b", "3.5"]]
    assert training.pictures == ["toys.png"]
    pixels = matplotlib.image.imread(tmp_path / "run" / "toys.png")
    assert np.unique(pixels[..., 0]).size > 5
    ax = drawn[len(drawn) - 1]
    assert ax.get_ylabel() == "toys [units]"
    assert {line.get_label(): list(line.get_ydata()) for line in ax.lines} == {"a": [2.5, 2.5], "b": [3.5, 3.5]}


def test_the_only_model_of_a_run_has_no_name_and_its_epochs_are_rows_of_one_table(tmp_path, capsys):
    train(tmp_path / "run", "")
    assert list(history(tmp_path / "run")[0]) == ["epoch", "toy", "seconds", "loss", "surprise"]
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["epoch", "toy", "heading", "seconds"]
    assert [line.split()[:2] for line in lines] == [["1", "2.5"], ["2", "2.5"]]
    assert len({len(line) for line in (header, *lines)}) == 1, "columns line up"
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "config.json",
        "history.csv",
        "state.npz",
        "toys.png",
    }


def test_a_measure_of_maps_is_one_column_and_one_number_more(tiny, in_process, monkeypatch):
    """As a stranger adds it: to ``seq2seq.map_measures`` alone."""
    pictures, measures = [], map_measures.measures
    peak = Column("peak", "peak", ".1%", COLUMNS[0].panel, "peak: the largest weight")
    monkeypatch.setattr(map_measures, "COLUMNS", (*COLUMNS, peak))

    def with_peak(a, *masks):
        return measures(a, *masks) | {"peak": float(a.max(axis=2).mean())}

    monkeypatch.setattr(map_measures, "measures", with_peak)

    def draw(*given):
        pictures.append(plot_columns(*given))
        return pictures[-1]

    monkeypatch.setattr(common.plot, "plot_columns", draw)
    done = in_process(
        tiny.parent, "train_date.py", "--data", tiny, *TINY, "--models", "peeky", "attention", "--jobs", 1
    )
    assert done.returncode == 0, done.stderr
    rows = history(tiny.parent / "runs" / "date")
    assert [bool(row["peak"]) for row in rows] == [False, True] and 0 < float(rows[-1]["peak"]) < 1
    header, *_, last = done.stdout.splitlines()[-4:-1]
    assert header.endswith("entropy     peak") and last.endswith(f"{100 * float(rows[-1]['peak']):.1f}%")
    curves = {line.get_label(): list(line.get_ydata()) for ax in pictures[-1].figure.axes for line in ax.lines}
    assert curves["peak: the largest weight"] == [float(rows[-1]["peak"])] and len(curves) == 4


def test_a_history_is_read_as_it_was_written(tmp_path):
    training = train(tmp_path / "run", "a", "b", quiet=True)
    assert read_history(tmp_path / "run" / "history.csv") == training.rows


def test_names_with_commas_and_line_breaks_are_read_as_they_were_written(tmp_path):
    rows = [{"epoch": 1, "a, b": 1.5, "two\nlines": 2.5, "a\u2028b": 3.5}]
    write_history(tmp_path, [], rows)
    assert read_history(tmp_path / "history.csv") == rows


@pytest.mark.parametrize(
    "record, columns",
    [
        ({"m": 1.0, "n": 2.0}, [Column("m", csv="q"), Column("n", csv="q")]),
        ({"m": 1.0, "q": 2.0}, [Column("m", csv="q")]),
        ({"m": 1.0}, [Column("m", csv="epoch")]),
        ({"m": 1.0}, [Column("m", csv="model")]),
    ],
)
def test_two_values_of_one_column_are_refused(record, columns):
    trainer = Namespace(history=[{"epoch": 1} | record])
    with pytest.raises(ValueError, match=r"^history\.csv: expected one value per column, got a second one for \w+: .$"):
        rows_of({"a": trainer}, columns)


@pytest.mark.parametrize("content", ["model,epoch\na,one\n", "model,toy\na,1\n", "epoch\n1,2\n", 'epoch\n"1\n'])
def test_another_file_than_a_history_is_refused(tmp_path, content):
    (tmp_path / "history.csv").write_text(content)
    with pytest.raises(ValueError, match=r"history\.csv: not the history of a run: "):
        read_history(tmp_path / "history.csv")


def test_a_table_leaves_blank_what_a_model_does_not_measure():
    rows = [{"model": "a", "toy": 1.25}, {"model": "a longer name"}, {"model": "c", "toy": "many"}]
    assert table([TOY, Column("hidden")], rows, "model") == [
        "model          toy heading",
        "a                      1.2",
        "a longer name",
        "c                     many",
    ]


def test_panels_of_a_picture_have_scales_of_their_own():
    rows = [{"epoch": e, "a": 0.5, "b": 10.0 * e, "c": -1.0, "d": 0.25} for e in (1, 2)]
    share, tall, free = Panel("p", "shares", top=1), Panel("p", "heights"), Panel("p", "free", from_zero=False)
    columns = Column("a", panel=share), Column("b", panel=tall), Column("c", panel=free), Column("d", panel=share)
    left, *right = plot_columns(rows, columns).figure.axes
    assert [ax.get_ylabel() for ax in (left, *right)] == ["shares", "heights", "free"]
    assert [[line.get_label() for line in ax.lines] for ax in (left, *right)] == [["a", "d"], ["b"], ["c"]]
    assert left.get_ylim() == pytest.approx((-0.05, 1.05)) and right[0].get_ylim() == pytest.approx((-1, 21))
    assert right[1].get_ylim()[0] < -1 < right[1].get_ylim()[1] < 0
    assert right[1].spines["right"].get_position() != right[0].spines["right"].get_position()
    lines = [line for ax in (left, *right) for line in ax.lines]
    assert len({line.get_color() for line in lines}) == len({line.get_marker() for line in lines}) == 4
    assert [line.get_linestyle() for line in lines] == ["-", "-", "--", "--"]
    below = plot_columns([{"epoch": 1, "a": -8.0}, {"epoch": 2, "a": -2.0}], [Column("a", panel=tall)])
    assert below.get_ylim() == pytest.approx((-8.4, 0.4)), "0 and every value are shown"
    late = plot_columns([{"epoch": 1, "b": None}, {"epoch": 2, "b": 4.0}], columns[1:2])
    assert list(late.lines[0].get_xdata()) == [2], "None is no value"
    two = [{"model": m} | row for m in ("x", "y") for row in rows]
    ax = plot_columns(two, columns[:1])
    assert [line.get_label() for line in ax.lines] == ["x", "y"]
    ax = plot_columns(two, [columns[0], columns[3]])
    assert [line.get_label() for line in ax.lines] == ["x: a", "y: a", "x: d", "y: d"]
