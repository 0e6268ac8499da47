"""Large arrays, a slice at a time that stays in the processor's cache."""

from collections.abc import Iterator

from common.np import np
from support.array import Array


def slices(*lists: list[Array], work: dict, count: int, size: int = 2**18) -> Iterator[list[Array]]:
    """Yield the arrays of each parameter, a few rows at a time, together with ``count`` work arrays.

    A rule passes over its arrays about ten times. Slices of about ``size`` elements stay in the processor's cache
    meanwhile: this halves the time for millions of parameters, and saves work arrays of their size.
    ``work`` keeps the work arrays from call to call.
    """
    for arrays in map(list, zip(*lists, strict=True)):
        first = arrays[0]
        if first.size <= size:
            yield [*arrays, *_kept(work, first, count)]
            continue
        if not first.flags.c_contiguous:  # a transposed view is cut by columns
            arrays = [array.T for array in arrays]
        rows = max(1, size * len(arrays[0]) // first.size)
        for start in range(0, len(arrays[0]), rows):
            views = [array[start : start + rows] for array in arrays]
            yield [*views, *_kept(work, views[0], count)]


def _kept(work: dict, like: Array, count: int) -> list[Array]:
    n = like.size
    kept = work.get(like.dtype)
    if kept is None or kept.size < count * n:
        kept = work[like.dtype] = np.empty(count * n, dtype=like.dtype)
    return [kept[i * n : (i + 1) * n].reshape(like.shape) for i in range(count)]
