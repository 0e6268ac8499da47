"""Keras's names, without Keras: layers are found whatever they are called, and what we write we read."""

import json

import numpy as np
import pytest
from keras_models import D, H, K, U, V, file, layer, lstm, parts, sequential, weights

from classifier import BagOfWords, GRUClassifier, SeqSelfClassifier
from common.layer import named_params
from interchange.arrays import ForeignFileError
from interchange.description import KEY, describe
from interchange.models import to_arrays, to_model
from seq2seq import AttentionSeq2seq, PeekySeq2seq, Seq2seq


def filled(model):
    rng = np.random.default_rng(5)
    for param in model.params:
        param[...] = rng.normal(size=param.shape)
    return model


def own(model):
    """The metadata of a file that was exported from here."""
    return {KEY: describe(model, {})}


ATTENTIONS = [
    {"attention_type": kind, "use_additive_bias": bh or kind == "multiplicative", "use_attention_bias": ba}
    for kind in ("additive", "multiplicative")
    for bh in (True, False)
    for ba in (True, False)
]
OURS = {
    "seqself": [
        SeqSelfClassifier(V, D, H, U, K, mask, {**how, "attention_width": 2, "history_only": mask})
        for mask in (True, False)
        for how in ATTENTIONS
    ],
    "gru": [GRUClassifier(V, D, H, layers, 0.3, classes, True, layers > 1) for layers in (1, 12) for classes in (2, 5)],
    "attention": [AttentionSeq2seq(V, D, H, mask_padding=3), AttentionSeq2seq(V, D, H, cell_state=True)],
    "baseline": [Seq2seq(V, D, H, cell_state=True)],
    "peeky": [PeekySeq2seq(V, D, H)],
    "bow": [BagOfWords(V, K)],
}


@pytest.mark.parametrize("kind, options", [("seqself", {}), ("gru", {}), ("gru", {"mask": True, "attention": False})])
def test_what_no_config_says_is_noted(kind, options):
    notes = to_model(to_arrays(OURS[kind][0], "keras"), kind, **options).notes
    assert [note for note in notes if note.startswith("The file has no config, so these are assumed: gates of sigmoid")]


@pytest.mark.parametrize("kind", OURS)
@pytest.mark.parametrize("order", ["ours", "sorted"])
def test_what_we_write_we_read(kind, order):
    """In any order: sorted, bidirectional_10 and _11 stand before bidirectional_2."""
    for model in map(filled, OURS[kind]):
        arrays = to_arrays(model, "keras")
        if order == "sorted":
            arrays = dict(sorted(arrays.items()))
        back, notes = to_model(file(arrays, **own(model)), kind)
        assert type(back) is type(model) and notes == []
        for name, param in named_params(back).items():
            np.testing.assert_array_equal(param, named_params(model)[name])
        less = {"attention", "units"} if kind == "seqself" else set()  # units of multiplicative attention are none
        assert all(back.arguments[name] == model.arguments[name] for name in model.arguments.keys() - less)
        if kind == "seqself":
            assert back.arguments["attention"].items() >= model.arguments["attention"].items()


@pytest.mark.parametrize("kind", ["attention", "baseline", "peeky", "bow"])
def test_dates_and_bags_of_words_from_elsewhere_are_refused(kind):
    """Their weights say nothing of hard_sigmoid, of what Dense reads, or of a sigmoid for several classes."""
    model = OURS[kind][0]
    dense = layer("Dense", "topic", units=K, activation="sigmoid")
    for config in None, sequential([dense]):
        with pytest.raises(
            ForeignFileError, match=f"expected one of seqself, gru, got {kind}: such a model is read only"
        ):
            to_model(file(to_arrays(model, "keras"), config), kind)


def test_what_a_description_of_ours_leaves_out_is_said():
    model = Seq2seq(V, D, H)
    less = json.dumps({"model": "baseline", "arguments": {"vocab_size": V, "hidden_size": H}, "facts": {}})
    with pytest.raises(ForeignFileError, match=r"describes no model: 'wordvec_size'$"):
        to_model(file(to_arrays(model, "keras"), **{KEY: less}), "baseline")


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_biases_that_are_off_move_the_numbers(attention):
    model = filled(SeqSelfClassifier(V, D, H, U, K, attention=attention))
    arrays = to_arrays(model, "keras")
    numbers = [name for name in arrays if name.startswith("layers/seq_self_attention/vars/")]
    assert [int(name[-1]) for name in numbers] == list(range(len(numbers)))
    back, notes = to_model(arrays, "seqself")
    assert back.arguments["attention"].items() >= attention.items()
    assert "attention_width=None" in notes[0] and "attention_type" not in notes[0]


