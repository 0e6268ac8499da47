"""Data parallelism: a mini-batch split over threads that share the weights of one model.

NumPy leaves Python's lock while it multiplies, so threads do run side by side. One BLAS thread each is quicker
than letting BLAS split every product of a small batch by itself.
"""

import copy
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy
from threadpoolctl import ThreadpoolController

from common.layer import Array, Layer, memory, walk
from common.np import np


def sum_gradients(parts: list[list[Array]]) -> list[Array]:
    """Combine the gradients of all workers: add them up, in their order, in the arrays of the first.

    The one place where workers meet. Another way to combine, between machines say, takes its place in ``Workers``.
    """
    total, *others = parts
    for part in others:
        for g, other in zip(total, part, strict=True):
            g += other
    return total


class Workers:
    """``count`` threads for one model. The first works on the model itself, each other on a copy of it that has
    caches, gradients and random streams of its own, but the very same weights.

    A context manager: inside, BLAS uses one thread for each product when there are several workers.

    model: ``forward(x, t) -> loss``, ``backward(dout)``, ``params``, ``grads``; the loss is a mean over labels or rows.
           It may say how to split a batch: ``shares(x, t, count) -> list of index arrays``; else into equal parts.
    combine: what becomes of the workers' gradients; see ``sum_gradients``
    Raises ValueError for several workers and a model whose next forward depends on the last one (``stateful``).
    """

    def __init__(self, model, count: int = 1, combine: Callable = sum_gradients):
        if count < 1:
            raise ValueError(f"Workers: a count of at least 1 wanted, got {count}")
        if count > 1:
            _refuse_state(model)
        self.models = [model, *(_copy(model) for _ in range(count - 1))]
        self.combine = combine

    def __enter__(self) -> "Workers":
        if len(self.models) > 1:
            self._pool = ThreadPoolExecutor(len(self.models) - 1)
            self._limit = _blas().limit(limits=1, user_api="blas")
        return self

    def __exit__(self, *exception) -> None:
        if len(self.models) > 1:
            self._limit.restore_original_limits()
            self._pool.shutdown()

    def map(self, task: Callable, shares: Sequence) -> list:
        """``[task(model, share) for share in shares]``, the shares dealt out to the workers in turn.

        An exception in a worker is raised here, with its traceback, when all have stopped.
        """
        count = len(self.models)

        def work(worker: int) -> list:
            return [task(self.models[worker], share) for share in shares[worker::count]]

        futures = [self._pool.submit(work, worker) for worker in range(1, min(count, len(shares)))]
        try:
            done = [work(0)]
        finally:
            errors = [future.exception() for future in futures]  # waits for all of them
        for error in filter(None, errors):
            raise error
        done += [future.result() for future in futures]
        return [done[i % count][i // count] for i in range(len(shares))]

    def step(self, x: Array, t: Array) -> float:
        """Forward and backward of a mini-batch: return its loss, leave its gradients in ``model.grads``."""
        model, count = self.models[0], min(len(self.models), len(x))
        if count == 1:
            loss = model.forward(x, t)
            model.backward()
            return loss

        def work(model, share: Array) -> tuple[float, int, list[Array]]:
            loss = model.forward(x[share], t[share])
            labels = _labels(model, len(share))
            model.backward(labels)  # of the sum over this share's labels, so that shares can be added
            return loss * labels, labels, _once(model.grads)

        shares = model.shares(x, t, count) if hasattr(model, "shares") else numpy.array_split(np.arange(len(x)), count)
        shares = [share for share in shares if len(share)]
        losses, labels, grads = zip(*self.map(work, shares), strict=True)
        scale = 1 / max(sum(labels), 1)
        for g in self.combine(list(grads)):
            g *= scale
        return sum(losses) * scale


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


def _once(arrays: Iterable[Array]) -> list[Array]:
    """Each array object once: a gradient may stand twice in a list."""
    return list({id(a): a for a in arrays}.values())


def _labels(model, rows: int) -> int:
    """How many labels the loss of the last forward is the mean of; its rows, for a loss layer that does not say."""
    counts = [part.labels for _, part in walk(model) if hasattr(part, "labels")]
    if len(counts) > 1:
        raise ValueError(f"{type(model).__name__}: {len(counts)} loss layers; several workers need a single one")
    return counts[0] if counts else rows


def _refuse_state(model) -> None:
    stateful = [path for path, part in walk(model) if getattr(part, "stateful", False)]
    if getattr(model, "stateful", bool(stateful)):
        raise ValueError(
            f"{type(model).__name__}: {stateful[0]} carries its state from batch to batch, so there can be one worker "
            "only; a model that sets the state in every forward says so with the attribute stateful = False"
        )


def _copy(model):
    """A deep copy of the model over the same weights, without what its layers keep from the last call."""
    parts = [part for _, part in walk(model)]
    weights = {memory(p) for part in parts for p in part.params}
    memo = {id(p): p for part in parts for p in part.params}
    for part in parts:
        for value in getattr(part, "__dict__", {}).values():
            if isinstance(value, Array) and memory(value) in weights:  # W, or a view such as W.T
                memo[id(value)] = value
            elif isinstance(value, numpy.random.Generator) and id(value) not in memo:
                memo[id(value)] = value.spawn(1)[0]
    layers = [part for part in parts if isinstance(part, Layer)]
    kept = [(layer.cache, layer.kept) for layer in layers]
    try:
        for layer in layers:
            layer.cache, layer.kept = None, {}
        return copy.deepcopy(model, memo)
    finally:
        for layer, (cached, arrays) in zip(layers, kept, strict=True):
            layer.cache, layer.kept = cached, arrays
