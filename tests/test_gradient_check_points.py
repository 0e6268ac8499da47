"""The gradient check where derivatives are none, tiny, or hidden by rounding; and what it refuses at the door."""

import warnings

import numpy as np
import pytest
from test_gradient_check import Scale
from test_gradient_check_numpy import Of, chosen

from common.functions import relu, sigmoid, softmax
from common.gradient_check import (
    GradientError,
    KinkError,
    NotVerified,
    RealDifferencesOnly,
    Unconfirmed,
    check_gradients,
)
from common.layer import Layer
from common.layers import Affine
from seq2seq import AttentionSeq2seq

POINT = np.random.default_rng(4).standard_normal((3, 5))
ZERO = np.where(np.arange(15).reshape(3, 5) == 8, 0, POINT)  # at [1, 3]
TIE = np.where(np.arange(15).reshape(3, 5) % 14 == 0, 3, POINT)
TIE[2, 2] = 3  # at [2, 2] and [2, 4]

# Kinks


class Hidden(Layer):
    """``max(x W + b, 0)``, right in every way."""

    def __init__(self, W, b):
        super().__init__()
        self.affine = Affine(W, b)
        self.own(self.affine)

    def forward(self, x):
        self.cache = self.affine.forward(x)
        return np.maximum(self.cache, 0)

    def backward(self, dout):
        return self.affine.backward(dout * (self.saved() > 0))


def times_step(x, dout):
    return dout * (x > 0)


KINKS = {  # a function, its backward, a point, the element that is named and how many more there are
    "maximum": (lambda x: np.maximum(x, 0), times_step, ZERO, "1, 3", 0),
    "relu of ours": (relu, times_step, ZERO, "1, 3", 0),
    "clip": (lambda x: np.clip(x, 0, 9), times_step, ZERO, "1, 3", 0),
    "leaky": (lambda x: np.where(x > 0, x, 0.99 * x), lambda x, d: d * np.where(x > 0, 1, 0.99), ZERO, "1, 3", 0),
    "abs, safe": (lambda x: x * np.where(x.real < 0, -1, 1), lambda x, d: d * np.sign(x), ZERO, "1, 3", 0),
    "abs, blind": (np.abs, lambda x, d: d * np.sign(x), ZERO, "1, 3", 0),
    "nearby": (lambda x: np.maximum(x - 1e-12, 0), times_step, ZERO, "1, 3", 0),
    "tie": (lambda x: x.max(axis=-1), chosen(lambda x: x.argmax(-1)), TIE, "2, 2", 1),
    "many ties": (lambda x: x.max(axis=-1), chosen(lambda x: x.argmax(-1)), 0 * POINT, "0, 0", 14),
    "jump": (lambda x: np.where(x > 0, x + 1, x), lambda x, d: d, ZERO, "1, 3", 0),
    "jump of both sides": (lambda x: x + np.sign(x.real), lambda x, d: d, ZERO, "1, 3", 0),
}


@pytest.mark.parametrize("name", KINKS)
def test_kink_is_named_and_not_called_a_wrong_backward(name):
    f, slope, x, at, more = KINKS[name]
    kind, rest = name.split()[0] if "jump" in name else "kink", f" and {more} more element" if more else ": the slope"
    with pytest.raises(KinkError, match=rf"^Of: {kind} at this point in input 0\[{at}\]{rest}.*check at another point"):
        check_gradients(Of(f, slope), x)


@pytest.mark.parametrize("factor", [1.0005, 1 + 1e-8])
def test_a_wrong_element_beside_a_kink_is_found(factor):
    def slope(x, dout):
        return times_step(x, dout) * np.where(np.arange(15).reshape(3, 5) == 9, factor, 1)

    assert POINT[1, 4] > 0
    with pytest.raises(GradientError, match=r"gradient of input 0\[1, 4\]: analytic") as caught:
        check_gradients(Of(lambda x: np.maximum(x, 0), slope), ZERO)
    assert not isinstance(caught.value, NotVerified)


def test_padding_through_a_zero_bias_is_a_kink_of_bias_and_input_but_not_of_the_weight():
    x = POINT.copy()
    x[1] = 0
    with pytest.raises(
        KinkError, match=r"kink at this point in affine.b\[0\] and 1 more.*in input 0\[1, 0\] and 4"
    ) as e:
        check_gradients(Hidden(POINT[:2].T, np.zeros(2)), x)
    assert "affine.W" not in str(e.value)
    check_gradients(Hidden(POINT[:2].T, np.array([0.1, -0.2])), x)


@pytest.mark.parametrize("distance", [1e-7, 1e-5, 1e-3])
def test_a_kink_nearby_is_none(distance):
    check_gradients(Of(lambda x: np.maximum(x, 0), times_step), np.where(ZERO == 0, distance, ZERO))


# Tiny gradients


