"""Callbacks of the training loop. A callback overrides the events it needs; each event receives the Trainer.

Callbacks are called in the order in which they are listed: list those that measure before those that watch the
measures. Several ranks (``common.ranks``) each call their own callbacks; what one of them measures or changes must be
the same on all, so a measure records ``trainer.ranks.first(value)``. Whether to stop, the first rank decides.
"""

import math
import os
import time
from collections.abc import Callable

from tqdm import tqdm

from common.columns import Column
from common.functions import as_number
from common.layer import inference, named_params
from support.array import Array
from support.terminal import printable


class Callback:
    """Base class whose events do nothing.

    ``columns``  declares the numbers that it adds to the record of each epoch; ``common.columns`` explains how to add
                 a measure
    ``state``    names the attributes that a resumed run needs; JSON must be able to hold them
    ``arrays``   names further such attributes that are dicts of arrays by parameter name
    """

    columns: tuple[Column, ...] = ()
    state: tuple[str, ...] = ()
    arrays: tuple[str, ...] = ()

    def fit_begin(self, trainer) -> None:
        """Before the first epoch of each ``fit``."""

    def workers_begin(self, trainer) -> None:
        """Before each epoch, once every worker has its model (``trainer.models``)."""

    def iteration_begin(self, trainer) -> None:
        """Before each iteration: the place to set a learning rate. ``len(trainer.losses)`` iterations of the epoch are
        finished, of ``trainer.max_iters``."""

    def interval_end(self, trainer) -> None:
        """After every ``eval_interval`` iterations; their mean loss is the last entry of ``trainer.loss_list``."""

    def iteration_end(self, trainer) -> None:
        """After each update, and after ``interval_end`` if an interval ends there."""

    def epoch_end(self, trainer) -> None:
        """After each epoch; its record, to read or extend, is ``trainer.history[-1]``."""

    def fit_end(self, trainer) -> None:
        """After the last epoch of each ``fit``, unless an exception ended it."""


class PrintLoss(Callback):
    """Print the chapter's line at every interval. Time is measured from ``start`` (seconds of ``time.perf_counter``)
    or from the first fit; ``label`` prefixes the line when several models are trained in turn."""

    def __init__(self, label: str = "", start: float | None = None):
        self.label = label
        self.start = None if start is None else as_number("PrintLoss: start", start)

    def fit_begin(self, trainer) -> None:
        if self.start is None:
            self.start = time.perf_counter()

    def interval_end(self, trainer) -> None:
        seconds = time.perf_counter() - (self.start or 0.0)
        line = (
            f"{self.label}| epoch {trainer.current_epoch + 1} |  iter {trainer.iteration} / {trainer.max_iters} | "
            f"time {int(seconds)}[s] | loss {trainer.loss_list[-1]:.2f}"
        )
        tqdm.write(printable(line))  # unlike print, it does not break up a progress bar


class ProgressBar(Callback):
    """Advance a tqdm bar by one per iteration. The caller creates and closes it, because several fits may share one."""

    def __init__(self, bar: tqdm):
        self.bar = bar

    def iteration_end(self, trainer) -> None:
        self.bar.update()


class Warmup(Callback):
    """Raise the learning rate linearly over the first epochs, from a small share of ``lr`` at the first update to
    ``lr`` at the last; from then on leave it alone.

    lr: the rate after the warm-up; epochs: above 0, not necessarily whole. Epochs, because a larger mini-batch makes
    fewer iterations of them: the same warm-up then sees as many examples. The rate depends on nothing but the position
    in the run, so it needs no state of its own; an epoch that is begun anew repeats its rates.
    Raises ValueError for an lr that is negative or not finite, and for epochs that are not finite and above 0.
    Source: Goyal et al. 2017, section 2.2, "gradual warmup", which starts from the rate of one worker.
    """

    def __init__(self, lr: float, epochs: float):
        name = type(self).__name__
        self.lr, self.epochs = as_number(f"{name}: lr", lr), as_number(f"{name}: epochs", epochs)
        if not 0 <= self.lr < math.inf:
            raise ValueError(f"{name}: expected an lr in [0, inf), got {self.lr}")
        if not 0 < self.epochs < math.inf:
            raise ValueError(f"{name}: expected epochs above 0, got {self.epochs}")

    def iteration_begin(self, trainer) -> None:
        epoch, done, size = trainer.current_epoch, len(trainer.losses), trainer.max_iters
        if epoch + done / size < self.epochs:
            trainer.optimizer.lr = self.lr * min(1.0, (epoch + (done + 1) / size) / self.epochs)


