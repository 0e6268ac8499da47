"""What the complex step and real differences together say of one array's gradient."""

from dataclasses import dataclass

import numpy

from common.np import np
from common.real_differences import ROUNDING, STEPS, Slope, along, slope, slope_at, stride

Array = np.ndarray

REAL = 1e-6  # what real differences are trusted with, as a share of an array's largest gradient
TINY = 1e-12  # differences below it may come from rounding alone, upstream gradients being about 1
LEAST = ROUNDING / STEPS[2] / REAL  # of a forward's terms: for a smaller gradient, REAL of it is lost in rounding


@dataclass(frozen=True)
class Verdict:
    """error: the largest, as a share of ``scale``, the largest numeric gradient.

    wrong, kink, unverified: what to say of it, or "". real_only: no complex step speaks for it. tiny: only the
    complex step does, or the two differ by what may be rounding.
    """

    error: float = 0.0
    scale: float = 0.0
    wrong: str = ""
    kink: str = ""
    unverified: str = ""
    real_only: bool = False
    tiny: bool = False


def judge(trial, key: str, analytic: Array, numeric: Array | None, tolerance: float) -> Verdict:
    """The verdict on the array ``key`` of a trial; numeric: its complex step, None where forward fails on complex."""
    place = trial.places[key]
    if analytic.shape != place.shape:
        return Verdict(numpy.inf, 0.0, f"gradient of {key} has shape {analytic.shape}, not {place.shape}")
    if place.size == 0:
        return Verdict()
    if numeric is not None:
        seen = confirm(trial, key, numeric)
        if seen is not None:
            verdict, worst = compare(trial, key, analytic, numeric, tolerance)
            if not verdict.wrong:
                return verdict if seen else Verdict(verdict.error, verdict.scale, tiny=True)
            s = slope_at(trial.loss, place, worst, trial.terms, verdict.scale)
            if not s.kind and abs(s.value - numeric[worst]) <= REAL * verdict.scale + 3 * s.error:
                return verdict
    return scan(trial, key, analytic, numeric, tolerance)


def confirm(trial, key: str, numeric: Array) -> bool | None:
    """Whether real differences along a random direction see what the complex step saw.

    None: they see something else. False: they cannot see it, it is too small beside the rounding of forward.
    """
    place = trial.places[key]
    rng = numpy.random.default_rng(1)
    signs = rng.choice([-1.0, 1.0], place.shape) * rng.uniform(0.5, 1.5, place.shape)
    direction = stride(place) * np.asarray(signs)
    scale = float(np.sqrt(((numeric * direction) ** 2).sum()))
    s = slope(along(trial.loss, place, direction), trial.terms, scale)
    if s.kind or not abs(s.value - float((numeric * direction).sum())) <= REAL * scale + 3 * s.error:
        return None
    if s.error <= 1e-3 * scale or not numeric.any():
        return True
    if s.error > 1e3 * LEAST * REAL * trial.terms:  # more than rounding
        return None
    largest = numpy.unravel_index(int(np.abs(numeric).argmax()), numeric.shape)
    return trial.rounding(key, largest) > 1e-3 * abs(numeric[largest])  # nothing but rounding is zero, and seen


def compare(trial, key: str, analytic: Array, numeric: Array, tolerance: float) -> tuple[Verdict, tuple]:
    """The verdict of the complex step alone, and the index of the worst element."""
    difference = _difference(analytic, numeric)
    worst = numpy.unravel_index(int(difference.argmax()), difference.shape)
    most, scale = float(difference[worst]), float(np.abs(numeric).max())
    if tolerance * scale < most <= tolerance * max(1.0, scale):  # an array of sums that cancel has rounding for scale
        scale = max(scale, 30 * trial.rounding(key, worst) / tolerance)
    error = _share(most, scale)
    if error <= tolerance:
        return Verdict(error, scale), worst
    if most <= min(TINY, tolerance):
        return Verdict(error, scale, tiny=True), worst
    return Verdict(error, scale, _fault(key, worst, analytic, numeric, "", error, scale, tolerance)), worst


def scan(trial, key: str, analytic: Array, numeric: Array | None, tolerance: float) -> Verdict:
    """The verdict of real differences in every element, and of the complex step where they confirm it."""
    place = trial.places[key]
    slopes = {index: slope_at(trial.loss, place, index, trial.terms, 0.0) for index in numpy.ndindex(place.shape)}

    def table(value) -> Array:
        return np.asarray([value(s) for s in slopes.values()]).reshape(place.shape)

    real, kinks = table(lambda s: s.value), table(lambda s: s.kind != "")
    exact = np.full_like(real, numpy.nan) if numeric is None else numeric
    level = np.where(kinks | np.isnan(real), 0.0, np.abs(real)).max()
    scale = max(float(level), LEAST * trial.terms)
    close = ~kinks & (table(lambda s: s.error) <= REAL * scale)
    trusted = close & (np.abs(exact - real) <= 2 * REAL * scale)
    smooth = close & (trusted | ~table(lambda s: s.rough))

    reference = np.where(trusted, exact, real)
    allowed = np.where(trusted, tolerance, max(tolerance, REAL))
    error = np.where(smooth, _difference(analytic, reference) / scale, 0.0)
    over = error / allowed
    worst = numpy.unravel_index(int(over.argmax()), over.shape)
    most, wrong, kink, unverified = float(error.max()), "", "", ""
    if over[worst] > 1:
        how = "" if trusted[worst] else " by real differences"
        most = float(error[worst])
        wrong = _fault(key, worst, analytic, reference, how, most, scale, float(allowed[worst]))
    if kinks.any():
        kink = _kink_note(key, analytic, slopes)
    rest = ~smooth & ~kinks
    if rest.any():
        index = min(index for index in slopes if rest[index])
        unverified = f"{_at(key, index)}{_and_more(rest)}: real differences do not settle ({slopes[index].value:.3g} "
        unverified += f"within {slopes[index].error:.1e}), backward gives {float(analytic[index]):.3g}"
    real_only = bool((smooth & ~trusted).any())
    return Verdict(max(most, REAL) if real_only else most, scale, wrong, kink, unverified, real_only)


def _difference(analytic: Array, numeric: Array) -> Array:
    difference = np.abs(analytic - numeric)
    return np.where(np.isnan(difference), np.inf, difference)


def _share(error: float, scale: float) -> float:
    return 0.0 if error == 0 else error / scale if scale else numpy.inf


def _at(key: str, index: tuple) -> str:
    return f"{key}[{', '.join(str(int(i)) for i in index)}]"


def _and_more(chosen: Array) -> str:
    more = int(chosen.sum()) - 1
    return f" and {more} more element{'s' if more > 1 else ''}" if more else ""


def _fault(key, index, analytic, numeric, how, error, scale, tolerance) -> str:
    return (
        f"gradient of {_at(key, index)}: analytic {float(analytic[index]):.15g}, numeric "
        f"{float(numeric[index]):.15g}{how}, error {error:.1e} of the largest ({scale:.1e}) over {tolerance:.0e}"
    )


def _kink_note(key: str, analytic: Array, slopes: dict[tuple, Slope]) -> str:
    kinks = {index: s for index, s in slopes.items() if s.kind}
    index = next(iter(kinks))
    s = kinks[index]
    return (
        f"{s.kind} at this point in {_at(key, index)}{_and_more(np.ones(len(kinks)))}: the slope is {s.left:.6g} on "
        f"the left and {s.right:.6g} on the right, backward gives {float(analytic[index]):.6g}"
    )
