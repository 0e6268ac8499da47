"""LSTMs from both ends and on top of each other: naive loops, last states, shared rows, dropout, what is refused."""

import numpy as np
import pytest
import reference_deep
from recurrent_table import ALIKE, MASKS
from stacked_table import both, stack
from table_inputs import D, Draw, N, T

from common.layer import inference, named_params
from common.stacked import TimeStack, draw_lstm
from common.steps import Prefixes
from common.time_layers import TimeBiGRU, TimeBiLSTM, TimeLSTM

MASKED = {"all": np.ones((N, T), dtype=bool)} | MASKS


def close(got, wanted, bound=1e-12):
    assert np.shape(got) == np.shape(wanted)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=bound)


def loop(layer, xs, mask, h=None, c=None, factors=None):
    """The naive loop over all sequences: hs, h, c."""
    none, p = [None] * len(xs), named_params(layer)
    h, c = none if h is None else h, none if c is None else c
    factors = np.ones((0, len(xs))) if factors is None else factors
    each = [reference_deep.stack(p, xs[n], mask[n], h[n], c[n], factors[:, n]) for n in range(len(xs))]
    return [np.array(part) for part in zip(*each, strict=True)]


MAKE = {
    "one": lambda r: TimeBiLSTM(*r.weights(4, hidden=2), *r.weights(4, hidden=3)),
    "stack": lambda r: stack(r, 3),
    "both ways": lambda r: both(r, 2),
}


@pytest.mark.parametrize("mask", MASKED.values(), ids=MASKED)
@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_states_are_those_of_the_naive_loop(make, mask):
    r = Draw()
    layer, xs = make(r), r(*mask.shape, D)
    assert layer.h is None and layer.c is None, "before the first forward"
    hs = layer.forward(xs, mask=None if mask.all() else mask)
    for got, wanted in zip((hs, layer.h, layer.c), loop(layer, xs, mask), strict=True):
        close(got, wanted)
    if isinstance(layer, TimeBiLSTM):
        close(layer.h, layer.final(hs), 0)


def test_a_stack_drops_what_its_upper_layers_read_in_training():
    r = Draw()
    layer, xs, whole = stack(r, 3, dropout=0.4), r(N, T, D), np.ones((N, T), dtype=bool)
    hs = layer.forward(xs)
    factors = np.array([keep * scale for keep, scale in (dropout.saved() for dropout in layer.dropouts)])
    assert factors.shape == (2, N, T, 2) and set(np.unique(factors)) == {0, 1 / 0.6}
    for got, wanted in zip((hs, layer.h, layer.c), loop(layer, xs, whole, factors=factors), strict=True):
        close(got, wanted)
    with inference(layer):
        close(layer.forward(xs), loop(layer, xs, whole)[0])


def test_a_stack_goes_on_from_the_state_of_each_layer():
    r = Draw()
    layer, xs, h, c = stack(r, 3, stateful=True), r(N, T, D), r(N, 6), r(N, 6)
    whole = np.ones((N, T), dtype=bool)
    layer.set_state(h, c)
    parts = [layer.forward(xs[:, :2]), layer.forward(xs[:, 2:])]
    wanted = loop(layer, xs, whole, h, c)
    for got, part in zip((np.concatenate(parts, axis=1), layer.h, layer.c), wanted, strict=True):
        close(got, part)
    layer.set_state(h)
    close(layer.forward(xs), loop(layer, xs, whole, h)[0])
    layer.reset_state()
    close(layer.forward(xs), loop(layer, xs, whole)[0])


# Rows that equal prefixes share


def embedded(ids, r):
    """An embedding of each id, and of the ids."""
    W = r(6, D)
    return W, W[ids]


def gradients(layer, *douts):
    dxs = layer.backward(*douts)
    return dxs, [g.copy() for g in layer.grads]


