"""The learning rate warms up: the rate of every update, after a resume too, and ``--warmup`` of both scripts."""

import json
import math

import numpy as np
import pytest
from mpi_tools import job
from script_tools import ROOT, TINY, history, refused, write_films
from test_resume_scripts import arrays, same_files, state
from test_trainer import Classifier, Lines, task

from common import checkpoint, training_state
from common.callbacks import Callback, EarlyStopping, Warmup
from common.layer import named_params
from common.optimizer import SGD, Adam, Momentum, Nadam
from common.trainer import Trainer


class Steps:
    """A model whose weight is minus the sum of all rates so far; it writes down the rate of each update."""

    def __init__(self, lr=0.0):
        self.params, self.grads = [np.zeros(1)], [np.ones(1)]
        self.optimizer, self.rates, self.stop_at = SGD(lr=lr), [], None

    def forward(self, x, t):
        if len(self.rates) == self.stop_at:
            self.stop_at = None
            raise KeyboardInterrupt
        return 0.0

    def backward(self):
        self.grads[0][...] = 1

    def trainer(self, *callbacks):
        plain = self.optimizer.step
        self.optimizer.step = lambda *lists: (self.rates.append(self.optimizer.lr), plain(*lists))[1]
        return Trainer(self, self.optimizer, callbacks=callbacks)


def rates(lr, epochs, *fits, count=8, start=0.0):
    """The rates of fits, each of so many epochs in mini-batches of such a size."""
    trainer = (model := Steps(start)).trainer(Warmup(lr, epochs))
    for max_epoch, batch_size in fits:
        trainer.fit(np.zeros((count, 1)), np.zeros(count), max_epoch, batch_size)
    assert model.params[0][0] == pytest.approx(-sum(model.rates))
    return model.rates


@pytest.mark.parametrize(
    "lr, epochs, fits, wanted",
    [
        (0.8, 2, [(3, 2)], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.8, 0.8, 0.8, 0.8]),  # 4 iterations an epoch
        (0.8, 2, [(1, 2), (1, 2), (1, 2)], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.8, 0.8, 0.8, 0.8]),
        (1.0, 0.5, [(2, 2)], [0.5] + [1.0] * 7),
        (0.5, 1.25, [(2, 2)], [0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5, 0.5]),
        (1.0, 0.3, [(1, 2)], [0.25 / 0.3, 1.0, 1.0, 1.0]),  # it ends within an iteration
        (0.7, 0.01, [(1, 2)], [0.7] * 4),  # shorter than an iteration
        (1.0, 10, [(1, 8), (1, 2)], [0.1, 0.125, 0.15, 0.175, 0.2]),  # as many examples, whatever the mini-batch
        (1.0, 100, [(2, 8)], [0.01, 0.02]),  # longer than the training
        (0, 1, [(1, 4)], [0, 0]),
    ],
)
def test_the_rate_of_every_update(lr, epochs, fits, wanted):
    assert rates(lr, epochs, *fits) == pytest.approx(wanted, rel=1e-15)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 11, 351])
def test_the_last_rate_is_exact_for_any_epochs(size):
    """It is that of a run without a warm-up, to the last bit, and comes with the first update at or after the end."""
    for epochs in (0.1, 0.3, 0.7, 1, 1.1, 2.3, 3):
        found = rates(0.1, epochs, (math.ceil(epochs) + 1, 1), count=size)
        at = math.ceil(round(epochs * size, 6))
        assert set(found[at:]) == {0.1} and found[at - 1] == pytest.approx(0.1, rel=1e-15)
        assert found[:at] == sorted(set(found[:at]))


def test_texts_that_make_their_own_batches():
    x = Lines([1, 4, 2, 5, 3])
    x.batches = lambda size, rng: [np.array([0, 1]), np.array([2, 3]), np.array([4])]  # the last is smaller
    model = Steps()
    model.trainer(Warmup(0.6, 2)).fit(x, np.zeros(5), max_epoch=2, batch_size=2)
    assert model.rates == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])


def test_afterwards_the_rate_is_left_alone():
    model = Steps()
    trainer = model.trainer(Warmup(0.4, 1))
    for lr in (None, 0.05, 0.3):  # set between fits
        model.optimizer.lr = model.optimizer.lr if lr is None else lr
        trainer.fit(np.zeros((4, 1)), np.zeros(4), 1, 1)
    assert model.rates == pytest.approx([0.1, 0.2, 0.3, 0.4, *[0.05] * 4, *[0.3] * 4])


