"""Gradient check: compare backward with the complex-step derivative of forward, confirmed by real differences.

For a real function f, ``Im f(x + ih) / h`` with ``h = 1e-30`` is the derivative to about 1e-15. It never subtracts
nearly equal numbers, which allows a tolerance of 1e-10 where finite differences need 1e-3.
Source: Squire & Trapp 1998; Martins et al. 2003.

Works for any object with ``params``, ``grads``, ``forward`` and ``backward``. The complex step fails, with or without
an error, where a forward loses the imaginary part (``np.abs``, ``np.std``, a float buffer), and at a kink. Each array
is therefore also moved along one random direction by real steps (common/real_differences.py); where these disagree with
the complex step, they replace it, element by element.
"""

import warnings

import numpy

from common.gradient_errors import Errors, GradientError, KinkError, NotVerified, RealDifferencesOnly, Unconfirmed
from common.gradient_trial import Trial, attributes, complex_step
from common.gradient_verdict import Verdict, judge
from common.layer import memory, walk
from common.np import np
from common.real_differences import roughness

HINT = (
    "such as np.abs, np.sign, np.std, np.var, np.nanstd, np.linalg.norm, np.conj, np.vdot, x.real or a float buffer; "
    "write x * np.where(x.real < 0, -1, 1) for np.abs, np.sqrt((x * x).sum()) for the norm, "
    "np.sqrt(((x - x.mean()) ** 2).mean()) for np.std, x.dtype for the buffer"
)

__all__ = [
    "Errors",
    "GradientError",
    "KinkError",
    "NotVerified",
    "RealDifferencesOnly",
    "Unconfirmed",
    "check_gradients",
]


def check_gradients(layer_or_model, *inputs, tolerance: float = 1e-10, seed: int = 0) -> Errors:
    """Compare every gradient of a layer or model with the complex step, and the complex step with real differences.

    inputs: the arguments of ``forward``. The gradients of float arrays are checked; anything else (ids, labels, masks,
    numbers, None) is passed on. The upstream gradient is random, drawn from ``seed``. The object itself is not changed:
    the check runs on copies in float64 and complex128, and random layers repeat their draws in each copy.

    Returns the largest error of each array by name (``lstm.Wh`` for a parameter, ``input 0`` for an input), as a share
    of the array's largest numeric gradient, which ``scales`` of the returned dict holds. (For gradients that are only
    rounding, such as those of a bias that softmax cancels, it is a share of what rounding can resolve.)

    Raises GradientError with the name, index, analytic and numeric value of the worst element when an error exceeds
    the tolerance; also when a second backward returns different gradients, and when backward changes inputs, rebinds a
    gradient, or returns gradients of the wrong number or shape. Two subclasses mean that no element is known to be
    wrong: KinkError names an element where forward has a kink or a jump, which no method can check; NotVerified
    names what neither method can check because forward is not finite there, or too rough (does it compute in
    float32?). Raises ValueError for inputs that hold floats in lists.
    Warns RealDifferencesOnly when forward is not complex-safe and real differences alone confirm backward, to 1e-6;
    the returned errors are then no smaller. Warns Unconfirmed when gradients are too small relative to the outputs for
    real differences to see.
    No method sees a share below 1e-6 of the array's largest gradient that forward loses in complex numbers.
    """
    name = type(layer_or_model).__name__
    _check_inputs(name, inputs)
    _check_protocol(name, layer_or_model)
    trial = Trial(layer_or_model, inputs, seed)
    analytic = trial.gradients()
    if not analytic:
        raise ValueError(f"{name}: nothing to check: no parameters, and no float array among the inputs")
    if not abs(trial.loss() - trial.loss()) <= 1e-12 * trial.terms:
        raise GradientError(
            f"{name}: the same forward twice gave two outputs: does it draw from a generator outside itself, such as "
            "np.random's? Give it its own: self.rng = np.random.default_rng(seed)"
        )
    trial.noise = max(trial.noise, roughness(trial.loss, list(trial.places.values())))
    errors, verdicts = Errors(), {}
    for key, gradient in analytic.items():
        verdicts[key] = judge(trial, key, gradient, complex_step(trial, key), tolerance)
        errors[key], errors.scales[key] = verdicts[key].error, verdicts[key].scale
    _conclude(name, verdicts, trial.unsafe)
    return errors


