"""Multi-head attention: what it computes, what it never sees, kept keys and values, and how much memory it takes."""

import tracemalloc

import numpy as np
import pytest
import reference_transformer
from layer_table import CASES, build, upstream
from table_inputs import HOLES, NOTHING, RAGGED, T_ENC, Draw, N, T
from transformer_table import HEADS, D, drawn

from common.layer import named_params
from common.multi_head_attention import MultiHeadAttention


def close(got, wanted, rtol=1e-12, atol=1e-13):
    assert np.shape(got) == np.shape(wanted)
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", [name for name in CASES if name.split("-")[0] == "MultiHeadAttention"])
def test_multi_head_attention_equals_the_loop(name):
    layer, (xs, hs, *mask) = build(name)
    ys, weights = reference_transformer.multi_head_attention(
        xs, hs, *(mask or [None]), layer.heads, layer.causal, named_params(layer)
    )
    close(layer.forward(xs, hs, *mask), ys)
    close(layer.attention_weights, weights)


def text(*shape, **options):
    r = Draw()
    return drawn(MultiHeadAttention, r, D, HEADS, **options), r(*shape, D), r


@pytest.mark.parametrize("mask", [RAGGED, NOTHING, HOLES])
@pytest.mark.parametrize("causal", [False, True])
def test_masked_keys_send_and_get_exactly_nothing(mask, causal):
    layer, xs, r = text(N, T_ENC, causal=causal)
    ys = layer.forward(xs, None, mask)
    seen = mask[:, None, :] & (np.tri(T_ENC, dtype=bool) if causal else True)
    weights = layer.attention_weights
    assert ((weights != 0) == seen[:, None]).all()
    close(weights.sum(axis=-1), np.broadcast_to(seen.any(axis=-1)[:, None], weights.shape[:-1]).astype(float))

    hs, dys = r(N, T_ENC, D), upstream([ys])[0]
    if not causal:
        ys = layer.forward(xs, hs, mask)
        dhs = layer.backward(dys)[1]
        assert (dhs[~mask] == 0).all() and (dhs[mask] != 0).all()
        assert np.array_equal(layer.forward(xs, np.where(mask[..., None], hs, 1e4), mask), ys)


@pytest.mark.parametrize("causal", [False, True])
def test_a_query_with_nothing_to_see_gives_zeros(causal):
    layer, xs, _ = text(N, T_ENC, causal=causal)
    assert layer.output.b.all() and layer.value.b.all()
    mask = NOTHING[:, ::-1] if causal else NOTHING
    blind = ~np.maximum.accumulate(mask, axis=1) if causal else np.repeat(~mask.any(axis=1)[:, None], T_ENC, axis=1)
    assert blind.any() and not blind.all()
    ys = layer.forward(xs, None, mask)
    assert (ys[blind] == 0).all() and (ys[~blind] != 0).all()
    assert (layer.attention_weights.transpose(0, 2, 1, 3)[blind] == 0).all()

    dys = upstream([ys])[0]
    dxs, grads = layer.backward(dys), [g.copy() for g in layer.grads]
    assert (dxs[blind] == 0).all() and (dxs[~blind] != 0).all()
    assert np.array_equal(layer.backward(np.where(blind[..., None], 1e4, dys)), dxs)  # what comes back there is lost
    assert all(np.array_equal(g, before) for g, before in zip(layer.grads, grads, strict=True))

    ys = layer.forward(xs, None, mask & False)
    assert not ys.any() and not layer.attention_weights.any()
    assert not layer.backward(dys).any() and not any(g.any() for g in layer.grads)


