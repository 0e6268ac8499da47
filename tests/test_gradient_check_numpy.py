"""NumPy's calls under the gradient check: right backwards pass, wrong ones are refused, whatever the complex step sees.

EXACT calls are complex-safe: verified to 1e-10. REAL ones drop or conjugate the imaginary part, most of them without an
error: verified by real differences only, and said so.
"""

import math

import numpy as np
import pytest

from common.gradient_check import GradientError, NotVerified, RealDifferencesOnly, check_gradients
from common.layer import Layer


class Of(Layer):
    """``f(x)``, with a backward that is given: ``slope(x, dout) -> dx``."""

    def __init__(self, f, slope):
        super().__init__()
        self.f, self.slope = f, slope

    def forward(self, x):
        self.cache = x
        return self.f(x)

    def backward(self, dout):
        return self.slope(self.saved(), dout)


def centred(x):
    return x - x.mean(axis=-1, keepdims=True)


def by_std(x, dout):
    return dout[:, None] * centred(x) / x.std(axis=-1, keepdims=True) / x.shape[-1]


def divided_by_std(x, dout):
    std = x.std(axis=-1, keepdims=True)
    return dout / std - (dout * x).sum(axis=-1, keepdims=True) * centred(x) / std**3 / x.shape[-1]


def chosen(pick):
    """The gradient of choosing one element of a row goes to that element."""

    def slope(x, dout):
        dx = np.zeros_like(x)
        np.put_along_axis(dx, pick(x)[:, None], dout[:, None], axis=-1)
        return dx

    return slope


def of_sort(x, dout):
    dx = np.zeros_like(x)
    np.put_along_axis(dx, x.argsort(axis=-1), dout, axis=-1)
    return dx


def nuclear(x, dout):
    u, _, vt = np.linalg.svd(x, full_matrices=False)
    return dout * (u @ vt)


def buffered(x):
    out = np.empty(x.shape)
    out[...] = x * x
    return out


def is_larger(x):
    return np.exp(x) / (1 + np.exp(x))


