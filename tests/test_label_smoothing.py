"""Smoothed labels: the loss and its gradient against the formula, term by term, and PyTorch's."""

import math

import numpy as np
import pytest
import reference
from layer_table import Draw, N, T, V

from common.layers import SoftmaxWithLoss
from common.time_layers import TimeSoftmaxWithLoss
from common.trainer import Trainer
from seq2seq import Seq2seq

S = 0.1
SCORES = Draw()(N, T, V) * 5
IDS = Draw().ids(N, T)
SOME = np.where(np.arange(T) < [[T], [1], [0]], IDS, -1)  # all count, one counts, none does
SHARES = np.exp(Draw(seed=5)(N, T, V))
SHARES /= SHARES.sum(axis=-1, keepdims=True)
LABELS = {"ids": IDS, "some ignored": SOME, "one-hot": np.eye(V, dtype=int)[IDS], "shares": SHARES}
every_kind = pytest.mark.parametrize("kind", LABELS)


def shares_of(kind):
    """The shares of the classes that each label stands for, and which labels count."""
    t = LABELS[kind]
    counts = np.ones((N, T), bool) if t.ndim == 3 else t >= 0
    return (t if t.ndim == 3 else np.eye(V)[np.where(counts, t, 0)]), counts


@every_kind
@pytest.mark.parametrize("s", [0.0, S, 0.9])
def test_equals_the_slow_sum(kind, s):
    loss, (shares, counts) = TimeSoftmaxWithLoss(label_smoothing=s), shares_of(kind)
    wanted = reference.smoothed_cross_entropy(SCORES, shares, counts, s)
    np.testing.assert_allclose(loss.forward(SCORES, LABELS[kind]), wanted, rtol=1e-12)
    assert loss.label_count == counts.sum()


@every_kind
def test_backward_is_probabilities_less_smoothed_shares_of_the_labels_that_count(kind):
    loss, (shares, counts) = SoftmaxWithLoss(label_smoothing=S), shares_of(kind)
    loss.forward(SCORES, LABELS[kind])
    wanted = (np.exp(reference.log_softmax(SCORES)) - (1 - S) * shares - S / V) * counts[..., None] / counts.sum()
    np.testing.assert_allclose(loss.backward(2), 2 * wanted, rtol=1e-9, atol=1e-15)
    assert not loss.backward()[~counts].any()


@every_kind
def test_without_smoothing_it_has_the_bits_it_had(kind):
    """The plain loss, which the rest of the tests holds, and one that is smoothed by nothing."""
    plain, loss = SoftmaxWithLoss(), SoftmaxWithLoss(label_smoothing=0)
    assert loss.forward(SCORES, LABELS[kind]) == plain.forward(SCORES, LABELS[kind])
    assert loss.backward().tobytes() == plain.backward().tobytes()


def test_the_least_loss_is_the_entropy_of_a_smoothed_label():
    shares = (1 - S) * np.eye(V)[IDS] + S / V
    entropy = -sum(p * math.log(p) for p in shares[0, 0])
    loss = SoftmaxWithLoss(label_smoothing=S)
    assert loss.forward(np.log(shares), IDS) == pytest.approx(entropy, rel=1e-12)
    np.testing.assert_allclose(loss.backward(), 0, atol=1e-16)


def test_nothing_that_counts_costs_nothing():
    loss = SoftmaxWithLoss(ignore_label=2, label_smoothing=S)
    assert loss.forward(SCORES, np.full((N, T), 2)) == 0 and not loss.backward().any()
    empty = SCORES[:1, :2].copy()
    empty[0, 1] = [-np.inf, *empty[0, 1, 1:]]  # a class that cannot be, where the label is ignored
    assert np.isfinite(loss.forward(empty, np.array([[3, 2]]))) and np.isfinite(loss.backward()).all()


IMPOSSIBLE = np.array([[0.0, 1.0, -np.inf]])  # scores of a text whose label is 1


@pytest.mark.parametrize("t", [np.array([1]), np.array([[0, 1, 0]])])
def test_a_class_that_cannot_be_costs_infinity_where_it_has_a_share(t):
    loss = SoftmaxWithLoss(label_smoothing=S)
    assert loss.forward(IMPOSSIBLE, t) == math.inf and np.isfinite(loss.backward()).all()
    assert math.isfinite(SoftmaxWithLoss().forward(IMPOSSIBLE, t))


@pytest.mark.slow
def test_a_class_that_cannot_be_costs_infinity_in_pytorch_too():
    torch = pytest.importorskip("torch")
    for t in (torch.tensor([1]), torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64)):
        loss = torch.nn.functional.cross_entropy(torch.tensor(IMPOSSIBLE), t, label_smoothing=S)
        assert loss.item() == math.inf


def test_float32_stays_and_a_number_of_another_type_may_be_set_later():
    loss, x = SoftmaxWithLoss(), SCORES.astype(np.float32)
    for kind in LABELS:
        loss.label_smoothing = np.float64(S)
        assert loss.forward(x, LABELS[kind]).dtype == loss.backward().dtype == np.float32


@pytest.mark.parametrize("s", [-0.1, 1, math.nan, math.inf])
def test_no_other_share_is_taken(s):
    with pytest.raises(ValueError, match=rf"^SoftmaxWithLoss: expected a label_smoothing in \[0, 1\), got {s}"):
        SoftmaxWithLoss(label_smoothing=s)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_trainer_reports_the_smoothed_loss_whoever_shares_the_mini_batch(workers):
    xs, ts = Draw().ids(8, 6, below=9), Draw(seed=1).ids(8, 5, below=9)
    model = Seq2seq(9, 4, 5, rng=np.random.default_rng(0), dtype=np.float64)
    model.softmax.label_smoothing, model.worth_a_worker = S, (1, 1)
    wanted = float(model.forward(xs, ts))
    plain = Seq2seq(9, 4, 5, rng=np.random.default_rng(0), dtype=np.float64).forward(xs, ts)
    trainer = Trainer(model, type("Still", (), {"update": lambda *lists: None})(), callbacks=(), workers=workers)
    found = trainer.fit(xs, ts, max_epoch=1, batch_size=8)[0]["loss"]
    assert found == pytest.approx(wanted, rel=1e-12) and abs(wanted - plain) > 1e-6


@pytest.mark.slow
@every_kind
@pytest.mark.parametrize("s", [0.0, S, 0.9])
def test_equals_torchs(kind, s):
    """The mean over labels that are not ignored; of none, PyTorch's is nan."""
    torch = pytest.importorskip("torch")
    t, theirs = torch.tensor(LABELS[kind]), torch.tensor(SCORES, requires_grad=True)
    t = t.reshape(-1) if t.ndim == 2 else t.reshape(-1, V).double()
    loss = torch.nn.functional.cross_entropy(theirs.reshape(-1, V), t, ignore_index=-1, label_smoothing=s)
    loss.backward()
    ours = SoftmaxWithLoss(label_smoothing=s)
    np.testing.assert_allclose(ours.forward(SCORES, LABELS[kind]), loss.item(), rtol=1e-12)
    np.testing.assert_allclose(ours.backward(), theirs.grad.numpy(), rtol=1e-9, atol=1e-15)
    nothing = torch.nn.functional.cross_entropy(theirs[0], torch.full((T,), -1), ignore_index=-1, label_smoothing=s)
    assert math.isnan(nothing.item())
