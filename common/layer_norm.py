"""Layer normalization: every position's features get mean 0 and variance 1, then a scale and a shift of their own."""

from common.functions import as_number
from common.layer import Layer
from common.np import np
from support.array import Array


def mean(x: Array) -> Array:
    """Return the mean over the last axis, kept with length 1. A product: BLAS adds short rows up quicker than numpy."""
    D = x.shape[-1]
    return x @ np.ones((D, 1), dtype=x.dtype) / D


class LayerNorm(Layer):
    """Normalize the last axis: ``y = gamma * (x - mean) / sqrt(variance + epsilon) + beta``.

    mean and variance are those of the D features of one position, so neither the batch nor other positions matter,
    and training and inference are the same. The variance is divided by D, not D - 1.

    forward:  x (..., D)   ->  y (..., D)    with gamma (D,), ones at first, and beta (D,), zeros
    backward: dy (..., D)  ->  dx (..., D)
    epsilon: keeps the root above 0 where all features are equal, which gives beta. The default is PyTorch's.
    Raises ValueError when the last axis of x is not D, for a size below 1, and for an epsilon that is not above 0.
    Source: Ba et al. 2016, 3.
    """

    def __init__(self, input_size: int, epsilon: float = 1e-5, *, dtype=np.float32):
        if input_size < 1:
            raise ValueError(f"LayerNorm: input_size: expected at least 1, got {input_size}")
        self.gamma, self.beta = np.ones(input_size, dtype=dtype), np.zeros(input_size, dtype=dtype)
        super().__init__(self.gamma, self.beta)
        self.epsilon = as_number("LayerNorm: epsilon", epsilon)
        if not self.epsilon > 0:
            raise ValueError(f"LayerNorm: expected an epsilon above 0, got {epsilon}")

    def forward(self, x: Array) -> Array:
        self.expect("x (..., D)", x, *[None] * (np.ndim(x) - 1), len(self.gamma))
        x = x.astype(self.gamma.dtype, copy=False)
        normal = x - mean(x)
        scale = 1 / np.sqrt(mean(normal * normal) + self.epsilon)
        normal *= scale
        self.cache = normal, scale
        y = normal * self.gamma
        y += self.beta
        return y

    def backward(self, dy: Array) -> Array:
        normal, scale = self.saved()
        self.expect("dy, of the shape of y", dy, *normal.shape)
        D = normal.shape[-1]
        dgamma, dbeta = self.grads
        every = np.ones(dy.size // D, dtype=dy.dtype)
        dgamma[...] = every @ (dy * normal).reshape(-1, D)
        dbeta[...] = every @ dy.reshape(-1, D)
        # x reaches y in three ways: as itself, through the mean, and through the variance. The last two take away
        # from the gradient its mean, and its part along the normalized x: the directions that forward made constant.
        dx = dy * self.gamma
        along = mean(dx * normal)
        dx -= mean(dx)
        dx -= normal * along
        dx *= scale
        return dx
