"""Copies of a layer for a gradient check: evaluate its loss, complex step and backward at a point."""

import copy
import inspect
import warnings
from collections.abc import Iterable
from typing import Any

import numpy

from common.gradient_errors import GradientError, NotVerified
from common.layer import memory, named_params, remove_duplicate, walk
from common.np import np
from common.parallel import values_in
from support.array import Array

H = 1e-30
ComplexWarning = numpy.exceptions.ComplexWarning


class Trial:
    """A layer at a point: copies in float64 and complex128, with inputs and an upstream gradient.

    places, exact_places: the arrays to differentiate by, by name, in each copy. terms: the sum of the magnitudes of
    all terms of ``loss``; size: the largest magnitude, at most 1; noise: how far off the loss may be. unsafe: the error
    that the complex copy raised, or "".
    """

    def __init__(self, layer, inputs: Iterable, seed: int, jitter: int | None = None):
        self.layer, self.inputs, self.seed, self.name = layer, inputs, seed, type(layer).__name__
        self.real, self.x64 = _in_dtype(layer, np.float64), [_cast(x, np.float64) for x in inputs]
        self.exact, self.x128 = _in_dtype(layer, np.complex128), [_cast(x, np.complex128) for x in inputs]
        self.places, self.exact_places = _places(self.real, self.x64), _places(self.exact, self.x128)
        if jitter is not None:
            rng = numpy.random.default_rng(jitter)
            for key, place in self.places.items():
                place *= 1 + 1e-15 * np.asarray(rng.uniform(-1, 1, place.shape))
                self.exact_places[key][...] = place
        self.unsafe = ""
        self.jittered: list[tuple[Trial, dict[str, Array]]] = []
        outputs = _outputs(self.name, self.copy(self.real).forward(*copy.deepcopy(self.x64)))
        # not a stream from which a caller draws inputs: no gradient flows along the row that a layer normalises
        rng = numpy.random.default_rng((seed, 0xBAC7))
        self.upstream = [np.asarray(rng.standard_normal(np.shape(y))) for y in outputs]
        if not inspect.signature(self.real.backward).parameters:  # a model: its loss ends the chain
            self.upstream = [np.ones(())]
        products = [np.abs(d * y) for d, y in zip(self.upstream, outputs, strict=True)]
        self.terms = float(sum(p.sum() for p in products))
        self.size = min(1.0, max(float(p.max(initial=0.0)) for p in products))
        self.noise = 4 * float(numpy.finfo(numpy.float64).eps) * self.terms

    @staticmethod
    def copy(model):
        """Copy the model with its state and generators, but share its parameters and gradients."""
        shared = {id(_root(array)) for array in (*model.params, *model.grads)}
        return copy.deepcopy(model, {id(a): a for a in _arrays(model) if id(_root(a)) in shared})

    def loss(self) -> float:
        return self._loss(self.real, self.x64)

    def _loss(self, model, inputs: list):
        ys = _as_tuple(self.copy(model).forward(*inputs))
        return sum((d * y).sum() for d, y in zip(self.upstream, ys, strict=True))

    def derivative(self, key: str, index: tuple) -> float:
        """Return the complex-step derivative by one element. Raises whatever forward raises on complex numbers."""
        place = self.exact_places[key]
        kept = place[index]
        place[index] = kept + 1j * H
        try:
            with warnings.catch_warnings():
                # a float buffer in forward would drop the imaginary part, which would look like a zero gradient
                warnings.simplefilter("error", ComplexWarning)
                return float(self._loss(self.exact, self.x128).imag) / H
        finally:
            place[index] = kept

    def rounding(self, key: str, index: tuple) -> float:
        """Return how much the gradient by one element changes when all numbers change by about one rounding."""
        try:
            if not self.jittered:
                trials = [Trial(self.layer, self.inputs, self.seed, jitter) for jitter in range(4)]
                self.jittered = [(trial, trial.gradients()) for trial in trials]
            steps = [trial.derivative(key, index) for trial, _ in self.jittered]
        except Exception:  # whatever the reader's forward raises at other points: no allowance for rounding
            return 0.0
        backs = [float(gradients[key][index]) for _, gradients in self.jittered]
        return max(steps) - min(steps) + max(backs) - min(backs)

    def gradients(self) -> dict[str, Array]:
        """Return the gradients that backward computes, by name. Raises GradientError when it breaks the protocol."""
        model, given, places = self.copy(self.real), copy.deepcopy(self.x64), _places(self.real, self.x64)
        before = {key: place.copy() for key, place in places.items()}
        model.forward(*self.x64)
        analytic = _backward(self.name, model, self.upstream, self.x64)
        again = _backward(self.name, model, self.upstream, self.x64)
        for key in analytic:
            if not np.array_equal(analytic[key], again[key], equal_nan=True):
                raise GradientError(
                    f"{self.name}: a second backward gave another gradient of {key}: does it edit the cache?"
                )
        for i, (kept, now) in enumerate(zip(given, self.x64, strict=True)):
            if isinstance(kept, np.ndarray) and not np.array_equal(kept, now, equal_nan=True):
                raise GradientError(f"{self.name}: forward or backward changed input {i} in place")
        for key, place in places.items():
            if not np.array_equal(before[key], place, equal_nan=True):
                raise GradientError(f"{self.name}: forward or backward changed parameter {key} in place")
        return analytic


