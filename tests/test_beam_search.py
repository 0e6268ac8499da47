"""Beam search: greedy at width 1, brute force at full width, and weights in step with the characters they belong to."""

import itertools
import tracemalloc

import numpy as np
import pytest
import reference
from test_seq2seq import MODELS, START, T_DEC, every_model, lively, questions

from common.layer import named_params
from seq2seq.beam_search import _highest

either_start = pytest.mark.parametrize("cell_state", [False, True])
V4, T4 = 4, 4
SEEDS = {"baseline": 3, "peeky": 8, "attention": 3}  # of models whose greedy answers are not all the best


def tiny(kind, seed=0, **options):
    """A model of four characters in float64 with large weights."""
    model = MODELS[kind](V4, 3, 4, **options, rng=np.random.default_rng(seed), dtype=np.float64)
    for param in model.params:
        param[...] = np.random.default_rng(param.size + seed).normal(size=param.shape) * 1.5
    return model


def every_answer(kind, model, x, mask=None):
    """All V4**T4 answers to one question: ids, log probabilities, and for attention weights, best first."""
    ids = np.array(list(itertools.product(range(V4), repeat=T4)))
    ts_in = np.concatenate((np.full((len(ids), 1), START), ids[:, :-1]), axis=1)
    xs, mask = (None if a is None else np.tile(a, (len(ids), 1)) for a in (x, mask))
    scores, weights = reference.model_scores(kind, named_params(model), xs, ts_in, mask, model.cell_state)
    log_p = np.take_along_axis(reference.log_softmax(scores), ids[:, :, None], axis=2).sum(axis=(1, 2))
    order = np.argsort(-log_p)
    return ids[order], log_p[order], None if weights is None else weights[order]


@either_start
@every_model
def test_width_one_is_greedy_to_the_bit(kind, cell_state):
    model, xs = lively(kind, cell_state=cell_state), questions()
    for batch_size, workers in ((128, 1), (7, 2)):
        decoded = model.decode(xs, START, T_DEC, batch_size, workers=workers)
        beam = model.beam_search(xs, START, T_DEC, 1, batch_size, workers=workers)
        for got, wanted in zip(beam, decoded, strict=True):
            if wanted is None:
                assert got is None
            else:
                assert got.dtype == wanted.dtype
                np.testing.assert_array_equal(got[:, 0], wanted)
                assert got.shape[1] == 1


@either_start
@every_model
def test_full_width_is_brute_force(kind, cell_state):
    model, xs = tiny(kind, SEEDS[kind], cell_state=cell_state), np.random.default_rng(1).integers(0, V4, (3, 5))
    found = model.beam_search(xs, START, T4, V4 ** (T4 - 1))
    greedy = model.decode(xs, START, T4)
    assert found.ids.shape == (3, V4**3, T4)
    for n, x in enumerate(xs):
        ids, log_probs, weights = every_answer(kind, model, x)
        np.testing.assert_array_equal(found.ids[n], ids[: V4**3])
        np.testing.assert_allclose(found.log_probs[n], log_probs[: V4**3], rtol=1e-12)
        if kind == "attention":
            np.testing.assert_allclose(found.attention_weights[n], weights[: V4**3], atol=1e-12)
            assert not np.allclose(weights[0], weights[63], atol=1e-3), "any weights would do"
        else:
            assert found.attention_weights is None
    assert (greedy.ids != found.ids[:, 0]).any(), "greedy finds the best too: nothing was searched"


def test_masked_padding_is_masked_for_every_hypothesis():
    model, xs = tiny("attention", mask_padding=0), np.array([[1, 0, 2, 0], [0, 0, 0, 0]])
    found = model.beam_search(xs, START, T4, 64)
    for n, mask in enumerate(reference.attended(xs, 0)):
        ids, log_probs, weights = every_answer("attention", model, xs[n], mask)
        np.testing.assert_array_equal(found.ids[n], ids[:64])
        np.testing.assert_allclose(found.log_probs[n], log_probs[:64], rtol=1e-12)
        np.testing.assert_allclose(found.attention_weights[n], weights[:64], atol=1e-12)


@every_model
def test_where_fewer_answers_exist_all_of_them_come_back(kind):
    model, xs = tiny(kind), np.random.default_rng(2).integers(0, V4, (2, 3))
    for size in (1, 2):
        found = model.beam_search(xs, START, size, 1000)
        assert found.ids.shape == (2, V4**size, size) and np.isfinite(found.log_probs).all()
        assert all(len(np.unique(ids, axis=0)) == V4**size for ids in found.ids), "each once"
        np.testing.assert_allclose(np.exp(found.log_probs).sum(axis=1), 1)
    assert model.beam_search(xs, START, 3, 5).ids.shape == (2, 5, 3), "the first step has but four beginnings"


