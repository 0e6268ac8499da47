"""Named arrays of a file, read one at a time."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np


class ForeignFileError(ValueError):
    """A file of weights is damaged, is none, or holds something that cannot be the same in a model of ours."""


def as_numpy(value: Any) -> np.ndarray:
    """Return an array of numpy, from one of PyTorch or TensorFlow too; bfloat16 of PyTorch comes as float32."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if "bfloat16" in str(value.dtype) else value
    return np.asarray(value)


class Entry(NamedTuple):
    """An array in a file: its shape, its dtype, and a function that reads its numbers into such an array, C-ordered."""

    shape: tuple[int, ...]
    dtype: np.dtype
    fill: Callable[[np.ndarray], None]


class Arrays(Mapping[str, np.ndarray]):
    """The arrays of a file, by name. ``arrays[name]`` reads one anew; nothing is kept, so memory holds what you hold.

    entries: in the order of the file. path: what error messages call it. config: the description of the model in the
    file, if it has one. metadata: texts by name, if it has some. optimizer: the arrays of an optimizer, if any.
    ``config`` of Keras is the parsed JSON of ``model.get_config()`` with its class (``{"class_name": ..., "config":
    ...}``); that of a file of PyTorch is None.
    """

    def __init__(
        self,
        path: str,
        entries: Mapping[str, Entry],
        *,
        config: dict[str, Any] | None = None,
        metadata: Mapping[str, str] | None = None,
        optimizer: "Arrays | None" = None,
    ):
        self.path, self.entries, self.config = path, dict(entries), config
        self.metadata, self.optimizer = dict(metadata or {}), optimizer

    @classmethod
    def of(cls, arrays: Mapping[str, Any], path: str = "arrays") -> "Arrays":
        """Wrap arrays that are in memory already, such as those of a PyTorch ``state_dict``, by name.

        Raises ForeignFileError for what numpy cannot hold.
        """
        if isinstance(arrays, cls):
            return arrays
        found = {}
        for name, array in arrays.items():
            try:
                found[name] = as_numpy(array)
            except (TypeError, RuntimeError) as error:
                reason = " ".join(str(error).split())[:200]
                raise ForeignFileError(f"{path}: {name}: expected an array that numpy can hold: {reason}") from error

        def entry(array: np.ndarray) -> Entry:
            return Entry(array.shape, array.dtype, lambda out: np.copyto(out, array))

        return cls(path, {name: entry(array) for name, array in found.items()})

    def __getitem__(self, name: str) -> np.ndarray:
        entry = self.entries[name]
        array = np.empty(entry.shape, dtype=entry.dtype)
        entry.fill(array)
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def read_into(self, name: str, out: np.ndarray) -> None:
        """Read an array into ``out``, of its shape: without a copy in between where the dtype is the same."""
        entry = self.entries[name]
        if out.dtype == entry.dtype and out.flags.c_contiguous:
            entry.fill(out)
        else:
            out[...] = self[name]
