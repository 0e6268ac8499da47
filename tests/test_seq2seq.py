"""The three models: what they promise untrained, how they answer, and that they learn."""

import math

import numpy as np
import pytest
import reference

from common.layer import named_params
from common.layers import Dropout
from common.optimizer import Adam
from common.trainer import Trainer
from common.util import eval_seq2seq
from dataset import sequence
from seq2seq import AttentionSeq2seq, PeekySeq2seq, Seq2seq, exact_match

MODELS = {"baseline": Seq2seq, "peeky": PeekySeq2seq, "attention": AttentionSeq2seq}
every_model = pytest.mark.parametrize("kind", MODELS)
V, START, T_ENC, T_DEC = 11, 3, 9, 6


def lively(kind, dtype=np.float32, **options):
    """A model that is not trained but, its weights being large, answers each question in its own way."""
    model = MODELS[kind](V, 8, 16, **options, rng=np.random.default_rng(0), dtype=dtype)
    for name, param in named_params(model).items():
        param *= 100 if name.endswith("embed.W") else 5  # embeddings start at 0.01
    return model


def questions(count=50):
    return np.random.default_rng(0).integers(0, V, (count, T_ENC))


def forced_scores(model, xs, decoded):
    """Scores (N, T_dec, V) when the model is given its own answers."""
    starts = np.full((len(xs), 1), START)
    return model.decoder.forward(np.concatenate((starts, decoded.ids[:, :-1]), axis=1), model.encoder.forward(xs))


def test_untrained_model_knows_nothing():
    rng = np.random.default_rng(0)
    model = AttentionSeq2seq(10, 5, 7, rng=rng)
    loss = model.forward(rng.integers(0, 10, (3, 6)), rng.integers(0, 10, (3, 5)))
    assert loss == pytest.approx(math.log(10), abs=0.01)
    assert model.backward() is None


def assert_weights(weights, T_dec, N, T_enc):
    assert np.array(weights).shape == (T_dec, N, T_enc)
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)


def test_attention_weights_of_all_steps_are_kept():
    model = AttentionSeq2seq(59, 8, 16, rng=np.random.default_rng(0))
    attention = model.decoder.attention
    rng = np.random.default_rng(0)
    xs, ts = rng.integers(0, 59, (23, 29)), rng.integers(0, 59, (23, 11))
    model.forward(xs[:1], ts[:1])
    assert_weights(attention.attention_weights, 10, 1, 29)
    model.generate(xs[:1], 14, 10)
    assert_weights(attention.attention_weights, 10, 1, 29)
    decoded = model.decode(xs, 14, 10, batch_size=7)  # 4 batches, the last one of 2
    assert_weights(attention.attention_weights, 10, 23, 29)
    np.testing.assert_array_equal(decoded.attention_weights.transpose(1, 0, 2), attention.attention_weights)


def test_attention_weights_are_those_of_the_models_own_answer():
    model, xs = lively("attention"), questions()
    decoded = model.decode(xs, START, T_DEC)
    assert np.unique(decoded.attention_weights.argmax(axis=-1)).size > 3  # it looks around
    forced_scores(model, xs, decoded)
    own = model.decoder.attention.attention_weights.transpose(1, 0, 2)
    np.testing.assert_allclose(decoded.attention_weights, own, atol=1e-5)
    # and not of another answer
    model.forward(xs, np.random.default_rng(5).integers(0, V, (len(xs), T_DEC + 1)))
    other = model.decoder.attention.attention_weights.transpose(1, 0, 2)
    assert np.abs(decoded.attention_weights - other).max() > 0.1


@every_model
def test_decode_equals_the_reference(kind):
    model, xs = lively(kind, np.float64), questions(5)
    decoded = model.decode(xs, START, T_DEC)
    ids, log_probs, weights = reference.model_decode(kind, named_params(model), xs, START, T_DEC)
    np.testing.assert_array_equal(decoded.ids, ids)
    np.testing.assert_allclose(decoded.log_probs, log_probs, rtol=1e-10)
    if kind == "attention":
        np.testing.assert_allclose(decoded.attention_weights, weights, atol=1e-12)
    else:
        assert decoded.attention_weights is None and weights is None


