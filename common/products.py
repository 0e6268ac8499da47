"""Products of rows and weights, in the shapes for which BLAS is quickest."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

import numpy

from common.layer import walk
from common.np import np
from support.array import Array
from support.blas_kernel import AVX512_KERNELS, openblas

# Up to this many multiplications, OpenBLAS's kernels for AVX-512 read both matrices where they are. For larger
# products of float32 they first copy ("pack") the weights, which takes as long as multiplying a dozen rows by them.
UNPACKED = 10**6


@cache
def _unpacked() -> int:
    """Return the number of multiplications up to which products of float32 are not packed; 0 for other kernels."""
    blas = openblas() if np is numpy else None
    return UNPACKED if blas is not None and blas["architecture"] in AVX512_KERNELS else 0


def rows_at_once(W: Array) -> int:
    """Return how many rows to multiply by each W (..., K, M) at a time, a multiple of 4; 0: all of them."""
    rows = _unpacked() // (W.shape[-2] * W.shape[-1]) if W.dtype == numpy.float32 else 0
    return rows // 4 * 4


def matmul(x: Array, W: Array, out: Array) -> Array:
    """Write ``x @ W`` to out and return it, a few rows at a time where BLAS is quicker that way.

    x (..., n, K), W (..., K, M), out (..., n, M), in rows without gaps; leading axes as in ``np.matmul``
    """
    n, rows = x.shape[-2], rows_at_once(W)
    if not 0 < rows < n:
        return np.matmul(x, W, out=out)
    whole, (K, M) = n // rows * rows, W.shape[-2:]
    blocks = x[..., :whole, :].reshape(*x.shape[:-2], -1, rows, K)  # a view, like the one of out
    np.matmul(blocks, W[..., None, :, :], out=out[..., :whole, :].reshape(*out.shape[:-2], -1, rows, M))
    if whole < n:
        np.matmul(x[..., whole:, :], W, out=out[..., whole:, :])
    return out


class Arranged:
    """The weights of a layer as its products need them, made anew for every call, or kept: see ``weights_kept``."""

    def __init__(self):
        self.kept, self.made, self.lock = False, {}, Lock()

    def __reduce__(self):  # a copy keeps nothing
        return Arranged, ()

    def get(self, name: str, make: Callable[[], Array]) -> Array:
        """Return what ``make`` returns; if it is kept, what it returned the first time."""
        with self.lock:
            if self.kept:
                if name not in self.made:
                    self.made[name] = make()
                return self.made[name]
        return make()


@contextmanager
def weights_kept(*models) -> Iterator[None]:
    """Promise that no weight changes in this block: recurrent layers then arrange theirs only once in it."""
    found = [part.arranged for model in models for _, part in walk(model) if hasattr(part, "arranged")]
    arranged = [one for one in found if not one.kept]
    for one in arranged:
        one.kept = True
    try:
        yield
    finally:
        for one in arranged:
            with one.lock:  # a thread that still makes some would leave them for a later block
                one.kept = False
                one.made.clear()