def beam_by_hand(kind, model, x, size, width, seen=None):
    """Beam search of one question with the reference's steps, one hypothesis after the other."""
    p, how = named_params(model), getattr(model.decoder, "score", "dot")
    (hs,), (cs,) = reference.encode(p, x[None], cells=True)
    beam = [(0.0, (), hs[-1], cs[-1] if model.cell_state else np.zeros(hs.shape[1]), ())]
    for _ in range(size):
        more = []
        for total, ids, h, c, looked in beam:
            score, h, c, a = reference.decoder_step(kind, p, hs, h, c, ids[-1] if ids else START, seen, how)
            log_p = reference.log_softmax(score)
            more += [(total + log_p[v], (*ids, v), h, c, (*looked, a)) for v in range(len(log_p))]
        beam = sorted(more, key=lambda one: -one[0])[:width]
    return beam


@either_start
@every_model
@pytest.mark.parametrize("width", [2, 3])
def test_narrow_search_equals_the_one_by_hand(kind, width, cell_state):
    model, xs = tiny(kind, seed=1, cell_state=cell_state), np.random.default_rng(3).integers(0, V4, (4, 5))
    found = model.beam_search(xs, START, 6, width, batch_size=3)
    for n, x in enumerate(xs):
        beam = beam_by_hand(kind, model, x, 6, width)
        assert found.ids[n].tolist() == [list(ids) for _, ids, *_ in beam]
        np.testing.assert_allclose(found.log_probs[n], [total for total, *_ in beam], rtol=1e-12)
        if kind == "attention":
            np.testing.assert_allclose(found.attention_weights[n], [looked for *_, looked in beam], atol=1e-12)


@every_model
def test_batches_and_workers_do_not_matter(kind):
    model, xs = lively(kind), questions(20)
    whole = model.beam_search(xs, START, T_DEC, 3, batch_size=500)
    assert (np.diff(whole.log_probs) <= 0).all(), "best first"
    for batch_size, workers in ((1, 1), (7, 3)):
        parts = model.beam_search(xs, START, T_DEC, 3, batch_size, workers=workers)
        np.testing.assert_allclose(parts.log_probs, whole.log_probs, atol=1e-3)
        clear = (np.diff(whole.log_probs) < -1e-3).all(axis=1)
        assert clear.sum() > 10
        np.testing.assert_array_equal(parts.ids[clear], whole.ids[clear])


def test_weights_of_the_best_answers_are_left_behind():
    model, xs = lively("attention"), questions(5)
    found = model.beam_search(xs, START, T_DEC, 4, batch_size=2)
    best = model.decoder.attention.attention_weights
    np.testing.assert_array_equal(best.transpose(1, 0, 2), found.attention_weights[:, 0])
    found.attention_weights[...] = 0
    assert best.any()


def test_batch_size_bounds_the_memory():
    model = MODELS["attention"](11, 8, 32, rng=np.random.default_rng(0))
    xs, peaks = np.random.default_rng(0).integers(0, 11, (256, 12)), []
    model.beam_search(xs, START, 3, 4, batch_size=256)
    for batch_size in (16, 256):
        tracemalloc.start()
        model.beam_search(xs, START, 3, 4, batch_size)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert 3 * peaks[0] < peaks[1], peaks


def test_equally_likely_answers_come_in_the_order_of_their_characters():
    x = np.random.default_rng(0).integers(-3, 3, (20, 100)).astype(np.float32)
    for row, places in zip(x, _highest(x, 30), strict=True):
        assert places.tolist() == sorted(range(100), key=lambda i: -row[i])[:30]


@every_model
def test_errors_at_the_door(kind):
    model, xs = lively(kind), questions(3)
    for given, size, width, batch_size in (
        (xs[:0], 2, 2, 5),
        (xs[0], 2, 2, 5),
        (xs.tolist(), 2, 2, 5),
        (xs, 0, 2, 5),
        (xs, 2, 0, 5),
        (xs, 2, -1, 5),
        (xs, 2, 2, 0),
    ):
        with pytest.raises(ValueError, match=r"beam_search: .* got"):
            model.beam_search(given, START, size, width, batch_size)
    with pytest.raises(ValueError, match=r"expected ids in 0\.\.10"):
        model.beam_search(xs, -1, 2, 2)
