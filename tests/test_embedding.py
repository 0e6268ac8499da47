"""The gradient of a large table is cleared where it was filled only, and nobody notices."""

import copy

import numpy as np
import pytest
from layer_table import CASES, Draw, TiedModel, V, build, upstream

from common.gradient_check import check_gradients
from common.layer import Layer, forget, remove_duplicate
from common.layers import Affine, Embedding, SoftmaxWithLoss
from common.optimizer import SGD, Adam, clip_grads
from common.parallel import Share, Workers, add_shares
from common.trainer import Trainer

D = 3


@pytest.fixture(autouse=True)
def every_table_is_large(monkeypatch):
    monkeypatch.setattr(Embedding, "cleared_whole", 0)


def dense(ids, dout):
    wanted = np.zeros((V, D))
    np.add.at(wanted, ids, dout)
    return wanted


def step(layer, *ids, seed=0):
    """Run forward and backward; return whether the gradient equals that of a table which is cleared entirely."""
    ids = np.array(ids, dtype=int)
    dout = Draw(seed=seed)(*ids.shape, D)
    layer.forward(ids)
    layer.backward(dout)
    np.testing.assert_allclose(layer.grads[0], dense(ids, dout), rtol=0, atol=1e-14)


def table():
    return Embedding(Draw()(V, D))


def untouched(layer):
    """A view of a row that backward would have to clear, were it to clear everything."""
    return layer.grads[0][7, 1:]


def test_only_the_rows_of_the_last_batch_are_cleared():
    layer = table()
    layer.grads[0][...] = np.nan  # whatever was there before the first backward
    step(layer, 1, 2, 2, 8)
    untouched(layer)[...] = 5.0  # it would find out by the first column only
    layer.forward(np.array([2, 3]))
    layer.backward(np.ones((2, D)))
    assert (untouched(layer) == 5.0).all() and layer.grads[0][[2, 3]].sum() == 2 * D
    assert not layer.grads[0][[0, 1, 4, 5, 6, 8]].any()


@pytest.mark.parametrize("size", [V * D, V * D + 1])
def test_a_small_table_is_cleared_whole(monkeypatch, size):
    monkeypatch.setattr(Embedding, "cleared_whole", size)
    layer = table()
    step(layer, 1, 2)
    untouched(layer)[...] = 5.0
    step(layer, 3)


def test_one_batch_after_another():
    layer = table()
    for i, ids in enumerate([[1, 2], [], [2, 3], [[0, 0], [8, 1]], [], [4], [4]]):
        step(layer, *ids, seed=i)
        layer.backward(Draw(seed=i)(*np.shape(ids), D))  # again
        np.testing.assert_allclose(layer.grads[0], dense(ids, Draw(seed=i)(*np.shape(ids), D)), rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", [n for n in CASES if n.startswith(("Embedding", "TiedModel"))])
def test_gradients_are_proven(name):
    layer, inputs = build(name)
    check_gradients(layer, *inputs)
    ys = layer.forward(*inputs)
    layer.backward(*upstream((ys,)))
    check_gradients(layer, *inputs)


def test_what_is_forgotten_or_copied_or_fails_in_between():
    layer = table()
    step(layer, 1, 2)
    copied = copy.deepcopy(layer)
    forget(layer)
    for each in layer, copied:
        step(each, 3, 4)
    with pytest.raises(ValueError):
        layer.backward(np.ones((5, D)))
    step(layer, 5)


def test_clipping():
    layer = table()
    step(layer, 1, 2)
    clip_grads(layer.grads, 0.01)
    step(layer, 3)


def weight_decay(layer):
    layer.grads[0] += 0.1 * layer.W


def noise_in_a_row(layer):
    layer.grads[0][6] += 1.0


def not_a_number(layer):
    layer.grads[0][...] = np.nan


def told(layer):
    layer.grads[0][:, 1:] += 1.0
    layer.filled_rows = None


@pytest.mark.parametrize("add", [weight_decay, noise_in_a_row, not_a_number, told])
def test_what_others_add_to_the_gradient_does_not_stay(add):
    layer = table()
    step(layer, 1, 2)
    add(layer)
    step(layer, 3)


# Shared by several


class Tagger(Layer):
    """Two tables of one weight; the first column of what they learn is zero, and therefore reveals no row."""

    def __init__(self):
        super().__init__()
        r = Draw(seed=1)
        W = r(V, D)
        self.one, self.two = Embedding(W), Embedding(W)
        self.affine, self.loss = Affine(r(D, 4), r(4)), SoftmaxWithLoss()
        self.affine.W[0] = 0
        self.own(self.one, self.two, self.affine)

    def forward(self, x, t):
        y = self.one.forward(x[:, 0]) + self.two.forward(x[:, 1])
        return self.loss.forward(self.affine.forward(y), t)

    def backward(self, dout=1):
        dy = self.affine.backward(self.loss.backward(dout))
        self.one.backward(dy)
        self.two.backward(dy)


def alone(model, x, t):
    """The gradients of a model of which no table has been filled before."""
    model = copy.deepcopy(model)
    for g in model.grads:
        g[...] = 0
    model.forward(x, t)
    model.backward()
    return model.grads


def batches(count=4):
    return [(Draw(seed=i).ids(6, 2), Draw(seed=i).ids(6, below=4)) for i in range(count)]


def add_to_all(shares):
    """As machines do that tell each other: every share holds the sum."""
    total = add_shares([Share(s.loss, s.labels, [g.copy() for g in s.grads]) for s in shares])
    for share in shares:
        for g, summed in zip(share.grads, total.grads, strict=True):
            g[...] = summed
    return Share(total.loss, total.labels, shares[-1].grads)


@pytest.mark.parametrize("combine", [add_shares, add_to_all])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_workers(count, combine):
    model = Tagger()
    with Workers(model, count, combine) as workers:
        for x, t in batches():
            workers.step(x, t)
            for got, wanted in zip(model.grads, alone(model, x, t), strict=True):
                np.testing.assert_allclose(got, wanted, atol=1e-14)
    for x, t in batches():  # and by one worker again
        model.forward(x, t)
        model.backward()
        for got, wanted in zip(model.grads, alone(model, x, t), strict=True):
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("make", [Tagger, lambda: TiedModel(*(Draw(seed=1)(*s) for s in ((V, D), (D, D), (V,))))])
def test_shared_weights(make):
    model = make()
    for x, t in batches():
        t = t if isinstance(model, Tagger) else x
        wanted = remove_duplicate(model.params, alone(model, x, t))[1]
        model.forward(x, t)
        model.backward()
        before = [g.copy() for g in model.grads]
        params, grads = remove_duplicate(model.params, model.grads)
        for got, sums in zip(grads, wanted, strict=True):
            np.testing.assert_array_equal(got, sums)
        for g, was in zip(model.grads, before, strict=True):
            np.testing.assert_array_equal(g, was)
        clip_grads(grads, 0.1)
        SGD().update(params, grads)


@pytest.mark.parametrize("workers", [1, 2])
def test_training_is_that_of_small_tables(workers, monkeypatch):
    trained = []
    for size in (0, 2**20):
        monkeypatch.setattr(Embedding, "cleared_whole", size)
        model, x, t = Tagger(), Draw(seed=3).ids(20, 2), Draw(seed=3).ids(20, below=4)
        trainer = Trainer(model, Adam(), rng=np.random.default_rng(0), callbacks=(), workers=workers)
        trainer.fit(x, t, max_epoch=3, batch_size=4, max_grad=0.5)
        trained.append([p.tobytes() for p in model.params])
    assert trained[0] == trained[1]
