"""Recurrent layers of Keras 3 and ours: gate orders, signs, biases, and what a mask leaves at padded places."""

import os

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from common.time_layers import TimeBiGRU, TimeBiLSTM, TimeGRU, TimeLSTM
from interchange import read_arrays, to_arrays, to_model
from interchange.gates import KERAS, OURS, reorder

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*|keras.*")]
os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "TF_KERAS": "1"}
keras = pytest.importorskip("keras")
h5py = pytest.importorskip("h5py")
D, H, N, T = 5, 4, 6, 7
CLOSE = dict(rtol=0, atol=1e-6)


def weights(cell, bias=(), seed=0):
    """Weights as Keras shapes them."""
    rng, width = np.random.default_rng(seed), len(KERAS[cell].order) * H
    return [rng.normal(size=shape).astype("f") * 0.5 for shape in ((D, width), (H, width), (*bias, width))]


def ours(cell, arrays):
    return [reorder(array, KERAS[cell], OURS[cell]) for array in arrays]


def inputs():
    return np.random.default_rng(1).normal(size=(N, T, D)).astype("f")


def mask():
    return np.arange(T) < np.arange(1, N + 1)[:, None]


def filled(layer, arrays):
    layer(inputs())
    layer.set_weights(arrays)
    return layer


def test_lstm_has_the_order_i_f_c_o():
    theirs = filled(keras.layers.LSTM(H, return_sequences=True), weights("lstm"))
    layer = TimeLSTM(*ours("lstm", weights("lstm")))
    np.testing.assert_allclose(layer.forward(inputs()), theirs(inputs()), **CLOSE)


@pytest.mark.parametrize("reset_after", [True, False])
def test_gru_has_a_z_that_is_1_minus_ours(reset_after):
    """With reset_after the bias has two rows, b and bh; without, the reset comes before the product, and b is alone."""
    arrays = weights("gru", (2,) if reset_after else ())
    theirs = filled(keras.layers.GRU(H, return_sequences=True, reset_after=reset_after), arrays)
    Wx, Wh, bias = ours("gru", arrays)
    b, bh = bias if reset_after else (bias, None)
    layer = TimeGRU(Wx, Wh, b, bh=bh, reset_after=reset_after)
    np.testing.assert_allclose(layer.forward(inputs()), theirs(inputs()), **CLOSE)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_masked_bidirectional_layer_has_zeros_at_padded_places(cell):
    """Ours repeats the state there, as a layer of one direction does in Keras too; nothing reads it behind a mask."""
    L = keras.layers
    kind = L.LSTM if cell == "lstm" else L.GRU
    bias = () if cell == "lstm" else (2,)
    there, back = weights(cell, bias), weights(cell, bias, seed=1)
    theirs = L.Bidirectional(kind(H, return_sequences=True, return_state=True))
    hs, *states = filled(theirs, there + back)(inputs(), mask=mask())
    hs = np.asarray(hs)
    if cell == "lstm":
        layer = TimeBiLSTM(*ours(cell, there), *ours(cell, back))
    else:
        (*W1, b1), (*W2, b2) = ours(cell, there), ours(cell, back)
        layer = TimeBiGRU(*W1, b1[0], *W2, b2[0], bh1=b1[1], bh2=b2[1], reset_after=True)
    mine = layer.forward(inputs(), mask())
    np.testing.assert_allclose(mine[mask()], hs[mask()], **CLOSE)
    assert not hs[~mask()].any() and mine[~mask()].any()
    final = np.concatenate(states[:: 2 if cell == "lstm" else 1], axis=1)
    np.testing.assert_allclose(layer.final(mine), final, **CLOSE)
    alone = np.asarray(filled(kind(H, return_sequences=True), there)(inputs(), mask=mask()))
    np.testing.assert_allclose(mine[..., :H], alone, **CLOSE)  # zeros come of Bidirectional alone


def test_hard_sigmoid_is_not_ours():
    L = keras.layers
    theirs = filled(L.LSTM(H, return_sequences=True, recurrent_activation="hard_sigmoid"), weights("lstm"))
    layer = TimeLSTM(*ours("lstm", weights("lstm")))
    assert abs(layer.forward(inputs()) - np.asarray(theirs(inputs()))).max() > 1e-3


