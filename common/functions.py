"""Functions of arrays, over the last axis with any leading axes; they keep the dtype of the input.

All of them stay finite for |x| up to 1e4 and are complex-safe: a tiny imaginary part
passes through as the derivative, which ``common.gradient_check`` relies on.
Shifts and comparisons therefore use only the real part.
"""

import numbers

from common.np import np
from support.array import Array


def sigmoid(x: Array) -> Array:
    """``1 / (1 + exp(-x))``, computed with tanh, which cannot overflow. Any shape -> the same shape."""
    return (1 + np.tanh(x / 2)) / 2


def relu(x: Array) -> Array:
    """``max(x, 0)``. Any shape -> the same shape."""
    return np.where(x.real <= 0, 0, x)


def softplus(x: Array) -> Array:
    """``log(1 + exp(x))``, without overflow. Any shape -> the same shape."""
    return relu(x) + np.log1p(np.exp(np.where(x.real > 0, -x, x)))


def softmax(x: Array, mask: Array | None = None) -> Array:
    """Softmax over the last axis.

    x (..., K), mask None or bool (True where real) that broadcasts to the shape of x  ->  (..., K), rows sum to 1.
    Masked positions are exactly 0, and a fully masked row is all 0.
    Raises ValueError for any other mask.
    """
    if mask is not None:
        expect_mask("softmax", mask)
        sizes = zip(mask.shape[::-1], x.shape[::-1], strict=False)
        if mask.ndim > x.ndim or any(size not in (1, whole) for size, whole in sizes):
            raise ValueError(f"softmax: mask: expected shape {x.shape} or one that broadcasts to it, got {mask.shape}")
        x = np.where(mask, x, -np.inf)
    highest = x.real.max(axis=-1, keepdims=True)
    if mask is not None:
        highest = np.where(highest == -np.inf, 0, highest)
    e = np.exp(x - highest)
    total = e.sum(axis=-1, keepdims=True)
    return e / np.where(total == 0, 1, total)


def log_softmax(x: Array) -> Array:
    """Logarithm of the softmax over the last axis, in nats. x (..., K) -> (..., K)."""
    x = x - x.real.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def cross_entropy_error(y: Array, t: Array) -> float:
    """Mean cross entropy, in nats, of *probabilities* y against labels t.

    y (..., K); t (...) class ids, or (..., K) shares of the classes, one-hot or smoothed  ->  a scalar.
    A probability of 0 is treated as the smallest normal number of its dtype, which keeps the loss finite.
    Raises ValueError like ``check_labels``, and when t is empty.
    """
    soft = check_labels("cross_entropy_error", t, y)
    if not t.size:
        raise ValueError(f"cross_entropy_error: labels: expected at least one, got shape {t.shape}")
    if not soft:
        y = np.take_along_axis(y, t[..., None], axis=-1)
    losses = -np.log(np.where(y.real <= 0, np.finfo(y.dtype).tiny, y))
    return (losses * t.astype(y.real.dtype) if soft else losses).sum(axis=-1).mean()


def check_labels(name: str, t: Array, y: Array, ignore_label: int | None = None, shares: bool = True) -> bool:
    """Check the labels t of scores y (..., K); return True for shares of the classes (..., K), False for ids (...).

    Raises ValueError for any other shape; for ids that are not integers, or outside 0..K-1 and not ``ignore_label``;
    and for shares that are negative, do not sum to 1 (within 1e-3, which float16 can meet), or are not allowed
    (``shares`` False). The message begins with ``name``, the caller.
    """
    expect_array(name, "scores", y)
    expect_array(name, "labels", t)
    K = y.shape[-1]
    if t.dtype.kind not in "biuf":
        raise ValueError(f"{name}: labels: expected numbers, got {t.dtype}")
    if shares and t.shape == y.shape:
        total = t.sum(axis=-1, dtype=np.float64)
        wrong = np.argwhere(~((t >= 0).all(axis=-1) & (abs(total - 1) <= 1e-3)))
        if len(wrong):
            row = tuple(wrong[0].tolist())
            raise ValueError(
                f"{name}: labels{list(row) or ''}: expected shares of the {K} classes, at least 0 and of sum 1, "
                f"got the smallest {t[row].min():.6g} and the sum {total[row]:.6g}"
            )
        return True
    if t.shape != y.shape[:-1]:
        either = f" or {y.shape} (one-hot or soft)" if shares else ""
        raise ValueError(f"{name}: labels: expected shape {y.shape[:-1]}{either}, got {t.shape}")
    if t.dtype.kind not in "iu":
        raise ValueError(f"{name}: labels: expected integers, got {t.dtype}")
    wrong = t[((t < 0) | (t >= K)) & (t != ignore_label)]
    if wrong.size:
        ignored = "" if ignore_label is None else f" (or {ignore_label}, ignored)"
        raise ValueError(f"{name}: labels: expected 0..{K - 1}{ignored}, got {wrong[0]}")
    return False


def as_number(what: str, value, kind: type = float) -> float:
    """Convert a number of any type (Python, numpy, cupy, an array without axes) to a Python int or float.

    The type matters: float32 weights times a numpy.float64 rate give float64; times a Python float, float32.
    kind: int requires a whole number. Raises ValueError for anything else; ``what`` names the value in the message.
    """
    own = value.item() if getattr(value, "shape", None) == () else value
    if isinstance(own, int):
        return int(own) if kind is int else own
    if isinstance(own, numbers.Real) and kind is float:
        return float(own)
    got = f"an array of shape {value.shape}" if getattr(value, "shape", ()) else repr(value)
    raise ValueError(f"{what}: expected a {'whole ' if kind is int else ''}number, got {got}")


def expect_array(name: str, what: str, array, shape: tuple[int | None, ...] | None = None) -> None:
    """Raise ValueError for a list or anything else without a shape, and for a shape other than ``shape``, if given.

    None in ``shape`` allows any length. The message begins with ``name``, the caller, and ``what``, the argument.
    """
    if not hasattr(array, "shape"):
        raise ValueError(f"{name}: {what}: expected an array, got {type(array).__name__}; np.asarray makes one")
    if shape is not None and (
        len(array.shape) != len(shape) or any(n not in (None, s) for n, s in zip(shape, array.shape, strict=True))
    ):
        expected = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{name}: {what}: expected shape ({expected}), got {array.shape}")


def expect_mask(name: str, mask, shape: tuple[int | None, ...] | None = None, what: str = "mask") -> None:
    """Like ``expect_array``, but also require bool: ids would pass for a mask, and 0 and 1 for indices."""
    expect_array(name, what, mask, shape)
    if mask.dtype != bool:
        raise ValueError(f"{name}: {what}: expected bool, got {mask.dtype}; a comparison makes one: ids != padding")