@pytest.mark.parametrize("size", [1e-10, 1e-100])
@pytest.mark.parametrize("fault", [1.05, 1.0005, 0, -1])
def test_fault_in_a_small_gradient_is_seen(size, fault):
    f = lambda x: size * np.exp(x)
    errors = check_gradients(Of(f, lambda x, d: d * f(x)), POINT)
    assert errors["input 0"] <= 1e-10 and errors.scales["input 0"] < 30 * size
    with pytest.raises(GradientError, match=rf"gradient of input 0.* of the largest \(\d\.\d{str(size)[1:]}\)"):
        check_gradients(Of(f, lambda x, d: fault * d * f(x)), POINT)


def fresh_model(fault=1.0):
    """An untrained model, whose encoder hardly has a gradient; that of one of its weights may be off by a factor."""

    class Faulty(AttentionSeq2seq):
        def backward(self, dout=1):
            super().backward(dout)
            self.encoder.lstm.grads[1] *= fault

    model = Faulty(6, 2, 3, rng=np.random.default_rng(0), dtype=np.float64)
    for p in model.params:
        p *= 0.01
    return model, np.array([[1, 2, 3], [4, 5, 0]]), np.array([[1, 2], [3, 4]])


def test_fault_of_5_percent_in_a_fresh_model_is_seen():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Unconfirmed)
        errors = check_gradients(*fresh_model())
        assert errors.scales["encoder.lstm.Wh"] < 1e-9 and max(errors.values()) <= 1e-10
        with pytest.raises(GradientError, match=r"^Faulty: gradient of encoder\.lstm\.Wh\["):
            check_gradients(*fresh_model(1.05))


def test_gradient_too_small_to_be_seen_is_not_certified_without_a_word():
    with pytest.warns(Unconfirmed, match=r"^Of: gradient of input 0, at most .*e-15: real differences, .*weights"):
        check_gradients(Of(lambda x: 2 + 1e-15 * x, lambda x, d: 1e-15 * d), POINT)


def softmax_with_bias(bias_gradient):
    def slope(x, dout):
        return softmax(x) * (dout - (dout * softmax(x)).sum(axis=-1, keepdims=True))

    class Biased(Scale):
        def forward(self, x):
            self.cache = x + self.W
            return softmax(self.cache)

        def backward(self, dout):
            dx = slope(self.saved(), dout)
            self.grads[0][...] = dx.sum() + bias_gradient
            return dx

    return Biased(np.array([0.3]))


def test_a_gradient_of_zero_but_for_rounding_is_right():
    assert max(check_gradients(softmax_with_bias(0), POINT).values()) <= 1e-10
    with pytest.raises(GradientError, match=r"gradient of W\[0\]: analytic 1.0+"):
        check_gradients(softmax_with_bias(1e-9), POINT)


def test_saturation_is_no_fault():
    """``1 - y`` rounds to 0 where the complex step still sees 1e-17."""
    slope = lambda x, d: d * sigmoid(x) * (1 - sigmoid(x))
    check_gradients(Of(sigmoid, slope), np.where(ZERO == 0, 40, ZERO))
    with pytest.warns(Unconfirmed, match="differs from the complex step by no more than rounding can explain"):
        check_gradients(Of(sigmoid, slope), POINT + 50)


def test_a_layer_blind_for_one_element_is_not_certified():
    f = lambda x: np.where(np.arange(5) == 2, x.real, x) * x
    with pytest.warns(RealDifferencesOnly, match="input 0: verified to 1e-06"):
        check_gradients(Of(f, lambda x, d: 2 * x * d), POINT)
    with pytest.raises(GradientError, match=r"gradient of input 0\[\d, 2\]: .* by real differences"):
        check_gradients(Of(f, lambda x, d: np.where(np.arange(5) == 2, 1, 2) * x * d), POINT)


def test_one_blind_element_of_thousands_is_seen():
    x, one = np.random.default_rng(5).standard_normal((50, 50)), np.zeros((50, 50), dtype=bool)
    one[3, 7] = True
    f = lambda x: np.where(one, 2e-4 * np.abs(x), x * x)
    with pytest.raises(GradientError, match=r"gradient of input 0\[3, 7\]: .* by real differences"):
        check_gradients(Of(f, lambda x, d: np.where(one, 0, 2 * x) * d), x)


def test_what_only_the_complex_step_sees_is_said_to_be_so():
    """Here it is the complex step that is off: so small a share shows in no real difference."""
    share, note = 1e-7, r"over 1e-10 \(real differences cannot tell the two apart\)"
    f = lambda x: x * x + share * np.abs(x)
    with pytest.raises(GradientError, match=note):
        check_gradients(Of(f, lambda x, d: (2 * x + share * np.sign(x)) * d), POINT)
    with pytest.raises(GradientError, match=r"over 1e-10$"):
        check_gradients(Of(lambda x: x * x, lambda x, d: 2.0005 * x * d), POINT)


