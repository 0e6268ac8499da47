"""The training of one model of a run, epoch by epoch: in the main process, or in a process of its own."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from common.callbacks import Callback
from common.numeric_faults import NumericFault
from common.trainer import Trainer
from common.training_state import SaveState
from support.stop_signals import StopSignals


class Progress(Callback):
    """Call ``tell(done)`` with the iterations done in all epochs: after each one, but at most every ``seconds``, and
    after each epoch."""

    def __init__(self, tell: Callable[[int], None], seconds: float = 0.0):
        self.tell, self.seconds, self.told = tell, seconds, 0.0

    def iteration_end(self, trainer) -> None:
        if time.monotonic() - self.told >= self.seconds:
            self.tell(trainer.current_epoch * trainer.max_iters + trainer.iteration)
            self.told = time.monotonic()

    def epoch_end(self, trainer) -> None:
        self.tell(trainer.current_epoch * trainer.max_iters)


@dataclass(frozen=True)
class Epochs:
    """What the epochs of all models of a run have in common.

    out: folder of the run; batch_size, max_grad, eval_interval: see ``Trainer.fit``; facts, save_every: see
    ``SaveState``; save: called as ``save(name, model)`` after each epoch; several: whether an error names the model.
    """

    out: Path
    batch_size: int
    max_grad: float | None
    eval_interval: int | None
    facts: dict
    save_every: dict
    save: Callable
    several: bool

    def prepare(self, name: str, trainer: Trainer, stop: StopSignals, progress: Progress) -> None:
        """Add the callbacks that report progress and save the state."""
        state = SaveState(state_file(self.out, name), self.facts, stop=stop, **self.save_every)
        trainer.callbacks += [progress, state]

    def train(self, name: str, trainer: Trainer, x, t) -> None:
        """Train for one epoch, or finish the one that was begun, and save the model."""
        try:
            trainer.fit(x, t, 1, self.batch_size, self.max_grad, self.eval_interval)
        except NumericFault as error:
            error.args = (f"{name}: {error}" if self.several else str(error),)
            raise
        self.save(name, trainer.model)


def state_file(out: Path, name: str) -> Path:
    """Return the path of the file with a model's training state."""
    return out / (f"{name}.state.npz" if name else "state.npz")


def measured(trainer: Trainer) -> tuple[str, ...]:
    """Return the names of the numbers that each epoch's record must have, besides the loss."""
    columns = [column for callback in trainer.callbacks for column in callback.columns]
    return tuple(dict.fromkeys(column.name for column in columns))
