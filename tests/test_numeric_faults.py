"""A number that is not finite stops training before it spreads: nothing bad is kept, in memory or in a file."""

import numpy as np
import pytest
from layer_table import Draw, TiedModel
from script_tools import INFINITE, everything, refused

from common import training_state
from common.base_model import BaseModel
from common.callbacks import Callback, ModelCheckpoint
from common.layer import named_params
from common.layers import Affine, SoftmaxWithLoss
from common.numeric_faults import Guard, NumericFault
from common.optimizer import SGD, AdaGrad, Adam, AdamW, Nadam, RMSprop
from common.parallel import Workers
from common.trainer import Trainer
from common.training_state import SaveState
from seq2seq import AttentionSeq2seq, load_model, save_model

XS, TS = np.random.default_rng(0).integers(0, 9, (2, 40, 5))
AT = 8  # the iteration with the fault, the third of the second epoch
HINT = "; the weights are those of the last good step; where the data is finite, a smaller learning rate (--lr) or"


class Snapshots(Callback):
    """The weights as each step left them."""

    def __init__(self):
        self.weights = []

    def iteration_end(self, trainer):
        self.weights.append(bytes_of(trainer.model))


class Spoil(Callback):
    """Writes a bad number into the weights between two iterations."""

    def iteration_end(self, trainer):
        if trainer.current_epoch == 1 and trainer.iteration == 2:
            trainer.model.decoder.affine.b[3] = np.nan


def bytes_of(model):
    return [p.tobytes() for p in named_params(model).values()]


def trainer_of(*callbacks, workers=1):
    model = AttentionSeq2seq(9, 4, 8, rng=np.random.default_rng(1))
    model.worth_a_worker = 1, 1  # small as it is, all workers take part
    return Trainer(model, Adam(0.01), rng=np.random.default_rng(2), callbacks=callbacks, workers=workers)


def plant(monkeypatch, trainer, what, value):
    """In step AT of all, a bad loss, gradient, or weight after the update."""
    step, update, calls = Workers.step, trainer.optimizer.step, []

    def bad_step(workers, x, t):
        loss = step(workers, x, t)
        calls.append(x)
        if len(calls) < AT:
            return loss
        if what == "gradient":
            trainer.model.decoder.lstm.grads[1][2, 3] = value
        return value if what == "loss" else loss

    def bad_update(params, grads):
        update(params, grads)
        if what == "weight" and len(calls) == AT:
            trainer.model.encoder.embed.W[0, 0] = value

    monkeypatch.setattr(Workers, "step", bad_step)
    trainer.optimizer.step = bad_update


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "what, value, name, layer, said",
    [
        ("loss", np.nan, None, None, "the loss is not finite"),
        ("loss", np.inf, None, None, "the loss is not finite"),
        *(
            (
                "gradient",
                value,
                "decoder.lstm.Wh",
                "TimeLSTM",
                "the gradient of decoder.lstm.Wh (TimeLSTM) is not finite",
            )
            for value in (np.nan, -np.inf)
        ),
        *(
            ("weight", value, "encoder.embed.W", "Embedding", "the weight encoder.embed.W (Embedding) is not finite")
            for value in (np.nan, np.inf)
        ),
    ],
)
def test_fault_is_found_and_undone(monkeypatch, workers, what, value, name, layer, said):
    snapshots = Snapshots()
    trainer = trainer_of(snapshots, workers=workers)
    plant(monkeypatch, trainer, what, value)
    with pytest.raises(NumericFault) as caught:
        trainer.fit(XS, TS, 3, 8, max_grad=None)
    fault = caught.value
    assert (fault.epoch, fault.iteration, fault.what, fault.name, fault.layer) == (2, 3, what, name, layer)
    shuffled = np.random.default_rng(2)
    assert fault.rows == [shuffled.permutation(40) for _ in range(2)][1][16:24].tolist()
    rows = ", ".join(map(str, fault.rows))
    assert str(fault).startswith(f"epoch 2, iteration 3: {said}; rows of the batch, 8 in all: {rows}{HINT}")
    assert len(snapshots.weights) == AT - 1 and bytes_of(trainer.model) == snapshots.weights[-1]


def test_a_fit_after_a_fault_is_a_new_epoch_of_its_own_data(monkeypatch):
    trainer = trainer_of()
    with monkeypatch.context() as patch:
        plant(patch, trainer, "gradient", np.nan)
        with pytest.raises(NumericFault):
            trainer.fit(XS, TS, 2, 8, max_grad=5.0)
    assert [record["epoch"] for record in trainer.history] == [1]
    seen = []
    with monkeypatch.context() as patch:
        step = Workers.step
        patch.setattr(Workers, "step", lambda workers, x, t: seen.append(len(x)) or step(workers, x, t))
        trainer.fit(XS[:6], TS[:6], 1, 2)
    assert seen == [2, 2, 2] and [record["epoch"] for record in trainer.history] == [1, 2]
    assert len(trainer.models) == 1 and not trainer.batches


