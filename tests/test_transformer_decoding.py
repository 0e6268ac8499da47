"""TransformerSeq2seq answers with kept keys and values, as if it read all of the answer so far at each step."""

import copy
import itertools
import pickle
import tracemalloc

import numpy as np
import pytest
import reference
import reference_transformer
from test_transformer_seq2seq import (
    PAD,
    REAL,
    SIDES,
    START,
    T_DEC,
    T_ENC,
    V,
    answers,
    close,
    either_norm,
    lively,
    questions,
    scores_of,
)

from common.layer import forget, named_params, walk


def many(count=50):
    return np.random.default_rng(0).integers(0, V, (count, T_ENC))


def forced(model, xs, ids):
    """The scores of the model's own answers, when they are given to it."""
    return scores_of(model, xs, np.concatenate((np.full((len(xs), 1), START), ids[:, :-1]), axis=1))


# Answers, with kept keys and values


@either_norm
@pytest.mark.parametrize("side", [None, *SIDES])
def test_decode_equals_the_loop(pre_norm, side):
    xs = questions(SIDES.get(side))
    model = lively(pre_norm=pre_norm, mask_padding=None if side is None else PAD)
    how = 2, pre_norm, None if side is None else reference.attended(xs, PAD)
    ids, log_probs, weights = reference_transformer.model_decode(named_params(model), xs, START, T_DEC, *how)
    decoded = model.decode(xs, START, T_DEC)
    np.testing.assert_array_equal(decoded.ids, ids)
    close(decoded.log_probs, log_probs)
    close(decoded.attention_weights, weights)


@either_norm
@pytest.mark.parametrize("dtype, bound", [(np.float32, 1e-4), (np.float64, 1e-12)])
def test_decode_is_the_forward_of_its_own_answer(pre_norm, dtype, bound):
    """Also of one much longer than those learned: positions go on."""
    model, xs = lively(dtype, pre_norm=pre_norm, dropout=0.3), many()
    for size in (1, 3 * T_DEC):
        decoded = model.decode(xs, START, size)
        log_p = reference.log_softmax(forced(model, xs, decoded.ids))
        assert decoded.ids.shape == (50, size) and len(np.unique(decoded.ids, axis=0)) >= 5
        best = np.sort(log_p, axis=-1)
        clear = (best[..., -1] - best[..., -2] > 10 * bound).all(axis=1)  # no tie that rounding could break
        assert clear.sum() > 40
        np.testing.assert_array_equal(decoded.ids[clear], log_p.argmax(axis=-1)[clear])
        summed = np.take_along_axis(log_p, decoded.ids[..., None], axis=-1).sum(axis=(1, 2))
        assert decoded.log_probs.dtype == decoded.attention_weights.dtype == dtype
        close(decoded.log_probs, summed, atol=size * bound)
        close(decoded.attention_weights, model.decoder.attention.attention_weights.transpose(1, 0, 2), atol=bound)


def test_a_longer_answer_begins_as_a_shorter_one():
    model, xs = lively(), many(9)
    np.testing.assert_array_equal(model.decode(xs, START, 9).ids[:, :2], model.decode(xs, START, 2).ids)


@pytest.mark.parametrize("mask_padding", [None, PAD])
def test_batches_workers_and_generate_answer_alike(mask_padding):
    model, xs = lively(mask_padding=mask_padding), np.concatenate((questions(REAL), questions(REAL[:, ::-1]), many(9)))
    whole = model.decode(xs, START, T_DEC)
    for batch_size, workers in ((1, 1), (3, 2), (5, 3)):
        parts = model.decode(xs, START, T_DEC, batch_size, workers=workers)
        np.testing.assert_array_equal(parts.ids, whole.ids)
        close(parts.log_probs, whole.log_probs)
        close(parts.attention_weights, whole.attention_weights)
        kept = model.decoder.attention.attention_weights.transpose(1, 0, 2)
        np.testing.assert_array_equal(kept, parts.attention_weights)
    for x, ids in zip(xs, whole.ids, strict=True):
        answer = model.generate(x[None], START, T_DEC)
        assert answer == ids.tolist() and {type(c) for c in answer} == {int}


@pytest.mark.parametrize("batch_size, workers", [(128, 1), (7, 2)])
def test_beam_search_of_width_one_is_greedy_to_the_bit(batch_size, workers):
    model, xs = lively(np.float32, mask_padding=PAD), many()
    decoded = model.decode(xs, START, T_DEC, batch_size, workers=workers)
    beam = model.beam_search(xs, START, T_DEC, 1, batch_size, workers=workers)
    for got, wanted in zip(beam, decoded, strict=True):
        assert got.dtype == wanted.dtype and got.shape[1] == 1
        np.testing.assert_array_equal(got[:, 0], wanted)