@pytest.mark.parametrize("sizes", [[1] * T, [2, 3], [T], [3, 1, 1]])
@pytest.mark.parametrize("masked", [False, True])
def test_kept_keys_and_values_give_what_forward_gives(sizes, masked):
    layer, xs, _ = text(N, T, causal=True)
    mask = np.arange(T) >= np.array([[2], [T], [0]]) if masked else None
    ys = layer.forward(xs, None, mask)
    weights, kept, done = layer.attention_weights, None, 0
    for size in sizes:
        now, done = slice(done, done + size), done + size
        some, kept = layer.step(xs[:, now], kept, mask if mask is None else mask[:, :done])
        close(some, ys[:, now])
        close(layer.attention_weights, weights[:, :, now, :done])
    assert all(array.shape == (N, HEADS, T, D // HEADS) for array in kept)

    keys, values = layer.keys_and_values(xs)
    close(kept[0], keys)
    close(kept[1], values)


def test_rows_of_what_is_kept_can_be_chosen():
    """As a beam search does: hypotheses go on from others' beginnings."""
    layer, xs, _ = text(N, T, causal=True)
    rows = [2, 0, 2, 1]
    _, kept = layer.step(xs[:, :2], None)
    ys, _ = layer.step(xs[rows, 2:], tuple(array[rows] for array in kept))
    close(ys, layer.forward(xs)[rows, 2:])


def test_attention_weights_are_the_callers():
    layer, (xs, _, mask) = build("MultiHeadAttention-ragged")
    assert layer.attention_weights is None
    ys = layer.forward(xs, None, mask)
    first, dxs = layer.attention_weights, layer.backward(ys)
    before = first.copy()
    first[...] = 7
    assert np.array_equal(layer.backward(ys), dxs)
    layer.forward(xs, None, mask)
    assert np.array_equal(layer.attention_weights, before) and (first == 7).all()


def test_memory_of_a_long_text():
    """The weights of all heads twice, and a few such arrays more during the work."""
    n, t, heads = 2, 500, 4
    layer = MultiHeadAttention(8, heads, causal=True, rng=np.random.default_rng(0))
    xs, mask = Draw(np.float32)(n, t, 8), np.ones((n, t), dtype=bool)
    pairs = n * heads * t * t * 4
    tracemalloc.start()
    try:
        layer.forward(xs, None, mask)
        kept = tracemalloc.get_traced_memory()[0]
        layer.backward(xs)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 2 * pairs < kept < 2.2 * pairs and peak < 6.2 * pairs, (kept / pairs, peak / pairs)


def z(*shape):
    return np.zeros(shape)


def attention(**options):
    return MultiHeadAttention(6, 3, dtype=float, **options)


def causal_step(rows):
    """Go on with 3 rows where so many were kept."""
    layer = attention(causal=True)
    return layer.step(z(3, 1, 6), layer.step(z(rows, 1, 6), None)[1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MultiHeadAttention(6, 4), r"expected heads that divide input_size 6, got 4"),
        (lambda: MultiHeadAttention(6, 0), r"expected heads .* got 0"),
        (lambda: MultiHeadAttention(0, 1), r"expected heads .* input_size 0, got 1"),
        (lambda: attention().forward(z(3, 6)), r"xs .* \(any, any, 6\), got \(3, 6\)"),
        (lambda: attention().forward(z(3, 2, 6), z(2, 4, 6)), r"hs .* \(3, any, 6\), got \(2, 4, 6\)"),
        (
            lambda: attention().forward(z(3, 2, 6), z(3, 4, 6), z(3, 2) == 0),
            r"mask: expected shape \(3, 4\), got \(3, 2\)",
        ),
        (lambda: attention(causal=True).forward(z(3, 2, 6), z(3, 2, 6)), r"expected hs None in a causal"),
        (lambda: attention().forward(z(3, 0, 6)), r"expected at least one token to look at, got shape \(3, 0, 6\)"),
        (lambda: attention().forward(z(3, 2, 6), z(3, 0, 6)), r"at least one token .*, got shape \(3, 0, 6\)"),
        (lambda: attention().keys_and_values(z(3, 6)), r"hs .* \(any, any, 6\), got \(3, 6\)"),
        (lambda: attention().step(z(3, 1, 6), None), r"step: expected keys_and_values\(hs\), got None"),
        (lambda: attention().step(z(3, 6), None), r"xs .*, got \(3, 6\)"),
        (lambda: attention().step(z(3, 1, 6), attention().keys_and_values(z(1, 2, 6))), r"kept .*\(3, 3,.*, got \(1,"),
        (lambda: causal_step(rows=2), r"kept keys .*\(3, 3, any, any\), got \(2, 3, 1, 2\)"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=rf"^MultiHeadAttention: .*{message}"):
        call()
