"""Recurrent layers over sequences with masked tokens, and over both directions."""

from functools import partial

import numpy as np
import pytest
import reference
import reference_text
from layer_table import CASES, D, Draw, H, N, T, as_tuple, build, upstream
from recurrent_table import ALIKE, GATES, MASKS, TIME_OF, WithState, reset_after

from common.layer import named_params
from common.steps import Prefixes
from common.time_layers import LSTM, TimeBiGRU, TimeBiLSTM, TimeGRU, TimeLSTM, TimeRNN

MASKED = [name for name in CASES if "-mask-" in name and "-cell" not in name]
ONE_WAY = [name for name in MASKED if "Bi" not in name]
STEPS = {TimeRNN: reference.rnn_step, TimeGRU: reference.gru_step, TimeLSTM: reference.lstm_step}
KINDS = [*TIME_OF, partial(reset_after, TimeGRU), TimeBiLSTM, partial(reset_after, TimeBiGRU)]


def close(got, wanted, rtol=1e-12, atol=1e-12):
    assert np.shape(got) == np.shape(wanted)
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=atol)


def of_kind(kind, r):
    if isinstance(kind, partial):
        return kind(r)
    return TimeBiLSTM(*r.weights(4), *r.weights(4)) if kind is TimeBiLSTM else kind(*r.weights(GATES[kind]))


def last_states(layer):
    return [layer.h, layer.c] if isinstance(layer, TimeLSTM) else [layer.h]


def first_gradients(layer):
    return [layer.dh, layer.dc] if isinstance(layer, TimeLSTM) else [layer.dh]


def by_loop(layer, xs, mask):
    """States (N, T, H) of a layer of one direction, by the naive loop."""
    after = getattr(layer, "reset_after", False)
    step = reference_text.gru_after_step if after else STEPS[type(layer)]
    first = [np.zeros((len(xs), len(layer.Wh)))] * (2 if isinstance(layer, TimeLSTM) else 1)
    return reference_text.masked_states(lambda x, *states: step(x, *states, *layer.params), xs, mask, *first)


@pytest.mark.parametrize("name", MASKED)
def test_masked_layer_equals_the_loop(name):
    made, (xs, mask) = build(name)
    hs = made.forward(xs, mask)
    if isinstance(made, WithState):
        close(hs, by_loop(made.layer, xs, mask))
        assert np.array_equal(made.layer.h, hs[:, -1])
    else:
        there, back = made.directions
        close(hs[:, :, :2], by_loop(there, xs, mask))
        close(hs[:, ::-1, 2:], by_loop(back, xs[:, ::-1], mask[:, ::-1]))
    if (~mask).all(axis=1).any():
        assert not hs[(~mask).all(axis=1)].any()


@pytest.mark.parametrize("name", ONE_WAY)
def test_masked_layer_equals_each_sequence_alone_without_its_padding(name):
    made, (xs, mask) = build(name)
    layer, hs = made.layer, made.forward(xs, mask)
    (dhs,) = upstream([hs])
    dxs = layer.backward(dhs)
    grads, ends, firsts = [g.copy() for g in layer.grads], last_states(layer), first_gradients(layer)
    total = [np.zeros_like(g) for g in grads]
    for n, real in enumerate(mask):
        tokens = real.cumsum()  # of which the state is at each place; 0 is the first state, zeros
        shares = np.zeros((tokens[-1] + 1, hs.shape[2]))
        np.add.at(shares, tokens, dhs[n])
        if not real.any():
            close(firsts[0][n], shares[0])
            assert not hs[n].any() and not any(end[n].any() for end in ends)
            continue
        alone = layer.forward(xs[n : n + 1, real])
        close(hs[n], np.concatenate((np.zeros_like(hs[n, :1]), alone[0]))[tokens])
        for got, wanted in zip(ends, last_states(layer), strict=True):
            close(got[n], wanted[0])
        close(dxs[n, real], layer.backward(shares[None, 1:])[0])
        close(firsts[0][n], layer.dh[0] + shares[0])
        if isinstance(layer, TimeLSTM):
            close(firsts[1][n], layer.dc[0])
        for sum_of_all, grad in zip(total, layer.grads, strict=True):
            sum_of_all += grad
    for got, wanted in zip(grads, total, strict=True):
        close(got, wanted)


