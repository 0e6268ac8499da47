"""The work in a training step, counted as matrix products, and the rate at which this machine multiplies.

One product of (m, k) by (k, n) takes ``2 m k n`` floating-point operations: a multiplication and an addition for each
term. Forward multiplies the inputs by the weights; backward multiplies twice as much, for the gradients of the
weights and of the inputs: hence ``6 m k n`` for a training step. Everything else (gates, softmax, Adam, copies) is
left out, so the floor is optimistic: no program that computes these products gets below it.
"""

import time

import numpy as np
from threadpoolctl import threadpool_limits

from seq2seq import Seq2seq


def step_flops(
    model: Seq2seq, N: int, T_enc: int, T_dec: int, encoder_rows: float | None = None, peeks: int | None = None
) -> float:
    """Return the floating-point operations of one training step: those of the products that ``model.products`` counts.

    ``R = encoder_rows``, by default all ``N T_enc``; with shared prefixes the sum of ``distinct_prefixes``.
    ``M = N T_dec`` rows of the decoder. ``P = peeks``: how often peeky's decoder multiplies the encoder's state,
    by default M, once per character; N, once per question, is enough. For the book's models that is

        encoder LSTM     6 R (D + H) 4H
        decoder LSTM     6 M (D + H) 4H        peeky: 6 P H 4H more
        Affine           6 M H V               peeky: 6 P H V more; attention: 6 M H V more
        attention        6 M T_enc H, twice: the scores, and the sum that they weigh

    Counted, although zero: the product of the encoder's first state, because all frameworks compute it. Ignored: the
    LSTM's input product could be looked up, being one of V rows (a few percent).
    Raises ValueError for a model without ``products``.
    """
    if not hasattr(model, "products"):
        raise ValueError(f"step_flops: expected a model with a method products, got {type(model).__name__}")
    R = N * T_enc if encoder_rows is None else encoder_rows
    return 6 * model.products(R, N * T_dec, T_enc, peeks)


def distinct_prefixes(xs: np.ndarray) -> np.ndarray:
    """Count the different beginnings ``xs[:, : t + 1]`` of the rows of xs (N, T), for each t: int (T,)."""
    xs = xs[np.lexsort(xs.T[::-1])]  # sorted, so equal beginnings are neighbours
    differ = np.logical_or.accumulate(xs[1:] != xs[:-1], axis=1)
    return 1 + differ.sum(axis=0)


def sgemm_rate(threads: int, size: int = 2048) -> float:
    """Measure the floating-point operations per second of one square float32 product on so many BLAS threads."""
    a = np.ones((size, size), np.float32)
    out = np.empty_like(a)
    with threadpool_limits(threads, "blas"):
        np.matmul(a[:256], a, out=out[:256])  # wakes the threads
        start = time.perf_counter()
        np.matmul(a, a, out=out)
        return 2 * size**3 / (time.perf_counter() - start)
