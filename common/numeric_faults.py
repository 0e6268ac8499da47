"""Checks for numbers that are not finite: the Trainer runs them around each update, BaseModel before each save.

The checks of a step cost a few passes over the weights and the memory for a copy of them: see docs/performance.md.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from common.layer import named_params, remove_duplicate, walk
from common.np import np
from support.array import Array

HINT = "where the data is finite, a smaller learning rate (--lr) or clipping (--max-grad) may help"


class NumericFault(FloatingPointError):
    """A number that is not finite ended training; the weights are those of the last good step.

    ``epoch``, ``iteration``  where it happened, both from 1
    ``what``   "loss", "gradient", "weight" (after an update, which was undone, or after a callback changed it) or
               "running value", which an optimizer keeps for each parameter
    ``name``   the first parameter affected (or its gradient), in the order of the model. None if only the loss is
               affected, or only the norm of gradients that are all finite
    ``layer``  the class that owns that parameter, or None
    ``rows``   the mini-batch, as indices into the data; empty before the first one
    """

    def __init__(self, epoch: int, iteration: int, what: str, name: str | None, layer: str | None, rows: list[int]):
        self.epoch, self.iteration, self.what = epoch, iteration, what
        self.name, self.layer, self.rows = name, layer, rows
        param = f"{name} ({layer})"
        where = {
            "loss": "the loss is not finite" + ("" if name is None else f", nor is the gradient of {param}"),
            "gradient": f"the gradient of {'all weights together' if name is None else param} is not finite",
            "weight": f"the weight {param} is not finite",
            "running value": f"what the optimizer keeps for {param} is not finite",
        }[what]
        first = ", ".join(map(str, rows[:10])) + ", ..." * (len(rows) > 10)
        batch = f"rows of the batch, {len(rows)} in all: {first}; " if rows else ""
        super().__init__(
            f"epoch {epoch}, iteration {iteration}: {where}; {batch}the weights are those of the last good step; {HINT}"
        )


class Guard:
    """Check the numbers around each update of a fit. Raises NumericFault if a weight is not finite at the start.

    ``good``: a copy of the weights after the last good step.
    """

    def __init__(self, trainer):
        self.trainer = trainer
        self.params, _ = remove_duplicate(trainer.model.params, trainer.model.grads)
        self.good = self.params
        self.check()
        self.good = [p.copy() for p in self.params]

    @contextmanager
    def update(self, loss: float, grads: list[Array]) -> Iterator[None]:
        """Guard a block that clips the gradients and changes the weights: ``with guard.update(loss, grads):``.

        Raises NumericFault before the block for a loss or gradient, after it for a weight or a running value, and in
        place of a FloatingPointError within it. The good weights are then restored, but not the running values.
        """
        bad = _first(grads)
        if bad is not None or not math.isfinite(loss):
            raise self._fault("gradient" if math.isfinite(loss) else "loss", bad)
        try:
            yield
        except FloatingPointError as error:
            _copy(self.good, self.params)
            raise self._fault("gradient", None) from error
        self.check()
        for values in running_values(self.trainer.optimizer).values():
            if (bad := _first(values)) is not None:
                _copy(self.good, self.params)
                raise self._fault("running value", bad)
        _copy(self.params, self.good)

    def check(self) -> None:
        """Restore the good weights and raise NumericFault if a weight is not finite."""
        if (bad := _first(self.params)) is not None:
            _copy(self.good, self.params)
            raise self._fault("weight", bad)

    def _fault(self, what: str, bad: int | None) -> NumericFault:
        trainer = self.trainer
        done = len(trainer.losses) if trainer.batches else 0
        rows = [int(row) for batch in trainer.batches[done : done + 1] for row in batch]
        name = None if bad is None else list(named_params(trainer.model))[bad]
        layer = None if name is None else _owner(trainer.model, name)
        return NumericFault(trainer.current_epoch + 1, done + 1, what, name, layer, rows)


def running_values(optimizer) -> dict[str, list[Array]]:
    """Return the arrays that an optimizer keeps for each parameter, by slot; empty before its first update."""
    return {slot: getattr(optimizer, slot) or [] for slot in getattr(optimizer, "slots", ())}


def finite_params(model) -> dict[str, Array]:
    """Return ``named_params`` before a save or after a load. Raises ValueError naming the first that is not finite."""
    params = named_params(model)
    for name, param in params.items():
        if not all_finite(param):
            where = f"the weight {name} ({_owner(model, name)})"
            raise ValueError(f"{type(model).__name__}: {where} is not finite, which no file may contain")
    return params


def all_finite(array: Array) -> bool:
    """Tell whether all elements are finite."""
    flat = array.ravel(order="K")  # a view, except for arrays with gaps
    with np.errstate(all="ignore"):
        # a product takes half the time of isfinite; if it overflows, isfinite decides
        return bool(np.isfinite(flat @ flat) or np.isfinite(flat).all())


def _first(arrays: list[Array]) -> int | None:
    """Return the index of the first array that is not finite, or None."""
    return next((i for i, array in enumerate(arrays) if not all_finite(array)), None)


def _copy(arrays: list[Array], into: list[Array]) -> None:
    for array, other in zip(arrays, into, strict=True):
        np.copyto(other, array)


def _owner(model, name: str) -> str:
    """Return the class name of the part that owns the parameter of this name."""
    paths = {path: part for path, part in walk(model) if name.startswith(f"{path}.") or not path}
    return type(paths[max(paths, key=len)]).__name__
