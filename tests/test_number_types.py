"""Numbers of other types than Python's: the same bits, in a run that was stopped too; what is no number is refused.

The values are such that float32 holds them exactly, so that one number has the same value in every type.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from test_training_state import data, everything
from test_training_state import make as reader

from common import training_state
from common.callbacks import Callback, Cosine, EarlyStopping, InverseSquareRoot, PrintLoss, Warmup
from common.checkpoint import CheckpointError
from common.layers import Dropout, SoftmaxWithLoss
from common.optimizer import SGD, AdaGrad, Adam, AdamW, Momentum, Nadam, Nesterov, RMSprop, clip_grads
from common.parallel import Workers
from common.trainer import Trainer
from common.training_state import SaveState

LR, LOWER, SHARE, LARGE_SHARE = 0.1005859375, 0.0127105712890625, 0.80078125, 0.9501953125
OPTIMIZERS = {
    "SGD": (SGD, {}),
    "Momentum": (Momentum, dict(momentum=SHARE)),
    "Nesterov": (Nesterov, dict(momentum=SHARE)),
    "AdaGrad": (AdaGrad, {}),
    "RMSprop": (RMSprop, dict(decay_rate=LARGE_SHARE)),
    "Adam": (Adam, dict(beta1=SHARE, beta2=LARGE_SHARE, epsilon=LOWER)),
    "AdamW": (AdamW, dict(beta1=SHARE, beta2=LARGE_SHARE, epsilon=LOWER, weight_decay=0.25)),
    "Nadam": (Nadam, dict(beta1=SHARE, beta2=LARGE_SHARE, epsilon=2.0**-10, schedule_decay=0.203125)),
}
TYPES = {
    "float": float,
    "float32": np.float32,
    "float64": np.float64,
    "longdouble": np.longdouble,
    "an array without axes": np.array,
    "such an array of cupy's": lambda value: SimpleNamespace(shape=(), item=lambda: value),
}


class Lower(Callback):
    """Lowers the rate after the second epoch, as a schedule or a reader does."""

    def __init__(self, kind):
        self.lr = kind(LOWER)

    def epoch_end(self, trainer):
        if trainer.current_epoch == 2:
            trainer.optimizer.lr = self.lr


def trainer(tmp_path, name, kind):
    made = reader(tmp_path, name_of(name, kind), patience=np.int64(99))
    made.callbacks.append(Lower(kind))
    return made


def name_of(name, kind):
    """What makes the optimizer, all of its numbers of this kind, whatever lr it is given."""
    cls, numbers = OPTIMIZERS[name]
    return lambda lr: cls(kind(LR), **{key: kind(value) for key, value in numbers.items()})


def fit(trainer, epochs, kind):
    for _ in range(epochs):
        trainer.fit(
            *data(),
            max_epoch=np.int64(1),
            batch_size=np.array(4),
            max_grad=kind(0.2001953125),
            eval_interval=np.int8(2),
        )
    return everything(trainer)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_numbers_of_every_type_train_to_the_same_bits_stopped_or_not(tmp_path, name):
    wanted = fit(trainer(tmp_path, name, float), 3, float)
    for what, kind in TYPES.items():
        assert fit(trainer(tmp_path, name, kind), 3, kind) == wanted, what
        stopped = trainer(tmp_path, name, kind)
        fit(stopped, 2, kind)  # the rate that was just lowered is saved before it is used
        training_state.save(tmp_path / "state", stopped)
        again = trainer(tmp_path, name, kind)
        training_state.restore(tmp_path / "state", again)
        assert again.optimizer.lr == LOWER, what
        assert fit(again, 1, kind) == wanted, f"{what}, stopped"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_hold_pythons_numbers(name):
    optimizer = name_of(name, np.float32)(None)
    optimizer.lr = np.float64(LOWER)
    optimizer.update([np.ones(2, np.float32)], [np.ones(2, np.float32)])
    numbers = {key: value for key, value in vars(optimizer).items() if np.isscalar(value)}
    assert {type(value) for value in numbers.values()} <= {int, float, bool}
    assert set(numbers) >= {"lr", *OPTIMIZERS[name][1]}


def test_clipping_is_the_same_for_every_type():
    grads = [np.linspace(1, 2, 7, dtype=np.float32)]
    clipped = {what: [g.copy() for g in grads] for what in TYPES}
    for what, kind in TYPES.items():
        clip_grads(clipped[what], kind(0.2001953125))
    assert len({g.tobytes() for (g,) in clipped.values()}) == 1


def test_a_dropout_ratio_that_is_set_later_drops_and_scales_the_same():
    x, seen = np.linspace(1, 2, 100, dtype=np.float32), set()
    for kind in TYPES.values():
        dropout = Dropout(rng=np.random.default_rng(0))
        dropout.dropout_ratio = kind(SHARE)
        y = dropout.forward(x)
        assert y.dtype == dropout.backward(y).dtype == np.float32
        seen.add(y.tobytes())
    assert len(seen) == 1


def test_callbacks_compute_in_pythons_numbers(tmp_path):
    early = EarlyStopping("loss", np.float32(2), "max", np.float32(0.25))
    made = reader(tmp_path)
    made.history = [{"epoch": 1, "loss": 1.0}]
    early.epoch_end(made)
    made.history.append({"epoch": 2, "loss": 1.25 + 2**-40})  # in float32 no more than 0.25 better
    early.epoch_end(made)
    assert early.best == 1.25 + 2**-40 and type(early.min_delta) is float


NO_NUMBERS = ["0.1", None, [0.1], np.array([0.1]), np.zeros((2, 2)), 1j, np.complex64(1), np.array("0.1"), object()]
DOORS = {
    "SGD: lr": SGD,
    "Momentum: momentum": lambda value: Momentum(0.1, value),
    "Nesterov: momentum": lambda value: Nesterov(0.1, value),
    "AdaGrad: lr": AdaGrad,
    "RMSprop: decay_rate": lambda value: RMSprop(0.1, value),
    "Adam: beta1": lambda value: Adam(0.1, value),
    "Adam: beta2": lambda value: Adam(0.1, 0.9, value),
    "Adam: epsilon": lambda value: Adam(epsilon=value),
    "AdamW: weight_decay": lambda value: AdamW(weight_decay=value),
    "Nadam: epsilon": lambda value: Nadam(epsilon=value),
    "Nadam: schedule_decay": lambda value: Nadam(schedule_decay=value),
    "clip_grads: max_norm": lambda value: clip_grads([np.ones(2)], value),
    "Dropout: dropout_ratio": Dropout,
    "SoftmaxWithLoss: label_smoothing": lambda value: SoftmaxWithLoss(label_smoothing=value),
    "Warmup: lr": lambda value: Warmup(value, 1),
    "InverseSquareRoot: epochs": lambda value: InverseSquareRoot(1, value),
    "Cosine: epochs": lambda value: Cosine(1, value),
    "Cosine: warmup": lambda value: Cosine(1, 2, value),
    "EarlyStopping: patience": lambda value: EarlyStopping("loss", value),
    "EarlyStopping: min_delta": lambda value: EarlyStopping("loss", min_delta=value),
    "Trainer.fit: batch_size": lambda value: Trainer(None, None).fit(*data(), batch_size=value),
    "Trainer.fit: max_epoch": lambda value: Trainer(None, None).fit(*data(), max_epoch=value),
    "Trainer: workers": lambda value: Trainer(None, None, workers=value),
    "Workers: count": lambda value: Workers(None, value),
}
OR_NONE = {
    "Trainer.fit: max_grad": lambda value: Trainer(None, None).fit(*data(), max_grad=value),
    "Trainer.fit: eval_interval": lambda value: Trainer(None, None).fit(*data(), eval_interval=value),
    "SaveState: iterations": lambda value: SaveState("state", iterations=value),
    "SaveState: seconds": lambda value: SaveState("state", seconds=value),
    "PrintLoss: start": lambda value: PrintLoss(start=value),
}


@pytest.mark.parametrize("door", [*DOORS, *OR_NONE])
def test_what_is_no_number_is_refused_at_the_door(door):
    for value in NO_NUMBERS:
        if value is None and door in OR_NONE:
            continue
        with pytest.raises(ValueError) as error:
            (DOORS | OR_NONE)[door](value)
        message = str(error.value)
        assert message.startswith(f"{door}: expected a ") and "number, got " in message and "\n" not in message
    if door != "PrintLoss: start":
        for value in (float("nan"), np.float32("nan"), -1, np.float64(-0.5)):
            with pytest.raises(ValueError, match=door.split(":")[0]):
                (DOORS | OR_NONE)[door](value)


@pytest.mark.parametrize("bad", ["0.1", None, np.float32("nan"), np.float64(-1), np.ones(2)])
def test_a_rate_that_is_set_later_is_refused_before_it_changes_anything(bad):
    params, optimizer = [np.ones(2, np.float32)], Adam()
    optimizer.lr = bad
    with pytest.raises(ValueError, match=r"^Adam: lr: expected a number"):
        optimizer.update(params, [np.ones(2, np.float32)])
    assert (params[0] == 1).all()


def test_a_state_without_one_of_the_optimizers_numbers_is_refused_by_its_name(tmp_path):
    class Decaying(SGD):
        pass

    def decaying(lr):
        made = Decaying(lr)
        made.decay, made.flag = np.float32(0.5), True
        return made

    old = reader(tmp_path, Decaying)
    training_state.save(tmp_path / "state", old)
    with pytest.raises(CheckpointError, match="it has no 'decay'"):
        training_state.restore(tmp_path / "state", reader(tmp_path, decaying))
    new = reader(tmp_path, decaying)
    training_state.save(tmp_path / "state", new)
    again = reader(tmp_path, lambda lr: decaying(np.float64(lr)))
    again.optimizer.decay = 0
    training_state.restore(tmp_path / "state", again)
    assert again.optimizer.decay == 0.5 and again.optimizer.flag is True
