"""The walk over a model's parts: names, summary, the switch between training and inference."""

import numpy as np
import pytest

from common.base_model import BaseModel
from common.layer import Layer, inference, named_grads, named_params, remove_duplicate, set_train_flg, summary
from common.layers import Affine, Dropout, Embedding, MatMul
from common.time_layers import RNN, TimeBiLSTM
from seq2seq import AttentionSeq2seq, PeekySeq2seq, Seq2seq


def affine(rows=2, columns=3):
    return Affine(np.ones((rows, columns)), np.zeros(columns))


def assert_same(named, params):
    """Each array once, in the order of params."""
    assert [id(p) for p in named.values()] == [id(p) for p in params]


@pytest.mark.parametrize("cls", [Seq2seq, PeekySeq2seq, AttentionSeq2seq])
def test_names_are_attribute_paths(cls):
    model = cls(9, 4, 6)
    assert list(named_params(model)) == [
        "encoder.embed.W",
        *(f"encoder.lstm.{name}" for name in ("Wx", "Wh", "b")),
        "decoder.embed.W",
        *(f"decoder.lstm.{name}" for name in ("Wx", "Wh", "b")),
        "decoder.affine.W",
        "decoder.affine.b",
    ]
    assert_same(named_params(model), model.params)
    assert_same(named_grads(model), model.grads)
    assert list(named_grads(model)) == list(named_params(model))
    assert named_params(model)["decoder.lstm.Wh"] is model.decoder.lstm.Wh


def test_paths_go_through_lists_dicts_and_composites():
    class Model(Layer):
        def __init__(self):
            super().__init__()
            self.layers = [affine(), (MatMul(np.ones((3, 3))), Dropout())]
            self.heads = {"year": affine(3, 4)}
            self.both = TimeBiLSTM(*(a for _ in range(2) for a in (np.ones((3, 8)), np.ones((2, 8)), np.zeros(8))))
            self.first = self.layers[0]  # once more: named where it came first
            self.layers[1][0].model = self  # the walk ends all the same
            self.own(self.both, self.heads["year"], self.layers[1][0], self.layers[0])  # another order

    model = Model()
    assert list(named_params(model)) == [
        *(f"both.{way}_lstm.{name}" for way in ("forward", "backward") for name in ("Wx", "Wh", "b")),
        "heads.year.W",
        "heads.year.b",
        "layers.1.0.W",
        "layers.0.W",
        "layers.0.b",
    ]
    assert_same(named_params(model), model.params)
    assert_same(named_grads(model), model.grads)


class Plain:
    """A layer of the reader's own: params and grads, nothing more. Its arrays are nobody's attributes."""

    def __init__(self, *params):
        self.params, self.grads = list(params), [np.zeros_like(p) for p in params]


def plain_model(*, W_is_attribute=False):
    class Encoder(Plain):
        def __init__(self):
            self.embed, self.rnn = Plain(np.ones((5, 2))), Plain(np.ones((2, 3)), np.ones((3, 3)), np.zeros(3))
            self.params = self.embed.params + self.rnn.params
            self.grads = self.embed.grads + self.rnn.grads

    class Model(BaseModel):
        def __init__(self):  # the parent's is not called
            self.encoder, self.out = Encoder(), Plain(np.ones((3, 2)))
            self.params, self.grads = self.encoder.params + self.out.params, self.encoder.grads + self.out.grads

    model = Model()
    if W_is_attribute:
        model.encoder.rnn.Wh = model.encoder.rnn.params[1]
    return model


def test_plain_objects_and_arrays_that_nobody_holds():
    model = plain_model()
    places = ["encoder.embed.params.0", *(f"encoder.rnn.params.{i}" for i in range(3)), "out.params.0"]
    assert list(named_params(model)) == places
    assert_same(named_params(model), model.params)
    assert_same(named_grads(model), model.grads)
    places[2] = "encoder.rnn.Wh"
    assert list(named_params(plain_model(W_is_attribute=True))) == places


def test_a_model_of_one_plain_layer_names_the_layer():
    """The layer's list is as long as the model's: the arrays are the layer's own all the same."""
    model = Plain()
    model.rnn = Plain(np.ones(2), np.ones(3))
    model.params, model.grads = list(model.rnn.params), list(model.rnn.grads)
    assert list(named_params(model)) == ["rnn.params.0", "rnn.params.1"]


class Unrolled(Plain):
    """The book's TimeRNN: one layer object per step, created in each forward, sharing the weights."""

    layers = None

    def forward(self, xs):
        self.layers = []
        h = np.zeros((len(xs), len(self.params[1])))
        for t in range(xs.shape[1]):
            layer = self.step(*self.params)
            h = layer.forward(xs[:, t], h)
            self.layers.append(layer)
        return h


class BookRNN(Plain):
    def forward(self, x, h):
        Wx, Wh, b = self.params
        return np.tanh(x @ Wx + h @ Wh + b)


