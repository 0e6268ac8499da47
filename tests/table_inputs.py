"""The sizes, masks and draws that the entries of the table of layers (layer_table.py) are made of."""

import numpy as np

N, T, T_ENC, T_DEC, D, H, V = 3, 5, 6, 4, 4, 7, 10

RAGGED = np.arange(T_ENC) < np.array([[6], [4], [1]])
NOTHING = np.arange(T_ENC) < np.array([[6], [0], [3]])  # the second row sees nothing
BEFORE = RAGGED[:, ::-1]  # padding before the text
HOLES = np.array([[1, 1, 0, 1, 0, 1], [0, 1, 1, 0, 1, 0], [0, 0, 0, 0, 0, 0]], dtype=bool)


class Draw:
    """Random arrays of one dtype; the same seed gives the same numbers in every dtype."""

    def __init__(self, dtype=np.float64, seed=0):
        self.rng, self.dtype = np.random.default_rng(seed), dtype

    def __call__(self, *shape):
        return self.rng.standard_normal(shape).astype(self.dtype)

    def ids(self, *shape, below=V):
        return self.rng.integers(0, below, shape)

    def weights(self, gates, width=D, hidden=H):
        return self(width, gates * hidden), self(hidden, gates * hidden), self(gates * hidden)


def lively(cls, r, *sizes):
    """A part or model with random weights, biases too: its own first values are too small to tell much."""
    made = cls(*sizes, rng=r.rng, dtype=r.dtype)
    for p in made.params:
        p[...] = r(*p.shape) * 0.5
    return made
