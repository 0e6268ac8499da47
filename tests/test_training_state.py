"""A training that was interrupted and goes on ends with the bits of one that was not."""

import json
import os
import signal
import time
from types import SimpleNamespace

import numpy as np
import pytest
from test_trainer import Classifier as Plain
from threadpoolctl import threadpool_limits

from common import training_state
from common.base_model import BaseModel
from common.callbacks import Callback, EarlyStopping, Measure, ModelCheckpoint, Seconds
from common.checkpoint import CheckpointError
from common.layer import named_params
from common.layers import Affine, Dropout, Embedding, SoftmaxWithLoss
from common.optimizer import SGD, Adam, AdamW, Momentum, Nadam, Nesterov
from common.parallel import blas_threads
from common.trainer import Trainer
from support.stop_signals import Interrupted, StopSignals

V, D, WORDS = 6, 3, 4
OPTIMIZERS = {"SGD": SGD, "Momentum": Momentum, "Adam": Adam, "AdamW": AdamW, "Nadam": Nadam}
EPOCHS = 5
SEED = np.random.SeedSequence(3)


class Reader(BaseModel):
    """A table of words that is looked up twice, dropout after each; two streams."""

    def __init__(self, rng, words=V):
        super().__init__()
        W = rng.standard_normal((words, D)).astype(np.float32)
        self.embeds = [Embedding(W), Embedding(W)]
        self.dropouts = [Dropout(0.5, rng=stream) for stream in rng.spawn(2)]
        self.affine = Affine(rng.standard_normal((D, 2)).astype(np.float32), np.zeros(2, dtype=np.float32))
        self.loss = SoftmaxWithLoss()
        self.parts = [*self.embeds, self.affine]
        self.params = [p for part in self.parts for p in part.params]
        self.grads = [g for part in self.parts for g in part.grads]

    def forward(self, x, t):
        h = sum(d.forward(e.forward(x[:, i])) for i, (e, d) in enumerate(zip(self.embeds, self.dropouts, strict=True)))
        return self.loss.forward(self.affine.forward(h), t)

    def backward(self, dout=1):
        dh = self.affine.backward(self.loss.backward(dout))
        for embed, dropout in zip(self.embeds, self.dropouts, strict=True):
            embed.backward(dropout.backward(dh))


def data(count=22):
    x = np.random.default_rng(9).integers(0, V, (count, 2))
    return x, (x[:, 0] > x[:, 1]).astype(int)


def make(tmp_path, optimizer="Adam", workers=1, seed=3, model=None, patience=2):
    """A trainer as a new process makes it."""
    weights, shuffling = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    model = Reader(weights) if model is None else model
    callbacks = [
        Measure("height", lambda model: float(model.params[0].max())),
        EarlyStopping("height", patience, "max"),
        ModelCheckpoint(tmp_path / "best.npz", "loss", "min"),
        Measure("of no state", lambda model: 1),
    ]
    cls = OPTIMIZERS.get(optimizer, optimizer)
    return Trainer(model, cls(lr=0.1), rng=shuffling, callbacks=callbacks, workers=workers)


def fit(trainer, epochs, **more):
    for _ in range(epochs):
        trainer.fit(*data(), max_epoch=1, batch_size=4, max_grad=1.0, eval_interval=2, **more)
    return trainer


def everything(trainer):
    """All that the rest of a training depends on, comparable by ==."""
    optimizer = {k: v for k, v in vars(trainer.optimizer).items() if k != "_work"}
    optimizer = {k: [a.tobytes() for a in v] if isinstance(v, list) else v for k, v in optimizer.items()}
    streams = [trainer.rng, *(d.rng for d in getattr(trainer.model, "dropouts", []))]
    return {
        "weights": {name: p.tobytes() for name, p in named_params(trainer.model).items()},
        "optimizer": optimizer,
        "streams": [(r.bit_generator.state, r.bit_generator.seed_seq.n_children_spawned) for r in streams],
        "callbacks": [{name: getattr(c, name) for name in c.state} for c in trainer.callbacks],
        "history": [dict(record) for record in trainer.history],
        "losses": list(trainer.loss_list),
        "epoch": trainer.current_epoch,
    }


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_rest_of_a_training_has_the_same_bits(tmp_path, optimizer, workers):
    whole = everything(fit(make(tmp_path, optimizer, workers), EPOCHS))
    for done in (0, 1, 3):
        first = fit(make(tmp_path, optimizer, workers), done)
        at_save = everything(first)
        training_state.save(tmp_path / "state", first, {"note": ["何か", None]})
        assert everything(first) == at_save, "to save is not to change"
        fit(first, 1)
        fresh = make(tmp_path, optimizer, workers)
        held = [*fresh.model.params]
        assert training_state.restore(tmp_path / "state", fresh) == {"note": ["何か", None]}
        assert all(a is b for a, b in zip(held, fresh.model.params, strict=True)), "weights are filled in place"
        if done:
            assert everything(fresh) == at_save
        assert everything(fit(fresh, EPOCHS - done)) == whole
    assert len({json.dumps(record) for record in whole["history"]}) == EPOCHS
    assert training_state.facts(tmp_path / "state") == {"note": ["何か", None]}


