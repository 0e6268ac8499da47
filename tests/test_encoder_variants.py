"""Encoders that are not ours, or not quite, in our models; bad questions; and inputs that are far too large."""

import numpy as np
import pytest
from layer_table import Draw, H, lively
from recurrent_table import GATES, TIME_OF
from test_parallel import assert_close, one, step

from common.gradient_check import check_gradients
from common.initializers import normal, recurrent_weights
from common.layer import Layer
from common.optimizer import SGD
from common.parallel import Workers
from common.time_layers import TimeBiLSTM, TimeEmbedding, TimeGRU, TimeLSTM
from common.trainer import Trainer
from seq2seq import AttentionEncoder, AttentionSeq2seq, Encoder, Seq2seq

V, D, T_ENC, T_DEC = 6, 3, 4, 2


class BothWays(Encoder):
    """An LSTM from each end, whose states side by side are as wide as the decoder's."""

    def __init__(self, vocab_size, wordvec_size, hidden_size, **draw):
        Layer.__init__(self)
        self.embed = TimeEmbedding(normal((vocab_size, wordvec_size), 0.01, **draw))
        there, back = (recurrent_weights(wordvec_size, hidden_size // 2, 4, **draw) for _ in range(2))
        self.lstm = TimeBiLSTM(*there, *back)
        self.own(self.embed, self.lstm)


class AttentionBothWays(BothWays, AttentionEncoder):
    pass


class Plain:
    """The chapter's kind: an object with params and grads, and no LSTM. h = tanh of the mean embedding, times W."""

    def __init__(self, vocab_size, wordvec_size, hidden_size, *, rng, dtype):
        self.embed = TimeEmbedding(rng.standard_normal((vocab_size, wordvec_size)).astype(dtype))
        self.W = rng.standard_normal((wordvec_size, hidden_size)).astype(dtype)
        self.params, self.grads = [*self.embed.params, self.W], [*self.embed.grads, np.zeros_like(self.W)]

    def forward(self, xs):
        self.T, self.mean = xs.shape[1], self.embed.forward(xs).mean(axis=1)
        self.h = np.tanh(self.mean @ self.W)
        return self.h

    def backward(self, dh):
        da = dh * (1 - self.h**2)
        self.grads[-1][...] = self.mean.T @ da
        self.embed.backward(np.repeat((da @ self.W.T)[:, None] / self.T, self.T, axis=1))


class BothWaysSeq2seq(Seq2seq):
    encoder_class = BothWays


class AttentionBothWaysSeq2seq(AttentionSeq2seq):
    encoder_class = AttentionBothWays


class PlainSeq2seq(Seq2seq):
    encoder_class = Plain


OTHERS = BothWaysSeq2seq, AttentionBothWaysSeq2seq, PlainSeq2seq


def batch(n=7):
    r = Draw(seed=1)
    xs = r.ids(n, T_ENC, below=V)
    xs[: n // 2, :2] = 3  # some begin alike
    return xs, r.ids(n, T_DEC + 1, below=V)


def willing(cls, hidden_size=8):
    """A lively model whose work is split, small as it is."""
    model = lively(cls, Draw(), V, D, hidden_size)
    model.worth_a_worker = 1e-9, 1e-9
    return model


@pytest.mark.parametrize("cls", [BothWays, AttentionBothWays])
def test_complex_step_proves_an_encoder_that_reads_both_ways(cls):
    encoder = lively(cls, Draw(), V, D, 4)
    assert not encoder.shares_prefixes  # the way back depends on what comes after
    check_gradients(encoder, batch(3)[0])
    xs = batch(3)[0]
    states = encoder.lstm.forward(encoder.embed.forward(xs))
    np.testing.assert_array_equal(encoder.forward(xs), states if cls is AttentionBothWays else states[:, -1])


@pytest.mark.parametrize("cls", OTHERS)
def test_our_models_work_with_other_encoders(cls):
    check_gradients(lively(cls, Draw(), V, 2, 2), *batch(3))
    model, (xs, ts) = willing(cls), batch()
    assert sum(map(len, model.shares(xs, ts, 2))) == 7 and len(model.shares(xs, ts, 2)) == 2
    wanted = one(model, xs, ts)
    for count in (2, 3):
        assert_close(step(model, xs, ts, count), wanted)
    alone = [model.decode(x[None], 1, 3) for x in xs]
    decoded = model.decode(xs, 1, 3, 2, workers=2)
    np.testing.assert_array_equal(decoded.ids, np.concatenate([one.ids for one in alone]))
    np.testing.assert_allclose(decoded.log_probs, np.concatenate([one.log_probs for one in alone]), rtol=1e-10)
    assert model.generate(xs[:1], 1, 3) == decoded.ids[0].tolist()
    losses = [record["loss"] for record in Trainer(model, SGD(lr=0.5), callbacks=(), workers=2).fit(xs, ts, 30)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("cls", [Encoder, AttentionEncoder])
def test_an_encoder_that_remembers_goes_on_where_it_was(cls):
    encoder, (xs, _) = lively(cls, Draw(), V, D, 8), batch()
    whole = encoder.forward(xs)
    encoder.lstm.stateful = True
    assert not encoder.shares_prefixes
    for _ in range(2):
        encoder.lstm.reset_state()
        first, second = encoder.forward(xs[:, :1]), encoder.forward(xs[:, 1:])
        halves = np.concatenate((first, second), axis=1) if cls is AttentionEncoder else second
        np.testing.assert_allclose(halves, whole, rtol=1e-12, atol=1e-15)
    encoder.lstm.stateful = False
    np.testing.assert_array_equal(encoder.forward(xs), whole)


BAD = {  # what is done to (xs, ts): what the error says
    "xs 1-D": (lambda xs, ts: (xs[:, 0], ts), r"xs \(N, T_enc\) .*got \(7,\)"),
    "xs 3-D": (lambda xs, ts: (xs[..., None], ts), r"xs \(N, T_enc\) .*got \(7, 4, 1\)"),
    "no characters": (lambda xs, ts: (xs[:, :0], ts), r"xs \(N, T_enc\) .*got \(7, 0\)"),
    "no questions": (lambda xs, ts: (xs[:0], ts[:0]), r"xs \(N, T_enc\) .*got \(0, 4\)"),
    "ts 1-D": (lambda xs, ts: (xs, ts[:, 0]), r"expected ts \(7, T_dec \+ 1\), got \(7,\)"),
    "too few answers": (lambda xs, ts: (xs, ts[1:]), r"expected ts \(7, T_dec \+ 1\), got \(6, 3\)"),
    "a start alone": (lambda xs, ts: (xs, ts[:, :1]), r"expected ts \(7, T_dec \+ 1\), got \(7, 1\)"),
    "not ids": (lambda xs, ts: (xs + 0.5, ts), "expected integer ids, got float64"),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("cls", [Seq2seq, AttentionSeq2seq, *OTHERS])
def test_bad_questions_are_refused_alike_by_any_number_of_workers(cls, bad):
    model, (spoil, message) = willing(cls), BAD[bad]
    said = set()
    for count in (1, 2, 3):
        with pytest.raises(ValueError, match=message) as caught:
            step(model, *spoil(*batch()), count)
        said.add(str(caught.value))
    assert len(said) == 1


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("cls", [Seq2seq, AttentionSeq2seq, *OTHERS])
def test_decode_refuses_what_are_no_questions(cls, workers):
    model, (xs, _) = willing(cls), batch()
    for wrong in (xs[0], xs[:, :0], xs[:0], xs[..., None]):
        with pytest.raises(ValueError, match=r"decode: expected questions \(N, T_enc\) .* got \("):
            model.decode(wrong, 1, T_DEC, 2, workers=workers)
    for start_id, size, batch_size in ((1, 0, 2), (V, T_DEC, 2), (1, T_DEC, 0)):
        with pytest.raises(ValueError, match=r"decode: expected .*, got|Embedding: expected ids in"):
            model.decode(xs, start_id, size, batch_size, workers=workers)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        model.decode(xs, 1, T_DEC, workers=0)


# Inputs that saturate every gate


@pytest.mark.parametrize("size", [30, 800, 1e4])
@pytest.mark.parametrize("cls", TIME_OF)
def test_complex_step_of_large_inputs(cls, size):
    r = Draw(seed=2)
    xs = size * np.where(r(3, 5, 4) > 0, 1, -1) + r(3, 5, 4)
    xs[0] /= size  # and some that are not
    layer = cls(*r.weights(GATES[cls]))
    errors = check_gradients(layer, xs)  # which a nan, or a warning, fails
    assert set(errors) == {"Wx", "Wh", "b", "input 0"}
    layer.forward(xs)
    assert layer.backward(np.ones((3, 5, H)))[0].any()  # gradients still flow where gates are not saturated


@pytest.mark.parametrize("size", [1, 90, 1e4])
@pytest.mark.parametrize("cls", [*TIME_OF, TimeBiLSTM])
def test_large_inputs_raise_no_alarm_in_float32(cls, size):
    r = Draw(np.float32, seed=3)
    weights = [*r.weights(4), *r.weights(4)] if cls is TimeBiLSTM else r.weights(GATES[cls])
    layer, xs = cls(*weights), r(3, 5, 4)
    xs *= size / np.abs(xs).max()
    with np.errstate(all="raise", under="ignore"):  # callers' settings; exp may overflow inside, unseen
        hs = layer.forward(xs)
        dxs = layer.backward(r(*hs.shape))
    for array in (hs, dxs, *layer.grads):
        assert array.dtype == np.float32 and np.isfinite(array).all()
    assert np.abs(hs).max() <= 1 and hs.any()


def test_what_saturated_gates_compute():
    """Where all gates are open or shut, an LSTM counts and a GRU copies: no nan can hide there."""
    Wx, Wh, b = np.full((1, 4), 1e4), np.zeros((1, 4)), np.zeros(4)
    np.testing.assert_allclose(
        TimeLSTM(Wx, Wh, b).forward(np.ones((1, 3, 1)))[0, :, 0], np.tanh([1, 2, 3]), rtol=1e-15
    )  # f, g, i, o all 1
    assert not TimeLSTM(Wx, Wh, b).forward(-np.ones((1, 3, 1))).any()  # all shut
    gru = TimeGRU(Wx[:, :3] * [-1, 1, 1], Wh[:, :3], b[:3])
    np.testing.assert_array_equal(gru.forward(np.array([[[-1.0], [1], [1]]]))[0, :, 0], [-1, -1, -1])


@pytest.mark.parametrize("work", ["train", "decode"])
def test_an_encoder_that_remembers_has_one_worker(work):
    model = willing(AttentionSeq2seq)
    model.encoder.lstm.stateful = True
    xs = np.zeros((4, 3), dtype=int)
    with pytest.raises(ValueError, match=r"^AttentionSeq2seq: encoder\.lstm, .*with one worker only"):
        Workers(model, 2) if work == "train" else model.decode(xs, 1, 2, batch_size=2, workers=2)
    Workers(model, 1)
    model.decode(xs, 1, 2, batch_size=4)
