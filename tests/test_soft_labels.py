"""Labels that are shares of the classes cost their cross entropy, not that of the largest; others are refused."""

import numpy as np
import pytest
from layer_table import Draw, N, T, V

from classifier import BagOfWords
from classifier.metrics import confusion_matrix, evaluate
from common.functions import cross_entropy_error, softmax
from common.layers import SigmoidWithLoss, SoftmaxWithLoss
from common.time_layers import TimeSoftmaxWithLoss

LOSSES = {
    "SoftmaxWithLoss": lambda x, t: SoftmaxWithLoss().forward(x, t),
    "cross_entropy_error": lambda x, t: cross_entropy_error(softmax(x), t),
}
every_loss = pytest.mark.parametrize("name", LOSSES)
SCORES, TARGET = np.array([[0.1, 0.2, 0.3, 2.0, -1.0]]), np.array([3])
SMOOTH = 0.9 * np.eye(5)[TARGET] + 0.1 / 5


def soft(*shape):
    t = np.exp(Draw(seed=5)(*shape, V))
    return t / t.sum(axis=-1, keepdims=True)


def slow(x, t):
    """-sum_k t[k] log(softmax(x)[k]), the mean over the labels."""
    losses = []
    for place in np.ndindex(x.shape[:-1]):
        e = np.exp(x[place])
        losses.append(-sum(share * np.log(one / e.sum()) for share, one in zip(t[place], e, strict=True)))
    return np.mean(losses)


@every_loss
def test_smoothed_labels_cost_their_cross_entropy(name):
    """The number that torch's, Keras's and optax's label smoothing give; the label alone would be 0.4365."""
    assert round(float(LOSSES[name](SCORES, SMOOTH)), 4) == 0.6045
    assert round(float(LOSSES[name](SCORES, TARGET)), 4) == 0.4365


@pytest.mark.slow
def test_equals_torchs():
    torch = pytest.importorskip("torch")
    x, t = Draw()(N, V) * 5, soft(N)
    theirs = torch.tensor(x, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(theirs, torch.tensor(t))
    loss.backward()
    ours = SoftmaxWithLoss()
    np.testing.assert_allclose(ours.forward(x, t), loss.item(), rtol=1e-12)
    np.testing.assert_allclose(ours.backward(), theirs.grad.numpy(), rtol=1e-9, atol=1e-15)


@every_loss
@pytest.mark.parametrize("shape", [(), (N,), (N, T), (2, N, T)])
def test_equals_the_slow_sum(name, shape):
    x, t = Draw()(*shape, V) * 5, soft(*shape)
    np.testing.assert_allclose(LOSSES[name](x, t), slow(x, t), rtol=1e-12)


@every_loss
@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.uint8, np.float16, np.float32, np.float64])
def test_one_hot_of_every_dtype_is_the_ids(name, dtype):
    x, ids = Draw(np.float32)(N, T, V), Draw().ids(N, T)
    t = np.eye(V, dtype=dtype)[ids]
    got = LOSSES[name](x, t)
    assert got == LOSSES[name](x, ids) and got.dtype == np.float32


def test_backward_is_probabilities_less_shares():
    x, t, loss = Draw(np.float32)(N, T, V), soft(N, T), TimeSoftmaxWithLoss()
    loss.forward(x, t)
    assert loss.label_count == N * T
    dx = loss.backward(2)
    assert dx.dtype == np.float32
    np.testing.assert_allclose(dx, 2 * (softmax(x) - t) / (N * T), atol=1e-7)
    ids, hard = Draw().ids(N, T), SoftmaxWithLoss()
    loss.forward(x, np.eye(V)[ids]), hard.forward(x, ids)
    assert np.array_equal(loss.backward(), hard.backward())


def test_a_class_that_cannot_be_costs_nothing_where_it_has_no_share():
    x, t = np.array([[1.0, -np.inf, 2.0]]), np.array([[0.25, 0, 0.75]])
    assert SoftmaxWithLoss().forward(x, t) == pytest.approx(0.25 * np.log1p(np.e) + 0.75 * np.log1p(np.exp(-1)))
    assert cross_entropy_error(softmax(x), t) == pytest.approx(SoftmaxWithLoss().forward(x, t))


BAD_ROWS = {
    "nothing": [0, 0, 0, 0, 0],
    "a half": [0, 0.5, 0, 0, 0],
    "two": [0, 1, 1, 0, 0],
    "counts": [0, 3, 0, 0, 0],
    "negative": [0, 1.5, -0.5, 0, 0],
    "nan": [0, np.nan, 1, 0, 0],
    "a little short": [0.995, 0, 0, 0, 0],
    "ignored": [-1] * 5,
}


@every_loss
@pytest.mark.parametrize("row", BAD_ROWS)
def test_what_is_no_share_of_the_classes_is_refused_with_its_row(name, row):
    x, t = np.zeros((2, 3, 5)), np.eye(5)[[[0, 1, 2], [3, 4, 0]]]
    t[1, 2] = BAD_ROWS[row]
    with pytest.raises(ValueError, match=rf"^{name}: labels\[1, 2\]: expected shares of the 5 classes.* got"):
        LOSSES[name](x, t)
    assert LOSSES[name](x[:1], t[:1]) == pytest.approx(np.log(5))


@every_loss
@pytest.mark.parametrize("sign", [1, -1])
def test_shares_may_sum_to_a_thousandth_more_or_less(name, sign):
    scores, one = np.zeros((1, 5)), np.eye(5)[:1]
    assert np.isfinite(LOSSES[name](scores, one * (1 + sign * 0.9999e-3)))
    with pytest.raises(ValueError, match=rf"^{name}: labels\[0\]: expected shares"):
        LOSSES[name](scores, one * (1 + sign * 1.0001e-3))


@every_loss
def test_labels_that_are_no_numbers_are_refused(name):
    for t in (np.array(["1", "0", "0"]), np.eye(3, dtype=object)[0], np.eye(3, dtype=complex)[0]):
        with pytest.raises(ValueError, match=f"^{name}: labels: expected numbers, got "):
            LOSSES[name](np.zeros(3), t)
    with pytest.raises(ValueError, match=rf"^{name}: labels: expected shares of the 3 classes"):
        LOSSES[name](np.zeros(3), np.zeros(3))


def test_where_ids_are_wanted_shares_are_refused():
    model, xs = BagOfWords(6, 3), np.array([[1, 2], [3, 4], [5, 1]])
    for t in (np.eye(3, dtype=int), np.full((3, 3), 1 / 3)):
        with pytest.raises(ValueError, match=r"evaluate: labels: expected shape \(3,\), got \(3, 3\)"):
            evaluate(model, xs, t)
        with pytest.raises(ValueError, match=r"confusion_matrix: labels: expected shape \(3,\), got \(3, 3\)"):
            confusion_matrix(t, np.arange(3), 3)
    with pytest.raises(ValueError, match=r"labels: expected 0 and 1, got 0\.9"):
        SigmoidWithLoss().forward(np.zeros(2), np.array([0.9, 0.1]))