class StopAt(Callback):
    """Ends the process, as it were, at an iteration of an epoch."""

    def __init__(self, epoch, iteration):
        self.place = epoch, iteration

    def iteration_end(self, trainer):
        if (trainer.current_epoch, trainer.iteration) == self.place:
            raise KeyboardInterrupt


@pytest.mark.parametrize("at_once", [1, EPOCHS])
@pytest.mark.parametrize("workers", [1, 2])
def test_an_epoch_goes_on_where_it_was_saved(tmp_path, workers, at_once):
    """at_once: epochs of a fit."""
    options = dict(batch_size=4, max_grad=1.0, eval_interval=2)

    def train(trainer):
        while trainer.current_epoch < EPOCHS:
            trainer.fit(*data(), max_epoch=min(at_once, EPOCHS - trainer.current_epoch), **options)
        return everything(trainer)

    whole = train(make(tmp_path, workers=workers, patience=99))
    for epoch, iteration in ((0, 1), (1, 3), (4, 4)):
        stopped = make(tmp_path, workers=workers, patience=99)
        saver = training_state.SaveState(tmp_path / "state", {"saved": True}, iterations=2)
        stopped.callbacks += [saver, StopAt(epoch, iteration)]
        with pytest.raises(KeyboardInterrupt):
            train(stopped)
        fresh = make(tmp_path, workers=workers, patience=99)
        if (epoch, iteration) == (0, 1):
            assert not (tmp_path / "state").exists(), "before the second iteration nothing is saved"
            continue
        assert training_state.restore(tmp_path / "state", fresh) == {"saved": True}
        assert (fresh.current_epoch, len(fresh.losses)) == (epoch, iteration // 2 * 2)
        assert train(fresh) == whole


def test_saved_when_the_seconds_since_the_last_save_have_passed(tmp_path, monkeypatch):
    now, saved = 1000.0, []
    monkeypatch.setattr(training_state, "time", SimpleNamespace(monotonic=lambda: now))
    saver, trainer = training_state.SaveState(tmp_path / "state", seconds=30), make(tmp_path)
    for passed in (0, 29, 30, 31, 59.5, 63, 92, 93):
        now = 1000.0 + passed
        saver.iteration_end(trainer)
        if (tmp_path / "state").exists():
            saved.append(passed)
            (tmp_path / "state").unlink()
    assert saved == [30, 63, 93]


def test_saved_over_and_over(tmp_path):
    """One process per epoch."""
    whole = everything(fit(make(tmp_path, workers=2), EPOCHS))
    training_state.save(tmp_path / "state", make(tmp_path, workers=2))
    for _ in range(EPOCHS):
        trainer = make(tmp_path, workers=2)
        training_state.restore(tmp_path / "state", trainer)
        training_state.save(tmp_path / "state", fit(trainer, 1))
    assert everything(trainer) == whole
    assert list(tmp_path.glob(".*")) == []


def test_patience_goes_on_where_it_was(tmp_path):
    trainer = fit(make(tmp_path, "SGD"), 1)
    early = trainer.callbacks[1]
    early.best, early.wait, early.patience = 1e9, 2, 4
    training_state.save(tmp_path / "state", trainer)
    fresh = make(tmp_path, "SGD", patience=4)
    training_state.restore(tmp_path / "state", fresh)
    fresh.fit(*data(), max_epoch=9, batch_size=4)
    assert fresh.current_epoch == 3 and fresh.callbacks[1].stopped_epoch == 3


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (dict(seed=4), "with another seed"),
        (dict(workers=2), "with 1 workers, not 2"),
        (dict(optimizer="Nadam"), "with another optimizer than Nadam"),
        (dict(optimizer="SGD"), "with another optimizer than SGD"),
        (dict(optimizer=Nesterov), "with another optimizer than Nesterov"),
        (dict(model=Plain()), "not the state of this training run"),
        (
            dict(model=Reader(np.random.default_rng(np.random.SeedSequence(3).spawn(1)[0]), V + 1)),
            r"\(6, 3\), .*\(7, 3\)",
        ),
    ],
    ids=["seed", "workers", "Nadam", "SGD", "Nesterov", "model", "sizes"],
)
def test_the_state_of_another_training_changes_nothing(tmp_path, other, message):
    kind = "Momentum" if other.get("optimizer") is Nesterov else "Adam"
    training_state.save(tmp_path / "state", fit(make(tmp_path, kind), 2))
    trainer = make(tmp_path, **{"optimizer": kind} | other)
    before = everything(trainer)
    with pytest.raises(CheckpointError, match=message):
        training_state.restore(tmp_path / "state", trainer)
    assert everything(trainer) == before
    assert np.isfinite(fit(make(tmp_path, kind), 1).history[-1]["loss"])