def attentions():
    """Options of SeqSelfAttention, and no more windows than its own version has."""
    window = st.one_of(st.none(), st.integers(1, 9))
    return st.fixed_dictionaries(
        dict(
            attention_type=st.sampled_from(["additive", "multiplicative"]),
            attention_width=window,
            history_only=st.booleans(),
            attention_activation=st.sampled_from([None, "sigmoid"]),
            use_additive_bias=st.booleans(),
            use_attention_bias=st.booleans(),
            units=st.integers(1, 5),
        )
    )


def there_and_back(theirs, model, path):
    """Write our model's weights, load them into Keras's, which was emptied: bit for bit those that it had."""
    before = theirs.get_weights()
    theirs.set_weights([np.zeros_like(array) for array in before])
    with h5py.File(path, "w") as file:
        for name, array in to_arrays(model, "keras").items():
            file[name] = array
    theirs.load_weights(path)
    for array, expected in zip(theirs.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, expected)


sizes = st.fixed_dictionaries(
    {name: st.integers(1, 6) for name in ("V", "D", "H", "N", "T")} | {"K": st.integers(2, 4)}
)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@hypothesis.given(attentions(), sizes, st.booleans(), st.sampled_from(["h5", "keras"]), st.integers(0, 99))
@hypothesis.settings(max_examples=50)
def test_any_shapes_and_options_of_seqself(tmp_path_factory, attention, sizes, masked, ending, seed):
    """keras-self-attention 0.51.0 in Keras 3. Unpadded texts also under a mask, where padded ones differ."""
    L, rng = keras.layers, np.random.default_rng(seed)
    from keras_self_attention import SeqSelfAttention

    V, D, H, N, T, K = (sizes[name] for name in "VDHNTK")
    words = L.Input((None,))
    layer = SeqSelfAttention(return_attention=True, **attention)
    x, look = layer(L.Embedding(V + 1, D, mask_zero=masked)(words))
    theirs = keras.Model(words, L.Dense(K, activation="softmax")(L.Bidirectional(L.LSTM(H))(x)))
    theirs.set_weights([rng.normal(size=w.shape).astype("f") * 0.5 for w in theirs.get_weights()])
    path = tmp_path_factory.mktemp("any") / f"model.{ending}"
    theirs.save(path)
    model, _ = to_model(read_arrays(path), "seqself")
    xs = rng.integers(1 if masked else 0, V + 1, size=(N, T))
    np.testing.assert_allclose(model.probabilities(xs), theirs(xs), rtol=0, atol=1e-5)
    model.scores(xs)
    np.testing.assert_allclose(model.attention_layer.attention_weights, keras.Model(words, look)(xs), rtol=0, atol=1e-5)
    there_and_back(theirs, model, path.with_name("back.weights.h5"))


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@hypothesis.given(sizes, st.integers(1, 3), st.booleans(), st.sampled_from(["h5", "keras"]), st.integers(0, 99))
@hypothesis.settings(max_examples=50)
def test_any_shapes_of_gru(tmp_path_factory, sizes, layers, masked, ending, seed):
    """Without attention, which no config of Keras shows. Two classes have one output or two."""
    L, rng = keras.layers, np.random.default_rng(seed)
    V, D, H, N, T, K = (sizes[name] for name in "VDHNTK")
    parts = [L.Input((None,)), L.Embedding(V + 2, D, mask_zero=masked)]
    for number in range(layers):
        parts += [L.Dropout(0.3), L.Bidirectional(L.GRU(H, return_sequences=number < layers - 1))]
    outputs = 1 if K == 2 and seed % 2 else K
    theirs = keras.Sequential([*parts, L.Dense(outputs, activation="sigmoid" if outputs == 1 else "softmax")])
    theirs.set_weights([rng.normal(size=w.shape).astype("f") * 0.5 for w in theirs.get_weights()])
    path = tmp_path_factory.mktemp("any") / f"model.{ending}"
    theirs.save(path)
    model, notes = to_model(read_arrays(path), "gru")
    assert "Dropout" in str(notes) or "dropout" in str(notes)
    xs = np.where(np.arange(T) < rng.integers(1, T + 1, size=(N, 1)), rng.integers(1, V + 2, size=(N, T)), 0)
    predictions = np.asarray(theirs(xs))
    np.testing.assert_allclose(model.probabilities(xs)[:, -predictions.shape[1] :], predictions, rtol=0, atol=1e-5)
    if outputs != 2:  # of which ours has the difference
        there_and_back(theirs, model, path.with_name("back.weights.h5"))