@pytest.mark.parametrize("ids", ALIKE.values(), ids=ALIKE)
@pytest.mark.parametrize("kind", ["one", "stack", "both ways", "dropout"])
def test_shared_rows_change_nothing(kind, ids):
    r = Draw()
    layer = stack(r, 3, dropout=0.4) if kind == "dropout" else MAKE[kind](r)
    W, xs = embedded(ids, r)
    prefixes = Prefixes(ids)
    by_row = kind in ("stack", "dropout")  # one direction reads an input per row
    results = []
    for sharing in (False, True):
        for stream, dropout in enumerate(getattr(layer, "dropouts", [])):
            dropout.rng = np.random.default_rng(stream)
        inputs = W[prefixes.ids] if sharing and by_row else xs
        hs = layer.forward(inputs, prefixes=prefixes) if sharing else layer.forward(xs)
        states = [hs, layer.h, layer.c]
        douts = [Draw(seed=3)(*state.shape) for state in states]
        dxs, grads = gradients(layer, douts[0], douts[2], douts[1])
        dW = np.zeros_like(W)
        np.add.at(dW, prefixes.ids if sharing and by_row else ids, dxs)
        results.append([*states, dW, *grads])
    for got, wanted in zip(*results[::-1], strict=True):
        close(got, wanted)


def test_which_rows_are_shared():
    r, ids = Draw(), ALIKE["ragged"]
    prefixes = Prefixes(ids)
    W, xs = embedded(ids, r)
    assert prefixes.rows < ids.size

    def rows(layer):
        return layer.saved()[0].rows

    layer = stack(r, 3)
    layer.forward(W[prefixes.ids], prefixes=prefixes)
    assert [rows(part) for part in layer.layers] == [prefixes.rows] * 3 and layer.shared == 1
    layer = stack(r, 3, dropout=0.4)
    layer.forward(W[prefixes.ids], prefixes=prefixes)
    assert [rows(part) for part in layer.layers] == [prefixes.rows, ids.size, ids.size] and layer.shared == 1 / 3
    with inference(layer):
        layer.forward(W[prefixes.ids], prefixes=prefixes)
        assert [rows(part) for part in layer.layers] == [prefixes.rows] * 3 and layer.shared == 1
    layer = both(r)
    layer.forward(xs, prefixes=prefixes)
    found = [[rows(way) for way in part.directions] for part in layer.layers]
    assert found == [[prefixes.rows, ids.size], [ids.size, ids.size]] and layer.shared == 1 / 4


# Drawn


def test_a_plain_one_is_drawn_as_ever_and_others_in_the_order_of_their_names():
    plain = draw_lstm(3, 4, rng=np.random.default_rng(0))
    assert type(plain) is TimeLSTM and not plain.stateful
    deep = draw_lstm(3, 4, bidirectional=True, layers=2, dropout=0.25, rng=np.random.default_rng(0))
    shapes = {name: p.shape for name, p in named_params(deep).items()}
    of_one = [f"{way}_lstm.{name}" for way in ("forward", "backward") for name in ("Wx", "Wh", "b")]
    assert list(shapes) == [f"layers.{layer}.{name}" for layer in (0, 1) for name in of_one]
    assert shapes["layers.0.forward_lstm.Wx"] == (3, 8) and shapes["layers.1.forward_lstm.Wx"] == (4, 8)
    assert [dropout.dropout_ratio for dropout in deep.dropouts] == [0.25]
    both = [draw_lstm(3, 4, layers=2, dropout=share, rng=np.random.default_rng(0)) for share in (0, 0.5)]
    for p, q in zip(*(layer.params for layer in both), strict=True):
        np.testing.assert_array_equal(p, q, "dropout has streams of its own")
    assert [layer.stateful for layer in draw_lstm(3, 4, layers=3, stateful=True).layers] == [True] * 3


