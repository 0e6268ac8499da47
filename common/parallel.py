"""Data parallelism: a mini-batch split over threads that share the weights of one model.

NumPy releases Python's global interpreter lock while it multiplies, so threads do run in parallel. One BLAS thread
per worker is faster than letting BLAS split every product of a small batch.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy
from threadpoolctl import ThreadpoolController

from common.functions import as_number
from common.layer import Layer, walk
from common.np import np
from common.products import Arranged, weights_kept
from support.array import Array

# The least work that makes a worker worthwhile: floating-point operations per step (forward and backward), and rows
# per product of the recurrent layers. k workers need k times as much. Measured, see docs/performance.md: with less,
# threads wait for each other at every numpy call, and BLAS rearranges the weights for too few rows.
WORTH_A_WORKER = 5e8, 20


def worthwhile(count: int, operations: float, rows: float, each: tuple[float, float] = WORTH_A_WORKER) -> int:
    """Return how many of ``count`` workers the work keeps busy, at least 1; each: operations and rows one needs."""
    least_operations, least_rows = each
    return max(1, min(count, int(operations / least_operations), int(rows / least_rows)))


def equal_work(order: Array, cost: Array, count: int, multiple: int = 1) -> list[Array]:
    """Cut rows, in the order given, into ``count`` shares of about equal cost, some of which may be empty.

    order (N,): row numbers; cost (N,): the cost of each, above 0, in the same order.
    multiple: if shares have at least four multiples on average, each starts at a multiple of this many rows.
    """
    work = cost.cumsum()
    cuts = np.searchsorted(work - cost / 2, work[-1] * np.arange(1, count) / count)
    if len(order) >= 4 * multiple * count:
        cuts = (cuts + multiple // 2) // multiple * multiple
    return np.split(order, cuts)


class Share(NamedTuple):
    """One worker's result for its part of a mini-batch: loss (a sum over its labels) and gradients of that sum.

    labels: how many count; a whole number, unless a loss layer of yours weighs them.
    touched: by the number of a gradient, the rows that the whole mini-batch can fill; the others are all zero.
    """

    loss: float
    labels: float
    grads: list[Array]
    touched: Mapping[int, Array] = MappingProxyType({})


def add_shares(shares: list[Share]) -> Share:
    """Add up all shares, in their order, into the gradient arrays of the first.

    The only place where workers meet: ``Workers`` accepts another function instead, such as ``combine`` of
    ``common.ranks``, where machines meet. That function may return new arrays.
    """
    first, *others = shares
    for share in others:
        for g, other in zip(first.grads, share.grads, strict=True):
            g += other
    total = sum(share.loss for share in shares), sum(share.labels for share in shares)
    return first._replace(loss=total[0], labels=total[1])


class Workers:
    """``count`` threads for one model; each except the first works on a copy that shares the model's weights.

    A copy has its own caches, gradients and random streams. Use Workers in a ``with`` statement: inside, BLAS uses one
    thread per product if there are several workers or ranks, else ``blas_threads`` (None: BLAS chooses). This applies
    to every BLAS that is loaded when the ``with`` begins; one loaded inside it, such as SciPy's on its first import,
    keeps its threads until the next ``with``.

    model: ``forward(x, t) -> loss``, ``backward(dout)``, ``params``, ``grads``; the loss is a mean over labels or rows.
           A method ``shares(x, t, count) -> list of index arrays`` can say how to split a batch (see ``equal_work`` and
           ``worthwhile``); otherwise the parts are equal. Ranks pass it ``each``, if it takes that; see ``worthwhile``.
           A loss layer that does not count all labels must report the number in ``label_count``, as ours do.
    combine: combines the workers' shares; see ``add_shares``
    rows: ``rows(model, x, t)`` returns which rows of a mini-batch are for these workers, perhaps none; None: all
    learn: False for copies that never train, which need no random streams of their own
    The copies are made here: later changes to the model (a dropout ratio, a flag) do not reach them.
    Raises ValueError for several workers and a model whose next forward depends on the last one (``stateful``), or
    whose loss cannot be assembled from parts.
    """

    def __init__(
        self,
        model,
        count: int = 1,
        combine: Callable[[list[Share]], Share] = add_shares,
        *,
        rows: Callable[..., Array] | None = None,
        learn: bool = True,
        blas_threads: int | None = None,
    ):
        count = int(as_number("Workers: count", count, int))
        if count < 1:
            raise ValueError(f"Workers: expected a count of at least 1, got {count}")
        if count > 1 or rows is not None:
            refuse_state(model)
        if (count > 1 or rows is not None) and learn:
            _refuse_loss(model)
        self.models = [model, *(_copy(model, learn) for _ in range(count - 1))]
        self.combine, self.rows = combine, rows
        self.blas_threads = 1 if count > 1 or rows is not None else blas_threads
        self._losses = [[part for _, part in walk(m) if hasattr(part, "label_count")] for m in self.models]
        self._tables = [part for m in self.models for _, part in walk(m) if hasattr(part, "filled_rows")]
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> "Workers":
        if self._pool is not None:
            raise RuntimeError("Workers: these workers are already in use")
        if len(self.models) > 1:
            self._pool = ThreadPoolExecutor(len(self.models) - 1)
        self._limit = ThreadpoolController().limit(limits=self.blas_threads, user_api="blas")
        return self

    def __exit__(self, *exception) -> None:
        self._limit.restore_original_limits()
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def map(self, task: Callable, parts: Sequence) -> list:
        """Return ``[task(worker, part) for part in parts]``; workers, indices of ``models``, take the parts in turn.

        The tasks must not change weights: layers and their copies share what they make of them. An exception in a
        worker is raised here, with its traceback, once all have stopped.
        """
        count, pool = max(1, min(len(self.models), len(parts))), self._pool
        if count > 1 and pool is None:
            raise RuntimeError("Workers: several workers need a with statement")

        def work(worker: int) -> list:
            return [task(worker, part) for part in parts[worker::count]]

        with weights_kept(self.models[0]):
            futures = [pool.submit(work, worker) for worker in range(1, count)] if pool else []
            try:
                done = [work(0)]
            finally:
                errors = [future.exception() for future in futures]  # waits for all of them
        for error in filter(None, errors):
            raise error
        done += [future.result() for future in futures]
        return [done[i % count][i // count] for i in range(len(parts))]

    def step(self, x: Array, t: Array) -> float:
        """Run forward and backward on a mini-batch; return its loss and leave its gradients in ``model.grads``."""
        model, count = self.models[0], len(self.models)
        touched: Mapping[int, Array] = {}
        if count == 1 and self.combine is add_shares and self.rows is None:
            loss = model.forward(x, t)
            model.backward()
            return loss

        def work(worker: int, rows: Array) -> Share:
            model = self.models[worker]
            loss = model.forward(x[rows], t[rows])
            labels = next((part.label_count for part in self._losses[worker]), len(rows))
            model.backward(labels)  # of the sum over this share's labels, so that shares can be added
            return Share(loss * labels, labels, _once(model.grads), touched)

        if self.rows is not None:
            touched = model.touched(x) if hasattr(model, "touched") else {}
            own = self.rows(model, x, t)
            x, t = x[own], t[own]
        shares = self.map(work, self._parts(x, t)) or [_nothing(model, touched)]
        for table in self._tables:
            table.filled_rows = None  # because combine may add any rows to any gradient
        total = self.combine(shares)
        mean = 1 / max(total.labels, 1)
        for g, summed in zip(_once(model.grads), total.grads, strict=True):
            np.multiply(summed, mean, out=g)
        return total.loss * mean

    def _parts(self, x: Array, t: Array) -> list[Array]:
        """Divide the rows among the workers; no part is empty."""
        model, count = self.models[0], len(self.models)
        if self.rows is not None and len(x) == 0:
            return []
        parts = model.shares(x, t, count) if hasattr(model, "shares") else numpy.array_split(np.arange(len(x)), count)
        return [rows for rows in parts if len(rows)]


def blas_threads() -> int:
    """Return how many threads BLAS uses for a product; 1 if it does not say."""
    return max((info["num_threads"] for info in ThreadpoolController().select(user_api="blas").info()), default=1)


def _nothing(model, touched: Mapping[int, Array]) -> Share:
    """The share of no rows."""
    grads = _once(model.grads)
    for g in grads:
        g[...] = 0
    return Share(0.0, 0, grads, touched)


def _once(arrays: list[Array]) -> list[Array]:
    """Keep each array object once: a list may contain a gradient twice."""
    return list({id(a): a for a in arrays}.values())


def refuse_state(model) -> None:
    """Raise ValueError for a model whose next forward depends on the last one."""
    stateful = [path for path, part in walk(model) if path and getattr(part, "stateful", False)]
    if getattr(model, "stateful", bool(stateful)):
        raise ValueError(
            f"{type(model).__name__}: {', '.join(stateful) or 'it'}: state is carried from batch to batch, which "
            "works with one worker only and is not saved with a training; a model that sets it anew in every forward "
            "should have the attribute stateful = False"
        )


def _refuse_loss(model) -> None:
    losses = [path for path, part in walk(model) if hasattr(part, "label_count") or hasattr(part, "ignore_label")]
    if len(losses) > 1:
        names = ", ".join(losses)
        raise ValueError(
            f"{type(model).__name__}: {len(losses)} loss layers ({names}); several workers need a single one"
        )
    for path, part in walk(model):
        if hasattr(part, "ignore_label") and not hasattr(part, "label_count"):
            raise ValueError(
                f"{type(model).__name__}: {path} ignores labels; for several workers, its attribute label_count must "
                "say over how many labels its last loss is the mean"
            )


def values_in(value) -> Iterator:
    """Yield the value itself or, for a list, a tuple or a dict, the values in it, at any depth."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for inside in value:
            yield from values_in(inside)
    else:
        yield value