@pytest.mark.parametrize("step", [BookRNN, RNN], ids=["the book's step", "our step, which holds Wx as an attribute"])
def test_forward_does_not_change_names(step):
    model = Plain()
    model.out, model.rnn = affine(), Unrolled(np.ones((2, 3)), np.ones((3, 3)), np.zeros(3))
    model.rnn.step = step
    model.params, model.grads = model.out.params + model.rnn.params, model.out.grads + model.rnn.grads
    before = list(named_params(model))
    model.rnn.forward(np.ones((1, 4, 2)))
    assert list(named_params(model)) == before
    assert_same(named_grads(model), model.grads)  # those that backward adds up, not a step's


@pytest.mark.parametrize("tie", [lambda W: W, lambda W: W.T], ids=["as it is", "transposed"])
def test_tied_weights_are_named_once(tie):
    class Model(Layer):
        def __init__(self):
            super().__init__()
            self.embed = Embedding(np.ones((5, 5)))
            self.out = Affine(tie(self.embed.W), np.zeros(5))
            self.own(self.embed, self.out)

    model = Model()
    assert list(named_params(model)) == ["embed.W", "out.b"]
    assert named_params(model)["embed.W"] is model.embed.W
    assert named_grads(model)["embed.W"] is model.embed.grads[0]
    assert summary(model).split()[-1] == "30"
    model.out.W = np.ones((5, 5))  # equal, not the same
    model.out.params[0] = model.params[1] = model.out.W
    assert list(named_params(model)) == ["embed.W", "out.W", "out.b"]


@pytest.mark.parametrize("cls, total", [(Seq2seq, 576_155), (PeekySeq2seq, 853_403), (AttentionSeq2seq, 591_259)])
def test_summary(cls, total):
    lines = summary(cls(59, 16, 256)).splitlines()
    assert lines[0] == cls.__name__
    assert lines[1].split() == ["name", "shape", "parameters"]
    assert lines[-1].split() == ["total", f"{total:,}"]
    rows = [line.split() for line in lines if "coder." in line]
    assert rows[0] == ["encoder.embed.W", "(59,", "16)", "944"]
    assert len(rows) == 10 and sum(int(row[-1].replace(",", "")) for row in rows) == total
    assert len({len(line) for line in lines[1:]}) == 1  # columns stand straight


class Dropouts(Layer):
    def __init__(self):
        super().__init__()
        self.drop = Dropout()
        self.layers = [Plain(), affine(), Dropout()]
        self.layers[0].inner = Dropout()

    def flags(self):
        return [self.drop.train_flg, self.layers[2].train_flg, self.layers[0].inner.train_flg]


def test_set_train_flg_reaches_every_part():
    model = Dropouts()
    assert model.flags() == [True] * 3
    for flag in (False, True):
        set_train_flg(model, flag)
        assert model.flags() == [flag] * 3
    assert not hasattr(model.layers[1], "train_flg")  # only those that know the difference


def test_inference_leaves_the_model_as_it_was():
    model = Dropouts()
    model.drop.train_flg = False
    before = model.flags()
    with inference(model):
        assert model.flags() == [False] * 3
    assert model.flags() == before
    with pytest.raises(KeyError), inference(model):
        raise KeyError
    assert model.flags() == before


def test_two_parts_of_the_same_path_are_refused():
    model = Layer()
    model.parts = {"a.b": MatMul(np.eye(2)), "a": {"b": MatMul(np.ones((2, 2)))}}
    model.own(model.parts["a.b"], model.parts["a"]["b"])
    with pytest.raises(ValueError, match="same path"):
        named_params(model)


def test_a_tied_column_is_one_parameter():
    """The transpose of a matrix with one column has the same strides."""
    W = np.ones((5, 1))
    params, grads = remove_duplicate([W, W.T], [np.full((5, 1), 1.0), np.full((1, 5), 2.0)])
    assert len(params) == 1
    assert np.array_equal(grads[0], np.full((5, 1), 3.0))


def test_a_gradient_listed_twice_counts_once():
    W, a, b = np.ones((5, 2)), np.full((5, 2), 1.0), np.full((2, 5), 2.0)
    params, grads = remove_duplicate([W, W.T, W, W.T], [a, b, a, b])
    assert len(params) == 1 and np.array_equal(grads[0], np.full((5, 2), 3.0))
    assert (a == 1).all() and (b == 2).all()  # the layers' own stay
    assert remove_duplicate([W, W], [a, a])[1][0] is a


def test_base_layer():
    layer = Layer(np.ones((2, 3), np.float32))
    assert [(g.shape, g.dtype, g.sum()) for g in layer.grads] == [((2, 3), np.float32, 0)]
    with pytest.raises(RuntimeError, match="Layer: backward was called before forward"):
        layer.saved()
    layer.expect("x (N, D)", np.ones((4, 5)), None, 5)
    for shape in (4, 6), (4,), (4, 5, 1):
        with pytest.raises(ValueError, match=r"Layer: x \(N, D\): expected shape \(any, 5\), got \(4,"):
            layer.expect("x (N, D)", np.ones(shape), None, 5)
    assert layer.work("one weight is enough", 5).dtype == np.float32