def test_weight_that_a_callback_spoilt_is_put_back():
    snapshots = Snapshots()
    trainer = trainer_of(snapshots, Spoil())
    with pytest.raises(NumericFault, match=r"epoch 2, iteration 3: the weight decoder\.affine\.b \(Affine\)"):
        trainer.fit(XS, TS, 3, 8)
    assert len(snapshots.weights) == AT - 1 and bytes_of(trainer.model) == snapshots.weights[-1]


@pytest.mark.parametrize("optimizer", [AdaGrad, Adam, AdamW, Nadam, RMSprop])
def test_running_values_that_overflow_are_found_and_not_saved(monkeypatch, tmp_path, optimizer):
    snapshots = Snapshots()
    trainer = trainer_of(snapshots)
    trainer.optimizer = optimizer()
    plant(monkeypatch, trainer, "gradient", 1e25)  # finite, but not its square
    message = r"epoch 2, iteration 3: what the optimizer keeps for decoder\.lstm\.Wh \(TimeLSTM\) is not finite"
    with np.errstate(over="ignore"), pytest.raises(NumericFault, match=message):
        trainer.fit(XS, TS, 3, 8)
    assert len(snapshots.weights) == AT - 1 and bytes_of(trainer.model) == snapshots.weights[-1]
    with pytest.raises(ValueError, match="what the optimizer keeps is not finite, so nothing was saved"):
        training_state.save(tmp_path / "state.npz", trainer)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("epochs", [1, 2])
def test_weights_spoilt_at_an_epochs_end_are_used_by_nobody(monkeypatch, epochs):
    class SpoilLater(Callback):
        def epoch_end(self, trainer):
            trainer.model.decoder.affine.b[3] = np.nan

    trainer = trainer_of(SpoilLater())
    with pytest.raises(NumericFault, match=r"epoch 2, iteration 1: the weight decoder\.affine\.b"):
        trainer.fit(XS, TS, epochs, 8)
    assert np.isfinite(trainer.model.decoder.affine.b).all()


def test_weights_are_looked_at_before_the_first_step(monkeypatch):
    trainer = trainer_of()
    monkeypatch.setattr(Workers, "step", lambda *_: pytest.fail("a forward of bad weights"))
    trainer.model.encoder.lstm.b[5] = np.inf
    with pytest.raises(
        NumericFault, match=r"epoch 1, iteration 1: the weight encoder\.lstm\.b \(TimeLSTM\) is not"
    ) as e:
        trainer.fit(XS, TS, 1, 8)
    assert e.value.rows == [] and "rows" not in str(e.value)


class Linear(BaseModel):
    """Scores of numbers, which may be bad themselves."""

    def __init__(self):
        super().__init__()
        self.affine = Affine(np.ones((3, 2)), np.zeros(2))
        self.loss = SoftmaxWithLoss()
        self.params, self.grads = self.affine.params, self.affine.grads

    def forward(self, x, t):
        return self.loss.forward(self.affine.forward(x), t)

    def backward(self, dout=1):
        self.affine.backward(self.loss.backward(dout))


@pytest.mark.parametrize("workers", [1, 3])
def test_input_that_is_nan(workers):
    x, model = np.random.default_rng(0).standard_normal((30, 3)), Linear()
    x[17, 1] = np.nan
    trainer = Trainer(model, SGD(), rng=np.random.default_rng(0), callbacks=(), workers=workers)
    with pytest.raises(
        NumericFault, match=r"the loss is not finite, nor is the gradient of affine\.W \(Affine\); rows"
    ) as e:
        trainer.fit(x, np.zeros(30, int), 1, 15)
    assert 17 in e.value.rows and len(e.value.rows) == 15 and np.isfinite(model.affine.W).all()
    assert str(e.value).count(", ...") == 1 and str(e.value.rows[9]) + ", ..." in str(e.value)


def test_norm_beyond_the_numbers_is_a_fault_too():
    model = Linear()
    trainer = Trainer(model, SGD(), callbacks=())
    with pytest.raises(NumericFault, match="gradient of all weights together is not finite") as e:
        trainer.fit(np.full((4, 3), 1e200), np.ones(4, int), 1, 4, max_grad=1.0)
    assert e.value.what == "gradient" and e.value.name is None and "clip_grads" in str(e.value.__cause__)
    assert (model.affine.W == 1).all()