@either_norm
@pytest.mark.parametrize("side", [None, *SIDES])
def test_beam_search_of_full_width_is_brute_force(pre_norm, side):
    T, seed = 3, 10 if pre_norm else 1  # of models whose greedy answers are not all the best
    model = lively(sizes=(4, 4, 3), seed=seed, pre_norm=pre_norm, mask_padding=None if side is None else PAD)
    model.decoder.embed.W[...] *= 10
    xs = np.random.default_rng(1).integers(0, 4, (4, T_ENC))
    if side is not None:
        xs = np.where(SIDES[side], xs, PAD)
    found, greedy = model.beam_search(xs, START, T, 4 ** (T - 1)), model.decode(xs, START, T)
    every = np.array(list(itertools.product(range(4), repeat=T)))
    for n, x in enumerate(xs):
        log_p = reference.log_softmax(forced(model, np.tile(x, (len(every), 1)), every))
        log_probs = np.take_along_axis(log_p, every[:, :, None], axis=2).sum(axis=(1, 2))
        best = np.argsort(-log_probs)[: 4 ** (T - 1)]
        np.testing.assert_array_equal(found.ids[n], every[best])
        close(found.log_probs[n], log_probs[best])
        looked = model.decoder.attention.attention_weights.transpose(1, 0, 2)
        close(found.attention_weights[n], looked[best])
    if side is None:
        assert (greedy.ids != found.ids[:, 0]).any(), "greedy finds the best too: nothing was searched"


@pytest.mark.parametrize("width", [2, 3])
def test_narrow_search_equals_the_one_by_hand(width):
    model, xs = lively(seed=1), many(5)
    found = model.beam_search(xs, START, 5, width, batch_size=3)
    for n, x in enumerate(xs):
        beam = [(0.0, ())]
        for t in range(5):
            ids = np.array([(*one, 0) for _, one in beam])
            log_p = reference.log_softmax(forced(model, np.tile(x, (len(ids), 1)), ids))[:, t]
            more = [(total + log_p[b, v], (*one, v)) for b, (total, one) in enumerate(beam) for v in range(V)]
            beam = sorted(more, reverse=True)[:width]
        assert found.ids[n].tolist() == [list(ids) for _, ids in beam]
        close(found.log_probs[n], [total for total, _ in beam])


# What is kept, and for how long


def test_what_decoding_kept_is_freed():
    model, xs, ts = lively(np.float32, (V, 32, 16)), many(256), answers(256)
    peaks = []
    for batch_size in (256, 16, 256):
        tracemalloc.start()
        decoded = model.decode(xs, START, 20, batch_size)
        held, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        peaks.append(peak)
        keys_and_values = 2 * 2 * 256 * 20 * 32 * 4  # of two layers
        assert held < keys_and_values / 2 and decoded.ids.shape == (256, 20)
        assert all(part.cache is None for _, part in walk(model) if hasattr(part, "cache"))
    assert 3 * peaks[1] < peaks[2], peaks
    with pytest.raises(RuntimeError, match="before forward"):
        model.backward()
    model.generate(xs[:1], START, T_DEC)
    assert model.decoder.cache is not None
    model.forward(xs, ts)
    assert model.decoder.cache is None
    model.backward()


def test_backward_after_scores_and_scores_before_start_are_refused():
    model, xs, ts = lively(), questions(), answers(length=1)
    decoder, start = model.decoder, ts[:, :1]
    with pytest.raises(RuntimeError, match=r"^TransformerDecoder: scores was called before start$"):
        decoder.scores(start, model.encode(xs))
    decoder.forward(start, model.encode(xs))
    with pytest.raises(RuntimeError, match=r"^TransformerDecoder: scores was called before start$"):
        decoder.choose(np.arange(2))
    decoder.start(model.encode(xs))
    scores = decoder.scores(start, model.encode(xs))
    with pytest.raises(RuntimeError, match=r"^MultiHeadAttention: backward was called before forward$"):
        decoder.backward(scores)


def test_the_map_is_the_mean_over_layers_and_heads():
    model, xs = lively(layers=3), questions()
    attention = model.decoder.attention
    assert attention.attention_weights is None
    model.forward(xs, answers())
    heads = [layer.cross_attention.layer.attention_weights for layer in model.decoder.layers]
    assert {a.shape for a in heads} == {(4, 2, T_DEC, T_ENC)}
    close(attention.attention_weights.transpose(1, 0, 2), np.mean(heads, axis=(0, 2)))
    close(attention.attention_weights.sum(axis=2), np.ones((T_DEC, 4)))
    decoded = model.decode(xs, START, 9)
    assert attention.attention_weights.shape == (9, 4, T_ENC)
    decoded.attention_weights[...] = 0
    assert attention.attention_weights.all(), "a copy"
    model.forward(xs[:1], answers(1))
    assert attention.attention_weights.shape == (T_DEC, 1, T_ENC), "of the last forward, not of the answers before"
    model.decode(xs, START, 9)
    model.decoder.start(model.encode(xs))
    model.decoder.scores(answers()[:, :1], model.encode(xs))
    assert attention.attention_weights.shape == (1, 4, T_ENC)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_is_a_model_of_its_own(copied):
    model, xs, ts = lively(dropout=0.2), questions(), answers()
    loss = copy.deepcopy(model).forward(xs, ts)
    model.decode(xs, START, 2)
    other = copied(model)
    assert other.decoder.attention.layers is other.decoder.layers
    assert list(named_params(other)) == list(named_params(model))
    assert other.forward(xs, ts) == loss
    other.backward()
    assert all(g.any() for g in other.decoder.grads) and not any(g.any() for g in model.grads)
    forget(other)
    with pytest.raises(RuntimeError, match="before forward"):
        other.backward()
    for param in other.params:
        param += 1
    assert model.forward(xs, ts) == loss