@pytest.mark.parametrize("prefix", ["", "sequential_3/", "backward/"])
def test_layers_are_found_by_their_variables(prefix):
    """The Dense is called forward_topic here, cells have counters, and a model's name may stand in front."""
    given = weights(prefix=prefix)
    model, _ = to_model(file(given, sequential(parts())), "seqself")
    path = f"{prefix}both_0/forward_inner/lstm_cell_7"
    i, f, c, o = np.split(given[f"{path}/kernel"], 4, axis=1)
    np.testing.assert_array_equal(named_params(model)["lstm.forward_lstm.Wx"], np.hstack((f, c, i, o)))
    np.testing.assert_array_equal(model.affine.W, given[f"{prefix}forward_topic/kernel"])
    np.testing.assert_array_equal(model.attention_layer.bh, given[f"{prefix}look/look_Add_bh"])


def test_a_gru_has_its_z_negated_and_both_biases():
    given = weights({}, "gru", outputs=1, layers=2)
    model, _ = to_model(file(given), "gru", attention=False)
    z, r, h = np.split(given["both_1/backward_inner/gru_cell_7/bias"], 3, axis=1)
    params = named_params(model)
    for row, name in enumerate(("b", "bh")):
        np.testing.assert_array_equal(params[f"grus.1.backward_gru.{name}"], np.hstack((-z[row], r[row], h[row])))


def test_options_fill_in_what_no_file_says_and_contradict_none():
    how = dict(attention_width=3, history_only=True, attention_activation="sigmoid", mask=False)
    model, notes = to_model(file(weights()), "seqself", **how)
    assert model.arguments["attention"].items() >= {k: v for k, v in how.items() if k != "mask"}.items()
    no_config, window = notes
    assert not model.mask and "no config" in no_config and "attention_width does nothing" in window
    with pytest.raises(ForeignFileError, match="expected mask=True, as the file says, got False"):
        to_model(file(weights(), sequential(parts())), "seqself", mask=False)
    with pytest.raises(ForeignFileError, match="attention_type='additive', as the file says, got 'multiplicative'"):
        to_model(file(weights()), "seqself", attention_type="multiplicative")
    with pytest.raises(ValueError, match="from keras, seqself has no option 'width'"):
        to_model(file(weights()), "seqself", width=3)


@pytest.mark.parametrize("activation", ["softmax", "linear", None])
def test_outputs_become_classes(activation):
    rng = np.random.default_rng(0)
    xs = rng.integers(1, V, size=(4, 6))
    config = sequential(parts(dense={"activation": activation}))
    model, notes = to_model(file(weights(), config), "seqself")
    assert model.classes == K and ("softmax" in notes[-1]) == (activation != "softmax")
    # one output is a sigmoid: the same as the softmax of it and 0
    one, _ = to_model(file(weights(outputs=1), sequential(parts(dense={"activation": "sigmoid"}))), "seqself")
    hs = one.lstm.final(one.lstm.forward(one.attention_layer.forward(one.embed.forward(xs), xs != 0), xs != 0))
    score = hs @ weights(outputs=1)["forward_topic/kernel"] + weights(outputs=1)["forward_topic/bias"]
    np.testing.assert_allclose(one.probabilities(xs)[:, 1:], 1 / (1 + np.exp(-score)), rtol=1e-5)
    with pytest.raises(ForeignFileError, match="expected sigmoid for 1 outputs, got 'softmax'"):
        to_model(file(weights(outputs=1), sequential(parts())), "seqself")