def test_an_epoch_that_was_interrupted_begins_anew():
    model = Steps()
    trainer = model.trainer(Warmup(0.8, 2))
    model.stop_at = 6  # in the second epoch, after two updates
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(np.zeros((4, 1)), np.zeros(4), 3, 1)
    trainer.fit(np.zeros((4, 1)), np.zeros(4), 1, 1)
    assert model.rates == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.5, 0.6, 0.7, 0.8])


def test_numbers_of_other_types_keep_float32():
    model = Classifier(np.float32)
    trainer = Trainer(model, Adam(), callbacks=[Warmup(np.float32(0.25), np.array(2))])
    x, t = task()
    trainer.fit(x.astype(np.float32), t, max_epoch=1, batch_size=4)
    assert type(trainer.optimizer.lr) is float and trainer.optimizer.lr == 0.125
    assert model.affine.W.dtype == np.float32


@pytest.mark.parametrize(
    "arguments, message",
    [
        *(((lr, 1), rf"expected an lr in \[0, inf\), got {lr}") for lr in (-0.1, math.nan, math.inf)),
        *(((0.1, epochs), f"expected epochs above 0, got {epochs}") for epochs in (0.0, -1.0, math.nan, math.inf)),
        (("fast", 1), "Warmup: lr: expected a number, got 'fast'"),
        ((0.1, None), "Warmup: epochs: expected a number, got None"),
    ],
)
def test_what_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Warmup(*arguments)


# Resuming


class Stop(Callback):
    """Saves the state after so many updates in all, and ends the fit there."""

    def __init__(self, path, after):
        self.path, self.left = path, after

    def iteration_end(self, trainer):
        self.left -= 1
        if self.left == 0:
            training_state.save(self.path, trainer)
            raise KeyboardInterrupt


class Rates(Callback):
    def __init__(self):
        self.found = []

    def iteration_end(self, trainer):
        self.found.append(trainer.optimizer.lr)


def rates_of_resumed(folder, optimizer, callbacks):
    """A run goes on with the same bits, wherever in its three epochs it is stopped; return the rate of every update.

    optimizer, callbacks: make those of the run.
    """

    def made(*more):
        rates, rng = Rates(), np.random.default_rng(4)
        return Trainer(Classifier(), optimizer(), rng=rng, callbacks=[*callbacks(), rates, *more]), rates.found

    def go_on(trainer):
        while trainer.current_epoch < 3:
            trainer.fit(*task(), max_epoch=1, batch_size=3, max_grad=1.0)
        return [p.tobytes() for p in named_params(trainer.model).values()], trainer.history, trainer.optimizer.lr

    whole, wanted = made()
    bits = go_on(whole)
    assert len(wanted) == 12
    for after in range(1, 12):
        stopped, before = made(Stop(folder / "state", after))
        with pytest.raises(KeyboardInterrupt):
            go_on(stopped)
        again, then = made()
        training_state.restore(folder / "state", again)
        assert go_on(again) == bits
        assert before + then == wanted
    return wanted


@pytest.mark.parametrize("optimizer", [Momentum, Adam, Nadam])
def test_a_run_goes_on_at_any_iteration_with_the_same_bits(tmp_path, optimizer):
    def callbacks():
        return [Warmup(0.1, 1.5), EarlyStopping("loss", patience=9, mode="min")]

    found = rates_of_resumed(tmp_path, lambda: optimizer(lr=0.3), callbacks)
    assert found == pytest.approx([0.1 * min(1, n / 6) for n in range(1, 13)])


# The scripts

NAMES = "whole", "parts"
SHORT = "{}: --warmup 2: the run ends after epoch 1, before the rate reaches --lr; lower it, or train on later, by "
SHORT += "--resume and a larger --max-epoch\n"
DATES = (*TINY, "--lr", 0.02, "--models", "baseline", "attention", "--quiet", "--workers", 1)
TEXTS = "--data films --format lines --model gru --layers 1 --wordvec-size 4 --hidden-size 3 --batch-size 8".split()
TEXTS += "--lr 0.08 --quiet --patience 3".split()


def of(folder, name="state.npz"):
    """What a state says of the options, and the optimizer's rate."""
    manifest = checkpoint.load(folder / name)[1]
    options = [option for option in manifest["facts"]["options"] if "warmup" in option]
    return options, manifest["training"]["optimizer"]["lr"]


