"""Layers without a time axis: they accept any leading axes, such as (N, D) and (N, T, D).

Source: 『ゼロから作るDeep Learning 2』 chapters 1 and 4.
"""

import numpy

from common.functions import as_number, check_labels, cross_entropy_error, relu, sigmoid, softmax, softplus
from common.layer import Layer
from common.np import np
from support.array import Array

__all__ = [
    "Affine",
    "Dropout",
    "Embedding",
    "Layer",
    "MatMul",
    "Sigmoid",
    "SigmoidWithLoss",
    "Softmax",
    "SoftmaxWithLoss",
    "cross_entropy_error",
    "np",
    "relu",
    "sigmoid",
    "softmax",
]


class MatMul(Layer):
    """Matrix product ``x @ W``.

    forward:  x (..., D)     ->  (..., M)     with W (D, M)
    backward: dout (..., M)  ->  dx (..., D)
    Raises ValueError when the last axis of x is not D.
    """

    def __init__(self, W: Array):
        super().__init__(W)
        self.expect("W (D, M)", W, None, None)
        self.W = W

    def forward(self, x: Array) -> Array:
        self.expect("x (..., D)", x, *[None] * (np.ndim(x) - 1), self.W.shape[0])
        x = x.astype(self.W.dtype, copy=False)
        self.cache = x
        # one product for all rows: for (N, T, D) numpy would make N small ones, at half the speed with AVX2 kernels
        return (x.reshape(-1, x.shape[-1]) @ self.W).reshape(*x.shape[:-1], self.W.shape[1])

    def backward(self, dout: Array) -> Array:
        x = self.saved()
        self.expect("dout (..., M)", dout, *x.shape[:-1], self.W.shape[1])
        dout = dout.reshape(-1, dout.shape[-1])
        self.grads[0][...] = x.reshape(-1, x.shape[-1]).T @ dout
        return (dout @ self.W.T).reshape(x.shape)


class Affine(MatMul):
    """Affine map ``x @ W + b``.

    forward:  x (..., D)     ->  (..., M)     with W (D, M), b (M,)
    backward: dout (..., M)  ->  dx (..., D)
    Raises ValueError when the last axis of x is not D.
    """

    def __init__(self, W: Array, b: Array):
        Layer.__init__(self, W, b)
        self.expect("W (D, M)", W, None, None)
        self.expect("b (M,)", b, W.shape[1])
        self.W, self.b = W, b

    def forward(self, x: Array) -> Array:
        y = super().forward(x)
        y += self.b
        return y

    def backward(self, dout: Array) -> Array:
        dx = super().backward(dout)
        self.grads[1][...] = dout.reshape(-1, dout.shape[-1]).sum(axis=0)
        return dx


class Embedding(Layer):
    """Rows of W, looked up by id.

    forward:  idx int (...)    ->  (..., D)   with W (V, D)
    backward: dout (..., D)    ->  None       (ids have no gradient)
    Raises ValueError for ids that are not integers or not in 0..V-1.

    A gradient of more than ``cleared_whole`` elements is cleared only where the last backward filled it, which takes
    time in proportion to the batch and not to the table. Code that adds to other rows in place should set
    ``filled_rows = None``, which means any row. If it does not, backward still clears everything when the first column
    is not zero, as after weight decay; only additions that are zero all down that column would remain.
    """

    cleared_whole = 2**20

    def __init__(self, W: Array):
        super().__init__(W)
        self.expect("W (V, D)", W, None, None)
        self.W = W
        self.filled_rows: Array | None = None  # rows of the gradient that may be nonzero; None: any

    def forward(self, idx: Array) -> Array:
        idx = np.asarray(idx)
        V = len(self.W)
        if idx.dtype.kind not in "iu":
            raise ValueError(f"Embedding: expected integer ids, got {idx.dtype}")
        if idx.size and not (0 <= idx.min() and idx.max() < V):
            raise ValueError(f"Embedding: expected ids in 0..{V - 1}, got {idx.min()}..{idx.max()}")
        self.cache = idx
        return self.W[idx]

    def backward(self, dout: Array) -> None:
        ids = self.saved().ravel()
        self._clear()
        if ids.size:
            dW = self.grads[0]
            # forward copied a row to every place of its id, so a row's gradient is the sum over its places:
            # after sorting by id, one sum over each run of equal ids
            order = ids.argsort(kind="stable")
            runs = ids[order]
            starts = np.flatnonzero(np.concatenate((np.ones(1, bool), runs[1:] != runs[:-1])))
            self.filled_rows = runs[starts]
            dW[self.filled_rows] = np.add.reduceat(dout.reshape(len(ids), -1)[order], starts, axis=0)

    def _clear(self) -> None:
        dW = self.grads[0]
        by_row = self.filled_rows is not None and dW.size > self.cleared_whole
        if by_row:
            dW[self.filled_rows] = 0
        if not by_row or dW[:, 0].any():
            dW[...] = 0