class InverseSquareRoot(Warmup):
    """Warm the learning rate up as ``Warmup`` does; from ``lr`` on, lower it with the square root of the updates made.

    ``lr * min(n, 1 / sqrt(n))``, n = the number of the update, from 1 on, over the number of those in ``epochs``. It is
    set before every update, from nothing but the position in the run. Arguments and errors are those of ``Warmup``.
    Source: Vaswani et al. 2017, 5.3, eq. 3, which is this with ``lr = 1 / sqrt(d_model * warmup_steps)``.
    """

    def iteration_begin(self, trainer) -> None:
        n = (trainer.current_epoch + (len(trainer.losses) + 1) / trainer.max_iters) / self.epochs
        trainer.optimizer.lr = self.lr * min(n, 1 / math.sqrt(n))


class Cosine(Warmup):
    """Lower the learning rate from ``lr`` to 0, by the end of so many epochs, along half a period of a cosine.

    ``lr * (1 + cos(pi * T)) / 2``, T = the share of ``epochs`` that is behind the run before the update, at most 1.
    warmup: in the first so many epochs, which T does not count, the rate is that of ``Warmup``. It is set before every
    update, from nothing but the position in the run; the first rank sets it, as libraries round cosines differently.
    Raises ValueError like ``Warmup``, and for a warmup outside [0, epochs).
    Source: Loshchilov & Hutter 2017, eq. 5, without restarts and with eta_min = 0.
    """

    def __init__(self, lr: float, epochs: float, warmup: float = 0.0):
        super().__init__(lr, epochs)
        self.warmup = as_number("Cosine: warmup", warmup)
        if not 0 <= self.warmup < self.epochs:
            raise ValueError(f"Cosine: expected a warmup in [0, {self.epochs}), got {self.warmup}")

    def iteration_begin(self, trainer) -> None:
        past = trainer.current_epoch + len(trainer.losses) / trainer.max_iters - self.warmup
        if past < 0:
            Warmup(self.lr, self.warmup).iteration_begin(trainer)
        else:
            share = min(1.0, past / (self.epochs - self.warmup))
            trainer.optimizer.lr = trainer.ranks.first(self.lr * (1 + math.cos(math.pi * share)) / 2)


SECONDS = Column("seconds", "seconds", ".2f")


class Seconds(Callback):
    """Record the duration of each epoch as ``seconds``, including the callbacks listed before this one.

    ``spent``: seconds spent on the current epoch so far, including those before an interruption.
    """

    columns = (SECONDS,)
    state = ("spent",)
    spent = 0.0

    def fit_begin(self, trainer) -> None:
        self.start = time.perf_counter() - self.spent

    def iteration_end(self, trainer) -> None:
        self.spent = time.perf_counter() - self.start

    def epoch_end(self, trainer) -> None:
        now = time.perf_counter()
        trainer.history[-1]["seconds"] = round(now - self.start, 2)
        self.start, self.spent = now, 0.0


class Measure(Callback):
    """Record ``measure(model)`` after each epoch, with the model switched to inference.

    name: of the number in the epoch's record, or a Column, which also says how it is shown.
    """

    def __init__(self, name: str | Column, measure: Callable):
        column = name if isinstance(name, Column) else Column(name, heading=name)
        self.name, self.columns = column.name, (column,)
        self.measure = measure

    def epoch_end(self, trainer) -> None:
        with inference(trainer.model):
            trainer.history[-1][self.name] = trainer.ranks.first(self.measure(trainer.model))