@pytest.mark.parametrize("name", ONE_WAY)
def test_masked_layer_equals_its_step_repeated(name):
    made, (xs, mask) = build(name)
    layer, hs = made.layer, made.forward(xs, mask)
    (dhs,) = upstream([hs])
    dxs = layer.backward(dhs)
    options = {"reset_after": True, "bh": layer.bh} if getattr(layer, "reset_after", False) else {}
    steps = [TIME_OF[type(layer)](*layer.params[:3], **options) for _ in range(xs.shape[1])]
    states = [np.zeros_like(hs[:, 0])] * (2 if isinstance(steps[0], LSTM) else 1)
    for t, step in enumerate(steps):
        here = mask[:, t, None]
        after = as_tuple(step.forward(xs[:, t], *states))
        states = [np.where(here, new, old) for new, old in zip(after, states, strict=True)]
        close(hs[:, t], states[0])
    carried = [np.zeros_like(state) for state in states]
    for t in reversed(range(len(steps))):
        here = mask[:, t, None]
        carried[0] = carried[0] + dhs[:, t]
        dx, *before = steps[t].backward(*(np.where(here, d, 0) for d in carried))
        carried = [np.where(here, new, old) for new, old in zip(before, carried, strict=True)]
        close(dxs[:, t], dx)
    for got, wanted in zip(first_gradients(layer), carried, strict=True):
        close(got, wanted)
    for i, grad in enumerate(layer.grads):
        close(grad, sum(step.grads[i] for step in steps))