EXACT = {  # the function, its right backward, a wrong one
    "maximum": (lambda x: np.maximum(x, 0), lambda x, d: d * (x > 0), lambda x, d: d),
    "minimum": (lambda x: np.minimum(x, 0.5), lambda x, d: d * (x < 0.5), lambda x, d: d),
    "clip": (lambda x: np.clip(x, -0.5, 0.5), lambda x, d: d * (np.abs(x) < 0.5), lambda x, d: d * (x < 0.5)),
    "where": (
        lambda x: np.where(x > 0, x, 0.1 * x),
        lambda x, d: d * np.where(x > 0, 1, 0.1),
        lambda x, d: d * (x > 0),
    ),
    "max": (lambda x: x.max(axis=-1), chosen(lambda x: x.argmax(-1)), lambda x, d: 0 * x + d[:, None]),
    "sort": (lambda x: np.sort(x, axis=-1), of_sort, lambda x, d: d),
    "power": (lambda x: x**3, lambda x, d: 3 * x**2 * d, lambda x, d: 3.0015 * x**2 * d),
    "mean": (lambda x: centred(x), lambda x, d: centred(d), lambda x, d: d),
    "prod": (lambda x: x.prod(axis=-1), lambda x, d: d[:, None] * x.prod(-1, keepdims=True) / x, lambda x, d: 0 * x),
    "det": (np.linalg.det, lambda x, d: d * np.linalg.det(x) * np.linalg.inv(x).T, lambda x, d: d * np.linalg.inv(x).T),
    "inv": (np.linalg.inv, lambda x, d: -(np.linalg.inv(x).T @ d @ np.linalg.inv(x).T), lambda x, d: d),
    "logcosh": (lambda x: np.log(np.cosh(x)), lambda x, d: d * np.tanh(x), lambda x, d: d * np.sign(x)),
}
REAL = {
    "abs": (np.abs, lambda x, d: d * np.sign(x), lambda x, d: 0 * d),
    "abs twice": (np.abs, lambda x, d: d * np.sign(x), lambda x, d: 2 * d * np.sign(x)),
    "fabs": (np.fabs, lambda x, d: d * np.sign(x), lambda x, d: d),
    "x * sign": (lambda x: x * np.sign(x), lambda x, d: d * np.sign(x), lambda x, d: 2 * d * np.sign(x)),
    "std": (lambda x: x.std(axis=-1), by_std, lambda x, d: 0 * x),
    "nanstd": (lambda x: np.nanstd(x, axis=-1), by_std, lambda x, d: 0 * x),
    "x / std": (lambda x: x / x.std(axis=-1, keepdims=True), divided_by_std, lambda x, d: d / x.std(-1, keepdims=True)),
    "var": (lambda x: x.var(axis=-1), lambda x, d: d[:, None] * 2 * centred(x) / x.shape[-1], lambda x, d: 0 * x),
    "nanvar": (lambda x: np.nanvar(x, axis=-1), lambda x, d: d[:, None] * 2 / 3 * centred(x), lambda x, d: 0 * x),
    "cov": (np.cov, lambda x, d: (d + d.T) @ centred(x) / 2, lambda x, d: d @ centred(x) / 2),
    "norm": (np.linalg.norm, lambda x, d: d * x / np.linalg.norm(x), lambda x, d: d * np.sign(x)),
    "svd": (lambda x: np.linalg.svd(x, compute_uv=False).sum(), nuclear, lambda x, d: 0 * x),
    "slogdet": (lambda x: np.linalg.slogdet(x)[1], lambda x, d: d * np.linalg.inv(x).T, lambda x, d: 0 * x),
    "vdot": (lambda x: np.vdot(x, x), lambda x, d: 2 * d * x, lambda x, d: d * x),
    "vdot, blind": (lambda x: np.vdot(x, x), lambda x, d: 2 * d * x, lambda x, d: 0 * x),
    "conj": (lambda x: np.conj(x) * x * x, lambda x, d: 3 * d * x * x, lambda x, d: d * x * x),
    "real": (lambda x: x.real**2, lambda x, d: 2 * x * d, lambda x, d: 0 * d),
    "half real": (lambda x: x * x.real, lambda x, d: 2 * x * d, lambda x, d: x * d),
    "correlate": (
        lambda x: np.correlate(x[0], x[1]),
        lambda x, d: d * np.stack([x[1], x[0], 0 * x[0]]),
        lambda x, d: 0 * x,
    ),
    "hypot": (lambda x: np.hypot(x, 1), lambda x, d: d * x / np.hypot(x, 1), lambda x, d: d * x),
    "logaddexp": (lambda x: np.logaddexp(x, 0), lambda x, d: d * is_larger(x), lambda x, d: d),
    "cbrt": (np.cbrt, lambda x, d: d / np.cbrt(x) ** 2 / 3, lambda x, d: d / np.cbrt(x) ** 2),
    "float buffer": (buffered, lambda x, d: 2 * x * d, lambda x, d: x * d),
    "astype": (lambda x: (x * x).astype(np.float64), lambda x, d: 2 * x * d, lambda x, d: 0 * d),
    "math": (
        lambda x: np.array([math.exp(a) for a in x.flat]).reshape(x.shape),
        lambda x, d: d * np.exp(x),
        lambda x, d: d,
    ),
    "ptp": (lambda x: np.abs(np.ptp(x, axis=-1)), None, lambda x, d: 0 * x),
}
REAL["ptp"] = (
    REAL["ptp"][0],
    lambda x, d: chosen(lambda x: x.argmax(-1))(x, d) - chosen(lambda x: x.argmin(-1))(x, d),
    REAL["ptp"][2],
)
POINT = np.random.default_rng(4).standard_normal((3, 3))


@pytest.mark.parametrize("name", EXACT)
def test_right_backward_of_a_complex_safe_call_is_verified_to_the_tolerance(name):
    f, right, _ = EXACT[name]
    assert check_gradients(Of(f, right), POINT)["input 0"] <= 1e-10


@pytest.mark.parametrize("name", REAL)
def test_right_backward_of_another_call_is_verified_by_real_differences_and_says_so(name):
    f, right, _ = REAL[name]
    with pytest.warns(
        RealDifferencesOnly, match=r"^Of: input 0: verified to 1e-06 by real differences only.*not complex"
    ):
        errors = check_gradients(Of(f, right), POINT)
    assert errors["input 0"] == 1e-6  # what was verified, not what came out


@pytest.mark.parametrize("name", EXACT | REAL)
def test_wrong_backward_is_refused(name):
    f, right, wrong = (EXACT | REAL)[name]
    slightly = lambda x, d: right(x, d) * 1.0001
    for slope in wrong, slightly:
        with pytest.raises(GradientError, match=r"gradient of input 0\[\d, \d\]: analytic") as caught:
            check_gradients(Of(f, slope), POINT)
        assert not isinstance(caught.value, NotVerified)
        assert ("not complex-safe" in str(caught.value)) == (name in REAL)
