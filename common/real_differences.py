"""Slopes by real differences, each with its own error: the second opinion on the complex step.

The complex step is blind where a forward drops or conjugates the imaginary part without an error, as ``np.std`` and
``np.sign`` do. Differences of real numbers ask nothing of a forward but float64. They lose digits, so they come with
an error; and they look to both sides, so they see a kink:

    smooth   left and right slope differ by O(t), which extrapolation removes
    kink     they differ by the same amount at every t, as those of ``max(x, 0)`` do at 0
    jump     a one-sided slope grows like 1/t

Source: Ridders 1982 (extrapolation whose error is the difference of two estimates).
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy

from common.np import np

Array = np.ndarray

STEPS = [2.0**-k for k in range(8, 31, 2)]  # 4e-3 to 9e-10, powers of two so that they round nothing
ROUNDING = 16 * float(numpy.finfo(numpy.float64).eps)  # of a loss, as a share of the terms that it sums


@dataclass(frozen=True)
class Slope:
    """Of a function of one number, at 0.

    error: how far off ``value`` may be, rounding included; inf when nothing was finite.
    kind: "kink", "jump", or "" when neither was seen. left, right: the one-sided slopes.
    rough: larger steps give other values, each more certain of itself than it should be.
    """

    value: float
    error: float
    left: float
    right: float
    kind: str = ""
    rough: bool = False


def slope(f: Callable[[float], float], terms: float, scale: float) -> Slope:
    """The slope of f at 0 by central differences of shrinking steps, each extrapolated from the one before.

    terms: the sum of the magnitudes that f adds up, of which rounding takes its share.
    scale: how large the slope is expected to be: steps end when the error is 1e-7 of it.
    """
    at_0 = f(0.0)
    ts, lefts, rights, kinks, found = [], [], [], [], []
    for t in STEPS:
        right, left = (f(t) - at_0) / t, (at_0 - f(-t)) / t
        if not numpy.isfinite(right + left):  # outside of what forward accepts: a smaller step may not be
            continue
        ts, lefts, rights = [*ts, t], [*lefts, left], [*rights, right]
        if len(ts) < 3 or ts[-3] != 16 * t:
            continue
        (a, b, c), (_, gap, last_gap) = (
            [sign * x + y for x, y in zip(lefts[-3:], rights[-3:], strict=True)] for sign in (1, -1)
        )
        before, value = (16 * b - a) / 30, (16 * c - b) / 30  # without the term in t squared
        kinks.append((4 * last_gap - gap) / 3)  # without the term in t
        rounding = ROUNDING * terms / t
        found.append(Slope(value, abs(value - before) + abs(kinks[-1]) + rounding, left, right))
        error = min(s.error for s in found)
        if error <= 1e-7 * max(scale, abs(value)) or error <= rounding:  # rounding only grows
            break
    if not found:
        return Slope(numpy.nan, numpy.inf, numpy.nan, numpy.nan)
    best = min(found, key=lambda s: s.error)
    if best.error > 1e-6 * scale:
        for kind, series, power in ("kink", kinks, 1), ("jump", _times(rights, ts), 0), ("jump", _times(lefts, ts), 0):
            height = max(map(abs, series))
            pairs = zip(series, ts[-len(series) :], strict=True)
            told = [x for x, t in pairs if height * t**power > 20 * ROUNDING * terms][-3:]  # by more than rounding
            if len(told) == 3 and max(told) - min(told) <= 0.05 * height:
                return Slope(best.value, best.error, found[-1].left, found[-1].right, kind)
    rough = any(abs(s.value - best.value) > 10 * (s.error + best.error) for s in found)
    return Slope(best.value, best.error, best.left, best.right, "", rough)


def _times(xs: list[float], ts: list[float]) -> list[float]:
    return [x * t for x, t in zip(xs, ts, strict=True)]


def stride(array: Array) -> Array:
    """How far a step of 1 goes in each element: its own magnitude where that is above 1, or x + t would round t."""
    return np.maximum(1.0, np.abs(array))


def along(loss: Callable[[], float], array: Array, direction: Array) -> Callable[[float], float]:
    """``t -> loss`` with the array moved by ``t * direction``; nan where forward fails. The array stays as it is."""
    start = array.copy()

    def f(t: float) -> float:
        array[...] = start + t * direction
        try:
            with numpy.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return float(loss())
        except Exception:
            return numpy.nan
        finally:
            array[...] = start

    return f


def slope_at(loss: Callable[[], float], array: Array, index: tuple, terms: float, scale: float) -> Slope:
    """The partial derivative of the loss by one element."""
    unit = np.zeros_like(array)
    unit[index] = far = float(stride(array)[index])
    s = slope(along(loss, array, unit), terms, scale * far)
    return Slope(s.value / far, s.error / far, s.left / far, s.right / far, s.kind, s.rough)
