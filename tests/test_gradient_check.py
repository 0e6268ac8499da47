"""The proof is proven: whatever is wrong with a backward, the checker says so, and it touches nothing itself."""

import pickle
import re

import numpy as np
import pytest
from layer_table import build

from common.gradient_check import GradientError, check_gradients
from common.layer import Layer

# Breaches of the protocol, on the smallest layer


class Scale(Layer):
    """``x * W``, right in every way."""

    def __init__(self, W):
        super().__init__(W)
        self.W = W

    def forward(self, x):
        self.cache = x.copy()
        return x * self.W

    def backward(self, dout):
        self.grads[0][...] = dout * self.saved()
        return dout * self.W


class EditsCache(Scale):
    def backward(self, dout):
        dx = super().backward(dout)
        self.cache *= 2
        return dx


class Accumulates(Scale):
    def backward(self, dout):
        self.grads[0] += dout * self.saved()
        return dout * self.W


class Rebinds(Scale):
    def backward(self, dout):
        self.grads[0] = dout * self.saved()
        return dout * self.W


class WritesNothing(Scale):
    def backward(self, dout):
        return dout * self.W


class ReturnsNone(Scale):
    def backward(self, dout):
        super().backward(dout)


class ReturnsTwoOneNone(Scale):
    def forward(self, x, y):
        return super().forward(x) + y

    def backward(self, dout):
        return super().backward(dout), None


class ReturnsTwo(Scale):
    def backward(self, dout):
        return super().backward(dout), dout


class ReturnsTransposed(Scale):
    def backward(self, dout):
        return super().backward(dout).T


class ReturnsNan(Scale):
    def backward(self, dout):
        return super().backward(dout) * np.nan


class ForwardMutates(Scale):
    def forward(self, x):
        x *= 2
        return super().forward(x)


class BackwardMutates(Scale):
    def forward(self, x):
        y = super().forward(x)
        self.cache = x
        return y

    def backward(self, dout):
        dx = super().backward(dout)
        self.cache[:, 0] = 0  # the input itself
        return dx


class ForwardTrains(Scale):
    def forward(self, x):
        self.W *= 2
        return super().forward(x)


class DrawsElsewhere(Scale):
    def forward(self, x):
        return super().forward(x) * np.random.default_rng().random()


class ReturnsList(Scale):
    def forward(self, x):
        return [super().forward(x), x[0]]


class ReturnsNothing(Scale):
    def forward(self, x):
        super().forward(x)


def scale(cls=Scale):
    rng = np.random.default_rng(3)
    return cls(rng.standard_normal((3, 5))), rng.standard_normal((3, 5))


def test_right_layer_passes():
    errors = check_gradients(*scale())
    assert list(errors) == list(errors.scales) == ["W", "input 0"] and max(errors.values()) < 1e-14


@pytest.mark.parametrize(
    ("cls", "reason"),
    [
        (EditsCache, "a second backward gave another gradient of W: does it edit the cache"),
        (Accumulates, r"gradient of W\[0, 0\]: analytic nan \(as all of grads is before backward: .* not \+=\)"),
        (Rebinds, "rebound an entry of grads"),
        (WritesNothing, r"gradient of W\[0, 0\]: analytic nan"),
        (ReturnsNone, "returned 0 gradients for 1 float inputs"),
        (ReturnsTwo, "returned 2 gradients for 1 float inputs"),
        (ReturnsTransposed, r"gradient of input 0 has shape \(5, 3\), not \(3, 5\)"),
        (ReturnsNan, r"gradient of input 0\[0, 0\]: analytic nan, numeric"),
        (ForwardMutates, "changed input 0 in place"),
        (ForwardTrains, "changed parameter W in place"),
        (DrawsElsewhere, r"same forward twice gave two outputs: .* self\.rng = np\.random\.default_rng"),
        (ReturnsList, "forward returned list; expected an array or a tuple of arrays"),
        (ReturnsNothing, "forward returned NoneType; expected an array"),
        (BackwardMutates, "another gradient|changed input 0 in place"),
    ],
)
def test_breach_is_named(cls, reason):
    with pytest.raises(GradientError, match=rf"^{cls.__name__}: .*{reason}"):
        check_gradients(*scale(cls))


def test_the_worst_element_is_that_of_all_arrays():
    class TwoWrong(Scale):
        def backward(self, dout):
            dx = super().backward(dout)
            self.grads[0][0, 0] += 1e-6
            dx[2, 3] += 1
            return dx

    with pytest.raises(GradientError, match=r"gradient of input 0\[2, 3\]"):
        check_gradients(*scale(TwoWrong))


def test_a_view_that_a_layer_keeps_still_sees_its_weight():
    class Kept(Scale):
        def __init__(self, W):
            super().__init__(W)
            self.WT = W.T

        def forward(self, x):
            self.cache = x.copy()
            return x * self.WT.T

    check_gradients(*scale(Kept))


def test_a_model_of_the_books_kind_is_checked():
    """Its backward may take no argument, and return nothing, whatever the inputs are."""

    class Model(Scale):
        def forward(self, x):
            return super().forward(x).sum()

        def backward(self):
            super().backward(np.ones_like(self.cache))

    class Wrong(Model):
        def backward(self):
            super(Model, self).backward(np.full_like(self.cache, 1.0005))

    assert list(check_gradients(*scale(Model))) == ["W"]
    with pytest.raises(GradientError, match=r"gradient of W"):
        check_gradients(*scale(Wrong))


def test_none_for_a_float_input_is_named():
    layer, x = scale(ReturnsTwoOneNone)
    with pytest.raises(GradientError, match=r"^ReturnsTwoOneNone: .*input 1"):
        check_gradients(layer, x, x.copy())


def test_gradient_listed_twice_counts_once():
    """A model that reaches one layer by two ways lists its arrays twice; remove_duplicate and Trainer allow it."""

    class Listed(Scale):
        def __init__(self, W):
            super().__init__(W)
            self.params, self.grads = self.params * 2, self.grads * 2

    check_gradients(*scale(Listed))


def test_message_names_parameter_index_and_both_values():
    class Off(Scale):
        def backward(self, dout):
            dx = super().backward(dout)
            self.grads[0][1, 2] *= 1.01
            return dx

    layer, x = scale(Off)
    with pytest.raises(GradientError) as caught:
        check_gradients(layer, x)
    number = r"(-?\d[\d.e+-]*)"
    found = re.search(rf"^Off: gradient of W\[1, 2\]: analytic {number}, numeric {number}, error", str(caught.value))
    analytic, numeric = map(float, found.groups())
    assert check_gradients(*scale()).scales["W"] >= abs(numeric)
    assert analytic == pytest.approx(1.01 * numeric, rel=1e-12)


@pytest.mark.parametrize("name", ["Dropout", "TimeLSTM-state", "TimeGRU", "AttentionSeq2seq", "TiedModel"])
def test_nothing_of_the_callers_is_touched(name):
    layer, inputs = build(name, np.float32)
    layer.forward(*inputs)
    before, grads = pickle.dumps((layer, inputs)), [id(g) for g in layer.grads]
    check_gradients(layer, *inputs)
    assert pickle.dumps((layer, inputs)) == before  # params, grads, cache, state, generator
    assert [id(g) for g in layer.grads] == grads