@pytest.fixture
def texts(in_process, tmp_path, monkeypatch):
    monkeypatch.setattr("experiment.history.save_figure", lambda path, figure: None)
    write_films(tmp_path / "films", 60)
    return lambda *options: in_process(tmp_path, "train_text.py", *options)


def test_dates_warm_up_and_go_on(tmp_path, tiny, train):
    """Longer than one epoch, of which there were four before ``--max-epoch`` was raised."""
    for name, *options in (("whole", "--max-epoch", 3), ("parts", "--max-epoch", 1)):
        done = train(tmp_path, "--data", tiny, *DATES, "--warmup", 2, *options, "--out", name)
        assert (done.returncode, done.stderr) == (0, SHORT.format("train_date.py") * (name == "parts"))
    for name in ("baseline", "attention"):
        assert of(tmp_path / "parts", f"{name}.state.npz") == (["--warmup=2.0"], 0.01)
    config = json.loads((tmp_path / "parts" / "config.json").read_text(encoding="utf-8"))
    assert config["arguments"]["warmup"] == 2.0
    refused(train(tmp_path, "--resume", "parts", "--warmup", 1), "--warmup differs from what the run was started with")
    done = train(tmp_path, "--resume", "parts", "--max-epoch", 3, "--warmup", 2)
    assert (done.returncode, done.stderr) == (0, "")
    same_files(tmp_path / "whole", tmp_path / "parts", ("history.csv", "config.json"))
    for name in ("baseline.state.npz", "attention.state.npz"):
        whole, parts = (state(tmp_path / folder / name) for folder in ("whole", "parts"))
        assert whole[0] == parts[0] and whole[1]["training"] == parts[1]["training"]
        assert of(tmp_path / "parts", name) == (["--warmup=2.0"], 0.02)


def test_texts_warm_up_and_go_on(tmp_path, texts):
    for name, epochs in (("whole", 3), ("parts", 1)):
        done = texts(*TEXTS, "--warmup", 2, "--max-epoch", epochs, "--out", name)
        assert (done.returncode, done.stderr) == (0, SHORT.format("train_text.py") * (name == "parts"))
    assert of(tmp_path / "parts") == (["--warmup=2.0"], 0.04)
    done = texts("--resume", "parts", "--max-epoch", 3)
    assert (done.returncode, done.stderr) == (0, "")
    assert of(tmp_path / "parts") == of(tmp_path / "whole") == (["--warmup=2.0"], 0.08)
    found = [{name: array.tobytes() for name, array in arrays(tmp_path / name / "best.npz").items()} for name in NAMES]
    assert found[0] == found[1] and history(tmp_path / "whole")[-1]["loss"] == history(tmp_path / "parts")[-1]["loss"]


def test_without_the_option_a_run_says_nothing_of_it(tmp_path, tiny, train, texts):
    """States of earlier versions have no such option, and no callback of it."""
    assert train(tmp_path, "--data", tiny, *DATES, "--out", "dates").returncode == 0
    assert texts(*TEXTS, "--max-epoch", 1, "--out", "texts").returncode == 0
    for folder, name, lr in (("dates", "attention.state.npz", 0.02), ("texts", "state.npz", 0.08)):
        assert of(tmp_path / folder, name) == ([], lr)
        assert "warmup" not in (tmp_path / folder / "config.json").read_text(encoding="utf-8").lower()
    refused(train(tmp_path, "--resume", "dates", "--warmup", 1), "--warmup differs")


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "one"])
@pytest.mark.parametrize("name", ["train_date.py", "train_text.py"])
def test_what_the_scripts_refuse(tmp_path, in_process, name, value):
    refused(in_process(tmp_path, name, f"--warmup={value}"), f"--warmup: expected a number above 0, got '?{value}'?")
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_ranks_warm_up_together(tmp_path, tiny, script):
    """``--batch-size`` counts the ranks together: as many updates as in one process, at the same rates."""
    options = ("--data", tiny, *DATES, "--models", "attention", "--max-epoch", 3, "--warmup", 2)
    assert script(tmp_path, "train_date.py", *options, "--out", "whole").returncode == 0
    done = job("mpich", 2, tmp_path, ROOT / "scripts" / "train_date.py", "--mpi", *options, "--out", "parts")
    assert (done.returncode, done.stderr) == (0, "")
    for run in NAMES:
        assert of(tmp_path / run, "attention.state.npz") == (["--warmup=2.0"], 0.02)
    losses = [[float(row["train_loss"]) for row in history(tmp_path / run)] for run in NAMES]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
