"""A decoder that starts from the encoder's cell state too, in every use of the model; without it, all is as ever."""

import numpy as np
import pytest
import reference
from layer_table import Draw
from layer_table import lively as drawn
from script_tools import TINY
from test_encoder_variants import BothWays, Plain
from test_parallel import assert_close, one, step
from test_seq2seq import MODELS, START, T_DEC, V, every_model, lively, questions

from common import checkpoint
from common.gradient_check import GradientError, check_gradients
from common.layer import named_params
from common.time_layers import TimeGRU
from seq2seq import AttentionSeq2seq, Encoder, Seq2seq, load_model, save_model


def batch(count=24):
    xs = np.random.default_rng(4).integers(0, 3, (count, 5))  # of few characters: many begin alike, some are the same
    return xs, np.random.default_rng(5).integers(0, V, (count, 4))


def asked(model, xs):
    decoded = model.decode(xs, START, T_DEC)
    return [part for part in decoded if part is not None]


@every_model
def test_off_is_the_chapters_model_to_the_bit(kind):
    """Also when on, if only the encoder's cell state were zeros."""

    class Empty(MODELS[kind].encoder_class):
        @property
        def c(self):
            return np.zeros_like(self.lstm.c)

        def backward(self, dh, dc=None):
            super().backward(dh)

    default, off, empty = lively(kind), lively(kind, cell_state=False), lively(kind, cell_state=True)
    empty.encoder.__class__ = Empty
    xs, ts = batch()
    for other in off, empty:
        for got, wanted in zip(one(other, xs, ts), one(default, xs, ts), strict=True):
            np.testing.assert_array_equal(got, wanted)
        for got, wanted in zip(asked(other, xs), asked(default, xs), strict=True):
            np.testing.assert_array_equal(got, wanted)
    assert default.decoder.c is None and default.arguments == off.arguments


@every_model
def test_on_it_starts_from_both_states(kind):
    on, off, (xs, ts) = lively(kind, cell_state=True), lively(kind), batch()
    assert abs(on.forward(xs, ts) - off.forward(xs, ts)) > 0.01
    np.testing.assert_array_equal(on.decoder.c, on.encoder.lstm.c)


@every_model
def test_workers_batches_and_equal_questions_have_cell_states_of_their_own(kind):
    model, xs = lively(kind, cell_state=True), np.concatenate([questions(9)] * 2)
    ids, log_probs, weights = reference.model_decode(kind, named_params(model), xs, START, T_DEC, cell_state=True)
    for batch_size, workers in ((128, 1), (1, 2), (4, 3)):
        decoded = model.decode(xs, START, T_DEC, batch_size, workers=workers)
        np.testing.assert_array_equal(decoded.ids, ids)
        np.testing.assert_allclose(decoded.log_probs, log_probs, rtol=1e-3, atol=1e-4)
        if weights is not None:
            np.testing.assert_allclose(decoded.attention_weights, weights, atol=1e-3)
    for x, wanted in zip(xs[:3], ids, strict=False):
        assert model.generate(x[None], START, T_DEC) == wanted.tolist()


@pytest.mark.parametrize("share_prefixes", [True, False])
@every_model
def test_any_number_of_workers_gives_the_same_gradients(kind, share_prefixes):
    model, (xs, ts) = lively(kind, np.float64, cell_state=True), batch()
    model.worth_a_worker = 1e-9, 1e-9
    model.encoder.share_prefixes = False
    wanted = one(model, xs, ts)
    model.encoder.share_prefixes = share_prefixes
    assert len(model.shares(xs, ts, 3)) == 3
    for count in (1, 2, 3):
        assert_close(step(model, xs, ts, count), wanted)


@every_model
def test_a_gradient_that_does_not_reach_the_encoders_cell_state_is_found(kind):
    class Forgetful(MODELS[kind]):
        def backward(self, dout=1):
            self.encoder.backward(self.decoder.backward(self.softmax.backward(dout)))

    model = drawn(Forgetful, Draw(), V, 2, 3)
    check_gradients(model, *batch(3))
    model.cell_state = True
    with pytest.raises(GradientError, match=r"gradient of encoder\."):
        check_gradients(model, *batch(3))


