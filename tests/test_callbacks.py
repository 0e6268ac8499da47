"""What callbacks hear, print, measure, stop and save."""

import io
import re

import numpy as np
import pytest
from test_trainer import Classifier, Recorder, recorded, task
from tqdm import tqdm

from common.callbacks import Callback, EarlyStopping, Measure, ModelCheckpoint, PrintLoss, ProgressBar
from common.optimizer import SGD, Adam
from common.trainer import Trainer


def test_events_come_in_order():
    class Log(Callback):
        def __init__(self):
            self.events = []

        def fit_begin(self, trainer):
            self.events.append("fit")

        def iteration_begin(self, trainer):
            self.events.append(f"begin {len(trainer.losses)} of {trainer.max_iters}")

        def iteration_end(self, trainer):
            self.events.append(trainer.iteration)

        def interval_end(self, trainer):
            self.events.append(f"interval {len(trainer.loss_list)}")

        def epoch_end(self, trainer):
            self.events.append(f"epoch {trainer.history[-1]['epoch']}")

        def fit_end(self, trainer):
            self.events.append("end")

    log = Log()
    x = np.zeros((6, 1))
    Trainer(Recorder(), SGD(), callbacks=(log,)).fit(x, x, max_epoch=1, batch_size=2, eval_interval=2)
    first, second, third = (f"begin {done} of 3" for done in range(3))
    assert log.events == ["fit", first, "interval 1", 1, second, 2, third, "interval 2", 3, "epoch 1", "end"]


def test_the_chapters_line_is_the_default(capsys):
    x = np.arange(8)[:, None]
    Trainer(Recorder(), SGD()).fit(x, 10 * x, max_epoch=2, batch_size=2, eval_interval=3)
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\| epoch 1 \|  iter 1 / 4 \| time \d+\[s\] \| loss 1\.00", lines[0])
    assert re.fullmatch(r"\| epoch 1 \|  iter 4 / 4 \| time \d+\[s\] \| loss 3\.00", lines[1])  # mean of 2, 3, 4
    assert [re.search(r"epoch \d", line)[0] for line in lines] == ["epoch 1"] * 2 + ["epoch 2"] * 2


def test_no_callbacks_no_output(capfd):
    recorded(max_epoch=2)
    assert capfd.readouterr() == ("", "")


