"""Attention of a text to itself: what it computes, what it never sees, and how much memory it takes."""

import tracemalloc

import numpy as np
import pytest
import reference_text
from layer_table import CASES, HOLES, NOTHING, RAGGED, T_ENC, D, Draw, H, N, T, as_tuple, build, lively, upstream

from common.initializers import glorot_normal
from common.layer import named_params
from common.self_attention import ScaledDotAttention, SeqSelfAttention

KINDS = ("additive", "multiplicative")


def cases(name):
    return [case for case in CASES if case.split("-")[0] == name]


def close(got, wanted, rtol=1e-12, atol=1e-13):
    assert np.shape(got) == np.shape(wanted)
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=atol)


def self_attention(r, units=3, **options):
    return lively(lambda *sizes, **first: SeqSelfAttention(*sizes, **options, **first), r, D, units)


# Forward: equal to the naive loops


@pytest.mark.parametrize("name", cases("ScaledDotAttention"))
def test_scaled_dot_attention_equals_the_loop(name):
    layer, inputs = build(name)
    context, weights = reference_text.scaled_dot_attention(*inputs)
    close(layer.forward(*inputs), context)
    close(layer.attention_weights, weights)


@pytest.mark.parametrize("name", cases("SeqSelfAttention"))
def test_self_attention_equals_the_loop(name):
    layer, inputs = build(name)
    ys, weights = reference_text.seq_self_attention(
        named_params(layer),
        *inputs,
        kind=layer.attention_type,
        width=layer.attention_width,
        history_only=layer.history_only,
        activation=layer.attention_activation,
    )
    close(layer.forward(*inputs), ys)
    close(layer.attention_weights, weights)


@pytest.mark.parametrize("block", [1, 60, 200, 700])
def test_blocks_change_nothing(block):
    r = Draw()
    layer, xs = self_attention(r), r(4, T_ENC, D)
    (dys,) = upstream([xs])

    def run():
        ys = layer.forward(xs)
        return [ys, layer.backward(dys), *map(np.copy, layer.grads)]

    whole = run()
    layer.block = block
    for got, wanted in zip(run(), whole, strict=True):
        close(got, wanted)
    assert layer.kept["h"].size >= 4 * T_ENC**2 * 3  # the first call's
    layer.kept.clear()
    run()
    assert layer.kept["h"].size <= max(block, T_ENC * 3)


# Parameters


def count(**options):
    return sum(p.size for p in SeqSelfAttention(300, 32, **options).params)


def test_parameters():
    layer = SeqSelfAttention(300, rng=np.random.default_rng(0))
    shapes = {name: p.shape for name, p in named_params(layer).items()}
    assert shapes == {"Wt": (300, 32), "Wx": (300, 32), "bh": (32,), "Wa": (32, 1), "ba": (1,)}
    assert count() == 19_265 and count(use_additive_bias=False, use_attention_bias=False) == 19_232
    assert count(attention_type="multiplicative") == 90_001
    assert {p.dtype for p in layer.params} == {np.dtype(np.float32)}
    assert not layer.bh.any() and not layer.ba.any()
    assert layer.Wt.std() == pytest.approx((2 / 332) ** 0.5, rel=0.03)
    assert not np.allclose(layer.Wt, layer.Wx)
    again = SeqSelfAttention(300, rng=np.random.default_rng(0))
    assert all(np.array_equal(a, b) for a, b in zip(layer.params, again.params, strict=True))


def test_glorot_normal():
    W = glorot_normal((300, 100), rng=np.random.default_rng(0), dtype=np.float64)
    assert W.dtype == np.float64 and W.shape == (300, 100)
    assert W.std() == pytest.approx(0.005**0.5, rel=0.02) and W.mean() == pytest.approx(0, abs=0.002)
    assert np.abs(W).max() > 3 * W.std()  # not cut off