def test_update_that_numpy_is_told_to_stop_leaves_no_half():
    model = Linear()
    trainer = Trainer(model, SGD(1e308), callbacks=())
    with np.errstate(over="raise"), pytest.raises(NumericFault):
        trainer.fit(np.full((4, 3), 1e8), np.ones(4, int), 1, 4)
    assert (model.affine.W == 1).all() and (model.affine.b == 0).all()


def test_tied_weights_are_put_back():
    r = Draw()
    model = TiedModel(r(10, 4), r(4, 4), r(10))
    before = bytes_of(model)
    trainer = Trainer(model, SGD(), callbacks=())
    trainer.optimizer.step = lambda params, grads: [np.copyto(p, np.inf) for p in params]
    with pytest.raises(NumericFault, match=r"weight embed\.W \(Embedding\)"):
        trainer.fit(r.ids(6, 3), r.ids(6, 3), 1, 6)
    assert bytes_of(model) == before and np.shares_memory(model.embed.W, model.affine.W)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_large_numbers_are_finite(dtype):
    """Their squares are not; strides, gaps and emptiness make no difference."""
    high = np.full((4, 6), np.finfo(dtype).max / 2, dtype)
    for params in ([high], [high.T], [high[::2, ::3]], [np.zeros((0, 3), dtype), high]):

        class Model:
            def __init__(self, params):
                self.params, self.grads = params, [np.zeros_like(p) for p in params]

        model = Model(params)
        trainer = Trainer(model, SGD(0.0), callbacks=())
        guard = Guard(trainer)
        with guard.update(1.0, model.grads):
            pass
        params[-1][1, 1] = np.nan
        with pytest.raises(NumericFault, match=rf"the weight params\.{len(params) - 1} \(Model\)"):
            Guard(trainer)
        params[-1][1, 1] = 0


# Nothing bad reaches a file


@pytest.mark.parametrize(
    "write",
    [
        lambda path, trainer: trainer.model.save_params(path),
        lambda path, trainer: save_model(path, trainer.model),
        lambda path, trainer: training_state.save(path, trainer),
    ],
)
def test_bad_weights_are_not_saved(tmp_path, write):
    trainer, path = trainer_of(), tmp_path / "model.npz"
    write(path, trainer)
    good = everything(tmp_path)
    trainer.model.decoder.lstm.Wx[1, 2] = np.nan
    with pytest.raises(
        ValueError, match=r"AttentionSeq2seq: the weight decoder\.lstm\.Wx \(TimeLSTM\) .* which no file may contain"
    ):
        write(path, trainer)
    assert everything(tmp_path) == good


def test_callbacks_do_not_save_bad_weights(tmp_path):
    class AtTheEnd(Callback):
        def epoch_end(self, trainer):
            trainer.history[-1]["val_acc"] = 1.0
            trainer.model.decoder.affine.b[0] = np.inf

    for saving in (ModelCheckpoint(tmp_path / "best.npz"), SaveState(tmp_path / "state.npz")):
        with pytest.raises(ValueError, match=r"the weight decoder\.affine\.b \(Affine\) is not finite, which no"):
            trainer_of(AtTheEnd(), saving).fit(XS, TS, 1, 8)
        assert everything(tmp_path) == {}


def test_state_on_disk_is_that_of_the_last_save(monkeypatch, tmp_path):
    path = tmp_path / "state.npz"
    trainer = trainer_of(SaveState(path, iterations=1))
    plant(monkeypatch, trainer, "weight", np.inf)
    with pytest.raises(NumericFault):
        trainer.fit(XS, TS, 3, 8)
    monkeypatch.undo()
    again, plain = trainer_of(), trainer_of()
    training_state.restore(path, again)
    assert len(again.losses) == 2 and bytes_of(again.model) == bytes_of(trainer.model)
    again.fit(XS, TS, 1, 8)
    plain.fit(XS, TS, 2, 8)
    assert bytes_of(again.model) == bytes_of(plain.model)


@pytest.mark.parametrize("name", ["train_date.py", "train_text.py"])
def test_scripts_say_it_in_one_line(in_process, tmp_path, tiny, name):
    data = ("--data", tiny, "--models", "baseline") if name == "train_date.py" else ("--model", "gru", "--layers", 1)
    sizes = "--hidden-size", 4, "--wordvec-size", 3, "--batch-size", 8, "--save-every", 1, "--workers", 1
    done = in_process(tmp_path, name, *data, *sizes, "--lr", INFINITE, "--quiet", "--out", "run")
    refused(done, rf"^{name}: epoch 1, iteration \d+: the (loss|weight|gradient) .*; rows of the batch, 8 in all: \d")
    for path in (tmp_path / "run").glob("*.npz"):
        if "state" not in path.name:
            assert all(np.isfinite(p).all() for p in load_model(path)[0].params)