class Watch(Callback):
    """Base class of callbacks that follow one number in the epochs' records, which an earlier callback recorded.

    monitor: its name; mode: whether "max" or "min" is better; an epoch improves when it beats the best one so far by
    more than ``min_delta``; nan never does.
    ``best`` and ``best_epoch``: the best value in all fits and its epoch; at first -inf or inf, and None.
    Raises ValueError for another mode or a negative min_delta, and during training when a record lacks the name.
    """

    state: tuple[str, ...] = ("best", "best_epoch")

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0):
        if mode not in ("max", "min"):
            raise ValueError(f'{type(self).__name__}: expected mode "max" or "min", got {mode!r}')
        min_delta = as_number(f"{type(self).__name__}: min_delta", min_delta)
        if not min_delta >= 0:
            raise ValueError(f"{type(self).__name__}: expected min_delta of at least 0, got {min_delta}")
        self.monitor, self.mode, self.min_delta = monitor, mode, min_delta
        self.best = -float("inf") if mode == "max" else float("inf")
        self.best_epoch: int | None = None

    def improved(self, trainer) -> bool:
        """Tell whether the latest epoch is the best so far; if so, store it as ``best``."""
        record = trainer.history[-1]
        if self.monitor not in record:
            raise ValueError(
                f"{type(self).__name__}: no {self.monitor} in the epoch's record, which has {', '.join(record)}; "
                f"list a Measure of that name before it"
            )
        value = float(record[self.monitor])
        if self.mode == "max":
            better = value - self.min_delta > self.best
        else:
            better = value + self.min_delta < self.best
        if better:
            self.best, self.best_epoch = value, record["epoch"]
        return better


class EarlyStopping(Watch):
    """End the fit after ``patience`` consecutive epochs without improvement; see ``Watch``. List it after the measures.

    restore_best_weights: after a fit that it stopped, restore the parameters of the best epoch, of which it keeps a
    copy; a fit that runs for all its epochs keeps its last parameters, as in Keras 2.2.
    ``wait``           epochs since the best one; a later fit continues the count
    ``stopped_epoch``  the epoch after which the last fit was stopped; None if it was not
    Raises ValueError like ``Watch``, and for a patience below 0.
    Source: names and rule are those of Keras 2.2, which however starts afresh in each fit; Prechelt 1998.
    """

    state = *Watch.state, "wait"
    arrays = ("best_weights",)

    def __init__(
        self,
        monitor: str = "val_acc",
        patience: float = 5,
        mode: str = "max",
        min_delta: float = 0.0,
        restore_best_weights: bool = False,
    ):
        super().__init__(monitor, mode, min_delta)
        patience = as_number("EarlyStopping: patience", patience)
        if not patience >= 0:
            raise ValueError(f"EarlyStopping: expected a patience of at least 0, got {patience}")
        self.patience, self.restore_best_weights = patience, restore_best_weights
        self.wait = 0
        self.stopped_epoch: int | None = None
        self.best_weights: dict[str, Array] = {}

    def fit_begin(self, trainer) -> None:
        self.stopped_epoch = None

    def epoch_end(self, trainer) -> None:
        if self.improved(trainer):
            self.wait = 0
            if self.restore_best_weights:
                self.best_weights = {name: param.copy() for name, param in named_params(trainer.model).items()}
        else:
            self.wait += 1
            if self.wait >= self.patience:
                self.stopped_epoch = trainer.current_epoch
                trainer.stop_training = True

    def fit_end(self, trainer) -> None:
        if self.stopped_epoch is not None:
            params = named_params(trainer.model)
            for name, best in self.best_weights.items():
                params[name][...] = best


class ModelCheckpoint(Watch):
    """Save the model after each epoch that improves; see ``Watch``. List it after the measures.

    save_best_only: False saves after every epoch. save: called as ``save(path, model)``; the default calls
    ``model.save_params(path)``. Of several ranks, the first saves.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        monitor: str = "val_acc",
        mode: str = "max",
        save_best_only: bool = True,
        *,
        save: Callable | None = None,
    ):
        super().__init__(monitor, mode)
        self.path, self.save_best_only = path, save_best_only
        self.save = save if save is not None else lambda path, model: model.save_params(path)

    def epoch_end(self, trainer) -> None:
        if (self.improved(trainer) or not self.save_best_only) and not trainer.ranks.rank:
            self.save(self.path, trainer.model)
