"""Gate orders of frameworks: each is ours in another order and sign, as naive loops with named gates find."""

import itertools

import numpy as np
import pytest
import reference

from common.gru import TimeGRU
from common.lstm import TimeLSTM
from interchange.gates import KERAS, ONNX, OURS, TORCH, Gates, reorder

N, T, D, H = 2, 4, 3, 5
LSTM = {  # as documented; shown by running PyTorch, Keras and ONNX in other tests, and the rest in findings/
    "ours": Gates("fgio"),
    "PyTorch": Gates("ifgo"),
    "Keras": Gates("ifgo"),
    "ONNX": Gates("iofg"),
    "Chainer, NStepLSTM": Gates("ifgo"),
    "Chainer, LSTM": Gates("gifo"),  # where the four of a unit stand together, before those of the next
    "thinc": Gates("fiog"),
    "Haiku": Gates("igfo"),
    "Flax, nnx": Gates("ifgo"),
}
GRU = {
    "ours": Gates("zrh"),
    "PyTorch": Gates("rzh", negated="z"),
    "Keras": Gates("zrh", negated="z"),
    "ONNX": Gates("zrh", negated="z"),
    "Chainer, NStepGRU": Gates("rzh", negated="z"),
    "Haiku": Gates("zrh"),
    "Flax, nnx": Gates("rzh", negated="z"),
}
ALL = [("lstm", name) for name in LSTM] + [("gru", name) for name in GRU]


def gates_of(kind, name):
    return {"lstm": LSTM, "gru": GRU}[kind][name]


def weights(gates, biases=1):
    rng, columns = np.random.default_rng(0), gates * H
    return [rng.standard_normal(shape) for shape in ((D, columns), (H, columns), *[(columns,)] * biases)]


def inputs():
    return np.random.default_rng(1).standard_normal((N, T, D))


def named(order, a):
    return dict(zip(order, np.split(a, len(order)), strict=True))


def lstm_loop(order, Wx, Wh, b):
    """(N, T, H), a step at a time, with the gates taken by name from where their framework has them."""
    out = np.zeros((N, T, H))
    for n, x in enumerate(inputs()):
        h = c = np.zeros(H)
        for t in range(T):
            gate = named(order, x[t] @ Wx + h @ Wh + b)
            f, i, o = (reference.sigmoid(gate[name]) for name in "fio")
            c = f * c + i * np.tanh(gate["g"])
            out[n, t] = h = o * np.tanh(c)
    return out


def gru_loop(gates, reset_after, Wx, Wh, b, bh):
    """(N, T, H), likewise; where z is negated, z keeps the old state and 1 - z takes the new one."""
    out = np.zeros((N, T, H))
    for n, x in enumerate(inputs()):
        h = np.zeros(H)
        for t in range(T):
            ours, state, inner = named(gates.order, x[t] @ Wx + b), named(gates.order, h @ Wh), named(gates.order, bh)
            z, r = (reference.sigmoid(ours[name] + state[name] + inner[name]) for name in "zr")
            if reset_after:
                g = np.tanh(ours["h"] + r * (state["h"] + inner["h"]))
            else:
                g = np.tanh(ours["h"] + (r * h) @ named(gates.order, Wh.T)["h"].T + inner["h"])
            keep = z if "z" in gates.negated else 1 - z
            out[n, t] = h = keep * h + (1 - keep) * g
    return out


def test_ours_is_the_order_of_the_layers():
    zeros = np.zeros((N, H))
    expected, _ = reference.lstm(inputs(), zeros, zeros, *weights(4))
    np.testing.assert_allclose(lstm_loop(OURS["lstm"].order, *weights(4)), expected, atol=1e-12)
    Wx, Wh, b = weights(3)
    expected = reference.gru(inputs(), zeros, Wx, Wh, b)
    np.testing.assert_allclose(gru_loop(OURS["gru"], False, Wx, Wh, b, np.zeros_like(b)), expected, atol=1e-12)


@pytest.mark.parametrize("name", LSTM)
def test_each_order_of_an_lstm_against_a_loop(name):
    theirs = weights(4)
    layer = TimeLSTM(*(reorder(w, LSTM[name], OURS["lstm"]) for w in theirs))
    np.testing.assert_allclose(layer.forward(inputs()), lstm_loop(LSTM[name].order, *theirs), atol=1e-12)


@pytest.mark.parametrize("reset_after", [False, True], ids=["reset before", "reset after"])
@pytest.mark.parametrize("name", GRU)
def test_each_order_of_a_gru_against_a_loop(name, reset_after):
    theirs = weights(3, biases=2)
    Wx, Wh, b, bh = (reorder(w, GRU[name], OURS["gru"]) for w in theirs)
    layer = TimeGRU(Wx, Wh, b, bh=bh, reset_after=True) if reset_after else TimeGRU(Wx, Wh, b + bh)  # one bias there
    np.testing.assert_allclose(layer.forward(inputs()), gru_loop(GRU[name], reset_after, *theirs), atol=1e-12)


def test_biases_beside_a_reset_cannot_be_added():
    Wx, Wh, b, bh = weights(3, biases=2)
    apart = TimeGRU(Wx, Wh, b, bh=bh, reset_after=True).forward(inputs())
    added = TimeGRU(Wx, Wh, b + bh, reset_after=True).forward(inputs())
    assert np.abs(apart - added).max() > 0.01


def test_every_other_order_and_sign_would_be_seen():
    """The loops tell all 24 orders of an LSTM apart, and all 6 of a GRU with either sign."""
    Wx, Wh, b, bh = weights(3, biases=2)
    found = [lstm_loop(order, *weights(4)) for order in itertools.permutations("fgio")]
    signs = itertools.product(itertools.permutations("zrh"), ("", "z"))
    others = [gru_loop(Gates("".join(order), sign), True, Wx, Wh, b, bh) for order, sign in signs]
    for results in (found, others):
        apart = [np.abs(a - c).max() for a, c in itertools.combinations(results, 2)]
        assert min(apart) > 0.01


@pytest.mark.parametrize("kind, source", ALL)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_there_and_back_is_the_same_to_the_bit(kind, source, dtype):
    """For matrices, vectors, stacks of them, and single units; through every other framework."""
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-7, -1e-7]
    gates = gates_of(kind, source)
    for shape in ((D,), (), (2, D)):
        for units in (1, H):
            array = np.random.default_rng(2).standard_normal((*shape, len(gates.order) * units)).astype(dtype)
            array.flat[: min(len(special), array.size)] = special[: array.size]
            for other, name in ALL:
                if other == kind:
                    there = reorder(array, gates, gates_of(kind, name))
                    back = reorder(there, gates_of(kind, name), gates)
                    assert (there.dtype, there.shape) == (array.dtype, array.shape)
                    assert back.tobytes() == array.tobytes()


def test_the_result_is_a_copy():
    array = np.ones((D, 4 * H))
    reorder(array, OURS["lstm"], OURS["lstm"])[...] = 0
    assert (array == 1).all()


def test_tables_hold_the_documented_orders():
    for name, table in {"ours": OURS, "PyTorch": TORCH, "Keras": KERAS, "ONNX": ONNX}.items():
        assert table == {"lstm": LSTM[name], "gru": GRU[name]}