@pytest.mark.parametrize("name", MASKED)
def test_what_stands_at_masked_tokens_is_never_read(name):
    layer, (xs, mask) = build(name)
    hs = layer.forward(xs, mask)
    dxs, grads = layer.backward(*upstream([hs])), [g.copy() for g in layer.grads]
    assert (dxs[~mask] == 0).all() and (dxs[mask] != 0).all()
    xs[~mask] = np.nan
    assert np.array_equal(layer.forward(xs, mask), hs)
    assert np.array_equal(layer.backward(*upstream([hs])), dxs)
    assert all(np.array_equal(a, b) for a, b in zip(grads, layer.grads, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_all_real_is_no_mask_and_nothing_real_is_nothing(kind):
    r = Draw()
    layer, xs = of_kind(kind, r), r(N, T, D)
    hs = layer.forward(xs)
    dhs = r(*hs.shape)
    wanted = [hs, layer.backward(dhs), *(g.copy() for g in layer.grads)]
    got = [layer.forward(xs, mask=np.ones((N, T), dtype=bool)), layer.backward(dhs), *layer.grads]
    for some, others in zip(got, wanted, strict=True):
        close(some, others)
    got = [layer.forward(xs, mask=np.zeros((N, T), dtype=bool)), layer.backward(dhs), *layer.grads]
    for some, others in zip(got, wanted, strict=True):
        assert some.shape == others.shape and not some.any()


@pytest.mark.parametrize("cls", TIME_OF)
def test_what_a_mask_cannot_do_is_refused(cls):
    r, mask = Draw(), MASKS["after"]
    layer, xs = cls(*r.weights(GATES[cls])), r(N, T, D)
    stateful, prefixes = cls(*layer.params, stateful=True), Prefixes(ALIKE["ragged"])
    for call, message in [
        (lambda: layer.forward(xs, mask=mask[:, 1:]), r"mask: expected shape \(3, 5\), got \(3, 4\)$"),
        (lambda: layer.forward(xs, mask=mask[0]), r"mask: expected shape \(3, 5\), got \(5,\)$"),
        (lambda: layer.forward(xs, mask=mask.astype(int)), "mask: expected bool, got int64"),
        (lambda: stateful.forward(xs, mask=mask), "a zero state to start from, so leave out stateful=True"),
        (lambda: layer.forward(r(prefixes.rows, D), prefixes, mask), "got both"),
    ]:
        with pytest.raises(ValueError, match=f"^{cls.__name__}: .*{message}"):
            call()


def test_a_constant_takes_no_mask():
    r = Draw()
    with pytest.raises(ValueError, match=r"^TimeLSTM: expected a mask or a constant, got both"):
        TimeLSTM(*r.weights(4, 2 + D)).forward(r(N, T, D), mask=MASKS["after"], constant=r(N, 2))


# Both directions


def test_names_and_widths_of_both_directions():
    r = Draw()
    layer = TimeBiGRU(*r.weights(3), r(D, 6), r(2, 6), r(6), bh1=r(3 * H), bh2=r(6), reset_after=True)
    names = [f"{way}_gru.{name}" for way in ("forward", "backward") for name in ("Wx", "Wh", "b", "bh")]
    assert list(named_params(layer)) == names
    hs = layer.forward(r(N, T, D))
    assert hs.shape == (N, T, H + 2)
    dhs, dfinal = np.zeros_like(hs), r(N, H + 2)
    layer.add_final(dhs, dfinal)
    assert layer.final(hs).shape == (N, H + 2) and (dhs * hs).sum() == pytest.approx((layer.final(hs) * dfinal).sum())
    with pytest.raises(ValueError, match=r"^TimeBiGRU: dhs \(N, T, H1 \+ H2\): expected shape .*9\), got \(3, 5, 8\)"):
        layer.backward(hs[:, :, 1:])
    with pytest.raises(ValueError, match=r"^TimeGRU: bh \(3 \* H,\): expected shape \(21\), got \(6,\)"):
        TimeBiGRU(*r.weights(3), *r.weights(3), bh1=r(6), bh2=r(6), reset_after=True)


def test_both_directions_forget():
    r = Draw()
    layer, xs = TimeBiGRU(*r.weights(3), *r.weights(3), stateful=True), r(N, T, D)
    hs = layer.forward(xs)
    assert (layer.forward(xs) != hs).any(axis=(0, 1)).all()
    layer.reset_state()
    assert np.array_equal(layer.forward(xs), hs)


def test_gradient_of_the_last_cell_state_goes_through_the_steps():
    r = Draw()
    weights, xs, dhs, dc_last = r.weights(4), r(N, T, D), r(N, T, H), r(N, H)
    for mask in (np.ones((N, T), bool), *(mask for mask in MASKS.values() if mask.shape == (N, T))):
        layer, steps = TimeLSTM(*weights), [LSTM(*weights) for _ in range(T)]
        state = h, c = np.zeros((2, N, H))
        for t, here in enumerate(mask.T):
            state = h, c = np.where(here[:, None], steps[t].forward(xs[:, t], *state), state)
        close(layer.forward(xs, mask=None if mask.all() else mask)[:, -1], h)
        close(layer.c, c)
        dh, dc = np.zeros((N, H)), dc_last
        for t, here in reversed(list(enumerate(mask.T[..., None]))):
            dh = dh + dhs[:, t]
            _, *through = steps[t].backward(np.where(here, dh, 0), np.where(here, dc, 0))
            dh, dc = np.where(here, through, (dh, dc))
        for _ in range(2):
            layer.backward(dhs, dc_last)
            for got, wanted in ((layer.dh, dh), (layer.dc, dc)):
                close(got, wanted)
            for i, grad in enumerate(layer.grads):
                close(grad, sum(step.grads[i] for step in steps))
        layer.backward(np.zeros_like(dhs))
        assert not layer.dc.any(), "none is left from before"


def test_a_gradient_of_the_last_cell_state_of_another_shape_is_refused():
    r = Draw()
    layer = TimeLSTM(*r.weights(4))
    hs = layer.forward(r(N, T, D))
    for wrong in (r(N + 1, H), r(N, H + 1), r(H), 1.0, hs):
        with pytest.raises(ValueError, match=r"^TimeLSTM: dc_last \(N, H\): expected"):
            layer.backward(hs, wrong)
