"""What the complex step and real differences together say of one array's gradient."""

from dataclasses import dataclass

import numpy

from common.np import np
from common.real_differences import FIRST, STEPS, WIDE, Slope, along, slope, slope_at, stride
from support.array import Array

REAL = 1e-6  # what real differences are trusted with, as a share of an array's largest gradient
SEEN = 1e-5  # an error of theirs above this share says too little of the complex step
LEAST = 1e-3  # an error of theirs above this share is none that could be reported
COARSE = 10  # times the rounding of a difference: its error, where it is no more than that
UNUSED = "; forward does not use it: is it kept in a closure, or nowhere in an attribute?"
CLOSE = " (real differences cannot tell the two apart)"
TINY = 1e-13  # what rounding alone may make of a gradient, as a share of the largest output, or of 1


@dataclass(frozen=True)
class Verdict:
    """error: the largest, as a share of ``scale``, the largest numeric gradient.

    wrong, kink, unverified, unconfirmed: what to say of it, or "". real_only: no complex step speaks for all of it.
    """

    error: float = 0.0
    scale: float = 0.0
    wrong: str = ""
    kink: str = ""
    unverified: str = ""
    unconfirmed: str = ""
    real_only: bool = False


def judge(trial, key: str, analytic: Array, numeric: Array | None, tolerance: float) -> Verdict:
    """The verdict on the array ``key`` of a trial; numeric: its complex step, None where forward fails on complex.

    Where real differences along one direction confirm the complex step, backward is compared with it, and a real
    difference in the worst element has the last word. Else each element gets its real difference, in ``scan``.
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
            reason = excuse(trial, key, worst, most, scale, tolerance)
            if reason is not None:
                return Verdict(most / max(1.0, scale), scale, unconfirmed=reason or unconfirmed)
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


def confirm(trial, key: str, numeric: Array) -> tuple[bool, str]:
    """Whether real differences along a random direction agree with the complex step; and why that says little."""
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
    if trial.rounding(key, largest) > 1e-3 * abs(numeric[largest]):  # a gradient of 0, but for rounding
        return True, ""
    return True, f"real differences, which see no less than {s.error:.1e}, cannot tell; check with larger weights"


def random_direction(place: Array) -> Array:
    rng = numpy.random.default_rng(1)
    return stride(place) * np.asarray(rng.choice([-1.0, 1.0], place.shape) * rng.uniform(0.5, 1.5, place.shape))


def excuse(trial, key: str, index: tuple, difference: float, scale: float, tolerance: float) -> str | None:
    """Why an element over the tolerance may be no fault: "" when it is a gradient of 0, but for rounding; else None."""
    if difference > REAL * max(1.0, scale):
        return None
    rounding = trial.rounding(key, index)
    if difference <= 30 * rounding:
        return "" if difference <= tolerance * max(1.0, scale) else f"rounding alone changes it by {rounding:.0e} here"
    if difference * float(stride(trial.places[key])[index]) <= min(TINY * trial.size, tolerance):
        return "it differs from the complex step by what rounding may do; check with larger weights"
    return None


def scan(trial, key: str, analytic: Array, numeric: Array | None, tolerance: float) -> Verdict:
    """The verdict of real differences in every element, and of the complex step where they confirm it.

    Each element is one of five:

        kink      there is no derivative to compare with
        trusted   real differences confirm the complex step, which is the reference
        smooth    they settle; trusted or not, and where one is not, they are the reference for all
        alone     they tell nothing, and nothing against the complex step
        rest      they do not settle, and the complex step is none or contradicts them
    """
    place, noise, far = trial.places[key], trial.noise, stride(trial.places[key])
    slopes = {i: slope_at(trial.loss, place, i, noise, 0.0) for i in numpy.ndindex(place.shape)}
    level = max((abs(s.value) for s in slopes.values() if s.error < numpy.inf and not s.kind), default=0.0)
    least = FIRST[0]
    if REAL * level < COARSE * noise / least and not all(s.flat for s in slopes.values()):
        for i, s in slopes.items():
            slopes[i] = s if s.kind else _better(s, slope_at(trial.loss, place, i, noise, 0.0, WIDE))
        least = FIRST[1]
    precision = np.maximum(REAL * level, COARSE * noise / least / far)

    def table(value) -> Array:
        return np.asarray([value(s) for s in slopes.values()]).reshape(place.shape)

    real, bound, kinks = table(lambda s: s.value), table(lambda s: s.error), table(lambda s: s.kind != "")
    exact = np.full_like(real, numpy.nan) if numeric is None else numeric
    close = ~kinks & (bound <= precision)
    telling = (precision <= LEAST * level) | table(lambda s: s.flat)
    trusted = close & telling & (np.abs(exact - real) <= 2 * precision)
    smooth = close & (trusted | ~table(lambda s: s.rough)) & (telling | np.isnan(exact))
    real_only = bool((smooth & ~trusted).any())  # then it may be blind in elements too small to show it, too
    alone = ~kinks & ~smooth & ~(np.abs(exact - real) > 3 * bound) & np.isfinite(exact) & (not real_only)
    reference = real if real_only else np.where(trusted | alone, exact, real)
    judged = smooth | alone
    scale = float(np.abs(reference[judged]).max(initial=0.0)) or float(np.abs(analytic).max()) or 1.0
    rounding = precision if real_only else np.minimum(TINY * trial.size / far, tolerance)
    allowed = np.maximum(tolerance * scale, rounding)
    error = np.where(judged, _difference(analytic, reference), 0.0)
    worst = _worst(error - allowed)
    most, wrong, unverified, unconfirmed = float(error[worst]), "", "", ""
    if alone.any():
        unconfirmed = "real differences, which fail or are rough here, cannot tell"
    if most > allowed[worst]:
        by = " by real differences" if real_only else ""
        fault = _fault(key, worst, analytic, reference, by, most / scale, scale, allowed[worst] / scale)
        reason = None if real_only else excuse(trial, key, worst, most, scale, tolerance)
        if reason is not None:
            unconfirmed = reason
        elif alone[worst]:
            unverified = f"{fault}, and {unconfirmed}"
        else:
            wrong = fault
    rest = ~smooth & ~kinks & ~alone
    vague = real_only and (precision > LEAST * scale).any() and (np.abs(analytic) * far).max() > TINY * trial.size
    if rest.any() or vague:
        i = next(i for i in slopes if rest[i] or not rest.any())
        unverified = unverified or (
            f"{_at(key, i)}{_and_more(rest)}: real differences do not settle ({slopes[i].value:.3g} within "
            f"{slopes[i].error:.1e}), and the complex step tells nothing; backward gives {float(analytic[i]):.3g}"
        )
    most = max(float(error.max()), float(precision.max()) if real_only else 0.0)
    return Verdict(most / scale, scale, wrong, _kink_note(key, analytic, slopes), unverified, unconfirmed, real_only)


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