def without(callbacks):
    def change(trainer):
        trainer.callbacks = callbacks(trainer.callbacks)

    return change


@pytest.mark.parametrize(
    "change",
    [without(lambda c: c[:2]), without(lambda c: [*c, EarlyStopping("height")]), without(lambda c: [c[2], c[1]])],
    ids=["fewer", "more", "in another order"],
)
def test_other_callbacks(tmp_path, change):
    training_state.save(tmp_path / "state", fit(make(tmp_path), 2))
    trainer = make(tmp_path)
    change(trainer)
    before = everything(trainer)
    with pytest.raises(CheckpointError, match="not the state of this training run"):
        training_state.restore(tmp_path / "state", trainer)
    assert everything(trainer) == before


def test_the_best_weights_come_back_after_a_resume_too(tmp_path):
    def trainer():
        made = make(tmp_path)
        made.callbacks[1] = EarlyStopping("loss", 1, "max", restore_best_weights=True)  # the first epoch is the best
        return made

    whole = fit(trainer(), 1)
    training_state.save(tmp_path / "state", whole)
    fit(whole, 1)
    assert whole.callbacks[1].stopped_epoch == 2
    again = trainer()
    training_state.restore(tmp_path / "state", again)
    assert everything(fit(again, 1)) == everything(whole)


def test_what_is_restored_in_the_middle_of_an_epoch_has_to_go_on_first(tmp_path):
    class Save(Callback):
        def iteration_end(self, trainer):
            if trainer.iteration == 3:
                training_state.save(tmp_path / "state", trainer)

    whole = make(tmp_path, workers=2)
    whole.callbacks.append(Save())
    fit(whole, 1)
    again = make(tmp_path, workers=2)
    training_state.restore(tmp_path / "state", again)
    with pytest.raises(ValueError, match="must continue before it is saved again"):
        training_state.save(tmp_path / "again", again)
    again.callbacks.append(Save())
    assert everything(fit(again, 1)) == everything(whole)
    training_state.save(tmp_path / "again", again)


def test_other_streams_and_numbers_of_numpys_can_be_saved(tmp_path):
    def trainer():
        made = make(tmp_path)
        made.rng = np.random.Generator(np.random.MT19937(5))
        made.callbacks[0] = Measure("height", lambda model: model.params[0].max())
        return made

    whole = fit(trainer(), 1)
    training_state.save(tmp_path / "state", whole)
    again = trainer()
    training_state.restore(tmp_path / "state", again)
    fit(whole, 1), fit(again, 1)
    assert [p.tobytes() for p in again.model.params] == [p.tobytes() for p in whole.model.params]
    stranger = make(tmp_path)
    stranger.rng = np.random.Generator(np.random.MT19937(np.random.SeedSequence(5, spawn_key=(1,))))
    with pytest.raises(CheckpointError, match="with another seed"):
        training_state.restore(tmp_path / "state", stranger)


def test_an_optimizer_without_slots_is_saved_where_it_keeps_numbers_alone(tmp_path):
    class Plain:
        lr, v, update = 0.1, None, SGD.step

    whole, again = make(tmp_path), make(tmp_path)
    whole.optimizer, again.optimizer = Plain(), Plain()
    training_state.save(tmp_path / "state", fit(whole, 1))
    training_state.restore(tmp_path / "state", again)
    whole.optimizer.v = [np.zeros(3)]
    with pytest.raises(ValueError, match="Plain keeps v, but has no slots"):
        training_state.save(tmp_path / "state", whole)


def test_a_single_worker_has_as_many_blas_threads_as_before(tmp_path, monkeypatch):
    with threadpool_limits(1, "blas"):
        training_state.save(tmp_path / "state", fit(make(tmp_path), 1))
    trainer, seen = make(tmp_path), []
    training_state.restore(tmp_path / "state", trainer)
    trainer.callbacks.append(type("See", (Callback,), {"iteration_end": lambda *_: seen.append(blas_threads())})())
    with threadpool_limits(2, "blas"):
        fit(trainer, 1)
        assert set(seen) == {1} and blas_threads() == 2


def test_a_second_sigint_stops_at_once_whatever_came_between():
    with StopSignals() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted, match="SIGINT"):
            stop.check()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)


def test_seconds_count_those_before_the_stop(tmp_path):
    class Stop(Callback):
        def iteration_end(self, trainer):
            if trainer.iteration == 3:
                time.sleep(0.3)
            if trainer.iteration == 4:
                training_state.save(tmp_path / "state", trainer)
                raise InterruptedError

    def trainer(*more):
        made = make(tmp_path)
        made.callbacks = [Seconds(), *more]
        return made

    with pytest.raises(InterruptedError):
        fit(trainer(Stop()), 1)
    again = trainer()
    training_state.restore(tmp_path / "state", again)
    fit(again, 2)
    assert again.history[0]["seconds"] >= 0.3 and again.callbacks[0].spent == 0
