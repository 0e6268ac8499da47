"""One table for both directions: which parameter of ours is which array of theirs, and how each becomes the other."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from common.layer import named_params
from common.model_file import Zeros
from interchange.arrays import Arrays, ForeignFileError

MOST = 20  # items to list in a message


class Row(NamedTuple):
    """A parameter of ours and the arrays of theirs that it comes from and goes to.

    ours: its name in ``named_params``, or the names of several that one array of theirs holds. theirs: their names and
    shapes. read: from their arrays to ours, a list of them if ours are several; None if the one array is the same,
    shape and numbers. write: from ours to the list of theirs; None likewise. Several arrays of theirs are added to
    one of ours, which is written as the first of them, and the others as 0.
    """

    ours: str | tuple[str, ...]
    theirs: Mapping[str, tuple[int, ...]]
    read: Callable[..., Any] | None = None
    write: Callable[..., Iterable[np.ndarray]] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of ours, one or several."""
        return (self.ours,) if isinstance(self.ours, str) else self.ours

    @property
    def moves(self) -> bool:
        """Tell whether each number of ours is one of theirs, or a sum of two: then it can be written, too."""
        return self.read is None or self.write is not None

    def to_ours(self, arrays: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        """Return ours, in the order of ``names``, from theirs."""
        if self.read is None:
            return arrays
        values = self.read(*arrays)
        return [values] if isinstance(self.ours, str) else values

    def to_theirs(self, params: Sequence[np.ndarray]) -> Iterable[np.ndarray]:
        """Return theirs, in their order, from ours."""
        return params if self.write is None else self.write(*params)


class Plan(NamedTuple):
    """A model to make: its class, its arguments, the rows that fill it, and what a user should know about it.

    ignored: names in the file that are no weights, or that are known and say nothing. surplus: why arrays that are left
    over have no place here.
    """

    model: Callable[..., Any]
    arguments: dict[str, Any]
    rows: list[Row]
    notes: list[str]
    ignored: frozenset[str] = frozenset()
    surplus: str = ""


def make(plan: Plan, arrays: Arrays) -> Any:
    """Return the model of the plan, filled from the arrays: in float64 if any of them is, else in float32.

    Raises ForeignFileError that lists all names that are missing, left over, or of another shape, and for a weight
    that is not finite.
    """
    expected = {name: shape for row in plan.rows for name, shape in row.theirs.items()}
    faults = [f"missing {name} {shape}" for name, shape in expected.items() if name not in arrays.entries]
    for name, entry in arrays.entries.items():
        if name in expected and entry.shape != expected[name]:
            faults.append(f"{name} is {entry.shape}, expected {expected[name]}")
        elif name in expected and entry.dtype.kind != "f":
            faults.append(f"{name} is {entry.dtype}, expected floating-point numbers")
        elif name not in expected and name not in plan.ignored:
            faults.append(f"left over {name} {entry.shape}")
    if faults:
        over = plan.surplus and any(fault.startswith("left over") for fault in faults)
        why = f"; {plan.surplus}" if over else ""
        raise ForeignFileError(f"{arrays.path}: does not fit: {listed(faults, between='; ')}{why}")
    wide = any(arrays.entries[name].dtype.itemsize > 4 for name in expected)
    dtype = np.dtype(np.float64 if wide else np.float32)
    model = plan.model(**plan.arguments, rng=Zeros(dtype), dtype=dtype)
    params = named_params(model)
    for row in plan.rows:
        ours = [params[name] for name in row.names]
        if row.read is None:
            arrays.read_into(next(iter(row.theirs)), ours[0])
        else:
            for param, value in zip(ours, row.to_ours([arrays[name] for name in row.theirs]), strict=True):
                param[...] = value
        if not all(map(_finite, ours)):
            raise ForeignFileError(f"{arrays.path}: {', '.join(row.theirs)}: expected finite numbers, got inf or nan")
    return model


def second_less_first(array: np.ndarray) -> np.ndarray:
    """Return the second of two outputs (..., 2) less the first: its sigmoid is the second of their softmax."""
    return np.subtract(array[..., 1:], array[..., :1], dtype=np.result_type(array, np.float32))  # not in float16


def listed(items: Iterable[str], none: str = "no array at all", between: str = ", ") -> str:
    """Return the first of the items, for a message; ``none`` if there are none."""
    items = list(items)
    return between.join(items[:MOST] + [f"and {len(items) - MOST} more"] * (len(items) > MOST)) or none


def write(rows: Iterable[Row], model: Any) -> dict[str, np.ndarray]:
    """Return their arrays, by name, from the parameters of a model of ours: C-ordered copies."""
    params, arrays = named_params(model), {}
    for row in rows:
        written = row.to_theirs([params[name] for name in row.names])
        for (name, shape), array in zip(row.theirs.items(), written, strict=True):
            if array.shape != shape:
                raise ValueError(f"{', '.join(row.names)} -> {name}: expected {shape}, got {array.shape}")
            arrays[name] = np.array(array, order="C")
    return arrays


def _finite(array: np.ndarray, size: int = 2**20) -> bool:
    """Tell whether all numbers are finite; a block at a time, because isfinite makes an array of its own."""
    flat = array.reshape(-1)
    return all(np.isfinite(flat[start : start + size]).all() for start in range(0, flat.size, size))
