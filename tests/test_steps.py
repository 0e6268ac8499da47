"""Rows that sequences share hold the right prefixes, and layers compute the same with them as without."""

import numpy as np
import pytest
from layer_table import ALIKE, D, Draw, H, lively, unshared, upstream
from recurrent_table import GATES, MASKS, TIME_OF

from common.steps import Prefixes, Ragged, Steps, sort
from common.time_layers import TimeLSTM
from seq2seq import AttentionEncoder, Encoder

C = 2


def some_ids():
    """Ids (N, T) of all kinds, seeded: (what they are, the ids)."""
    rng = np.random.default_rng(0)
    for n in range(1, 10):
        for t in range(1, 7):
            for v in range(1, 5):
                xs = rng.integers(v, size=(n, t))
                padded = np.where(np.arange(t) < rng.integers(t + 1, size=(n, 1)), xs, 0)
                yield f"random N={n} T={t} V={v}", xs
                yield f"padded N={n} T={t} V={v}", padded
                yield f"reversed N={n} T={t} V={v}", padded[:, ::-1]
    for n in (1, 2, 4, 5, 9):
        yield f"all equal N={n}", np.tile([2, 0, 1], (n, 1))
        yield f"none equal N={n}", rng.permutation(n)[:, None] + np.zeros((1, 3), dtype=int)
        yield f"a comb N={n}", np.tri(n, dtype=int)[rng.permutation(n)]
        yield f"twins N={n}", np.repeat(np.tri(n, dtype=int), 2, axis=0)[rng.permutation(2 * n)]


IDS = dict(some_ids())
FEW = {what: xs for i, (what, xs) in enumerate(IDS.items()) if i % 23 == 0 or not what.startswith(("r", "p"))}


def close(got, wanted, rtol=1e-12, atol=1e-12):
    assert np.shape(got) == np.shape(wanted)
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=atol)


def whole(rng, *shape):
    """Random whole numbers: their sums are exact in any order."""
    return rng.integers(-9, 10, shape).astype(float)


def prefixes_by_reading(steps, ids):
    """Read the rows' ids as a layer would: (N, T) of the tuples of ids that the states are made of."""
    states = np.empty((steps.rows + steps.sizes[-1], 1), dtype=object)
    for row in range(steps.sizes[0]):
        states[row, 0] = ()
    for t, (now, after) in enumerate(steps.blocks):
        steps.fork(t, states)
        for row, to in zip(range(now.start, now.stop), range(after.start, after.stop), strict=True):
            states[to, 0] = (*states[row, 0], int(ids[row]))
    return steps.spread(states)[:, :, 0]


def test_every_sequence_has_its_own_prefixes():
    for what, xs in IDS.items():
        wanted = [[tuple(row[: t + 1]) for t in range(len(row))] for row in xs.tolist()]
        prefixes = Prefixes(xs)
        assert prefixes_by_reading(prefixes, prefixes.ids).tolist() == wanted, what
        assert prefixes_by_reading(Steps(*xs.shape), xs.T.ravel()).tolist() == wanted, what


