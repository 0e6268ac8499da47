"""The known traps of the chapter's code: one test each, so that none comes back.

The traps of the data (one vocabulary for all files, reseeding, last line, missing file): test_dataset.py.
"""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import reference
from layer_table import Draw, TiedModel, lively

from common.checkpoint import CheckpointError
from common.functions import cross_entropy_error, sigmoid, softmax
from common.layer import named_params, remove_duplicate
from common.layers import Affine, SoftmaxWithLoss
from common.optimizer import SGD, clip_grads
from common.trainer import Trainer
from common.util import eval_seq2seq
from seq2seq import AttentionSeq2seq, PeekySeq2seq, Seq2seq

ROOT = Path(__file__).resolve().parents[1]
MODELS = [Seq2seq, PeekySeq2seq, AttentionSeq2seq]
V, D, H, START = 10, 5, 7, 2


@pytest.fixture
def asked():
    """Three questions of 6 and their answers: the start character and 4 more."""
    r = Draw(seed=1)
    ts = r.ids(3, 5)
    ts[:, 0] = START
    return r.ids(3, 6), ts


def model_of(cls, dtype=np.float64):
    return lively(cls, Draw(dtype), V, D, H)


def test_softmax_of_three_dimensions():
    x = Draw()(3, 5, 7)
    np.testing.assert_allclose(softmax(x), reference.softmax(x), rtol=1e-12)


def test_loss_backward_does_not_edit_its_cache():
    loss = SoftmaxWithLoss()
    loss.forward(Draw()(3, 5, V), Draw().ids(3, 5))
    first = loss.backward().copy()
    assert np.array_equal(loss.backward(), first)
    assert np.array_equal(loss.backward(2), 2 * first)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_confident_wrong_answer_costs_a_finite_price(dtype):
    scores = np.array([[1e4, 0, 0]], dtype)
    loss = SoftmaxWithLoss()
    assert loss.forward(scores, np.array([1])) == 1e4
    assert loss.backward().tolist() == [[1, -1, 0]]
    assert np.isfinite(cross_entropy_error(softmax(scores), np.array([1])))


def test_batch_of_ignored_labels_costs_nothing():
    loss = SoftmaxWithLoss()
    assert loss.forward(Draw()(3, 5, V), np.full((3, 5), -1)) == 0
    assert (loss.backward() == 0).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_sigmoid_does_not_overflow(dtype):
    with np.errstate(all="raise", under="ignore"):
        y = sigmoid(np.array([-1e4, -100, 0, 100, 1e4], dtype))
    assert y.dtype == dtype and y.tolist() == pytest.approx([0, 0, 0.5, 1, 1], abs=1e-40)


@pytest.mark.parametrize("cls", MODELS)
def test_float32_is_not_hard_coded(cls, asked):
    xs, ts = asked
    for dtype in (np.float32, np.float64):
        model = model_of(cls, dtype)
        assert model.forward(xs, ts).dtype == dtype
        model.backward()
        assert {a.dtype for a in (*model.params, *model.grads)} == {np.dtype(dtype)}
        assert {p.dtype for p in cls(V, D, H, dtype=dtype).params} == {np.dtype(dtype)}
    # precision was not lost on the way: 1e-12, where one float32 among the arrays would leave 1e-7
    kind = {Seq2seq: "baseline", PeekySeq2seq: "peeky"}.get(cls, "attention")
    assert model.forward(xs, ts) == pytest.approx(reference.model_loss(kind, named_params(model), xs, ts), rel=1e-12)


def test_shared_means_the_same_memory_not_the_same_values():
    a, b = np.zeros((4, 4)), np.zeros((4, 4))
    da, db = np.ones((4, 4)), np.full((4, 4), 2.0)
    params, grads = remove_duplicate([a, b, a.copy()], [da, db, da.copy()])
    assert params[0] is a and params[1] is b and len(params) == len(grads) == 3

    dt = np.arange(16.0).reshape(4, 4)
    params, grads = remove_duplicate([a, b, a, a.T], [da, db, np.ones((4, 4)), dt])
    assert [p is q for p, q in zip(params, [a, b], strict=True)] == [True, True]
    assert np.array_equal(grads[0], 2 + dt.T) and (grads[1] == 2).all()


def test_trainer_steps_shared_weights_once_and_equal_ones_apart():
    r = Draw()
    model = TiedModel(r(V, D), r(D, D), r(V))
    x, t = r.ids(3, 4), r.ids(3, 4)
    model.forward(x, t)
    model.backward()
    dW = model.embed.grads[0] + model.affine.grads[0].T
    wanted = model.embed.W - 0.1 * dW
    Trainer(model, SGD(0.1), callbacks=()).fit(x, t, max_epoch=1, batch_size=3)
    np.testing.assert_allclose(model.embed.W, wanted, rtol=0, atol=1e-14)
    assert np.shares_memory(model.embed.W, model.affine.W)

    class TwoZeros:
        """Two layers that start alike and must not become one."""

        def __init__(self):
            self.layers = [Affine(np.zeros((5, 5)), np.zeros(5)) for _ in range(2)]
            self.params = [p for layer in self.layers for p in layer.params]
            self.grads = [g for layer in self.layers for g in layer.grads]

        def forward(self, x, t):
            return 0.0

        def backward(self):
            for i, g in enumerate(self.grads):
                g[...] = i + 1

    two = TwoZeros()
    Trainer(two, SGD(1.0), callbacks=()).fit(x, t, max_epoch=1, batch_size=3)
    assert [float(p.ravel()[0]) for p in two.params] == [-1, -2, -3, -4]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_clipping_does_not_pass_what_is_not_finite(bad):
    grads = [np.ones(3, np.float32), np.array([1, bad], np.float32)]
    with pytest.raises(FloatingPointError, match="nothing was changed"):
        clip_grads(grads, 1.0)
    assert grads[0].tolist() == [1, 1, 1]