def test_streams_of_dropout_differ_and_come_from_rng():
    def drops(seed):
        layers = [TimeLSTM(*Draw().weights(4, width, 2)) for width in (3, 2, 2)]
        made = TimeStack(layers, 0.5, rng=np.random.default_rng(seed))
        return [dropout.forward(np.ones(99)).tolist() for dropout in made.dropouts]

    assert drops(0) == drops(0) != drops(1)
    assert drops(0)[0] != drops(0)[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(hidden_size=5, bidirectional=True), "expected an even hidden_size for bidirectional, .* got 5"),
        (dict(bidirectional=1), "expected bidirectional True or False, got int"),
        (dict(layers=0), "expected layers of at least 1, got 0"),
        (dict(layers=2.0), "layers: expected a whole number, got 2.0"),
        (dict(layers=2, dropout=1.0), r"expected a dropout in \[0, 1\), got 1.0"),
        (dict(layers=2, dropout=-0.1), r"expected a dropout in \[0, 1\), got -0.1"),
        (dict(layers=2, dropout="a"), "dropout: expected a number, got 'a'"),
        (dict(dropout=0.5), "dropout 0.5 acts between layers, so it needs layers=2 or more, got layers=1"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ValueError, match=f"^draw_lstm: {message}"):
        draw_lstm(3, **({"hidden_size": 4} | options))


@pytest.mark.parametrize("options", [{}, {"bidirectional": True}, {"layers": 2}])
def test_no_sequence_has_no_gradient(options):
    layer, xs = draw_lstm(3, 4, **options), np.zeros((0, 5, 3), dtype=np.float32)
    for how in ({}, {"mask": np.ones((0, 5), dtype=bool)}):
        dxs = layer.backward(layer.forward(xs, **how))
        assert dxs.shape == xs.shape and not any(grad.any() for grad in layer.grads)


def test_layers_that_do_not_fit_together_are_refused():
    r = Draw()
    for layers in ([], [TimeLSTM(*r.weights(4, 3, 2)), TimeLSTM(*r.weights(4, 3, 2))]):
        with pytest.raises(ValueError, match=r"^TimeStack: expected layers of sizes \(D, H\), \(H, H\), .*, got \["):
            TimeStack(layers)
    twice = TimeLSTM(*r.weights(4, 2, 2))
    with pytest.raises(ValueError, match=r"^TimeStack: expected different layers, .*, got one twice"):
        TimeStack([twice, twice])
    with pytest.raises(RuntimeError, match=r"^TimeStack: set_state: layers of both directions start from zeros"):
        draw_lstm(D, 4, layers=2, bidirectional=True, stateful=True).set_state(r(N, 8))
    layer, xs = stack(r, 2, stateful=True), r(N, T, D)
    with pytest.raises(ValueError, match=r"^TimeStack: h \(N, K \* H\): expected shape \(any, 4\), got \(3, 2\)"):
        layer.set_state(r(N, 2))
    layer.forward(xs)
    for wrong in ((r(N, T, 2), r(N, 2)), (r(N, T, 2), None, r(N + 1, 4)), (r(N, T, 4),), (r(N, T + 1, 2),)):
        with pytest.raises(ValueError, match=r"expected .*, got"):
            layer.backward(*wrong)
    one = TimeBiLSTM(*r.weights(4, hidden=2), *r.weights(4, hidden=2))
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        one.backward(r(N, T, 4))
    one.forward(xs)
    for wrong in ((r(N, T, 4), r(N, 2)), (r(N, T, 4), None, r(N + 1, 4))):
        with pytest.raises(ValueError, match=r"^TimeBiLSTM: d[ch]_last \(N, H1 \+ H2\): expected"):
            one.backward(*wrong)


def test_grus_have_no_cell_state():
    r = Draw()
    layer = TimeBiGRU(*r.weights(3, hidden=2), *r.weights(3, hidden=2))
    hs = layer.forward(r(N, T, D))
    close(layer.h, layer.final(hs), 0)
    assert not hasattr(layer, "c")