def _conclude(name: str, verdicts: dict[str, Verdict], unsafe: str) -> None:
    """Raise for the worst finding; warn about gradients that were verified less strictly."""

    def texts(kind: str) -> str:
        return "; ".join(text for text in (getattr(v, kind) for v in verdicts.values()) if text)

    real_only = [key for key, v in verdicts.items() if v.real_only]
    not_safe = f"forward is not complex-safe{unsafe}: the imaginary part gets lost in a call {HINT}"
    faults = [(v.error, v.wrong) for v in verdicts.values() if v.wrong]
    if faults:
        raise GradientError(f"{name}: {max(faults)[1]}" + (f" ({not_safe})" if real_only else ""))
    if texts("kink"):
        raise KinkError(
            f"{name}: {texts('kink')}. No element is known to be wrong; check at another point, with inputs and "
            "biases that are not 0 or equal"
        )
    if texts("unverified"):
        raise NotVerified(
            f"{name}: {texts('unverified')}. Nothing is verified there: does forward compute in float32, or is it not "
            "smooth?" + (f" ({not_safe})" if unsafe or real_only else "")
        )
    if real_only:
        error, scale = max((verdicts[key].error, verdicts[key].scale) for key in real_only)
        warnings.warn(
            f"{name}: {', '.join(real_only)}: verified to {error:.0e} by real differences only (of the largest, "
            f"{scale:.1e}); {not_safe}",
            RealDifferencesOnly,
            stacklevel=3,
        )
    for key, v in verdicts.items():
        if v.unconfirmed:
            warnings.warn(
                f"{name}: gradient of {key}, at most {v.scale:.1e}: {v.unconfirmed}",
                Unconfirmed,
                stacklevel=3,
            )


def _check_inputs(name: str, inputs: tuple) -> None:
    for i, x in enumerate(inputs):
        if isinstance(x, np.ndarray) and x.dtype.kind in "cO":
            raise ValueError(
                f"{name}: input {i} is an array of {x.dtype}; expected floats, or integers that are passed on"
            )
        if isinstance(x, (list, tuple, dict)) and _holds_floats(x):
            raise ValueError(
                f"{name}: input {i} is a {type(x).__name__} that holds floats, whose gradients would go unchecked; "
                "pass each array as a separate input (a small layer that takes them one by one can wrap yours)"
            )


def _holds_floats(x) -> bool:
    if isinstance(x, (list, tuple, dict)):
        return any(map(_holds_floats, x.values() if isinstance(x, dict) else x))
    return isinstance(x, (float, complex, numpy.inexact)) or (isinstance(x, np.ndarray) and x.dtype.kind in "fcO")


def _check_protocol(name: str, model) -> None:
    for attribute in ("params", "grads", "forward", "backward"):
        if not hasattr(model, attribute):
            more = (
                "; a layer without weights has params = [] and grads = []" if attribute in ("params", "grads") else ""
            )
            raise GradientError(f"{name} has no {attribute}{more}")
    for path, part in walk(model):
        where = f"{name}: {path}." if path else f"{name}: "
        if len(getattr(part, "grads", ())) != len(part.params):
            counts = f"{len(part.params)} params, but {len(getattr(part, 'grads', ()))} grads"
            raise GradientError(f"{where}params and grads do not belong together: {counts}")
        for i, (param, grad) in enumerate(zip(part.params, part.grads, strict=True)):
            for what, array in (f"params[{i}]", param), (f"grads[{i}]", grad):
                if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
                    kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
                    raise GradientError(f"{where}{what} is {kind}; expected an array of floats, filled in place")
            if param.shape != grad.shape:
                raise GradientError(f"{where}grads[{i}] has shape {grad.shape}, its parameter {param.shape}")
    _check_listed(name, model)


def _check_listed(name: str, model) -> None:
    listed = {memory(param) for param in model.params}
    for path, part in walk(model):
        for i, param in enumerate(part.params):
            if memory(param) not in listed:
                attribute = next((key for key, value in attributes(part).items() if value is param), f"params.{i}")
                raise GradientError(f"{name}: {path}.{attribute} is not in the model's params")
