"""Proof that a backward is the derivative of its forward: the complex step.

For a real function f, ``Im f(x + ih) / h`` with ``h = 1e-30`` is the derivative to about 1e-15: no
difference of close numbers is taken, so the tolerance can be 1e-10 where finite differences need 1e-3.
Source: Squire & Trapp 1998; Martins et al. 2003.

Works for any object with ``params``, ``grads``, ``forward`` and ``backward`` whose forward is complex-safe
(no ``abs``, no float buffers).
"""

import copy
import inspect
import warnings

import numpy

from common.layer import Array, memory, named_params, remove_duplicate, same_axes, walk
from common.np import np

H = 1e-30
ComplexWarning = numpy.exceptions.ComplexWarning


class GradientError(AssertionError):
    """A backward that is not the derivative of its forward, or that breaks the layers' protocol."""


def check_gradients(layer_or_model, *inputs, tolerance: float = 1e-10, seed: int = 0) -> dict[str, float]:
    """Compare every gradient of a layer or model with the complex step.

    inputs: what ``forward`` takes; float arrays get their gradients checked, others (ids, labels, masks,
    None) are passed on. The upstream gradient is random, drawn from ``seed``. The object itself stays as it
    is: copies in float64 and complex128 do the work, and random layers repeat their draws in each copy.

    Returns the largest error of each array, as a share of ``max(1, largest numeric gradient)``, by name:
    ``lstm.Wh`` for parameters, ``input 0`` for inputs.
    Raises GradientError with the name, index, analytic and numeric value of the worst element when an error
    is over the tolerance; and when backward returns other gradients the second time, changes inputs,
    rebinds a gradient, or returns gradients of the wrong number or shape.
    """
    name = type(layer_or_model).__name__
    _check_listed(name, layer_or_model)
    rng = numpy.random.default_rng(seed)
    real = _in_dtype(layer_or_model, np.float64)
    exact = _in_dtype(layer_or_model, np.complex128)
    x64 = [_cast(x, np.float64) for x in inputs]
    x128 = [_cast(x, np.complex128) for x in inputs]

    given = copy.deepcopy(x64)
    outputs = _as_tuple(real.forward(*x64))
    upstream = [np.asarray(rng.standard_normal(np.shape(y))) for y in outputs]
    if not inspect.signature(real.backward).parameters:  # a model whose loss is the end of the chain
        upstream = [np.ones(())]
    analytic = _backward(name, real, upstream, x64)
    again = _backward(name, real, upstream, x64)
    for key in analytic:
        if not np.array_equal(analytic[key], again[key], equal_nan=True):
            raise GradientError(f"{name}: a second backward gave another gradient of {key}: is the cache edited?")
    for i, (before, after) in enumerate(zip(given, x64, strict=True)):
        if isinstance(before, Array) and not np.array_equal(before, after, equal_nan=True):
            raise GradientError(f"{name}: forward or backward changed input {i} in place")

    def loss() -> complex:
        trial = copy.deepcopy(exact, {id(p): p for p in exact.params})
        ys = _as_tuple(trial.forward(*x128))
        return sum((d * y).sum() for d, y in zip(upstream, ys, strict=True))

    places = named_params(exact) | {f"input {i}": x for i, x in enumerate(x128)}
    errors, faults = {}, []
    with warnings.catch_warnings():
        # a float buffer in a forward would swallow the imaginary part and pass as a zero gradient
        warnings.simplefilter("error", ComplexWarning)
        try:
            for key, gradient in analytic.items():
                errors[key], fault = _compare(key, gradient, _complex_step(loss, places[key]), tolerance)
                faults += [(errors[key], fault)] if fault else []
        except (ComplexWarning, TypeError) as warning:
            raise GradientError(
                f"{name}: forward is not complex-safe, the imaginary part gets lost ({warning}); "
                "is an array allocated with a fixed float dtype?"
            ) from warning
    if faults:
        raise GradientError(f"{name}: {max(faults)[1]}")
    return errors


def _check_listed(name: str, model) -> None:
    listed = {memory(param) for param in model.params}
    for path, part in walk(model):
        for i, param in enumerate(part.params):
            if memory(param) not in listed:
                attribute = next((key for key, value in _attributes(part).items() if value is param), f"params.{i}")
                raise GradientError(f"{name}: {path}.{attribute} is not in the model's params")


