"""Functions and losses: equal to the slow truth, of the input's dtype, finite far out; layers far out too."""

import numpy as np
import pytest
import reference
from layer_table import CASES, NOTHING, RAGGED, Draw, N, T, V, as_tuple, build, upstream

from common.functions import cross_entropy_error, log_softmax, relu, sigmoid, softmax, softplus
from common.layer import walk
from common.layers import Embedding, SigmoidWithLoss, SoftmaxWithLoss

FUNCTIONS = [sigmoid, relu, softplus, softmax, log_softmax]
SHAPES = [(1,), (V,), (N, V), (N, T, V), (2, 1, N, V)]


def close(got, wanted, rtol=1e-12):
    assert np.shape(got) == np.shape(wanted)
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=1e-300)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_function_equals_its_definition(function, shape):
    x = Draw()(*shape) * 5
    slow = {
        sigmoid: reference.sigmoid,
        relu: np.vectorize(lambda v: max(v, 0.0)),
        softplus: np.vectorize(lambda v: np.log1p(np.exp(v))),
        softmax: reference.softmax,
        log_softmax: reference.log_softmax,
    }[function]
    close(function(x), slow(x), rtol=1e-11)


@pytest.mark.parametrize("mask", [RAGGED, NOTHING])
def test_masked_softmax(mask):
    x = Draw()(*mask.shape) * 5
    y = softmax(x, mask)
    close(y, reference.softmax(x, mask))
    assert (y[~mask] == 0).all()
    close(y.sum(axis=1), mask.any(axis=1).astype(float))
    assert np.array_equal(softmax(np.where(mask, x, 1e4), mask), y)  # what is masked does not matter


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_function_keeps_dtype_and_input(function, dtype):
    x = Draw(dtype)(N, V)
    before = x.copy()
    y = function(x)
    assert y.dtype == dtype and np.array_equal(x, before) and not np.shares_memory(x, y)
    assert softmax(x, RAGGED[:, [0] * V]).dtype == dtype


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_function_is_finite_far_out(function, dtype):
    x = np.array([[-1e4, 0, 1e4], [1e4, 1e4, -1e4], [-1e4, -1e4, -1e4], [-90, 90, 800]], dtype)
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(function(x)).all()
        assert np.isfinite(softmax(x, np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1]], bool))).all()


def test_far_values():
    x = np.array([-1e4, 1e4])
    assert sigmoid(x).tolist() == [0, 1]
    assert softplus(x).tolist() == [0, 1e4]
    assert log_softmax(x).tolist() == [-2e4, 0]


def test_softplus_has_a_slope_at_zero():
    """There it changes from one formula to another; the complex step sees the slope."""
    assert softplus(np.array([1e-30j])).imag.tolist() == [0.5e-30]
    assert relu(np.array([1e-30j])).tolist() == [0]  # the left one of its two


# Losses


LABELS = np.array([[3, -1, 0, 9, -1], [-1] * 5, [9, 9, 0, 1, -1]])


@pytest.mark.parametrize("labels", [LABELS, np.abs(LABELS), np.full((N, T), -1)])
def test_cross_entropy_of_scores(labels):
    scores = Draw()(N, T, V) * 5
    close(SoftmaxWithLoss().forward(scores, labels), reference.cross_entropy(scores, labels))
    other = np.where(labels == -1, 77, labels)
    assert SoftmaxWithLoss(ignore_label=77).forward(scores, other) == SoftmaxWithLoss().forward(scores, labels)


def test_one_hot_labels_are_labels():
    r = Draw()
    scores, labels = r(N, T, V), r.ids(N, T)
    loss = SoftmaxWithLoss()
    assert loss.forward(scores, np.eye(V, dtype=int)[labels]) == loss.forward(scores, labels)
    assert cross_entropy_error(softmax(scores), np.eye(V)[labels]) == cross_entropy_error(softmax(scores), labels)


def test_cross_entropy_of_probabilities():
    r = Draw()
    scores, labels = r(N, T, V), r.ids(N, T)
    close(cross_entropy_error(softmax(scores), labels), reference.cross_entropy(scores, labels))
    for dtype in (np.float32, np.float64):
        certain = np.eye(V, dtype=dtype)
        loss = cross_entropy_error(certain, np.roll(np.arange(V), 1))
        assert loss.dtype == dtype and 80 < loss < np.inf
        assert cross_entropy_error(certain, np.arange(V)) == 0