class Dropout(Layer):
    """Inverted dropout: training zeroes a share of the inputs and scales up the rest; inference returns x unchanged.

    forward:  x (...), train_flg (None: the attribute ``train_flg`` decides)  ->  the same shape
    backward: dout (...)  ->  dx (...)
    Raises ValueError when dropout_ratio is not in [0, 1). Source: Srivastava et al. 2014.
    """

    def __init__(self, dropout_ratio: float = 0.5, *, rng: numpy.random.Generator | None = None):
        super().__init__()
        self.dropout_ratio = as_number("Dropout: dropout_ratio", dropout_ratio)
        if not 0 <= self.dropout_ratio < 1:
            raise ValueError(f"Dropout: expected a ratio in [0, 1), got {dropout_ratio}")
        self.rng = rng if rng is not None else numpy.random.default_rng()
        self.train_flg = True

    def forward(self, x: Array, train_flg: bool | None = None) -> Array:
        if not (self.train_flg if train_flg is None else train_flg):
            self.cache = np.ones((), dtype=bool), 1.0
        else:
            ratio = as_number("Dropout: dropout_ratio", self.dropout_ratio)  # it may have been changed since __init__
            # float32 draws, whatever the dtype of x: the same seed drops the same units in any precision
            keep = np.asarray(self.rng.random(x.shape, dtype=numpy.float32) >= ratio)
            self.cache = keep, 1 / (1 - ratio)
        keep, scale = self.cache
        return x * keep * scale

    def backward(self, dout: Array) -> Array:
        keep, scale = self.saved()
        return dout * keep * scale


class Sigmoid(Layer):
    """Logistic function ``1 / (1 + exp(-x))``. forward: x (...) -> (...); backward: dout (...) -> dx (...)."""

    def forward(self, x: Array) -> Array:
        self.cache = sigmoid(x)
        return self.cache.copy()

    def backward(self, dout: Array) -> Array:
        y = self.saved()
        return dout * y * (1 - y)


class Softmax(Layer):
    """Softmax over the last axis, with an optional mask.

    forward:  x (..., K), mask bool (..., K) or None  ->  y (..., K); masked positions exactly 0
    backward: dout (..., K)  ->  dx (..., K)
    """

    def forward(self, x: Array, mask: Array | None = None) -> Array:
        self.cache = softmax(x, mask)
        return self.cache.copy()

    def backward(self, dout: Array) -> Array:
        y = self.saved()
        # y_i depends on every x_j: dy_i/dx_j = y_i (1[i=j] - y_j)
        return y * (dout - (y * dout).sum(axis=-1, keepdims=True))