def test_time_counts_from_the_first_fit(capsys, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("common.callbacks.time.perf_counter", lambda: clock[0])
    x = np.zeros((2, 1))
    for callback, times in (PrintLoss(), (0, 60)), (PrintLoss("peeky ", start=990.0), (10, 70)):
        trainer = Trainer(Recorder(), SGD(), callbacks=(callback,))
        for clock[0] in (1000.0, 1060.0):
            trainer.fit(x, x, max_epoch=1)
        lines = capsys.readouterr().out.splitlines()
        assert [int(re.search(r"time (\d+)\[s\]", line)[1]) for line in lines] == list(times)
        assert all(line.startswith(f"{callback.label}| epoch") for line in lines)


def test_measure_infers_and_lands_in_history():
    model = Classifier()
    x, t = task()

    def accuracy(measured):
        assert measured is model and not model.dropout.train_flg
        return float((model.scores(x).argmax(axis=1) == t).mean())

    trainer = Trainer(model, Adam(lr=0.05), callbacks=(Measure("accuracy", accuracy),))
    history = trainer.fit(x, t, max_epoch=3, batch_size=4)
    assert model.dropout.train_flg
    assert [list(record) for record in history] == [["epoch", "loss", "accuracy"]] * 3
    with_dropout_off = Measure("again", accuracy)
    with_dropout_off.epoch_end(trainer)
    assert history[-1]["again"] == history[-1]["accuracy"]


def test_measure_that_raises_leaves_the_model_in_training():
    def fails(model):
        raise KeyError("not measured")

    model = Classifier()
    with pytest.raises(KeyError, match="not measured"):
        Trainer(model, SGD(), callbacks=(Measure("accuracy", fails),)).fit(*task(), max_epoch=1)
    assert model.dropout.train_flg


def test_progress_bar_advances_by_iterations():
    with tqdm(total=8, file=io.StringIO()) as bar:
        trainer = Trainer(Recorder(), SGD(), callbacks=(ProgressBar(bar),))
        x = np.zeros((8, 1))
        for n in (4, 8):
            trainer.fit(x, x, max_epoch=1, batch_size=2)
            assert bar.n == n


# Watching a number


class Follows:
    """A model whose only weight counts its updates."""

    def __init__(self):
        self.params, self.grads = [np.zeros(1)], [np.zeros(1)]
        self.saved = []

    def forward(self, x, t):
        return 0.0

    def backward(self):
        self.grads[0][...] = -1

    def save_params(self, path):
        self.saved.append((path, float(self.params[0][0])))


def follow(values, watch, *fits, name="val_acc"):
    """Train an epoch for each of the values, as ``watch`` lets it; ``fits``: epochs of each fit."""
    left = iter(values)
    trainer = Trainer(Follows(), SGD(lr=1.0), callbacks=(Measure(name, lambda model: next(left)), watch))
    for max_epoch in fits or (len(values),):
        trainer.fit(np.zeros((2, 1)), np.zeros(2), max_epoch=max_epoch)
    return trainer


NAN = float("nan")


@pytest.mark.parametrize(
    "values, patience, arguments, stopped, best_epoch, wait",
    [
        ([0.1, 0.2, 0.3], 1, {}, None, 3, 0),
        ([0.1, 0.3, 0.2, 0.3, 0.9], 2, {}, 4, 2, 2),  # an equal one does not improve
        ([0.1, 0.3, 0.2, 0.4, 0.2, 0.1, 0.9], 2, {}, 6, 4, 2),  # in a row
        ([0.5, 0.4, 0.4, 0.1, 0.2], 2, {"mode": "min"}, None, 4, 1),
        ([0.5, 0.6, 0.7], 1, {"mode": "min"}, 2, 1, 1),
        ([0.5, 0.5], 0, {}, 2, 1, 1),
        ([0.5, 0.75, 0.75, 1.0], 2, {"min_delta": 0.25}, 3, 1, 2),  # by more than min_delta
        ([0.5, 0.75, 1.0, 1.25], 2, {"min_delta": 0.375}, None, 3, 1),  # since the best, not since the last
        ([1.0, 0.75, 0.25], 1, {"min_delta": 0.25, "mode": "min"}, 2, 1, 1),
        ([0.5, NAN, NAN, 0.9], 2, {}, 3, 1, 2),
        ([NAN, NAN, 0.1, NAN], 3, {"mode": "min"}, None, 3, 1),
        ([NAN, NAN, 0.9], 2, {}, 2, None, 2),
    ],
)
def test_early_stopping(values, patience, arguments, stopped, best_epoch, wait):
    watch = EarlyStopping(patience=patience, **arguments)
    trainer = follow(values, watch)
    assert (watch.stopped_epoch, watch.best_epoch, watch.wait) == (stopped, best_epoch, wait)
    assert len(trainer.history) == (stopped or len(values))
    worst = np.inf if arguments.get("mode") == "min" else -np.inf
    assert watch.best == (values[best_epoch - 1] if best_epoch else worst)
    assert trainer.model.params[0][0] == len(trainer.history)  # the last epoch's


@pytest.mark.parametrize(
    "values, wanted",
    [([0.1, 0.9, 0.2, 0.3, 1.0], 2), ([0.1, 0.9, 0.3], None), ([0.1, 0.2], None), ([NAN, NAN, NAN], None)],
)
def test_best_weights_are_put_back_in_place_where_the_fit_was_stopped(values, wanted):
    model, left, seen = Follows(), iter(values), []
    (param,) = model.params
    watch = EarlyStopping(patience=2, restore_best_weights=True)
    measures = Measure("val_acc", lambda model: next(left)), Measure("weight", lambda model: seen.append(param[0]))
    Trainer(model, SGD(lr=1.0), callbacks=(*measures, watch)).fit(np.zeros(2), np.zeros(2), max_epoch=len(values))
    assert model.params[0] is param and param[0] == (wanted or seen[-1])


def test_a_shared_weight_is_put_back_once():
    model = Classifier()
    model.params, model.grads = [*model.params, model.affine.W.T], [*model.grads, np.zeros((3, 4))]
    value, weights = iter([2.0, 1.0]), []  # the second stops it

    def measure(model):
        weights.append(model.affine.W.copy())
        return next(value)

    watch = EarlyStopping("x", patience=1, restore_best_weights=True)
    Trainer(model, Adam(), callbacks=(Measure("x", measure), watch)).fit(*task(), max_epoch=2)
    assert not np.array_equal(*weights) and np.array_equal(model.affine.W, weights[0])
    assert len(watch.best_weights) == 2


def test_a_later_fit_goes_on_counting():
    watch = EarlyStopping(patience=3)
    trainer = follow([0.5, 0.4, 0.3, 0.2, 0.6, 0.1], watch, 2, 1)
    assert (watch.wait, watch.stopped_epoch, watch.best_epoch) == (2, None, 1)
    trainer.fit(np.zeros((2, 1)), np.zeros(2), max_epoch=5)
    assert (watch.wait, watch.stopped_epoch, len(trainer.history)) == (3, 4, 4)
    trainer.fit(np.zeros((2, 1)), np.zeros(2), max_epoch=1)
    assert (watch.wait, watch.stopped_epoch, watch.best_epoch, watch.best) == (0, None, 5, 0.6)


@pytest.mark.parametrize(
    "arguments, saved",
    [({}, [1, 3]), ({"mode": "min"}, [1, 2]), ({"save_best_only": False}, [1, 2, 3, 4, 5])],
)
def test_model_checkpoint(arguments, saved):
    watch = ModelCheckpoint("best.npz", **arguments)
    trainer = follow([0.4, 0.2, 0.6, NAN, 0.6], watch, 2, 3)
    assert trainer.model.saved == [("best.npz", epoch) for epoch in saved]
    assert (watch.best, watch.best_epoch) == ((0.2, 2) if "mode" in arguments else (0.6, 3))


def test_model_checkpoint_saves_as_it_is_told(tmp_path):
    calls = []
    trainer = follow([1.0], ModelCheckpoint(tmp_path, save=lambda *given: calls.append(given)))
    assert calls == [(tmp_path, trainer.model)] and trainer.model.saved == []
    model, path = Classifier(), tmp_path / "model.npz"
    Trainer(model, Adam(), callbacks=[ModelCheckpoint(path, "loss", "min")]).fit(*task(), max_epoch=1)
    other = Classifier()
    other.load_params(path)
    assert np.array_equal(other.affine.W, model.affine.W)


@pytest.mark.parametrize("make", [EarlyStopping, lambda **given: ModelCheckpoint("path", **given)])
def test_what_watches_refuses(make):
    with pytest.raises(ValueError, match='expected mode "max" or "min", got \'maximum\''):
        make(mode="maximum")
    with pytest.raises(ValueError, match="no val_acc in the epoch's record, which has epoch, loss, accuracy;"):
        follow([1.0], make(), name="accuracy")


@pytest.mark.parametrize("name, value", [("patience", -1), ("min_delta", -0.1), ("min_delta", NAN)])
def test_early_stopping_refuses(name, value):
    with pytest.raises(ValueError, match=f"EarlyStopping: .*expected .*{name} of at least 0, got {value}"):
        EarlyStopping(**{name: value})
