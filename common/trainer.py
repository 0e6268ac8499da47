"""The chapter's training loop. Printing, progress bars, measuring and drawing are left to callbacks."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy

from common.callbacks import Callback, PrintLoss
from common.functions import as_number, expect_array
from common.layer import forget, remove_duplicate
from common.numeric_faults import Guard
from common.optimizer import Optimizer, clip_grads, same_power
from common.parallel import Workers, add_shares
from common.ranks import ALONE, Ranks
from support.array import Array

__all__ = ["Trainer", "remove_duplicate"]


class Trainer:
    """Train any model with ``forward(x, t) -> loss``, ``backward()``, ``params`` and ``grads`` in mini-batches.

    rng shuffles the data before each epoch (fresh entropy when None). callbacks: see ``common.callbacks``;
    None prints the chapter's line, an empty tuple nothing. workers: threads that share each mini-batch, see
    ``common.parallel``; the result equals one worker's up to rounding, and is bit-identical in every run. A small
    mini-batch uses fewer threads. combine: combines their gradients. At the start of each epoch the workers get copies
    of the model. ranks: processes that train the model together, each with ``workers`` threads; all have to make the
    same trainer, without a combine, and to call the same fit. Weights and shuffling are the first one's.

    ``loss_list``  mean loss of each interval of ``eval_interval`` iterations
    ``history``    one dict per epoch: epoch, loss (the mean over its iterations), and what callbacks measured
    ``current_epoch``, ``iteration``, ``max_iters``  the position in the run; iteration counts from 1 in each epoch
    ``stop_training``  set to True by a callback to end the fit after the current epoch
    ``batches``, ``losses``  the current epoch's rows by mini-batch, and the losses of the finished mini-batches; an
                      exception ends the epoch, and the next fit begins a new one
    ``models``         the model, and the other workers' copies of it in the current epoch
    ``blas_threads``   for the products of a single worker; None: BLAS chooses. The number affects rounding
    ``resting``        what ranks own that this training had and has no more; see ``common.training_state``
    Source: 『ゼロから作るDeep Learning 2』 1.4.4.
    """

    def __init__(
        self,
        model,
        optimizer,
        *,
        rng: numpy.random.Generator | None = None,
        callbacks=None,
        workers: int = 1,
        combine=add_shares,
        ranks: Ranks = ALONE,
    ):
        self.model = model
        self.optimizer = optimizer
        self.rng = rng if rng is not None else numpy.random.default_rng()
        if callbacks is None:
            callbacks = () if ranks.rank else (PrintLoss(),)
        self.callbacks: list[Callback] = list(callbacks)
        self.loss_list: list[float] = []
        self.history: list[dict] = []
        self.current_epoch = 0
        self.iteration = self.max_iters = 0
        self.stop_training = False
        self.batches: list[Array] = []
        self.losses: list[float] = []
        self.models = [model]
        self.eval_interval: int | None = None
        self.resting: list[dict] = []
        workers = int(as_number("Trainer: workers", workers, int))
        if workers < 1:
            raise ValueError(f"Trainer: expected at least 1 worker, got {workers}")
        self.workers, self.combine, self.ranks, self.blas_threads = workers, combine, ranks, None
        if ranks.size > 1:
            if combine is not add_shares:
                raise ValueError(
                    "Trainer: expected combine or several ranks, which combine by a way of their own, got both"
                )
            if isinstance(optimizer, Optimizer):
                optimizer.power = same_power
        ranks.begin(model)

    def fit(
        self,
        x,
        t: Array,
        max_epoch: int = 10,
        batch_size: int = 32,
        max_grad: float | None = None,
        eval_interval: int | None = 20,
    ) -> list[dict]:
        """Train for ``max_epoch`` more epochs, finishing an interrupted one first; return ``history``.

        x, t: N questions and their answers, along the first axis. An epoch is ``N // batch_size`` full
        batches of a new shuffle; data smaller than a batch trains as one batch. x can have a method
        ``batches(batch_size, rng) -> list of index arrays``: an epoch is then all of these, in that order, and the
        model receives ``x[indices]``. Gradients are clipped to the norm ``max_grad`` if it is given.
        Raises ValueError when x and t differ in length or are empty, a number is not positive, or the model cannot
        be shared among workers. Raises NumericFault for a loss or a gradient that is not finite, before the weights
        change; for a weight that is not finite, after undoing the update. An exception in a worker is raised here,
        with its traceback.
        """
        max_epoch, batch_size, max_grad, eval_interval = self._check(
            x, t, max_epoch=max_epoch, batch_size=batch_size, max_grad=max_grad, eval_interval=eval_interval
        )
        self.eval_interval = eval_interval
        asked = len(x), max_epoch, batch_size, max_grad, eval_interval
        self.ranks.expect_equal("Trainer.fit: (questions, max_epoch, batch_size, max_grad, eval_interval)", asked)
        model = self.model
        self.stop_training = False
        self._notify("fit_begin")
        guard = Guard(self)
        for _ in range(max_epoch):
            with self._epoch(x, batch_size) as workers:
                for batch in self.batches[len(self.losses) :]:
                    self._notify("iteration_begin")
                    loss = workers.step(x[batch], t[batch])  # model.forward, model.backward
                    params, grads = remove_duplicate(model.params, model.grads)
                    with self.ranks.together(), guard.update(loss, grads):
                        if max_grad is not None:
                            clip_grads(grads, max_grad, self.ranks.first)
                        self.optimizer.update(params, grads)

                    self.losses.append(float(loss))
                    self.iteration = len(self.losses)
                    if eval_interval is not None and (self.iteration - 1) % eval_interval == 0:
                        self.loss_list.append(float(numpy.mean(self.losses[-eval_interval:])))
                        self._notify("interval_end")
                    self._notify("iteration_end")
                    guard.check()  # a callback may have changed the weights
            self.ranks.expect_same(model, self.current_epoch + 1)
            self.current_epoch += 1
            self.history.append({"epoch": self.current_epoch, "loss": self.ranks.first(float(numpy.mean(self.losses)))})
            self._notify("epoch_end")
            guard.check()
            self.stop_training = self.ranks.first(self.stop_training)
            if self.stop_training:
                break
        self._notify("fit_end")
        forget(model)
        return self.history

    @contextmanager
    def _epoch(self, x, batch_size: int) -> Iterator[Workers]:
        """Provide the workers and the ``batches`` of an epoch. An exception also ends the epoch."""
        ranks, combine, rows = self.ranks, self.combine, None
        if ranks.size > 1:
            combine, rows = ranks.combine, ranks.rows

        def make() -> Workers:
            return Workers(self.model, self.workers, combine, rows=rows, blas_threads=self.blas_threads)

        with ranks.on_all(make) as workers:
            self.models = workers.models
            self._notify("workers_begin")
            try:
                if not self.batches:  # otherwise continue the resumed epoch
                    self.batches, self.losses = ranks.on_first(lambda: self._batches(x, batch_size)), []
                elif max(batch.max() for batch in self.batches) >= len(x):
                    raise ValueError(f"Trainer.fit: the interrupted epoch had more data than these {len(x)} rows")
                self.max_iters = len(self.batches)
                yield workers
            finally:
                self.batches, self.models = [], [self.model]

    def _batches(self, x, batch_size: int) -> list[Array]:
        """Return the row numbers of each mini-batch of an epoch."""
        if hasattr(x, "batches"):
            batches = x.batches(batch_size, self.rng)
            if len(batches) == 0:
                raise ValueError(f"Trainer.fit: expected at least one batch from {type(x).__name__}.batches, got none")
            return list(batches)
        size = min(batch_size, len(x))
        return list(self.rng.permutation(len(x))[: len(x) // size * size].reshape(-1, size))

    def plot(self, ylim: tuple[float, float] | None = None, ax=None):
        """Draw ``loss_list`` over its intervals; return the Axes. Shows nothing: call ``plt.show()``."""
        from common.plot import plot_loss_list  # matplotlib is imported only for drawing

        return plot_loss_list(self.loss_list, self.eval_interval, ylim, ax)

    def _notify(self, event: str) -> None:
        for callback in list(self.callbacks):
            getattr(callback, event)(self)

    @staticmethod
    def _check(x, t, **positive) -> Iterator:
        """Check the data; yield the numbers as Python's own."""
        for name, data in (("x", x), ("t", t)):
            if not hasattr(data, "batches"):
                expect_array("Trainer.fit", name, data)
        if len(x) != len(t) or len(x) == 0:
            raise ValueError(f"Trainer.fit: expected as many answers as questions, got {len(x)} and {len(t)}")
        for name, value in positive.items():
            if value is not None or name in ("max_epoch", "batch_size"):
                value = as_number(f"Trainer.fit: {name}", value, float if name == "max_grad" else int)
                if not value > 0:
                    raise ValueError(f"Trainer.fit: expected {name} above 0, got {value}")
            yield value