def test_rows_are_the_distinct_prefixes_rounded_up():
    for what, xs in IDS.items():
        N, T = xs.shape
        prefixes = Prefixes(xs)
        assert len(prefixes.ids) == prefixes.rows == sum(prefixes.sizes) and len(prefixes.sizes) == T, what
        for t, size in enumerate(prefixes.sizes):
            distinct = len({tuple(row[: t + 1]) for row in xs.tolist()})
            rounded = 1 if distinct == 1 else -(-distinct // 4) * 4  # 1, 4, 8, 12, ...
            assert distinct <= size <= min(rounded, N), f"{what}, step {t}"
            assert size in (1, N) or size % 4 == 0, f"{what}, step {t}"


def test_many_sequences_and_long_ones():
    """Indices are whole numbers of any size."""
    ids = np.random.default_rng(0).permutation(3000)
    one_step = Prefixes(ids[:, None])
    assert np.array_equal(one_step.ids[one_step.row_after[:, 0] - 3000], ids)
    long = np.zeros((2, 2500), dtype=int)
    long[1, 2400:] = 1
    assert Prefixes(long).sizes == [1] * 2400 + [2] * 100
    assert np.array_equal(Ragged(np.ones((1, 3000), dtype=bool)).input_of_row, np.arange(3000))
    assert np.array_equal(Ragged(np.ones((3000, 1), dtype=bool)).first_rows, np.arange(3000))


def test_rows_never_move():
    """A sequence keeps its row in the block until it parts from another: then it gets a new one."""
    for what, xs in IDS.items():
        steps = Prefixes(xs)
        row_at_step = steps.row_after - [after.start for _, after in steps.blocks]
        for t in range(1, xs.shape[1]):
            kept = row_at_step[:, t] == row_at_step[:, t - 1]
            assert (kept | (row_at_step[:, t] >= steps.sizes[t - 1])).all(), f"{what}, step {t}"


def test_sort_puts_like_beginnings_side_by_side():
    for what, xs in IDS.items():
        order, parts = sort(xs)
        rows = xs[order].tolist()
        assert rows == sorted(xs.tolist()), what
        assert parts[0] == 0
        for before, row, part in zip(rows, rows[1:], parts[1:].tolist(), strict=False):
            assert before[:part] == row[:part], what
            assert part == len(row) or before[part] != row[part], what


@pytest.mark.parametrize("shared", [True, False])
def test_collect_is_the_adjoint_of_spread(shared):
    """sum(spread(a) * b) = sum(a * collect(b))."""
    rng = np.random.default_rng(1)
    for what, xs in IDS.items():
        steps = Prefixes(xs) if shared else Steps(*xs.shape)
        a = whole(rng, steps.rows + steps.sizes[-1], 3)
        spread = steps.spread(a)
        assert not np.shares_memory(spread, a)
        b, out = whole(rng, *xs.shape, 3), whole(rng, *a.shape)
        given = b.copy()
        steps.collect(b, out)
        assert (spread * b).sum() == (a * out).sum(), what
        assert np.array_equal(b, given), what


def test_the_last_states_alone_are_spread_and_collected():
    rng = np.random.default_rng(1)
    for what, xs in IDS.items():
        steps, last = Prefixes(xs), Prefixes(xs, last_only=True)
        a = whole(rng, steps.rows + steps.sizes[-1], 3)
        np.testing.assert_array_equal(last.spread(a), steps.spread(a)[:, -1:], err_msg=what)
        dhs, out, wanted = np.zeros((*xs.shape, 3)), a.copy(), a.copy()
        dhs[:, -1] = whole(rng, len(xs), 3)
        steps.collect(dhs, wanted)
        last.collect(dhs[:, -1:], out)
        np.testing.assert_array_equal(out, wanted, err_msg=what)


@pytest.mark.parametrize("shared", [True, False])
def test_join_is_the_adjoint_of_fork(shared):
    """sum(fork(a) * b) = sum(a * join(b)), at each step; a's new rows hold nothing yet."""
    rng = np.random.default_rng(2)
    for what, xs in IDS.items():
        steps = Prefixes(xs) if shared else Steps(*xs.shape)
        for t in range(xs.shape[1]):
            now = steps.blocks[t][0]
            old = slice(now.start, now.start + steps.sizes[t - 1] if t else now.stop)
            a, b = whole(rng, steps.rows + steps.sizes[-1], 3), whole(rng, steps.rows + steps.sizes[-1], 3)
            forked, other, joined, another = a.copy(), -a, b.copy(), -b
            steps.fork(t, forked, other)
            steps.join(t, joined, another)
            assert np.array_equal(other, -forked) and np.array_equal(another, -joined), what
            assert (forked[now] * b[now]).sum() == (a[old] * joined[old]).sum(), f"{what}, step {t}"
            elsewhere = np.r_[: old.start, old.stop : len(a)]
            assert np.array_equal(joined[elsewhere], b[elsewhere]), f"{what}, step {t}"


def by_id(ids, gradients):
    """Gradients (..., D), summed over the places of each id: (max id + 1, D)."""
    total = np.zeros((np.max(ids) + 1, gradients.shape[-1]))
    for i in np.ndindex(np.shape(ids)):
        total[ids[i]] += gradients[i]
    return total


def states(layer):
    return [layer.h, *([layer.c] if isinstance(layer, TimeLSTM) else [])]


def first_gradients(layer):
    return [layer.dh, *([layer.dc] if isinstance(layer, TimeLSTM) else [])]


@pytest.mark.parametrize("cls", TIME_OF)
def test_time_layer_with_prefixes_equals_the_one_without(cls):
    r = Draw()
    weights = r.weights(GATES[cls])
    dense, shared = cls(*weights), cls(*weights)
    for what, ids in (FEW | ALIKE).items():
        prefixes, E = Prefixes(ids), r(ids.max() + 1, D)
        hs = dense.forward(E[ids])
        close(shared.forward(E[prefixes.ids], prefixes), hs)
        for got, wanted in zip(states(shared), states(dense), strict=True):
            close(got, wanted)
        (dhs,) = upstream([hs], seed=3)
        given = dhs.copy()
        dxs, dxs_shared = dense.backward(dhs), shared.backward(dhs)
        assert np.array_equal(dhs, given), what
        assert dxs_shared.shape == (prefixes.rows, D), what
        close(by_id(prefixes.ids, dxs_shared), by_id(ids, dxs))
        for got, wanted in zip(shared.grads, dense.grads, strict=True):
            close(got, wanted)
        first = prefixes.ids[: prefixes.sizes[0]]
        for got, wanted in zip(first_gradients(shared), first_gradients(dense), strict=True):
            close(by_id(first, got), by_id(ids[:, 0], wanted))


@pytest.mark.parametrize("cls", TIME_OF)
def test_what_prefixes_cannot_do_is_refused(cls):
    r, prefixes = Draw(), Prefixes(ALIKE["ragged"])
    layer, xs = cls(*r.weights(GATES[cls])), r(prefixes.rows, D)
    for wrong in (xs[1:], xs[None], r(*ALIKE["ragged"].shape, D), r(prefixes.rows, D + 1)):
        with pytest.raises(ValueError, match=rf"^{cls.__name__}: xs \(rows, D\).* \({prefixes.rows}, 4\), got"):
            layer.forward(wrong, prefixes)
    with pytest.raises(ValueError, match=rf"^{cls.__name__}: expected at least one step, got xs of shape \(3, 0, 4\)"):
        layer.forward(r(3, 0, D))
    hs = layer.forward(xs, prefixes)
    for wrong in (hs[:, -1:], hs[:, :-1], hs[:, :, 1:], xs):  # the last states alone are not (N, T, H)
        with pytest.raises(ValueError, match=rf"^{cls.__name__}: dhs \(N, T, H\): expected shape \(6, 4, 7\), got"):
            layer.backward(wrong)
    stateful = cls(*layer.params, stateful=True)
    with pytest.raises(ValueError, match=rf"^{cls.__name__}: prefixes .* zero state .*leave out stateful=True"):
        stateful.forward(xs, prefixes)


@pytest.mark.parametrize("alike", ALIKE)
@pytest.mark.parametrize("cls", [Encoder, AttentionEncoder])
def test_an_encoder_shares_or_not(cls, alike):
    ids, encoder = ALIKE[alike], lively(cls, Draw(), 6, 2, 2)
    shared = encoder.forward(ids)
    assert encoder.embed.cache.size == Prefixes(ids).rows  # ids that it read
    close(unshared(encoder).forward(ids), shared)
    assert encoder.embed.cache.size == ids.size


# An input that is the same at every step


@pytest.mark.parametrize("stateful", [False, True])
@pytest.mark.parametrize("shape", [(3, 5), (1, 5), (3, 1)])
def test_constant_equals_the_same_input_at_every_step(shape, stateful):
    r = Draw()
    weights = r.weights(4, C + D)
    layer, plain = (TimeLSTM(*weights, stateful=stateful) for _ in range(2))
    N, T = shape
    for _ in range(2):  # the second call of a stateful layer goes on from the first
        xs, constant = r(N, T, D), r(N, C)
        if stateful:
            h, c = r(N, H), r(N, H)
            layer.set_state(h, c)
            plain.set_state(h, c)
        for _ in range(2):
            beside = np.concatenate((np.repeat(constant[:, None], T, axis=1), xs), axis=2)
            hs = plain.forward(beside)
            close(layer.forward(xs, constant=constant), hs)
            (dhs,) = upstream([hs])
            dbeside = plain.backward(dhs)
            for _ in range(2):
                dxs, dconstant = layer.backward(dhs)
                close(dxs, dbeside[:, :, C:])
                close(dconstant, dbeside[:, :, :C].sum(axis=1))
                for got, wanted in zip(layer.grads, plain.grads, strict=True):
                    close(got, wanted)
            for got, wanted in zip(first_gradients(layer), first_gradients(plain), strict=True):
                close(got, wanted)
            for got, wanted in zip(states(layer), states(plain), strict=True):
                close(got, wanted)


def test_wrong_constant_is_named():
    r = Draw()
    layer, xs = TimeLSTM(*r.weights(4, C + D)), r(3, 5, D)
    for rows in (1, 2, 4):
        with pytest.raises(ValueError, match=rf"^TimeLSTM: constant \(N, C\) .* \(3, any\), got \({rows}, 2\)$"):
            layer.forward(xs, constant=r(rows, C))
    with pytest.raises(ValueError, match=r"^TimeLSTM: xs "):
        layer.forward(xs, constant=r(3, C + 1))
    with pytest.raises(ValueError, match=r"^TimeLSTM: xs "):
        layer.forward(xs)


# Rows for real tokens only


def test_ragged_rows_are_the_real_tokens():
    """Every token once, in its sequence's order; where nothing is real, one row with a zero."""
    for what, mask in MASKS.items():
        steps, ids = Ragged(mask), 1.0 + np.arange(mask.size).reshape(*mask.shape, 1)
        assert steps.rows == sum(steps.sizes) == np.maximum(mask.sum(axis=1), 1).sum(), what
        assert steps.sizes == sorted(steps.sizes) and len(steps.sizes) == mask.sum(axis=1).max(), what
        rows = np.full((steps.rows, 1), np.nan)
        steps.read(ids, rows)
        assert (rows[mask.sum() :] == 0).all(), what
        sums = np.full((steps.rows + steps.sizes[-1], 1), np.nan)
        sums[steps.first_rows] = 0
        for now, after in steps.blocks:
            sums[after] = sums[now] + rows[now]
        assert np.array_equal(steps.spread(sums), np.cumsum(ids * mask[:, :, None], axis=1)), what
        assert np.array_equal(steps.unread(rows), ids * mask[:, :, None]), what


def test_ragged_collect_is_the_adjoint_of_spread():
    rng = np.random.default_rng(3)
    for what, mask in MASKS.items():
        steps = Ragged(mask)
        a = whole(rng, steps.rows + steps.sizes[-1], 3)
        b, out = whole(rng, *mask.shape, 3), np.zeros_like(a)
        steps.collect(b, out)
        assert (steps.spread(a) * b).sum() == (a * out).sum(), what