def test_a_gru_says_what_it_is():
    inner = [lstm("GRU", return_sequences=True), lstm("GRU")]
    layers = [layer("Bidirectional", f"both{i}", merge_mode="concat", layer=each) for i, each in enumerate(inner)]
    given = weights({}, "gru", outputs=2, layers=2)
    dense = parts()[3]
    model, notes = to_model(file(given, sequential([parts()[0], *layers, dense])), "gru")
    expected = dict(layers=2, classes=2, attention=False, mask=True, hidden_size=H, dropout=0.0)
    assert model.arguments.items() >= expected.items() and "second output less the first" in notes[-1]
    np.testing.assert_array_equal(model.affine.b, np.diff(given["forward_topic/bias"]))
    with pytest.raises(ForeignFileError, match="return_sequences=True, got False"):
        to_model(file(given, sequential([parts()[0], layers[1], layers[1], dense])), "gru")
    with pytest.raises(ForeignFileError, match="got Embedding, Dense"):
        to_model(file(given, sequential([parts()[0], dense])), "gru")
    old = lstm("GRU", reset_after=False)
    with pytest.raises(ForeignFileError, match="reset_after=True, got False: the reset of GRUClassifier comes after"):
        to_model(file(given, sequential([parts()[0], layers[0], parts(inner=old)[2], dense])), "gru")
    given |= {name: array[0] for name, array in given.items() if name.endswith("cell_7/bias")}
    with pytest.raises(ForeignFileError, match=r"bias: expected \(2, 12\), got \(12,\), reset_after=False"):
        to_model(file(given), "gru")


def test_several_layers_are_in_the_order_of_their_names_in_the_config():
    layers = [layer("Bidirectional", f"both_{i}", layer=lstm("GRU", return_sequences=i == 0)) for i in range(2)]
    given = weights({}, "gru", layers=2)
    config = sequential([parts()[0], *layers, parts()[3]])
    model, _ = to_model(file(dict(reversed(given.items())), config), "gru")
    expected, _ = to_model(file(given, config), "gru")
    for name, param in named_params(model).items():
        np.testing.assert_array_equal(param, named_params(expected)[name])


def test_a_config_says_how_many_layers_there_are():
    layers = [layer("Bidirectional", f"both_{i}", layer=lstm("GRU", return_sequences=i == 0)) for i in range(2)]
    config = sequential([parts()[0], *layers, parts()[3]])
    one = sequential([parts()[0], layers[1], parts()[3]])
    assert to_model(file(weights({}, "gru"), one), "gru").model.arguments["layers"] == 1
    with pytest.raises(ForeignFileError, match="variables of a layer Bidirectional, forward 2, got words/embeddings"):
        to_model(file(weights({}, "gru"), config), "gru")
    with pytest.raises(ForeignFileError, match="left over both_2/forward_inner/gru_cell_7/kernel"):
        to_model(file(weights({}, "gru", layers=3), config), "gru")


def test_options_are_of_the_right_kind():
    for name, value, words in (
        ("mask", 3, "expected True or False, got 3"),
        ("history_only", "no", "expected True or False, got 'no'"),
        ("attention_width", 2.5, "expected a whole number, got 2.5"),
    ):
        with pytest.raises(ForeignFileError, match=f"^model.h5: {name}: {words}$"):
            to_model(file(weights()), "seqself", **{name: value})


def test_layers_that_are_missing_or_left_over_are_listed():
    with pytest.raises(ForeignFileError, match="expected the variables of a layer SeqSelfAttention, got words/embed"):
        to_model(file(weights({})), "seqself")
    model = Seq2seq(V, D, H)
    arrays = {name: array for name, array in to_arrays(model, "keras").items() if "lstm_1/cell/vars/0" not in name}
    with pytest.raises(ForeignFileError, match=r"does not fit: missing layers/lstm_1/cell/vars/0 \(5, 16\)$"):
        to_model(file(arrays, **own(model)), "baseline")
    extra = weights() | {"more/kernel": np.zeros((2, 3), "f"), "drop/seed_generator/vars/0": np.zeros(2, "i")}
    with pytest.raises(ForeignFileError, match=r"does not fit: left over more/kernel \(2, 3\)$"):
        to_model(file(extra), "seqself")
    given = weights()
    del given["look/look_Add_ba"]
    with pytest.raises(ForeignFileError, match=r"missing look/Add_ba \(1,\)"):
        to_model(file(given, sequential(parts())), "seqself")
    for shape in ((3,), (0, D), (V, D, 1)):
        with pytest.raises(ForeignFileError, match="words/embeddings: expected a matrix, got "):
            to_model(file(weights() | {"words/embeddings": np.zeros(shape, "f")}), "seqself")