@pytest.mark.parametrize("kind", KINDS)
def test_attention_bias_matters_with_an_activation_only(kind):
    for activation, matters in ((None, False), ("sigmoid", True)):
        r = Draw()
        layer, xs = self_attention(r, attention_type=kind, attention_activation=activation), r(N, T, D)
        ys = layer.forward(xs)
        layer.backward(*upstream([ys]))
        assert (abs(layer.grads[-1][0]) > 1e-3) == matters
        layer.ba += 1
        assert np.allclose(layer.forward(xs), ys, rtol=1e-12, atol=1e-12) != matters


# What is seen


@pytest.mark.parametrize(
    ("options", "first", "last"),  # a token sees from first to last, counted from itself
    [
        ({}, -6, 6),
        ({"attention_width": 1}, 0, 0),
        ({"attention_width": 2}, -1, 0),
        ({"attention_width": 3}, -1, 1),
        ({"attention_width": 4}, -2, 1),
        ({"attention_width": 5}, -2, 2),
        ({"attention_width": 100}, -6, 6),
        ({"history_only": True}, -6, 0),
        ({"history_only": True, "attention_width": 1}, 0, 0),
        ({"history_only": True, "attention_width": 2}, -1, 0),
        ({"history_only": True, "attention_width": 3}, -2, 0),
        ({"history_only": True, "attention_width": 100}, -6, 0),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_window(kind, options, first, last):
    r = Draw()
    layer, xs = self_attention(r, attention_type=kind, **options), r(2, 7, D)
    ys = layer.forward(xs)
    weights = layer.attention_weights
    for t in range(7):
        seen = [s for s in range(7) if first <= s - t <= last]
        outside = sorted(set(range(7)) - set(seen))
        assert np.flatnonzero(weights[1, t]).tolist() == seen
        changed = xs.copy()
        changed[:, outside] += 1
        close(layer.forward(changed)[:, t], ys[:, t])
        dys = np.zeros_like(ys)
        dys[:, t] = 1
        assert (layer.backward(dys)[:, outside] == 0).all()


def test_window_of_a_long_text():
    layer = SeqSelfAttention(1, attention_type="multiplicative", history_only=True)
    layer.forward(np.zeros((1, 1500, 1), dtype=np.float32))
    assert np.array_equal(layer.attention_weights[0] > 0, np.tri(1500, dtype=bool))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mask", [RAGGED, NOTHING, HOLES])
def test_padding_neither_sends_nor_receives(kind, mask):
    r = Draw()
    layer, xs = self_attention(r, attention_type=kind, attention_width=4), r(N, T_ENC, D)
    ys = layer.forward(xs, mask)
    weights = layer.attention_weights
    real_pairs = mask[:, :, None] & mask[:, None, :]
    assert (weights[~real_pairs] == 0).all() and (ys[~mask] == 0).all()
    close(weights.sum(axis=-1), mask.astype(float))
    dxs = layer.backward(*upstream([ys]))
    assert (dxs[~mask] == 0).all() and (dxs[mask] != 0).all()
    grads = [g.copy() for g in layer.grads]

    noise = np.where(mask[..., None], xs, 100 * r(N, T_ENC, D))
    assert np.array_equal(layer.forward(noise, mask), ys)
    layer.backward(np.where(mask[..., None], *upstream([ys]), 100))
    for got, wanted in zip(layer.grads, grads, strict=True):
        close(got, wanted)


def test_a_query_with_nothing_to_see_gives_zeros():
    r = Draw()
    xs, mask = r(1, 4, D), np.array([[True, False, False, False]])
    layer = self_attention(r)
    close(layer.forward(xs, mask)[0, 0], xs[0, 0])
    ys = layer.forward(xs, mask & False)
    assert not ys.any() and not layer.attention_weights.any()
    assert not layer.backward(*upstream([ys])).any() and not any(g.any() for g in layer.grads)


@pytest.mark.parametrize("options", [{}, {"attention_width": 3}, {"history_only": True}])
@pytest.mark.parametrize("kind", KINDS)
def test_the_side_of_the_padding_makes_no_difference(kind, options):
    r = Draw()
    layer, texts = self_attention(r, attention_type=kind, **options), [r(length, D) for length in (6, 4, 1)]
    after, before = np.zeros((2, N, T_ENC, D))
    for n, text in enumerate(texts):
        after[n, : len(text)] = text
        before[n, T_ENC - len(text) :] = text
    at_after = layer.forward(after, RAGGED)
    weights = layer.attention_weights
    at_before = layer.forward(before, RAGGED[:, ::-1])
    weights_before = layer.attention_weights
    for n, text in enumerate(texts):
        k = len(text)
        close(at_before[n, T_ENC - k :], at_after[n, :k])
        close(weights_before[n, T_ENC - k :, T_ENC - k :], weights[n, :k, :k])
        close(layer.forward(text[None])[0], at_after[n, :k])  # nor does it matter whether there is any


def test_query_and_side_of_the_padding():
    r = Draw()
    layer, q, hs = ScaledDotAttention(), r(N, H), r(N, T_ENC, H)
    c = layer.forward(q, hs, RAGGED)
    close(layer.attention_weights.sum(axis=1), np.ones(N))
    dq, dhs = layer.backward(*upstream([c]))
    assert (layer.attention_weights[~RAGGED] == 0).all() and (dhs[~RAGGED] == 0).all()
    close(layer.forward(q, hs[:, ::-1], RAGGED[:, ::-1]), c)
    turned_dq, turned_dhs = layer.backward(*upstream([c]))
    close(turned_dq, dq)
    close(turned_dhs[:, ::-1], dhs)
    c = layer.forward(q, hs, NOTHING)
    dq, dhs = layer.backward(*upstream([c]))
    assert not any(array[1].any() for array in (c, layer.attention_weights, dq, dhs))


# The layer at work


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", [None, "sigmoid"])
@pytest.mark.parametrize("kind", KINDS)
def test_large_inputs_stay_finite(kind, activation, dtype):
    r = Draw(dtype)
    layer = self_attention(r, attention_type=kind, attention_activation=activation, attention_width=4)
    with np.errstate(all="raise", under="ignore"):
        for scale in (1e4, -1e4, 1e-30):
            ys = layer.forward(scale * r(N, T_ENC, D), HOLES)
            dxs = layer.backward(*upstream([ys]))
            assert all(np.isfinite(array).all() for array in (ys, dxs, *layer.grads, layer.attention_weights))
        query = ScaledDotAttention()
        c = query.forward(1e4 * r(N, H), 1e4 * r(N, T_ENC, H), HOLES)
        assert all(np.isfinite(array).all() for array in (c, *query.backward(*upstream([c]))))


def test_a_window_holds_whatever_the_score_outside():
    layer = SeqSelfAttention(D, attention_type="multiplicative", attention_width=1)
    layer.Wa[...] = np.eye(D)
    layer.forward(np.multiply.outer([[100, 2000]], np.ones(D, np.float32)))  # scores of 8e5 and 1.6e7
    assert np.array_equal(layer.attention_weights, [np.eye(2)])


@pytest.mark.parametrize("name", ["ScaledDotAttention-ragged", *(f"SeqSelfAttention-{v}" for v in ("ragged", "holes"))])
def test_attention_weights_are_the_callers(name):
    layer, inputs = build(name)
    assert layer.attention_weights is None
    ys = layer.forward(*inputs)
    first = layer.attention_weights
    before, dins = first.copy(), as_tuple(layer.backward(*upstream([ys])))
    first[...] = 7
    for again, wanted in zip(as_tuple(layer.backward(*upstream([ys]))), dins, strict=True):
        assert np.array_equal(again, wanted)
    layer.forward(*inputs)
    assert np.array_equal(layer.attention_weights, before) and (first == 7).all()


def test_a_used_layer_computes_what_a_new_one_does():
    """To the last bit, whatever its work array holds; and that is allocated by the largest call alone."""
    used = self_attention(Draw())
    used.block = 300
    for n, t in ((9, 7), (2, 3), (1, 8), (3, 1), (5, 6)):
        new = self_attention(Draw())
        new.block = 300
        xs = Draw(seed=n)(n, t, D)
        for array in used.kept.values():
            array.fill(np.nan)
        held = used.kept.get("h")
        for layer in (used, new):
            layer.result = [layer.forward(xs), layer.backward(xs), *layer.grads]
        assert all(np.array_equal(a, b) for a, b in zip(used.result, new.result, strict=True))
        assert held is None or t == 8 or used.kept["h"] is held


def test_memory_of_a_long_text():
    """A few arrays over pairs of tokens, never one for every unit."""
    n, t, units = 2, 800, 32
    layer = SeqSelfAttention(4, units, rng=np.random.default_rng(0))
    xs = Draw(np.float32)(n, t, 4)
    tracemalloc.start()
    try:
        layer.forward(xs, np.ones((n, t), dtype=bool))
        layer.backward(xs)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    pairs = n * t * t * 4
    assert peak < 7 * pairs + 4 * layer.block + 2**20 < units * pairs / 3


# Errors at the door


def z(*shape):
    return np.zeros(shape)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SeqSelfAttention(4, attention_type="dot"), r"expected 'additive' or 'mul.*', got 'dot'"),
        (lambda: SeqSelfAttention(4, attention_activation="tanh"), r"expected None or 'sigmoid', got 'tanh'"),
        (lambda: SeqSelfAttention(4, units=0), r"units: expected at least 1, got 0"),
        (lambda: SeqSelfAttention(0), r"input_size: expected at least 1, got 0"),
        (lambda: SeqSelfAttention(4, attention_width=0), r"attention_width: expected at least 1, got 0"),
        (lambda: SeqSelfAttention(4).forward(z(3, 4)), r"expected shape \(any, any, 4\), got \(3, 4\)"),
        (lambda: SeqSelfAttention(4).forward(z(3, 5, 6)), r"expected shape \(any, any, 4\), got \(3, 5, 6\)"),
        (
            lambda: SeqSelfAttention(4, attention_type="multiplicative").forward(z(3, 5, 6)),
            r"expected shape \(any, any, 4\), got \(3, 5, 6\)",
        ),
        (lambda: SeqSelfAttention(4).forward(z(3, 0, 4)), r"expected at least one token .* \(3, 0, 4\)"),
        (lambda: SeqSelfAttention(4).forward(z(3, 5, 4), z(3, 4) == 0), r"mask: expected shape \(3, 5\), got \(3, 4\)"),
        (lambda: SeqSelfAttention(4).forward(z(3, 5, 4), z(3, 5)), r"mask: expected bool.* got float64"),
        (lambda: ScaledDotAttention().forward(z(3, 7), z(3, 7)), r"hs .*: expected shape .*, got \(3, 7\)"),
        (lambda: ScaledDotAttention().forward(z(3, 6), z(3, 5, 7)), r"q .*: expected shape \(3, 7\), got \(3, 6\)"),
        (lambda: ScaledDotAttention().forward(z(3, 7), z(3, 5, 7), z(5, 3) == 0), r"shape \(3, 5\), got \(5, 3\)"),
        (
            lambda: ScaledDotAttention().forward(z(3, 7), z(3, 5, 7), z(3, 5).astype(int)),
            r"mask: expected bool.* got int64",
        ),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=rf"^(SeqSelf|ScaledDot)Attention: .*{message}"):
        call()


def test_wrong_upstream_gradient_is_named():
    layer, (xs,) = build("SeqSelfAttention")
    layer.forward(xs)
    with pytest.raises(ValueError, match=r"^SeqSelfAttention: dys .*: expected shape \(2, 4, 4\), got \(2, 4, 3\)"):
        layer.backward(z(2, 4, 3))