def test_batch_larger_than_the_data_trains():
    model = model_of(Seq2seq)
    before = [p.copy() for p in model.params]
    xs, ts = Draw().ids(3, 6), Draw().ids(3, 5)
    history = Trainer(model, SGD(1.0), callbacks=()).fit(xs, ts, max_epoch=2, batch_size=128)
    assert len(history) == 2 and history[1]["loss"] < history[0]["loss"]
    assert not any(np.array_equal(p, q) for p, q in zip(model.params, before, strict=True))


@pytest.mark.parametrize("cls", MODELS)
def test_many_questions_are_answered_as_one_by_one(cls, asked):
    xs, _ = asked
    model = model_of(cls)
    with pytest.raises(ValueError, match="expected one question, got 2; decode takes any number"):
        model.generate(xs[:2], START, 4)
    assert model.decode(xs, START, 4).ids.tolist() == [model.generate(x[None], START, 4) for x in xs]
    assert model.decode(xs, START, 4, batch_size=2).ids.tolist() == model.decode(xs, START, 4).ids.tolist()


def test_attention_of_all_steps_is_kept(asked):
    xs, _ = asked
    model = model_of(AttentionSeq2seq)
    model.generate(xs[:1], START, 8)
    weights = np.array(model.decoder.attention.attention_weights)
    assert weights.shape == (8, 1, 6)
    np.testing.assert_allclose(weights.sum(axis=2), 1)
    assert len(np.unique(weights.round(9), axis=0)) > 1  # each step looked for itself
    decoded = model.decode(xs, START, 8, batch_size=2)
    assert np.array_equal(model.decoder.attention.attention_weights, decoded.attention_weights.transpose(1, 0, 2))


def test_attention_of_the_models_own_answer_is_not_that_of_the_given_one(asked):
    xs, ts = asked
    model = model_of(AttentionSeq2seq)
    p = named_params(model)
    ids, _, own = reference.model_decode("attention", p, xs, START, 4)
    _, given = reference.model_scores("attention", p, xs, ts[:, :-1])
    assert not np.array_equal(ids, ts[:, 1:]) and not np.allclose(own, given, atol=1e-3)

    stored = model.decoder.attention
    model.forward(xs, ts)
    np.testing.assert_allclose(np.array(stored.attention_weights), given.transpose(1, 0, 2), rtol=1e-10)
    decoded = model.decode(xs, START, 4)
    np.testing.assert_allclose(decoded.attention_weights, own, rtol=1e-10)
    np.testing.assert_allclose(np.array(stored.attention_weights), own.transpose(1, 0, 2), rtol=1e-10)


def test_asking_leaves_the_next_training_step_alone(asked):
    """The decoder's LSTM is stateful: what an answer leaves behind must not reach the next forward."""
    xs, ts = asked
    for cls in MODELS:
        model = model_of(cls)
        loss = model.forward(xs, ts)
        model.decode(xs[:2], START, 9)
        eval_seq2seq(model, xs[:1], ts[:1], dict.fromkeys(range(V), "?"))
        assert model.forward(xs, ts) == loss


@pytest.mark.parametrize("cls", MODELS)
def test_weights_are_saved_by_name_in_full_precision(cls, tmp_path):
    for dtype in (np.float32, np.float64):
        model, other = model_of(cls, dtype), cls(V, D, H, dtype=dtype)
        model.save_params(tmp_path / "weights")
        with np.load(tmp_path / "weights") as file:
            names = [name for name in file.files if name != "manifest.json"]
        assert names == list(named_params(model)) and "decoder.lstm.Wh" in names
        other.load_params(tmp_path / "weights")
        for p, q in zip(model.params, other.params, strict=True):
            assert p.dtype == q.dtype and np.array_equal(p, q)


def test_weights_of_other_shapes_are_refused_and_nothing_changes(tmp_path):
    model_of(AttentionSeq2seq).save_params(tmp_path / "weights")
    # Of equal sizes by chance, in other places: by position some of these would have been taken
    model = model_of(PeekySeq2seq)
    before = [p.copy() for p in model.params]
    with pytest.raises(CheckpointError) as error:
        model.load_params(tmp_path / "weights")
    assert "decoder.lstm.Wx is (5, 28), the model's (12, 28)" in str(error.value)
    assert all(np.array_equal(p, q) for p, q in zip(model.params, before, strict=True))


def test_pickled_weights_are_refused_unread(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    (tmp_path / "weights.pkl").write_bytes(pickle.dumps([Hostile()]))
    with pytest.raises(CheckpointError, match="pickled file is refused, because"):
        model_of(Seq2seq).load_params(tmp_path / "weights.pkl")
    assert not (tmp_path / "ran").exists()


def test_trainer_does_not_import_pyplot():
    code = "import sys, common.trainer, common.time_layers, seq2seq; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60).returncode == 0
