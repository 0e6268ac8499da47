"""What the gradient check refuses at the door, and what it takes."""

import re

import numpy as np
import pytest
from layer_table import build
from test_gradient_check import Scale, scale
from test_gradient_check_numpy import Of

from common.gradient_check import GradientError, check_gradients
from common.layer import Layer
from common.layers import Affine

POINT = np.random.default_rng(4).standard_normal((3, 5))


class Bare:
    params, grads = [], []

    def forward(self, x):
        return x

    def backward(self, dout):
        return dout


class NoParams:
    forward, backward = Bare.forward, Bare.backward


class NoGrads(NoParams):
    params = [np.ones(5)]


class FewerGrads(NoGrads):
    grads = []


class OtherShape(NoGrads):
    grads = [np.ones(4)]


class IntegerParams(NoGrads):
    params, grads = [np.arange(5)], [np.ones(5)]


class IntegerGrads(NoGrads):
    grads = [np.arange(5)]


class Numbers(NoGrads):
    params, grads = [1.0], [0.0]


class NoBackward:
    params, grads, forward = [], [], Bare.forward


class Inside(Bare):
    def __init__(self):
        self.part = IntegerGrads()


@pytest.mark.parametrize(
    "cls, message",
    [
        (NoParams, "NoParams has no params; a layer without weights has params = [] and grads = []"),
        (NoGrads, "NoGrads has no grads"),
        (FewerGrads, "FewerGrads: params and grads do not belong together: 1 params, but 0 grads"),
        (OtherShape, "OtherShape: grads[0] has shape (4,), its parameter (5,)"),
        (IntegerParams, "IntegerParams: params[0] is int64; expected an array of floats"),
        (IntegerGrads, "IntegerGrads: grads[0] is int64; expected an array of floats"),
        (Numbers, "Numbers: params[0] is float; expected an array of floats"),
        (NoBackward, "NoBackward has no backward"),
        (Inside, "Inside: part.grads[0] is int64"),
    ],
)
def test_layer_that_breaks_the_protocol_is_told_so(cls, message):
    with pytest.raises(GradientError, match=f"^{re.escape(message)}"):
        check_gradients(cls(), POINT)


@pytest.mark.parametrize(
    "x, message",
    [
        ([POINT, POINT[0]], "input 0 is a list that holds floats.*pass each array as a separate input"),
        ((POINT, POINT), "input 0 is a tuple that holds floats"),
        ({"x": [1.0, 2.0]}, "input 0 is a dict that holds floats"),
        ([1.0, 2.0], "input 0 is a list that holds floats"),
        (np.array([POINT, None], dtype=object), "input 0 is an array of object"),
        (POINT + 0j, "input 0 is an array of complex128"),
        (np.arange(6), "nothing to check: no parameters, and no float array"),
    ],
)
def test_inputs_that_would_go_unchecked_are_refused(x, message):
    with pytest.raises(ValueError, match=f"^Bare: {message}"):
        check_gradients(Bare(), x)


@pytest.mark.parametrize(
    "x",
    [POINT[::2, ::-2], POINT.T, POINT.astype(np.float32), np.zeros((0, 3)), np.array(2.0), POINT.astype(np.float16)],
)
def test_arrays_of_any_layout_are_checked(x):
    assert check_gradients(Of(lambda x: x * x, lambda x, d: 2 * x * d), x)["input 0"] <= 1e-10


def test_weights_that_are_views_are_checked():
    W = np.random.default_rng(5).standard_normal((8, 6))[::2, ::3]  # (4, 2)
    assert max(check_gradients(Affine(W.T, np.zeros(4)), POINT[:, :2]).values()) <= 1e-10


class Parts(Layer):
    """``x W`` with the rows of W in two views, in a list or a dict, or with W as a part of one flat array."""

    def __init__(self, how, factor=1.0):
        flat = np.random.default_rng(0).standard_normal(40)
        super().__init__(flat[:20].reshape(4, 5), flat[20:].reshape(4, 5))
        self.flat = np.zeros(40)
        self.grads = [self.flat[:20].reshape(4, 5), self.flat[20:].reshape(4, 5)]
        W, _ = self.params
        self.parts = {"views": (W[:2], W[2:]), "dict": {"top": W[:2], "rest": W[2:]}, "backwards": W[::-1], "all": flat}
        self.how, self.factor = how, factor

    def weight(self):
        kept = self.parts[self.how]
        if self.how == "views":
            return np.concatenate(kept)
        if self.how == "dict":
            return np.concatenate([kept["top"], kept["rest"]])
        return kept[::-1] if self.how == "backwards" else kept[:20].reshape(4, 5)

    def forward(self, x):
        self.cache = x
        return x @ self.weight() + x @ self.params[1]

    def backward(self, dout):
        dW = (self.saved().T @ dout).ravel()
        self.flat[...] = np.concatenate([dW, dW])  # by which the grads, parts of it, are filled
        self.flat[7] *= self.factor
        return dout @ (self.weight() + self.params[1]).T


@pytest.mark.parametrize("how", ["views", "dict", "backwards", "all"])
def test_parts_of_a_weight_that_a_layer_keeps_still_see_it(how):
    x = np.random.default_rng(1).standard_normal((3, 4))
    assert max(check_gradients(Parts(how), x).values()) <= 1e-10
    with pytest.raises(GradientError, match=r"gradient of params\.0\[1, 2\]: analytic"):
        check_gradients(Parts(how, 1.01), x)


def test_a_layer_that_cannot_be_copied_is_told_so():
    layer = Affine(np.ones((4, 2)), np.ones(2))
    layer.lines = (i for i in range(3))
    with pytest.raises(ValueError, match=r"^Affine: the check needs copies, .*generator"):
        check_gradients(layer, np.ones((3, 4)))


def test_a_weight_that_forward_has_from_elsewhere_is_not_only_called_wrong():
    class Closure(Parts):
        def weight(self):
            return FAR

    layer = Closure("all")
    FAR = layer.params[0]
    with pytest.raises(GradientError, match=r"numeric 0, .*forward does not use it: is it kept in a closure"):
        check_gradients(layer, np.random.default_rng(1).standard_normal((3, 4)))


def test_lists_of_labels_and_numbers_are_passed_on():
    class Picks(Scale):
        def forward(self, x, ids, factor):
            self.ids, self.factor = ids, factor
            return super().forward(x)[ids] * factor

        def backward(self, dout):
            full = np.zeros_like(self.W)
            full[self.ids] = dout * self.factor
            return super().backward(full)

    layer, x = scale(Picks)
    assert list(check_gradients(layer, x, [0, 2], 0.5)) == ["W", "input 0"]


def test_real_differences_take_no_part_in_what_is_complex_safe():
    """All layers of ours are certified to 1e-10 without a warning, in test_gradients.py; this one closely."""
    layer, inputs = build("TimeLSTM")
    errors = check_gradients(layer, *inputs)
    assert max(errors.values()) < 1e-12 and min(errors.scales.values()) > 1e-3