def test_cross_entropy_does_not_hide_nan():
    assert np.isnan(cross_entropy_error(np.full((N, V), np.nan), np.zeros(N, int)))


@pytest.mark.parametrize("label", [-1, V])
def test_cross_entropy_refuses_labels_outside_the_vocabulary(label):
    with pytest.raises(ValueError, match=rf"expected 0\.\.{V - 1}.*{label}"):
        cross_entropy_error(np.full((N, V), 1 / V), np.full(N, label))


def test_binary_cross_entropy():
    r = Draw()
    x, t = r(N, T) * 5, r.ids(N, T, below=2)
    close(SigmoidWithLoss().forward(x, t), reference.sigmoid_cross_entropy(x, t))


def test_ignored_labels_get_no_gradient():
    loss = SoftmaxWithLoss()
    loss.forward(Draw()(N, T, V), LABELS)
    dx = loss.backward()
    assert (dx[LABELS == -1] == 0).all() and (dx[LABELS != -1] != 0).all()


def test_number_of_labels():
    """No labels at all, where loss and gradient are 0; and as many labels as positions."""
    for loss, scores, labels in (
        (SoftmaxWithLoss(), np.empty((0, V)), np.empty(0, int)),
        (SigmoidWithLoss(), np.empty(0), np.empty(0, int)),
    ):
        assert loss.forward(scores, labels) == 0 and loss.label_count == 0
        assert loss.backward().shape == scores.shape
    one_class = SoftmaxWithLoss()
    assert one_class.forward(np.ones((2, 1)), np.array([0, -1])) == 0 and (one_class.backward() == 0).all()
    loss = SoftmaxWithLoss()
    loss.forward(np.zeros((3000, 2)), np.zeros(3000, int))
    assert loss.label_count == 3000
    loss = SigmoidWithLoss()
    loss.forward(np.zeros((N, T)), np.zeros((N, T), int))
    assert loss.label_count == N * T


def test_labels_are_checked_at_the_door():
    scores = Draw()(N, V)
    with pytest.raises(ValueError, match=r"SoftmaxWithLoss: labels: expected 0..9 \(or -1, ignored\), got 10"):
        SoftmaxWithLoss().forward(scores, np.array([10, -2, -1]))
    with pytest.raises(ValueError, match=r"SoftmaxWithLoss: labels: expected shape \(3,\) or .*, got \(2,\)"):
        SoftmaxWithLoss().forward(scores, np.array([1, 2]))
    with pytest.raises(ValueError, match=r"SigmoidWithLoss: labels t: expected shape \(3, 10\), got \(3,\)"):
        SigmoidWithLoss().forward(scores, np.array([1, 0, 1]))
    with pytest.raises(ValueError, match=r"cross_entropy_error: .* \(3, 10\) .*, got \(2,\)"):
        cross_entropy_error(scores, np.array([1, 2]))


def test_float_labels_are_refused():
    with pytest.raises(ValueError, match=r"SoftmaxWithLoss: .*float64"):
        SoftmaxWithLoss().forward(Draw()(N, V), np.array([1.0, 2.0, 3.0]))


# Layers far out


def far(r, *shape):
    """Values of up to 1e4, with signs, and some zeros."""
    return np.round(np.clip(r(*shape), -1, 1), 1) * r.dtype(1e4)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layer_is_finite_far_out(name, dtype):
    """Every layer and model: inputs of up to 1e4, and where the inputs are ids, such word vectors."""
    layer, inputs = build(name, dtype)
    inputs = [far(Draw(dtype), *x.shape) if getattr(x, "dtype", None) == dtype else x for x in inputs]
    for _, part in walk(layer):
        if isinstance(part, Embedding):
            part.W[...] = far(Draw(dtype), *part.W.shape)
    with np.errstate(all="raise", under="ignore"):
        ys = as_tuple(layer.forward(*inputs))
        dins = as_tuple(layer.backward(*upstream(ys)))
    assert all(np.isfinite(a).all() for a in (*ys, *dins, *layer.grads))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_of_certain_probabilities_is_finite(dtype):
    with np.errstate(all="raise", under="ignore"):
        for y in (softmax(far(Draw(dtype), N, V)), np.eye(V, dtype=dtype)[:N]):
            assert np.isfinite(cross_entropy_error(y, np.array([1, 2, 0])))
