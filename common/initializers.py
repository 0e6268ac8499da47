"""Initial values of weights. Every function takes a generator and a dtype.

Numbers are drawn in float64 and then rounded, so models of any dtype start from the same values.
"""

import numpy

from common.np import np
from support.array import Array


def normal(shape: tuple[int, ...], std: float, *, rng: numpy.random.Generator | None = None, dtype=np.float32) -> Array:
    """Draw from a normal distribution of mean 0 and standard deviation ``std``, with fresh entropy when rng is None.

    Raises ValueError for a dtype without fractions.
    """
    if np.dtype(dtype).kind not in "fc":
        raise ValueError(f"normal: expected a dtype of real or complex numbers, got {np.dtype(dtype)}")
    rng = rng if rng is not None else numpy.random.default_rng()
    return np.asarray(rng.normal(0.0, std, shape), dtype=dtype)


def lecun_normal(shape: tuple[int, int], *, rng: numpy.random.Generator | None = None, dtype=np.float32) -> Array:
    """Draw with standard deviation 1 / sqrt(rows). Source: LeCun et al. 1998, 4.6; the book's choice.

    Raises ValueError for less than one row.
    """
    if shape[0] < 1:
        raise ValueError(f"lecun_normal: expected at least one row, got shape {shape}")
    return normal(shape, shape[0] ** -0.5, rng=rng, dtype=dtype)


def glorot_normal(shape: tuple[int, int], *, rng: numpy.random.Generator | None = None, dtype=np.float32) -> Array:
    """Draw with standard deviation sqrt(2 / (rows + columns)), not truncated.

    (Keras's initializer of this name has the same deviation, but draws from a normal distribution with 1.14 times that
    deviation, truncated at two of its own deviations: no draw exceeds 2.27 times the resulting one.)
    Source: Glorot & Bengio 2010, eq. 12.
    """
    return normal(shape, (2 / sum(shape)) ** 0.5, rng=rng, dtype=dtype)


def recurrent_weights(
    input_size: int,
    hidden_size: int,
    gates: int,
    *,
    rng: numpy.random.Generator | None = None,
    dtype=np.float32,
) -> tuple[Array, Array, Array]:
    """Draw Wx (D, gates * H) and Wh (H, gates * H), zero b (gates * H,); an RNN has 1 gate, a GRU 3, an LSTM 4."""
    Wx = lecun_normal((input_size, gates * hidden_size), rng=rng, dtype=dtype)
    Wh = lecun_normal((hidden_size, gates * hidden_size), rng=rng, dtype=dtype)
    return Wx, Wh, np.zeros(gates * hidden_size, dtype=dtype)
