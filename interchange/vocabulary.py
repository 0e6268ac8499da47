"""Ids of padding and of unknown words, which are 0 and 1 here and elsewhere may be others."""

from typing import Any

import numpy as np


def exchange(items: Any, padding_id: int, unknown_id: int) -> None:
    """Swap items in place so that those of padding and unknown words come to stand at 0 and 1.

    items: the rows of an embedding (V, D), or a list of V words: exchange both, or each word gets another's vector.
    Raises ValueError for ids that are the same, or not in 0..V-1.
    """
    size = len(items)
    if padding_id == unknown_id or not (0 <= padding_id < size and 0 <= unknown_id < size):
        raise ValueError(f"expected two different ids in 0..{size - 1}, got padding {padding_id}, unknown {unknown_id}")
    _swap(items, 0, padding_id)
    _swap(items, 1, padding_id if unknown_id == 0 else unknown_id)  # the first swap may have moved it


def restore(items: Any, padding_id: int, unknown_id: int) -> None:
    """Undo ``exchange``, with the same ids."""
    _swap(items, 1, padding_id if unknown_id == 0 else unknown_id)
    _swap(items, 0, padding_id)


def _swap(items: Any, i: int, j: int) -> None:
    if isinstance(items, np.ndarray):
        items[[i, j]] = items[[j, i]]
    else:
        items[i], items[j] = items[j], items[i]
