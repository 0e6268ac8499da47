"""The proof is proven: whatever is wrong with a backward, the checker says so, and it touches nothing itself."""

import pickle
import re

import numpy as np
import pytest
from layer_table import CASES, as_tuple, build

from common import gradient_check
from common.gradient_check import GradientError, check_gradients
from common.layer import Layer, memory, named_params
from common.layers import Affine, Embedding, Softmax
from common.rnn import TimeRNN
from seq2seq import AttentionDecoder, PeekyDecoder

# Nothing flows: no label counts, or the softmax of one score is always 1
NO_GRADIENT = {"SoftmaxWithLoss-all_ignored", "AttentionWeight-T1"}


# Faults in every gradient of every layer


def one_element(g, _):
    """An element of middling size, off by 1%."""
    bad = np.array(g)
    sizes = np.abs(bad[bad != 0])
    if sizes.size:
        bad[np.abs(bad) == np.sort(sizes)[sizes.size // 2]] *= 1.01
    return bad


# gradient, the same without the first step's (or row's) share -> the faulty gradient
FAULTS = {
    "factor 1.0005": lambda g, _: g * 1.0005,
    "sign": lambda g, _: -g,
    "one element 1% off": one_element,
    "left zero": lambda g, _: np.zeros_like(g),
    "first step missing": lambda g, part: part,
}


def without_first(dout):
    dout = np.array(dout)
    dout[(slice(None), 0) if dout.ndim > 2 else (0,) if dout.ndim else ()] = 0
    return dout


def plant(layer, kind, i, fault):
    """Put the fault into gradient ``i`` of the weights (kind "grads") or of the inputs; note what it changed."""
    cls, changes = type(layer), []

    def backward(self, *douts):
        dins = as_tuple(cls.backward(self, *map(without_first, douts)))
        part = (self.grads if kind == "grads" else dins)[i].copy()
        dins = list(as_tuple(cls.backward(self, *douts)))
        gradients = self.grads if kind == "grads" else dins
        good = gradients[i].copy()
        bad = fault(good, part)
        changes.append(np.abs(bad - good).max() > 1e-8)
        if kind == "grads":
            gradients[i][...] = bad
        else:
            gradients[i] = bad
        return tuple(dins) if dins else None

    layer.__class__ = type(cls.__name__, (cls,), {"backward": backward})
    return changes


@pytest.mark.parametrize("name", CASES)
def test_planted_fault_in_any_gradient_is_caught(name, monkeypatch):
    numeric = []  # the numeric gradients know nothing of backward: taken once, they serve for all faults
    honest = gradient_check._complex_step
    monkeypatch.setattr(gradient_check, "_complex_step", lambda *a: numeric.append(honest(*a)) or numeric[-1])
    layer, inputs = build(name)
    keys = list(check_gradients(layer, *inputs))
    names = {memory(p): key for key, p in named_params(layer).items()}
    targets = [("grads", i, names[memory(p)]) for i, p in enumerate(layer.params)]
    targets += [("inputs", i, key) for i, key in enumerate(keys[len(names) :])]

    planted = 0
    for kind, i, key in targets:
        for fault_name, fault in FAULTS.items():
            layer, inputs = build(name)
            changes = plant(layer, kind, i, fault)
            replay = iter(numeric)
            monkeypatch.setattr(gradient_check, "_complex_step", lambda *_, replay=replay: next(replay))
            try:
                check_gradients(layer, *inputs)
                caught = ""
            except GradientError as error:
                caught = str(error)
            if changes[0]:
                planted += 1
                assert f"gradient of {key}[" in caught, f"{fault_name} in {key}: {caught or 'not caught'}"
    assert planted >= 4 or name in NO_GRADIENT


# The mistakes that people make, checked from end to end


class LastOfEqualIds(Embedding):
    def backward(self, dout):
        self.grads[0][...] = 0
        self.grads[0][self.saved()] = dout


class DiagonalSoftmax(Softmax):
    def backward(self, dout):
        return dout * self.cache * (1 - self.cache)


class MeanBias(Affine):
    def backward(self, dout):
        dx = super().backward(dout)
        self.grads[1][...] = dout.mean(axis=0)
        return dx


class StateForgotten(TimeRNN):
    """The gradient of the state does not reach the step before."""

    def backward(self, dhs):
        kept, self.Wh = self.Wh, np.zeros_like(self.Wh)
        dxs = super().backward(dhs)
        self.Wh = kept
        return dxs


class FirstStateForgotten(AttentionDecoder):
    def backward(self, dscores):
        dhs_enc = super().backward(dscores)
        dhs_enc[:, -1] -= self.lstm.dh
        return dhs_enc


class StartForgotten(PeekyDecoder):
    """The state that every step peeks at was also the LSTM's first."""

    def backward(self, dscores):
        return super().backward(dscores) - self.lstm.dh


@pytest.mark.parametrize(
    ("cls", "name", "key"),
    [
        (LastOfEqualIds, "Embedding-repeated", "W[3, "),
        (DiagonalSoftmax, "Softmax", "input 0["),
        (MeanBias, "Affine", "b["),
        (StateForgotten, "TimeRNN", "b["),
        (FirstStateForgotten, "AttentionDecoder", "input 1["),
        (StartForgotten, "PeekyDecoder", "input 1["),
    ],
)
def test_usual_mistake_is_caught(cls, name, key):
    layer, inputs = build(name)
    layer.__class__ = cls
    with pytest.raises(GradientError, match=rf"^{cls.__name__}: gradient of {re.escape(key)}"):
        check_gradients(layer, *inputs)


def test_weight_that_the_model_does_not_list_is_named():
    model, inputs = build("TiedModel")
    del model.params[-1], model.grads[-1]
    with pytest.raises(GradientError, match=r"affine\.b"):
        check_gradients(model, *inputs)


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


class FloatBuffer(Scale):
    def forward(self, x):
        out = np.empty(x.shape)
        out[...] = super().forward(x)
        return out


class FloatOut(Scale):
    def forward(self, x):
        super().forward(x)
        return np.multiply(x, self.W, out=np.empty(x.shape))


class FloatCast(Scale):
    def forward(self, x):
        return super().forward(x).astype(np.float64)


class Abs(Scale):
    def forward(self, x):
        return np.abs(super().forward(x))

    def backward(self, dout):
        return super().backward(dout * np.sign(self.cache * self.W))


class RealPart(Scale):
    def forward(self, x):
        return super().forward(x).real


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


def scale(cls=Scale):
    rng = np.random.default_rng(3)
    return cls(rng.standard_normal((3, 5))), rng.standard_normal((3, 5))


def test_right_layer_passes():
    errors = check_gradients(*scale())
    assert list(errors) == ["W", "input 0"] and max(errors.values()) < 1e-14


@pytest.mark.parametrize(
    ("cls", "reason"),
    [
        (EditsCache, "a second backward gave another gradient of W: is the cache edited"),
        (Accumulates, r"gradient of W\[0, 0\]: analytic nan"),
        (Rebinds, "rebound an entry of grads"),
        (WritesNothing, r"gradient of W\[0, 0\]: analytic nan"),
        (ReturnsNone, "returned 0 gradients for 1 float inputs"),
        (ReturnsTwo, "returned 2 gradients for 1 float inputs"),
        (ReturnsTransposed, r"gradient of input 0 has shape \(5, 3\), not \(3, 5\)"),
        (ReturnsNan, r"gradient of input 0\[0, 0\]: analytic nan"),
        (FloatBuffer, "not complex-safe"),
        (FloatOut, "not complex-safe"),
        (FloatCast, "not complex-safe"),
        (Abs, r"gradient of .*numeric 0,"),
        (RealPart, r"gradient of .*numeric 0,"),
        (ForwardMutates, "changed input 0 in place"),
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
    assert numeric == pytest.approx(np.random.default_rng(0).standard_normal((3, 5))[1, 2] * x[1, 2], rel=1e-12)
    assert analytic == pytest.approx(1.01 * numeric, rel=1e-12)


@pytest.mark.parametrize("name", ["Dropout", "TimeLSTM-state", "TimeGRU", "AttentionSeq2seq", "TiedModel"])
def test_nothing_of_the_callers_is_touched(name):
    layer, inputs = build(name, np.float32)
    layer.forward(*inputs)
    before, grads = pickle.dumps((layer, inputs)), [id(g) for g in layer.grads]
    check_gradients(layer, *inputs)
    assert pickle.dumps((layer, inputs)) == before  # params, grads, cache, state, generator
    assert [id(g) for g in layer.grads] == grads