def _copy(model, learn: bool):
    """Deep-copy the model but share its weights; leave out everything that layers keep from the last call.

    deepcopy's memo maps the id of an object to its copy, and deepcopy makes no other. Entries made beforehand therefore
    decide: each weight is its own copy, and the copy of a random generator is a stream that it spawned.
    """
    parts = [part for _, part in walk(model)]
    layers = [part for part in parts if isinstance(part, Layer)]
    kept = [(layer.cache, layer.kept) for layer in layers]
    try:
        for layer in layers:
            layer.cache, layer.kept = None, {}
        weights = [p for part in parts for p in part.params]
        memo: dict[int, Any] = {id(p): p for p in weights}
        for value in (v for part in parts for v in values_in(getattr(part, "__dict__", {}))):
            if isinstance(value, np.ndarray) and any(np.shares_memory(value, p) for p in weights):  # such as W.T
                memo[id(value)] = value
            elif isinstance(value, Arranged):
                memo[id(value)] = value
            elif isinstance(value, numpy.random.Generator) and id(value) not in memo:
                memo[id(value)] = value.spawn(1)[0] if learn else value
        return copy.deepcopy(model, memo)
    finally:
        for layer, (cached, arrays) in zip(layers, kept, strict=True):
            layer.cache, layer.kept = cached, arrays