@every_model
def test_decode_writes_what_generate_writes(kind):
    model, xs = lively(kind), questions()
    decoded = model.decode(xs, START, T_DEC)
    assert len(np.unique(decoded.ids, axis=0)) > 20
    best = np.sort(reference.log_softmax(forced_scores(model, xs, decoded)), axis=-1)
    clear = (best[..., -1] - best[..., -2] >= 1e-5).all(axis=1)  # no tie that rounding could break
    assert clear.sum() > 45
    for x, ids in zip(xs[clear], decoded.ids[clear], strict=True):
        answer = model.generate(x[None], START, T_DEC)
        assert type(answer) is list and {type(c) for c in answer} == {int}
        assert answer == ids.tolist()


@every_model
def test_log_probs_are_of_the_answer_in_nats(kind):
    model, xs = lively(kind), questions()
    decoded = model.decode(xs, START, T_DEC)
    log_p = reference.log_softmax(forced_scores(model, xs, decoded))
    summed = np.take_along_axis(log_p, decoded.ids[..., None], axis=-1).sum(axis=(1, 2))
    assert decoded.log_probs.shape == (len(xs),) and summed.min() < -1 and np.ptp(summed) > 1
    np.testing.assert_allclose(decoded.log_probs, summed, atol=1e-4)
    np.testing.assert_array_equal(decoded.ids, log_p.argmax(axis=-1))


@every_model
def test_batch_size_does_not_matter(kind):
    model, xs = lively(kind), questions()
    whole = model.decode(xs, START, T_DEC, batch_size=500)
    for batch_size in (1, 7, 50):
        parts = model.decode(xs, START, T_DEC, batch_size)
        np.testing.assert_array_equal(parts.ids, whole.ids)
        np.testing.assert_allclose(parts.log_probs, whole.log_probs, atol=1e-4)
        if kind == "attention":
            np.testing.assert_allclose(parts.attention_weights, whole.attention_weights, atol=1e-5)


@every_model
def test_answers_have_any_length_and_no_memory(kind):
    model, xs = lively(kind), questions(4)
    long, short = model.decode(xs, START, 12).ids, model.decode(xs, START, 2).ids
    assert long.shape == (4, 12)
    np.testing.assert_array_equal(short, long[:, :2])  # greedy: what comes later changes nothing
    np.testing.assert_array_equal(model.decode(xs[::-1], START, 12).ids, long[::-1])


@every_model
def test_exact_match_counts_as_eval_seq2seq_does(kind):
    model, xs = lively(kind), questions(30)
    ids = model.decode(xs, START, T_DEC).ids
    ts = np.concatenate((np.full((30, 1), START), ids), axis=1)
    assert exact_match(model, xs, ts) == 1
    ts[:12, np.arange(12) % T_DEC + 1] += 1  # more than one character, all places
    ts[12, -1] += 1  # just the last
    one_by_one = sum(eval_seq2seq(model, x[None], t[None], None) for x, t in zip(xs, ts, strict=True))
    assert one_by_one == 17
    for batch_size in (500, 7):
        assert exact_match(model, xs, ts, batch_size) == pytest.approx(17 / 30)


@every_model
def test_errors_at_the_door(kind):
    model, xs = lively(kind), questions(3)
    for given, size, batch_size in ((xs[:0], 2, 5), (xs, 0, 5), (xs, -1, 5), (xs, 2, 0), (xs, 2, -1)):
        with pytest.raises(ValueError, match=r"decode: .*got"):
            model.decode(given, START, size, batch_size)
    with pytest.raises(ValueError, match="generate: expected one question, got 3"):
        model.generate(xs, START, 2)
    for start_id in (V, -1):
        with pytest.raises(ValueError, match=r"expected ids in 0\.\.10"):
            model.decode(xs, start_id, 2)
    with pytest.raises(ValueError, match="Seq2seq: expected sizes"):
        MODELS[kind](0, 4, 5)