class SoftmaxWithLoss(Layer):
    """Mean cross entropy of softmax(x), in nats per counted label.

    forward:  x (..., V) scores; t int (...) labels, or (..., V) shares of the classes, one-hot or soft  ->  a scalar
    backward: dout scalar  ->  dx (..., V); the labels get no gradient
    Labels equal to ``ignore_label`` are not counted; if all are ignored, loss and gradient are 0. Shares always count.

    label_smoothing: s, the share of each label that is divided equally among all V classes, its own included. With
    y = softmax(x), a label t costs ``-(1 - s) log y[t] - s / V sum_k log y[k]``, and shares t of the classes cost
    ``-sum_k ((1 - s) t[k] + s / V) log y[k]``. The loss is the mean of that over the counted labels: at its least, it
    is not 0 but the entropy of a smoothed label.

    Raises ValueError when the shapes do not fit, a counted label is not an integer in 0..V-1, the shares of a label
    are negative or do not sum to 1, or label_smoothing is not in [0, 1).
    Source: Szegedy et al. 2016, section 7 (label smoothing).
    """

    def __init__(self, ignore_label: int = -1, label_smoothing: float = 0.0):
        super().__init__()
        self.ignore_label = ignore_label
        self.label_smoothing = as_number("SoftmaxWithLoss: label_smoothing", label_smoothing)
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"SoftmaxWithLoss: expected a label_smoothing in [0, 1), got {label_smoothing}")
        self.label_count = 0

    def forward(self, x: Array, t: Array) -> Array:
        soft = check_labels(type(self).__name__, t, x, self.ignore_label)
        counts = np.ones(t.shape[:-1], dtype=bool) if soft else t != self.ignore_label
        t = t.astype(x.real.dtype) if soft else np.where(counts, t, 0)[..., None]
        s = as_number("SoftmaxWithLoss: label_smoothing", self.label_smoothing)  # it may have been set since __init__
        # softmax and its logarithm in one pass: y = e / sum, log y[t] = x[t] - log sum
        x = x - x.real.max(axis=-1, keepdims=True)
        y = np.exp(x)
        total = y.sum(axis=-1, keepdims=True)
        y /= total
        if soft:  # -sum_k t_k log y_k; a score of -inf costs nothing where its class has no share
            t = (1 - s) * t + s / t.shape[-1]
            losses = (t * (np.log(total) - np.where(t == 0, 0, x))).sum(axis=-1)
        else:
            losses = (np.log(total) - np.take_along_axis(x, t, axis=-1))[..., 0]
            if s:
                losses = (1 - s) * losses + s * (np.log(total[..., 0]) - x.mean(axis=-1))
        self.label_count = int(counts.sum())
        self.cache = y, t, counts, soft, s
        return np.where(counts, losses, 0).sum() / max(self.label_count, 1)

    def backward(self, dout: float = 1) -> Array:
        y, t, counts, soft, s = self.saved()
        if soft:
            dx = y * t.sum(axis=-1, keepdims=True) - t  # the sum is 1, up to the rounding of the labels
        else:
            dx = y - s / y.shape[-1]
            np.put_along_axis(dx, t, np.take_along_axis(dx, t, axis=-1) - (1 - s), axis=-1)
            dx *= counts[..., None]
        dx *= dout / max(self.label_count, 1)
        return dx


class SigmoidWithLoss(Layer):
    """Mean binary cross entropy of sigmoid(x), in nats.

    forward:  x (...) scores; t (...) of 0 and 1  ->  a scalar
    backward: dout scalar  ->  dx (...)
    Raises ValueError when x and t differ in shape, or a label is neither 0 nor 1.
    """

    label_count = 0

    def forward(self, x: Array, t: Array) -> Array:
        self.expect("scores x", x, *[None] * np.ndim(x))
        self.expect("labels t", t, *x.shape)
        if not ((t == 0) | (t == 1)).all():
            raise ValueError(f"{type(self).__name__}: labels: expected 0 and 1, got {t[(t != 0) & (t != 1)][0]}")
        t = t.astype(x.real.dtype)
        self.label_count = x.size
        self.cache = x, t
        # -t log y - (1 - t) log(1 - y), with y = sigmoid(x), is softplus(x) - t x
        return (softplus(x) - t * x).sum() / max(x.size, 1)

    def backward(self, dout: float = 1) -> Array:
        x, t = self.saved()
        dx = sigmoid(x) - t
        dx *= dout / max(x.size, 1)
        return dx
