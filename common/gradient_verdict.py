"""The verdict on one array's gradient, based on the complex step and real differences together."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy

from common.gradient_trial import Trial
from common.np import np
from common.real_differences import FIRST, STEPS, WIDE, Slope, along, slope, slope_at, stride
from support.array import Array

REAL = 1e-6  # real differences are trusted to stay below this error, a share of the array's largest gradient
SEEN = 1e-5  # with an error above this share they say too little about the complex step
LEAST = 1e-3  # with an error above this share they say nothing worth reporting
COARSE = 10  # an error up to this many times the rounding of a difference is due to rounding
UNUSED = "; forward does not use it: is it kept in a closure instead of an attribute?"
CLOSE = " (real differences cannot tell the two apart)"
TINY = 1e-13  # the error that rounding alone may give a gradient, as a share of the largest output, or of 1


@dataclass(frozen=True)
class Verdict:
    """The findings on one array. error: the largest, as a share of ``scale``, the largest numeric gradient.

    wrong, kink, unverified, unconfirmed: the text to report, or "". real_only: real differences are the only reference.
    """

    error: float = 0.0
    scale: float = 0.0
    wrong: str = ""
    kink: str = ""
    unverified: str = ""
    unconfirmed: str = ""
    real_only: bool = False


def judge(trial: Trial, key: str, analytic: Array, numeric: Array | None, tolerance: float) -> Verdict:
    """Judge the gradient of the array ``key``; numeric: its complex step, or None if forward fails on complex numbers.

    Where real differences along one direction confirm the complex step, backward is compared with it, and a real
    difference in the worst element decides. Otherwise ``scan`` takes a real difference in every element.
    """
    shape = trial.places[key].shape
    if analytic.shape != shape:
        return Verdict(numpy.inf, 0.0, f"gradient of {key} has shape {analytic.shape}, not {shape}")
    if not analytic.size:
        return Verdict()
    if numeric is not None:
        agreed, unconfirmed = confirm(trial, key, numeric)
        if agreed:
            scale = float(np.abs(numeric).max()) or float(np.abs(analytic).max())
            difference = _difference(analytic, numeric)
            worst = _worst(difference)
            most = float(difference[worst])
            if most <= tolerance * scale:
                return Verdict(_share(most, scale), scale, unconfirmed=unconfirmed)
            excused, note = excuse(trial, key, worst, most, scale, tolerance)
            if excused:
                return Verdict(most / max(1.0, scale), scale, unconfirmed=note or unconfirmed)
            s = slope_at(trial.loss, trial.places[key], worst, trial.noise, scale, WIDE if unconfirmed else STEPS)
            backward_fits, complex_fits = (
                abs(s.value - float(g[worst])) <= REAL * scale + 3 * s.error for g in (analytic, numeric)
            )
            error = _share(most, scale)
            fault = _fault(key, worst, analytic, numeric, "", error, scale, tolerance)
            if unconfirmed and backward_fits and complex_fits:
                return Verdict(error, scale, unverified=f"{fault}, and {unconfirmed} which of them is right")
            if complex_fits and not s.kind:
                return Verdict(error, scale, fault + (UNUSED if s.flat else CLOSE * backward_fits))
    return scan(trial, key, analytic, numeric, tolerance)


def confirm(trial: Trial, key: str, numeric: Array) -> tuple[bool, str]:
    """Compare the complex step with real differences along a random direction.

    Returns whether they agree, and the reason if that proves little, else "".
    """
    place = trial.places[key]
    direction = random_direction(place)
    f, scale = along(trial.loss, [place], [direction]), float(np.abs(numeric * direction).max())
    s = slope(f, trial.noise, scale)
    if not s.kind and s.error > SEEN * scale:
        s = _better(s, slope(f, trial.noise, scale, WIDE))
    if s.kind or not abs(s.value - float((numeric * direction).sum())) <= REAL * scale + 3 * s.error:
        return False, ""
    if s.flat or s.error <= SEEN * scale:
        return True, ""
    if s.error > COARSE * trial.noise / FIRST[0]:
        return False, ""
    largest = _worst(np.abs(numeric))
    if trial.rounding(key, largest) > 1e-3 * abs(numeric[largest]):  # a gradient of 0, up to rounding
        return True, ""
    return True, f"real differences, which see no less than {s.error:.1e}, cannot tell; check with larger weights"


def random_direction(place: Array) -> Array:
    """Draw a direction in which every element of the array moves, in proportion to its ``stride``."""
    rng = numpy.random.default_rng(1)
    return stride(place) * np.asarray(rng.choice([-1.0, 1.0], place.shape) * rng.uniform(0.5, 1.5, place.shape))


def excuse(trial: Trial, key: str, index: tuple, difference: float, scale: float, tolerance: float) -> tuple[bool, str]:
    """Decide whether rounding may have made an element differ by more than the tolerance.

    Returns whether it may have, and a note for a warning; "" for a gradient that is rightly 0, up to rounding.
    """
    if difference > REAL * max(1.0, scale):
        return False, ""
    rounding = trial.rounding(key, index)
    if difference <= 30 * rounding:
        is_zero = difference <= tolerance * max(1.0, scale)
        return True, "" if is_zero else f"rounding alone changes it by {rounding:.0e} here"
    if difference * float(stride(trial.places[key])[index]) <= min(TINY * trial.size, tolerance):
        return True, "it differs from the complex step by no more than rounding can explain; check with larger weights"
    return False, ""


def scan(trial: Trial, key: str, analytic: Array, numeric: Array | None, tolerance: float) -> Verdict:
    """Judge every element by real differences, and by the complex step where they confirm it."""
    slopes = measure(trial, key)
    exact = np.full_like(slopes.value, numpy.nan) if numeric is None else numeric
    kinds, real_only = sort_elements(slopes, exact)
    judged = kinds.smooth | kinds.alone
    reference = slopes.value if real_only else np.where(kinds.trusted | kinds.alone, exact, slopes.value)
    scale = float(np.abs(reference[judged]).max(initial=0.0)) or float(np.abs(analytic).max()) or 1.0
    far = stride(trial.places[key])
    rounding = slopes.precision if real_only else np.minimum(TINY * trial.size / far, tolerance)
    allowed = np.maximum(tolerance * scale, rounding)
    error = np.where(judged, _difference(analytic, reference), 0.0)
    worst = _worst(error - allowed)
    most, wrong, unverified, unconfirmed = float(error[worst]), "", "", ""
    if kinds.alone.any():
        unconfirmed = "real differences, which fail or are rough here, cannot tell"
    if most > allowed[worst]:
        by = " by real differences" if real_only else ""
        fault = _fault(key, worst, analytic, reference, by, most / scale, scale, allowed[worst] / scale)
        excused, note = (False, "") if real_only else excuse(trial, key, worst, most, scale, tolerance)
        if excused:
            unconfirmed = note
        elif kinds.alone[worst]:
            unverified = f"{fault}, and {unconfirmed}"
        else:
            wrong = fault
    vague = real_only and bool((slopes.precision > LEAST * scale).any())
    vague = vague and float((np.abs(analytic) * far).max()) > TINY * trial.size
    if not unverified and (kinds.rest.any() or vague):
        first = next(i for i in slopes.by_index if kinds.rest[i] or not kinds.rest.any())
        s = slopes.by_index[first]
        unverified = (
            f"{_at(key, first)}{_and_more(kinds.rest)}: real differences do not settle ({s.value:.3g} within "
            f"{s.error:.1e}), and the complex step tells nothing; backward gives {float(analytic[first]):.3g}"
        )
    largest = max(float(error.max()), float(slopes.precision.max()) if real_only else 0.0)
    kink = _kink_note(key, analytic, slopes.by_index)
    return Verdict(largest / scale, scale, wrong, kink, unverified, unconfirmed, real_only)


class Slopes(NamedTuple):
    """Real differences in every element of an array: each ``Slope`` by index, then their fields as arrays.

    level: the largest slope. precision: the error up to which the real difference in each element is trusted.
    """

    by_index: dict[tuple, Slope]
    value: Array
    error: Array
    kink: Array
    flat: Array
    rough: Array
    level: float
    precision: Array


def measure(trial: Trial, key: str) -> Slopes:
    """Take real differences in every element; where rounding dwarfs the slopes, repeat them with wider steps."""
    place, noise = trial.places[key], trial.noise
    slopes = {i: slope_at(trial.loss, place, i, noise, 0.0) for i in numpy.ndindex(place.shape)}
    level = max((abs(s.value) for s in slopes.values() if s.error < numpy.inf and not s.kind), default=0.0)
    first_step = FIRST[0]
    if REAL * level < COARSE * noise / first_step and not all(s.flat for s in slopes.values()):
        for i, s in slopes.items():
            slopes[i] = s if s.kind else _better(s, slope_at(trial.loss, place, i, noise, 0.0, WIDE))
        first_step = FIRST[1]
    precision = np.maximum(REAL * level, COARSE * noise / first_step / stride(place))
    fields = [(s.value, s.error, s.kind != "", s.flat, s.rough) for s in slopes.values()]
    value, error, kink, flat, rough = (np.asarray(x).reshape(place.shape) for x in zip(*fields, strict=True))
    return Slopes(slopes, value, error, kink, flat, rough, level, precision)


class Kinds(NamedTuple):
    """The kind of each element, as bool arrays of the array's shape; an element of no kind is at a kink.

    trusted   real differences confirm the complex step, which is the reference
    smooth    they settle: in all trusted elements, and if in any other, they become the reference for all
    alone     they tell nothing, but do not contradict the complex step
    rest      they do not settle, and the complex step is missing or contradicted
    """

    trusted: Array
    smooth: Array
    alone: Array
    rest: Array


def sort_elements(slopes: Slopes, exact: Array) -> tuple[Kinds, bool]:
    """Sort the elements into their kinds; exact: the complex step, nan where it is missing.

    The second result tells whether real differences are the only reference: if an element is smooth but not trusted,
    the complex step may be just as wrong in elements that are too small to show it.
    """
    close = ~slopes.kink & (slopes.error <= slopes.precision)
    telling = (slopes.precision <= LEAST * slopes.level) | slopes.flat
    trusted = close & telling & (np.abs(exact - slopes.value) <= 2 * slopes.precision)
    smooth = close & (trusted | ~slopes.rough) & (telling | np.isnan(exact))
    real_only = bool((smooth & ~trusted).any())
    contradicted = np.abs(exact - slopes.value) > 3 * slopes.error
    alone = ~slopes.kink & ~smooth & ~contradicted & np.isfinite(exact) & (not real_only)
    rest = ~slopes.kink & ~smooth & ~alone
    return Kinds(trusted, smooth, alone, rest), real_only


def _better(a: Slope, b: Slope) -> Slope:
    return b if b.error < a.error and not b.kind else a


def _difference(analytic: Array, numeric: Array) -> Array:
    difference = np.abs(analytic - numeric)
    return np.where(np.isnan(difference), np.inf, difference)


def _share(error: float, scale: float) -> float:
    return 0.0 if error == 0 else error / scale if scale else numpy.inf


def _worst(errors: Array) -> tuple:
    return numpy.unravel_index(int(errors.argmax()), errors.shape)


def _at(key: str, index: tuple) -> str:
    return f"{key}[{', '.join(str(int(i)) for i in index)}]"


def _and_more(chosen: Array) -> str:
    more = int(chosen.sum()) - 1
    return f" and {more} more element{'s' if more > 1 else ''}" if more > 0 else ""


def _fault(key, index, analytic, numeric, how, error, scale, tolerance) -> str:
    unset = " (as all of grads is before backward: write grads[i][...] = dW there, not +=)"
    note = unset if numpy.isnan(float(analytic[index])) and not key.startswith("input ") else ""
    return (
        f"gradient of {_at(key, index)}: analytic {float(analytic[index]):.15g}{note}, numeric "
        f"{float(numeric[index]):.15g}{how}, error {error:.1e} of the largest ({scale:.1e}) over {tolerance:.0e}"
    )


def _kink_note(key: str, analytic: Array, slopes: dict[tuple, Slope]) -> str:
    kinks = {index: s for index, s in slopes.items() if s.kind}
    for index, s in kinks.items():
        return (
            f"{s.kind} at this point in {_at(key, index)}{_and_more(np.ones(len(kinks)))}: the slope is {s.left:.6g} "
            f"on the left and {s.right:.6g} on the right, backward gives {float(analytic[index]):.6g}"
        )
    return ""