# Files


@every_model
def test_a_file_keeps_it(tmp_path, kind):
    for cell_state in (True, False):
        model = lively(kind, cell_state=cell_state)
        save_model(tmp_path / "model.npz", model)
        again, facts = load_model(tmp_path / "model.npz")
        assert again.cell_state is cell_state and ("cell_state" in facts["arguments"]) == cell_state, "0.2.0 loads it"
        for got, wanted in zip(asked(again, questions(5)), asked(model, questions(5)), strict=True):
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("wrong", [1, "no", None, [True]])
def test_what_is_neither_true_nor_false_is_refused(tmp_path, wrong):
    with pytest.raises(ValueError, match=rf"^Seq2seq: expected cell_state True or False, got {type(wrong).__name__}$"):
        Seq2seq(V, 2, 3, cell_state=wrong)
    save_model(tmp_path / "model.npz", lively("attention", cell_state=True))
    arrays, facts = checkpoint.load(tmp_path / "model.npz")
    facts["arguments"]["cell_state"] = wrong
    checkpoint.save(tmp_path / "model.npz", arrays, facts)
    with pytest.raises(checkpoint.CheckpointError, match=r"not a model file: .* expected cell_state True or False"):
        load_model(tmp_path / "model.npz")


def test_train_date_has_an_option_for_it(tiny, in_process):
    arguments = "--data", tiny, *TINY, "--quiet", "--cell-state", "--keep-maps", "--workers", 1
    assert in_process(tiny.parent, "train_date.py", *arguments).returncode == 0
    for name in MODELS:
        model, _ = load_model(tiny.parent / "runs" / "date" / f"{name}.npz")
        assert model.cell_state
    again = in_process(tiny.parent, "train_date.py", "--resume", "runs/date", "--max-epoch", 2, "--quiet")
    assert again.returncode == 0, "it is one of the run's options"


# Parts of a reader's


class Cell(Plain):
    """The chapter's kind of encoder, with a cell state: the mean embedding, as wide as the decoder's."""

    def forward(self, xs):
        h = super().forward(xs)
        self.c = self.mean.copy()
        return h

    def backward(self, dh, dc):
        da = dh * (1 - self.h**2)
        self.grads[-1][...] = self.mean.T @ da
        self.embed.backward(np.repeat((da @ self.W.T + dc)[:, None] / self.T, self.T, axis=1))


class NoLayer:
    """A decoder that knows no cell state."""

    params, grads = (), ()


def test_an_encoder_of_a_readers_with_a_cell_state_works():
    class ReadersSeq2seq(Seq2seq):
        encoder_class = Cell

    xs, ts = batch(4)
    model = ReadersSeq2seq(V, 3, 3, cell_state=True, rng=np.random.default_rng(1), dtype=np.float64)
    check_gradients(model, xs, ts)
    assert model.decode(xs, START, 3).ids.shape == (4, 3)


@pytest.mark.parametrize("cls", [Seq2seq, AttentionSeq2seq])
def test_parts_without_a_cell_state_are_refused(cls):
    xs, ts = batch(4)
    for part, name in ((BothWays, "BothWays"), (Plain, "Plain"), (Encoder, "Encoder")):
        model = cls(V, 4, 4, cell_state=True)
        model.encoder = part(V, 4, 4, rng=np.random.default_rng(0), dtype=np.float32)
        if part is Encoder:
            model.encoder.lstm = TimeGRU(*Draw().weights(3, 4, 4))
        for use in (lambda model=model: model.forward(xs, ts), lambda model=model: model.decode(xs, START, 2)):
            with pytest.raises(
                ValueError, match=rf"^{cls.__name__}: cell_state needs an encoder with c, .* got {name} "
            ):
                use()
    model = cls(V, 4, 4, cell_state=True)
    model.decoder = NoLayer()
    with pytest.raises(ValueError, match=r"and a decoder with c and dc, got \w*Encoder and NoLayer$"):
        model.forward(xs, ts)
