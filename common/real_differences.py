"""Slopes by real differences, each with an error estimate: a second opinion on the complex step.

The complex step is blind where a forward drops or conjugates the imaginary part without an error, like ``np.std`` and
``np.sign``. Differences of real numbers need only a forward in float64. They lose digits, hence the error
estimate; and they look to both sides, which reveals a kink:

    smooth   the left and right slopes differ by O(t), which extrapolation removes
    kink     they differ by the same amount at every t, like those of ``max(x, 0)`` at 0
    jump     a one-sided slope grows like 1/t

Source: Ridders 1982 (extrapolation whose error is the difference of two estimates).
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy

from common.np import np
from support.array import Array

STEPS = [2.0**-k for k in range(8, 31, 2)]  # 4e-3 to 9e-10; powers of two, each a quarter of the previous one
WIDE = [2.0**-k for k in range(0, 13, 2)]  # for slopes too small to see in those steps
FIRST = STEPS[2], WIDE[2]  # the first step at which each yields a slope


@dataclass(frozen=True)
class Slope:
    """The slope at 0 of a function of one number.

    error: how far off ``value`` may be, rounding included; inf when nothing was finite.
    kind: "kink", "jump", or "" for neither. left, right: the one-sided slopes.
    rough: whether other steps give values further apart than their errors allow.
    """

    value: float
    error: float
    left: float
    right: float
    kind: str = ""
    rough: bool = False

    @property
    def flat(self) -> bool:
        return self.value == self.left == self.right == 0


def slope(f: Callable[[float], float], rounding: float, scale: float, steps: list[float] = STEPS) -> Slope:
    """Measure the slope of f at 0 by central differences with shrinking steps, each extrapolated from the previous one.

    rounding: how far off a value of f may be. scale: the expected size of the slope; the steps end when the error is
    1e-7 of it.
    """
    at_0 = f(0.0)
    ts: list[float] = []
    lefts: list[float] = []
    rights: list[float] = []
    kinks: list[float] = []
    found: list[Slope] = []
    for t in steps:
        right, left = (f(t) - at_0) / t, (at_0 - f(-t)) / t
        if not numpy.isfinite(right + left):  # outside the domain of forward; a smaller step may be inside
            ts, lefts, rights, kinks = [], [], [], []
            continue
        ts, lefts, rights = [*ts, t], [*lefts, left], [*rights, right]
        if len(ts) < 3:
            continue
        a, b, c = ((x + y) / 2 for x, y in zip(lefts[-3:], rights[-3:], strict=True))
        before, value = (16 * b - a) / 15, (16 * c - b) / 15  # without the term in t squared
        b, c = (y - x for x, y in zip(lefts[-2:], rights[-2:], strict=True))
        kinks.append((4 * c - b) / 3)  # without the term in t
        found.append(Slope(value, abs(value - before) + abs(kinks[-1]) + rounding / t, left, right))
        error = min(s.error for s in found)
        if error <= 1e-7 * max(scale, abs(value)) or error <= rounding / t:  # rounding / t only grows
            break
    if not found:
        return Slope(numpy.nan, numpy.inf, numpy.nan, numpy.nan)
    best = min(found, key=lambda s: s.error)
    if kinks and best.error > 1e-6 * scale:
        changes = [[x * t for x, t in zip(xs, ts, strict=True)] for xs in (lefts, rights)]
        kind = "jump" if any(_steady(xs, [1] * len(ts), rounding) for xs in changes) else ""
        kind = "kink" if _steady(kinks, ts[2:], rounding) else kind
        if kind:
            return Slope(best.value, best.error, found[-1].left, found[-1].right, kind)
    rough = any(abs(s.value - best.value) > 10 * (s.error + best.error) for s in found)
    return Slope(best.value, best.error, best.left, best.right, "", rough)


def _steady(xs: list[float], weights: list[float], rounding: float) -> bool:
    """Tell whether the last three numbers above rounding agree; x * weight is the change of f."""
    least, highest = 20 * rounding, max(map(abs, xs))
    told = [(x, abs(x) * weight) for x, weight in zip(xs, weights, strict=True) if highest * weight > least][-3:]
    last = [x for x, _ in told]
    above_rounding = len(told) == 3 and all(change > least for _, change in told)
    return above_rounding and max(last) - min(last) <= 0.05 * max(map(abs, last))


def stride(array: Array) -> Array:
    """Return how far a step of 1 moves each element: its magnitude if that is above 1, because x + t would round t."""
    return np.maximum(1.0, np.abs(array))


def along(loss: Callable[[], float], arrays: list[Array], directions: list[Array]) -> Callable[[float], float]:
    """Return ``t -> loss`` with the arrays moved by ``t * direction``; nan where forward fails. Restores the arrays."""
    starts = [array.copy() for array in arrays]

    def f(t: float) -> float:
        for array, start, direction in zip(arrays, starts, directions, strict=True):
            array[...] = start + t * direction
        try:
            with numpy.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return float(loss())
        except Exception:  # whatever forward raises on numbers that it does not accept
            return numpy.nan
        finally:
            for array, start in zip(arrays, starts, strict=True):
                array[...] = start

    return f


def slope_at(loss, array: Array, index: tuple, rounding: float, scale: float, steps: list[float] = STEPS) -> Slope:
    """Measure the partial derivative of the loss by one element of an array."""
    unit = np.zeros_like(array)
    unit[index] = far = float(stride(array)[index])
    s = slope(along(loss, [array], [unit]), rounding, scale * far, steps)
    return Slope(s.value / far, s.error / far, s.left / far, s.right / far, s.kind, s.rough)


def roughness(loss: Callable[[], float], arrays: list[Array]) -> float:
    """Estimate a loss's rounding error from its third differences: at such small steps, only rounding causes any."""
    f = along(loss, arrays, [array.copy() for array in arrays])
    return float(numpy.abs(numpy.diff([f(i * 2.0**-28) for i in range(1, 13)], 3)).max())
