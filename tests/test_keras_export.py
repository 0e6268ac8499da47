"""Models of ours under Keras's names, loaded by Keras 3 into the models of the docstring of ``rows_of``."""

import os

import numpy as np
import pytest

from classifier import BagOfWords, GRUClassifier, SeqSelfClassifier
from common.functions import softmax
from common.layer import inference, named_params
from interchange import read_arrays, to_model
from interchange.export import export_model
from seq2seq import AttentionSeq2seq, PeekySeq2seq, Seq2seq

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*|keras.*")]
os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "TF_KERAS": "1"}
keras = pytest.importorskip("keras")
pytest.importorskip("h5py")
V, D, H, N, T = 11, 5, 4, 6, 7
CLOSE = dict(rtol=0, atol=1e-5)


def filled(model):
    """The model with weights that are not small, biases too."""
    rng = np.random.default_rng(7)
    for param in model.params:
        param[...] = rng.normal(size=param.shape) * 0.4
    return model


def load(model, keras_model, path):
    """Export our model, and load its weights into Keras's."""
    export_model(path, model, {})
    keras_model.load_weights(path)
    return keras_model


def outputs_of(keras_model, inputs):
    """Return a list also of one output."""
    outputs = keras_model(inputs)
    return [np.asarray(output) for output in (outputs if isinstance(outputs, list) else [outputs])]


def ids(low=1):
    return np.random.default_rng(3).integers(low, V, size=(N, T))


def padded():
    return np.where(np.arange(T) < np.arange(1, N + 1)[:, None], ids(), 0)


@pytest.mark.parametrize("kind", ["additive", "multiplicative"])
@pytest.mark.parametrize("biases", [True, False])
def test_seqself(tmp_path, kind, biases):
    L = keras.layers
    from keras_self_attention import SeqSelfAttention

    how = dict(attention_type=kind, attention_width=3, attention_activation="sigmoid", use_attention_bias=biases)
    model = filled(SeqSelfClassifier(V, D, H, units=3, attention=how | {"use_additive_bias": biases}))
    words = L.Input((None,))
    x, weights = SeqSelfAttention(3, return_attention=True, use_additive_bias=biases, **how)(L.Embedding(V, D)(words))
    topic = L.Dense(4, activation="softmax")(L.Bidirectional(L.LSTM(H))(x))
    theirs = load(model, keras.Model(words, [topic, weights]), tmp_path / "a.weights.h5")
    predictions, attention = theirs(ids())
    np.testing.assert_allclose(model.probabilities(ids()), predictions, **CLOSE)
    model.scores(ids())
    np.testing.assert_allclose(model.attention_layer.attention_weights, attention, **CLOSE)


@pytest.mark.parametrize("layers, classes, attention", [(1, 2, True), (3, 4, True), (2, 2, False), (1, 3, False)])
def test_gru(tmp_path, layers, classes, attention):
    L, ops = keras.layers, keras.ops
    model = filled(GRUClassifier(V, D, H, layers, classes=classes, attention=attention))
    words = L.Input((None,), dtype="int32")
    x = L.Embedding(V, D, mask_zero=True)(words)
    for _ in range(layers - 1):
        x = L.Bidirectional(L.GRU(H, return_sequences=True))(x)
    x, there, back = L.Bidirectional(L.GRU(H, return_sequences=True, return_state=True))(x)
    looks = [query := L.Concatenate()([there, back])]
    if attention:
        query = ops.expand_dims(query, 1) / (2 * H) ** 0.5
        masks = [None, ops.not_equal(words, 0)]
        context, weights = L.Attention()([query, x], mask=masks, return_attention_scores=True)
        looks = [context[:, 0], weights]
    y = L.Dense(1, activation="sigmoid")(looks[0]) if classes == 2 else L.Dense(classes, activation="softmax")(looks[0])
    theirs = load(model, keras.Model(words, [y, *looks[1:]]), tmp_path / "a.weights.h5")
    for xs in ids(), padded():
        predictions, *weights = outputs_of(theirs, xs)
        ours = model.probabilities(xs)
        np.testing.assert_allclose(ours[:, 1:] if classes == 2 else ours, predictions, **CLOSE)
        if attention:
            np.testing.assert_allclose(model.explain(xs)[1], weights[0][:, 0], **CLOSE)
    back, _ = to_model(read_arrays(tmp_path / "a.weights.h5"), "gru")
    assert back.arguments == model.arguments


@pytest.mark.parametrize("kind, cls", [("baseline", Seq2seq), ("peeky", PeekySeq2seq), ("attention", AttentionSeq2seq)])
@pytest.mark.parametrize("cell_state", [True, False])
@pytest.mark.parametrize("both_ways", [True, False])
def test_dates(tmp_path, kind, cls, cell_state, both_ways):
    L, ops = keras.layers, keras.ops
    scaled = {"score": "scaled"} if both_ways and kind == "attention" else {}
    model = filled(cls(V, D, H, cell_state=cell_state, bidirectional=both_ways, **scaled))
    question, answer = L.Input((None,)), L.Input((None,))
    lstm = L.LSTM(H // (1 + both_ways), return_sequences=True, return_state=True)
    hs_enc, *last = (L.Bidirectional(lstm) if both_ways else lstm)(L.Embedding(V, D)(question))
    h, c = (L.Concatenate()(last[k::2]) for k in (0, 1)) if both_ways else last
    x = L.Embedding(V, D)(answer)
    peek = ops.expand_dims(h, 1) * ops.ones_like(x[:, :, :1])
    if kind == "peeky":
        x = L.Concatenate()([peek, x])
    hs_dec = L.LSTM(H, return_sequences=True)(x, initial_state=[h, c if cell_state else ops.zeros_like(h)])
    outputs, read = [], hs_dec
    if kind == "attention":
        asking = hs_dec / H**0.5 if scaled else hs_dec
        context, weights = L.Attention()([asking, hs_enc], return_attention_scores=True)
        outputs, read = [weights], L.Concatenate()([context, hs_dec])
    elif kind == "peeky":
        read = L.Concatenate()([peek, hs_dec])
    theirs = keras.Model([question, answer], [L.Dense(V, activation="softmax")(read), *outputs])
    load(model, theirs, tmp_path / "a.weights.h5")
    xs, ts = ids(0), ids(0)[::-1, :5]
    predictions, *weights = outputs_of(theirs, [xs, ts])
    with inference(model):
        scores = model.decoder.forward(ts, model.encode(xs))
    np.testing.assert_allclose(softmax(scores), predictions, **CLOSE)
    if weights:
        np.testing.assert_allclose(model.decoder.attention.attention_weights.transpose(1, 0, 2), weights[0], **CLOSE)
    back, _ = to_model(read_arrays(tmp_path / "a.weights.h5"), kind)
    assert back.arguments == model.arguments
    for name, param in named_params(back).items():
        np.testing.assert_array_equal(param, named_params(model)[name])


def test_bag_of_words(tmp_path):
    L = keras.layers
    model = filled(BagOfWords(V, 3))
    counts = L.Input((V,))
    theirs = load(model, keras.Model(counts, L.Dense(3, activation="softmax")(counts)), tmp_path / "a.weights.h5")
    xs = padded()
    count = (xs[:, :, None] == np.arange(V)).sum(axis=1)
    count[:, 0] = 0  # padding does not count
    np.testing.assert_allclose(model.probabilities(xs), theirs(count.astype("f")), **CLOSE)