@pytest.mark.parametrize("size", [1e-10, 1e-9, 1e-7, 1e-5])
def test_a_blind_gradient_about_as_small_as_rounding_is_neither_certified_nor_called_wrong(size):
    """In the sum of all elements it shows before it does in one."""
    x = np.random.default_rng(5).standard_normal(1000)
    f = lambda x: 1000 + size * np.abs(x).sum()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        with pytest.raises((GradientError, RealDifferencesOnly, Unconfirmed)):
            check_gradients(Of(f, lambda x, d: 0 * x), x)
        with pytest.raises((NotVerified, RealDifferencesOnly, Unconfirmed)):
            check_gradients(Of(f, lambda x, d: size * d * np.sign(x)), x)


@pytest.mark.parametrize("size", [1e-6, 1e3, 1e9, 1e15, 1e100])
def test_inputs_may_be_large_or_small(size):
    x = size * (np.abs(POINT) + 0.5)
    log, of_log = np.log, lambda x, d: d / x
    var, of_var = lambda x: x.var(axis=-1), lambda x, d: d[:, None] * 0.4 * (x - x.mean(axis=-1, keepdims=True))
    assert check_gradients(Of(log, of_log), x)["input 0"] <= 1e-10
    with pytest.warns(RealDifferencesOnly, match="verified to 1e-06"):
        check_gradients(Of(var, of_var), x)
    for f, right in (log, of_log), (var, of_var):
        with pytest.raises(GradientError, match="gradient of input 0") as caught:
            check_gradients(Of(f, lambda x, d, right=right: 1.001 * right(x, d)), x)
        assert not isinstance(caught.value, NotVerified)


def test_a_forward_that_is_another_in_complex_numbers_is_not_believed():
    f = lambda x: x * x if x.dtype.kind == "c" else x**3
    with pytest.raises(GradientError, match=r"by real differences.*not complex-safe"):
        check_gradients(Of(f, lambda x, d: 2 * x * d), POINT)


def test_a_forward_in_float32_is_not_called_wrong():
    f = lambda x: (x.astype(np.float32) ** 2).astype(x.dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RealDifferencesOnly)
        with pytest.raises((NotVerified, RealDifferencesOnly), match=r"float32|real differences only.*ComplexWarning"):
            check_gradients(Of(f, lambda x, d: 2 * x * d), POINT)
        with pytest.raises(GradientError, match=r"gradient of input 0\["):
            check_gradients(Of(f, lambda x, d: 2.01 * x * d), POINT)


def test_large_offsets_are_no_fault():
    """A forward that loses ten digits loses them in backward too."""
    std = lambda x: np.sqrt((x * x).mean(axis=-1, keepdims=True))
    f = lambda x: (x - x.mean(-1, keepdims=True)) / std(x - x.mean(-1, keepdims=True))

    def slope(x, dout):
        x = x - x.mean(axis=-1, keepdims=True)
        y = x / std(x)
        return (dout - dout.mean(-1, keepdims=True) - y * (dout * y).mean(-1, keepdims=True)) / std(x)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Unconfirmed)
        check_gradients(Of(f, slope), POINT + 1e6)
    with pytest.raises(GradientError, match="gradient of input 0"):
        check_gradients(Of(f, lambda x, d: slope(x, d) * 1.0005), POINT + 1e6)


@pytest.mark.parametrize("offset, size", [(1e6, 1e-4), (1e8, 1e-3), (1e9, 1e-2)])
def test_a_blind_part_that_an_offset_hides_is_not_certified_without_a_word(offset, size):
    blind = Of(lambda x: offset + x * x + size * np.abs(x), lambda x, d: 2 * x * d)
    with warnings.catch_warnings(), pytest.raises((GradientError, Unconfirmed)):
        warnings.simplefilter("error")
        check_gradients(blind, POINT)


def test_inputs_drawn_as_the_upstream_gradient_hide_nothing():
    """Along a row itself its length grows, and no gradient of its direction flows."""
    x = np.random.default_rng(0).standard_normal((3, 5))
    length = lambda x: np.sqrt((x * x).sum(axis=-1, keepdims=True))
    right = lambda x, d: d / length(x) - x * (d * x).sum(-1, keepdims=True) / length(x) ** 3
    assert check_gradients(Of(lambda x: x / length(x), right), x).scales["input 0"] > 0.1


@pytest.mark.parametrize(
    "f, at", [(np.log, r"its output\[0, 1\] is nan"), (lambda x: (x, x.max() / 0.0), "output 1 is inf")]
)
def test_output_that_is_not_finite_is_named(f, at):
    x = np.abs(POINT)
    x[0, 1] *= -1
    with np.errstate(all="ignore"), pytest.raises(NotVerified, match=rf"^Of: {at} at this point"):
        check_gradients(Of(f, lambda x, d, *_: d / x), x)


def test_a_point_that_alone_is_accepted_leaves_the_complex_step_alone():
    def strict(x):
        if np.abs(x.real - POINT).max() > 1e-15:
            raise ValueError("another point")
        return x * x

    with pytest.warns(Unconfirmed, match="real differences, which fail or are rough here"):
        check_gradients(Of(strict, lambda x, d: 2 * x * d), POINT)
    with pytest.raises(NotVerified, match=r"gradient of input 0\[\d, \d\]: analytic .*real differences"):
        check_gradients(Of(strict, lambda x, d: 3 * x * d), POINT)