def complex_step(trial: Trial, key: str) -> Array | None:
    """Return the derivatives by every element of an array; if forward fails, set ``trial.unsafe`` and return None."""
    shape = trial.places[key].shape
    if trial.unsafe:
        return None
    try:
        return np.asarray([trial.derivative(key, index) for index in np.ndindex(shape)]).reshape(shape)
    except Exception as error:  # whatever the reader's forward raises on complex numbers
        trial.unsafe = f" ({type(error).__name__}: {error})"
        return None


def _backward(name: str, real, upstream: list[Array], inputs: list) -> dict[str, Array]:
    """Return the gradients by name after one backward, with shared weights merged."""
    bound = [id(g) for g in real.grads]
    for g in real.grads:
        g[...] = np.nan  # shows what backward does not overwrite
    dins = real.backward(*upstream) if inspect.signature(real.backward).parameters else real.backward()
    if [id(g) for g in real.grads] != bound:
        raise GradientError(f"{name}: backward rebound an entry of grads; write into it: grads[i][...] = dW")
    copies = {id(g): g.copy() for g in real.grads}
    grads = [copies[id(g)] for g in real.grads]  # an array listed twice is copied once
    merged = {memory(p): g for p, g in zip(*remove_duplicate(real.params, grads), strict=True)}
    gradients = {key: merged[memory(p)] for key, p in named_params(real).items()}

    floats = [i for i, x in enumerate(inputs) if _is_float(x)]
    if dins is None and np.ndim(upstream[0]) == 0:
        floats = []  # a model: backward ends at the weights, its inputs need no gradient
    dins = () if dins is None else _as_tuple(dins)
    if len(dins) == len(inputs) > len(floats):  # backward may also return None for inputs without a gradient
        dins = tuple(dins[i] for i in floats)
    if len(dins) != len(floats):
        raise GradientError(f"{name}: backward returned {len(dins)} gradients for {len(floats)} float inputs")
    for i, d in zip(floats, dins, strict=True):
        if d is None:
            raise GradientError(f"{name}: backward returned None for input {i}, which is float")
        gradients[f"input {i}"] = np.array(d)
    return gradients


def _in_dtype(layer, dtype):
    """Deep-copy the layer, converting parameters and gradients to another dtype.

    Shared memory stays shared: a view that a layer keeps, such as W.T or W[:2], or a single array that contains all
    its weights, becomes a view of the copy.
    """
    roots: dict[int, tuple[Array, Array]] = {}
    memo: dict[int, object] = {}
    for array in (*layer.params, *layer.grads):
        root = _root(array)
        roots.setdefault(id(root), (root, root.astype(dtype, order="K")))
    for array in _arrays(layer):
        if (found := roots.get(id(_root(array)))) and array.dtype == found[0].dtype:
            root, copied = found
            first = (memory(array)[0] - memory(root)[0]) // root.itemsize
            strides = [stride // root.itemsize * copied.itemsize for stride in array.strides]
            memo[id(array)] = np.lib.stride_tricks.as_strided(copied.ravel(order="K")[first:], array.shape, strides)
    return _deepcopy(layer, memo)


def _root(array: Array) -> Array:
    """Return the array that owns the memory of a view."""
    base: Any = array
    while (base := getattr(base, "base", None)) is not None:
        array = base if isinstance(base, np.ndarray) else array  # as_strided puts another object between
    return array


def _arrays(layer) -> list[Array]:
    """Return the arrays that the layer's parts keep, as attributes or in lists and dicts."""
    values = (value for _, part in walk(layer) for value in values_in([part.params, part.grads, attributes(part)]))
    return [value for value in values if isinstance(value, np.ndarray)]


def _deepcopy(layer, memo: dict):
    try:
        return copy.deepcopy(layer, memo)
    except TypeError as error:
        raise ValueError(f"{type(layer).__name__}: the check needs copies, but copy.deepcopy failed: {error}") from None


def attributes(part) -> dict:
    return getattr(part, "__dict__", {})


def _is_float(x) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind in "fc"


def _cast(x, dtype):
    return x.astype(dtype) if _is_float(x) else copy.deepcopy(x)


def _as_tuple(x) -> tuple:
    return x if isinstance(x, tuple) else (x,)


def _outputs(name: str, ys) -> tuple:
    """Return the outputs of forward as a tuple. Raises if one is not an array or not finite."""
    for i, y in enumerate(_as_tuple(ys)):
        what = f"output {i}" if isinstance(ys, tuple) else "its output"
        if not isinstance(y, (np.ndarray, numpy.number, float, int)):
            raise GradientError(f"{name}: forward returned {type(y).__name__}; expected an array or a tuple of arrays")
        places = np.argwhere(~np.isfinite(y))
        if len(places):
            index = ", ".join(str(int(i)) for i in places[0])
            at = f"{what}[{index}]" if index else what
            raise NotVerified(
                f"{name}: {at} is {np.asarray(y)[tuple(places[0])]} at this point: nothing can be checked"
            )
    return _as_tuple(ys)


def _places(model, inputs: list) -> dict[str, Array]:
    return named_params(model) | {f"input {i}": x for i, x in enumerate(inputs) if _is_float(x)}
