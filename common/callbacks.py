"""What happens around the training loop. A callback overrides the events it cares for; each gets the Trainer."""

import time
from collections.abc import Callable

from tqdm import tqdm

from common.layer import inference


class Callback:
    """Base: every event does nothing."""

    def fit_begin(self, trainer) -> None:
        """Before the first epoch of each ``fit``."""

    def iteration_end(self, trainer) -> None:
        """After each update."""

    def interval_end(self, trainer) -> None:
        """After every ``eval_interval`` iterations; the newest entry of ``trainer.loss_list`` is theirs."""

    def epoch_end(self, trainer) -> None:
        """After each epoch; ``trainer.history[-1]`` is its record, to be read or added to."""


class PrintLoss(Callback):
    """The chapter's line, at every interval. Time counts from ``start`` (seconds of ``time.perf_counter``),
    or from the first fit; ``label`` stands before the line where several models train in turn."""

    def __init__(self, label: str = "", start: float | None = None):
        self.label = label
        self.start = start

    def fit_begin(self, trainer) -> None:
        if self.start is None:
            self.start = time.perf_counter()

    def interval_end(self, trainer) -> None:
        seconds = time.perf_counter() - self.start
        tqdm.write(  # unlike print, it does not tear a progress bar
            f"{self.label}| epoch {trainer.current_epoch + 1} |  iter {trainer.iteration} / {trainer.max_iters} | "
            f"time {int(seconds)}[s] | loss {trainer.loss_list[-1]:.2f}"
        )


class ProgressBar(Callback):
    """Advance a tqdm bar by one an iteration. The caller makes and closes it, as several fits may share one."""

    def __init__(self, bar: tqdm):
        self.bar = bar

    def iteration_end(self, trainer) -> None:
        self.bar.update()


class Measure(Callback):
    """After each epoch, ``measure(model)`` goes to the epoch's record as ``name``. The model infers meanwhile."""

    def __init__(self, name: str, measure: Callable):
        self.name = name
        self.measure = measure

    def epoch_end(self, trainer) -> None:
        with inference(trainer.model):
            trainer.history[-1][self.name] = self.measure(trainer.model)