@every_model
def test_generate_of_no_question_says_so(kind):
    with pytest.raises(ValueError, match="at least one question and one character"):
        lively(kind).generate(questions(3)[:0], START, 2)


@every_model
def test_a_question_or_an_answer_without_characters_is_refused(kind):
    model, xs, ts = lively(kind), questions(3), np.full((3, T_DEC + 1), START)
    with pytest.raises(ValueError, match="at least one question and one character"):
        model.forward(xs[:, :0], ts)
    for wrong in (ts[:, :1], ts[:2], ts[0]):
        with pytest.raises(ValueError, match=r"expected ts \(3, T_dec \+ 1\), got"):
            model.forward(xs, wrong)


@every_model
def test_backward_after_decode_is_refused(kind):
    model, xs, ts = lively(kind), questions(3), np.full((3, 2), START)
    model.forward(xs, ts)
    model.decode(xs, START, 1)
    with pytest.raises(RuntimeError, match="before forward"):
        model.backward()


def test_edits_of_a_result_do_not_reach_the_layer():
    model = lively("attention")
    decoded = model.decode(questions(3), START, T_DEC)
    before = model.decoder.attention.attention_weights.copy()
    decoded.attention_weights[...] = 0
    assert np.array_equal(model.decoder.attention.attention_weights, before)


def test_exact_match_errors():
    model, xs = lively("baseline"), questions(3)
    ts = np.full((3, T_DEC + 1), START)
    for x, t in ((xs[:0], ts[:0]), (xs, ts[:1]), (xs[:2], ts)):
        with pytest.raises(ValueError, match=r"exact_match: expected .*, got"):
            exact_match(model, x, t)


@every_model
def test_answering_infers_and_leaves_the_flags(kind):
    model, xs = lively(kind), questions(2)
    model.encoder.dropout, model.decoder.dropout = Dropout(), Dropout()
    model.decoder.dropout.train_flg = False
    forward, seen = model.encoder.forward, []

    def watched(xs):
        seen.append((model.encoder.dropout.train_flg, model.decoder.dropout.train_flg))
        return forward(xs)

    model.encoder.forward = watched
    model.decode(xs, START, T_DEC)
    model.generate(xs[:1], START, T_DEC)
    with pytest.raises(ValueError):
        model.decode(xs, START, 0)
    assert seen == [(False, False)] * 3
    assert (model.encoder.dropout.train_flg, model.decoder.dropout.train_flg) == (True, False)


@every_model
def test_answering_does_not_disturb_training(kind):
    xs = questions(4)
    ts = np.random.default_rng(2).integers(0, V, (4, T_DEC + 1))
    one, other = lively(kind), lively(kind)
    other.decode(xs, START, 3)
    for model in (one, other):
        model.forward(xs, ts)
        model.backward()
    for a, b in zip(one.grads, other.grads, strict=True):
        assert a.any()
        np.testing.assert_array_equal(a, b)


@every_model
def test_learns(kind):
    """Layers, loss, gradients, optimizer, loop and decoding together: twenty additions by heart."""
    data = sequence.generate("addition.txt", count=20, seed=1)
    xs, ts = data.questions, data.answers
    model = MODELS[kind](len(data.vocabulary), 16, 32, rng=np.random.default_rng(0))
    trainer = Trainer(model, Adam(lr=0.03), rng=np.random.default_rng(1), callbacks=())
    assert exact_match(model, xs, ts) < 0.2
    history = trainer.fit(xs, ts, max_epoch=150, batch_size=20, max_grad=5.0)
    assert history[0]["loss"] == pytest.approx(math.log(len(data.vocabulary)), abs=0.2)
    assert history[-1]["loss"] < 0.02
    assert exact_match(model, xs, ts) == 1
    assert exact_match(model, xs[:, ::-1], ts) < 1  # it reads the question