def _complex_step(loss, place: Array) -> Array:
    numeric = np.zeros(place.shape)
    for index in np.ndindex(place.shape):
        kept = place[index]
        place[index] = kept + 1j * H
        numeric[index] = loss().imag / H
        place[index] = kept
    return numeric


def _compare(key: str, analytic: Array, numeric: Array, tolerance: float) -> tuple[float, str]:
    """The largest error, and what is wrong with it: "" when it is within the tolerance."""
    if analytic.shape != numeric.shape:
        return np.inf, f"gradient of {key} has shape {analytic.shape}, not {numeric.shape}"
    if numeric.size == 0:
        return 0.0, ""
    error = np.abs(analytic - numeric) / max(1.0, np.abs(numeric).max())
    error = np.where(np.isnan(error), np.inf, error)
    worst = np.unravel_index(error.argmax(), error.shape)
    if error[worst] <= tolerance:
        return float(error[worst]), ""
    index = ", ".join(str(int(i)) for i in worst)
    return float(error[worst]), (
        f"gradient of {key}[{index}]: analytic {analytic[worst]:.15g}, "
        f"numeric {numeric[worst]:.15g}, error {error[worst]:.1e} over {tolerance:.0e}"
    )


def _backward(name: str, real, upstream: list[Array], inputs: list) -> dict[str, Array]:
    """Gradients by name after one backward; shared weights merged."""
    bound = [id(g) for g in real.grads]
    for g in real.grads:
        g[...] = np.nan  # what backward does not overwrite shows
    dins = real.backward(*upstream) if inspect.signature(real.backward).parameters else real.backward()
    if [id(g) for g in real.grads] != bound:
        raise GradientError(f"{name}: backward rebound an entry of grads; write into it: grads[i][...] = dW")
    copies = {id(g): g.copy() for g in real.grads}
    grads = [copies[id(g)] for g in real.grads]  # one listed twice stays one
    merged = {memory(p): g for p, g in zip(*remove_duplicate(real.params, grads), strict=True)}
    gradients = {key: merged[memory(p)] for key, p in named_params(real).items()}

    floats = [i for i, x in enumerate(inputs) if _is_float(x)]
    if dins is None and np.ndim(upstream[0]) == 0:
        floats = []  # a model: its loss has been differentiated, and nobody asks for the gradient of its inputs
    dins = () if dins is None else _as_tuple(dins)
    if len(dins) == len(inputs) > len(floats):  # backward may also name inputs without a gradient, as None
        dins = tuple(dins[i] for i in floats)
    if len(dins) != len(floats):
        raise GradientError(f"{name}: backward returned {len(dins)} gradients for {len(floats)} float inputs")
    for i, d in zip(floats, dins, strict=True):
        if d is None:
            raise GradientError(f"{name}: backward returned None for input {i}, which is float")
        gradients[f"input {i}"] = np.array(d)
    return gradients


def _in_dtype(layer, dtype):
    """A deep copy whose parameters have another dtype; its gradients are new. Shared memory stays shared."""
    memo: dict[int, object] = {}
    cast: dict[tuple, tuple[Array, Array]] = {}
    for param, grad in zip(layer.params, layer.grads, strict=True):
        first, copied = cast.setdefault(memory(param), (param, param.astype(dtype)))
        memo[id(param)] = copied if same_axes(first, param) else copied.T
        memo.setdefault(id(grad), np.zeros_like(memo[id(param)], order="C"))
    for _, part in walk(layer):
        for value in _attributes(
            part
        ).values():  # a view that a layer keeps, such as W.T, goes on looking at its weight
            if isinstance(value, Array) and memory(value) in cast:
                first, copied = cast[memory(value)]
                memo.setdefault(id(value), copied if same_axes(first, value) else copied.T)
    return copy.deepcopy(layer, memo)


def _attributes(part) -> dict:
    return getattr(part, "__dict__", {})


def _is_float(x) -> bool:
    return isinstance(x, Array) and x.dtype.kind in "fc"


def _cast(x, dtype):
    return x.astype(dtype) if _is_float(x) else copy.deepcopy(x)


def _as_tuple(x) -> tuple:
    return x if isinstance(x, tuple) else (x,)
