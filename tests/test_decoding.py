"""Batches of questions: each question is asked once, its answer returned in its place, and memory is bounded."""

import numpy as np
import pytest
from test_seq2seq import START, T_DEC, every_model, lively, questions

from common.layer import Layer
from common.lstm import TimeLSTM
from common.products import weights_kept
from seq2seq.decoding import Decoded, in_batches

TWICE = np.array([4, 0, 4, 2, 1, 1, 4, 3, 0, 2, 4])  # which of five questions is asked at each place


class Clerk(Layer):
    """Notes how many questions come at a time; the answer to a question is its characters plus one."""

    def __init__(self, stateful=False):
        super().__init__()
        self.stateful, self.rows = stateful, []

    def answer(self, xs, weights=True):
        self.rows.append(len(xs))
        return Decoded(xs + 1, xs.sum(axis=1) / 2, np.stack((xs, xs * 3), axis=1) if weights else None)


@pytest.mark.parametrize("weights", [True, False])
@pytest.mark.parametrize(("batch_size", "rows"), [(128, [5]), (2, [2, 2, 1]), (1, [1] * 5)])
def test_identical_questions_are_asked_once(batch_size, rows, weights):
    clerk, xs = Clerk(), questions(5)[TWICE]
    found = in_batches("decode", clerk, xs, lambda model, xs: model.answer(xs, weights), batch_size)
    assert clerk.rows == rows
    wanted = Clerk().answer(xs, weights)
    for got, want in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_model_that_remembers_is_asked_every_question():
    clerk = Clerk(stateful=True)
    in_batches("decode", clerk, questions(5)[TWICE], Clerk.answer, 4)
    assert clerk.rows == [4, 4, 3]


@every_model
@pytest.mark.parametrize("share_prefixes", [True, False])
def test_identical_questions_get_identical_answers(kind, share_prefixes):
    model, xs = lively(kind), questions(5)
    model.encoder.share_prefixes = share_prefixes
    for workers in (1, 2):
        for write in (model.decode, model.beam_search):
            once = write(xs, START, T_DEC, batch_size=3, workers=workers)
            repeated = write(xs[TWICE], START, T_DEC, batch_size=3, workers=workers)
            for got, wanted in zip(repeated, once, strict=True):
                np.testing.assert_array_equal(got, wanted if wanted is None else wanted[TWICE])


def test_the_weights_left_behind_are_those_of_all_questions():
    model, xs = lively("attention"), questions(5)[TWICE]
    decoded = model.decode(xs, START, T_DEC, batch_size=2)
    left = model.decoder.attention.attention_weights
    np.testing.assert_array_equal(left.transpose(1, 0, 2), decoded.attention_weights)
    assert len(decoded.attention_weights) == len(TWICE)


@pytest.mark.parametrize("write", ["decode", "beam_search"])
def test_peeky_multiplies_the_state_of_a_question_once(write, monkeypatch):
    model, multiplied = lively("peeky"), []
    multiply = model.decoder.lstm.multiply
    monkeypatch.setattr(model.decoder.lstm, "multiply", lambda h: multiplied.append(len(h)) or multiply(h))
    getattr(model, write)(questions(5), START, T_DEC, batch_size=2)
    assert multiplied == [2, 2, 1]
    assert model.decoder.cache is None, "large, and of no question to come"


@pytest.mark.parametrize("count", [1, 3])
def test_a_product_given_is_the_one_that_forward_would_compute(count):
    r = np.random.default_rng(0)
    weights = r.normal(size=(3 + 4, 4 * 5)), r.normal(size=(5, 4 * 5)), r.normal(size=4 * 5)
    xs, constant, dhs = r.normal(size=(2, count, 4)), r.normal(size=(2, 3)), r.normal(size=(2, count, 5))
    alone, helped = TimeLSTM(*weights), TimeLSTM(*weights)
    wanted = alone.forward(xs, constant=constant), *alone.backward(dhs), *alone.grads
    got = helped.forward(xs, constant=constant, product=helped.multiply(constant)), *helped.backward(dhs), *helped.grads
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)
    other = helped.forward(xs, constant=constant, product=helped.multiply(constant) + 1)
    assert not np.allclose(other, wanted[0]), "it is used"


@every_model
@pytest.mark.parametrize("write", ["decode", "beam_search"])
def test_weights_are_arranged_once(kind, write, monkeypatch):
    model, layers = lively(kind), []
    arrange = TimeLSTM._arrange
    monkeypatch.setattr(TimeLSTM, "_arrange", lambda layer, C: layers.append(layer) or arrange(layer, C))
    first = getattr(model, write)(questions(5), START, T_DEC, batch_size=2)
    assert layers == [model.encoder.lstm, model.decoder.lstm], "not at each step, or for each batch"
    for param in model.params:
        param *= -1
    second = getattr(model, write)(questions(5), START, T_DEC, batch_size=2)
    assert not np.allclose(first.log_probs, second.log_probs), "weights that changed are arranged anew"


def test_weights_kept_with_and_without_a_constant_are_two():
    r = np.random.default_rng(0)
    layer, xs = TimeLSTM(r.normal(size=(4, 12)), r.normal(size=(3, 12)), r.normal(size=12)), r.normal(size=(2, 5, 4))
    wanted = layer.forward(xs)
    with weights_kept(layer):
        for _ in range(2):
            np.testing.assert_array_equal(layer.forward(xs), wanted)
            layer.forward(xs[:, :, 2:], constant=xs[:, 0, :2])
