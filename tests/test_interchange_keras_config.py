"""Keras's configs, without Keras: what computes something else is refused with its reason, what is assumed is said."""

import contextlib
import copy

import hypothesis
import hypothesis.strategies as st
import pytest
from keras_models import call, file, functional, layer, lstm, parts, sequential, tensor, weights

from interchange.arrays import ForeignFileError
from interchange.models import to_model


@pytest.mark.parametrize("version", [2, 3])
def test_a_functional_model_is_followed_from_its_classes_to_its_input(version):
    more = [*parts(), layer("Dropout", "drop", rate=0.5)]
    order = [more[0], more[1], more[4], more[2], more[3]]
    config = functional(version, order, [["topic", 0, 0], ["look", 0, 1]])
    config["config"]["layers"].reverse()  # the order in the config says nothing
    model, notes = to_model(file(weights(), config), "seqself")
    assert model.arguments["mask"] and "left out: drop" in notes[0]


def masked(zero=0, source="input", mask_zero=True):
    """Keras 3 writes the mask of an Embedding as a layer that compares."""
    config = functional(3, parts(mask_zero), look=[call(3, "words", mask=tensor("compare"))])
    compare = layer("NotEqual", "compare") | {"name": "compare"}
    compare["inbound_nodes"] = [{"args": [tensor(source), zero], "kwargs": {}}]
    config["config"]["layers"].append(compare)
    return config


def test_the_mask_of_keras_3_is_that_of_mask_zero():
    assert to_model(file(weights(), masked()), "seqself").model.mask


CONFIGS = {
    "attention_activation=None or 'sigmoid', got 'tanh'": sequential(parts(attention={"attention_activation": "tanh"})),
    "attention_activation=None or 'sigmoid', got 'relu'": sequential(
        parts(attention={"attention_activation": {"class_name": "function", "config": "relu"}})
    ),
    "attention_type='additive' or 'multiplicative'": sequential(parts(attention={"attention_type": "dot"})),
    "layer both .*merge_mode='concat', got 'sum'": sequential(parts(bidirectional={"merge_mode": "sum"})),
    "merge_mode='concat', got None": sequential(parts(bidirectional={"merge_mode": None})),
    "LSTM.*use_bias=True, got False": sequential(parts(inner=lstm(use_bias=False))),
    "activation='tanh', got 'relu'": sequential(parts(inner=lstm(activation="relu"))),
    "got 'hard_sigmoid': our gates are sigmoid": sequential(parts(inner=lstm(recurrent_activation="hard_sigmoid"))),
    "stateful=False": sequential(parts(inner=lstm(stateful=True))),
    "return_sequences=False": sequential(parts(inner=lstm(return_sequences=True))),
    "go_backwards=False": sequential(parts(inner=lstm(go_backwards=True))),
    "go_backwards=True": sequential(parts(bidirectional={"backward_layer": lstm()})),
    r"expected Bidirectional\(LSTM\) in both directions, got GRU back": sequential(
        parts(bidirectional={"backward_layer": lstm("GRU", go_backwards=True)})
    ),
    r"got Embedding, SeqSelfAttention, Bidirectional\(GRU\), Dense": sequential(parts(inner=lstm("GRU"))),
    "Dense.*use_bias=True": sequential(parts(dense={"use_bias": False})),
    "Dense: expected softmax for 3 outputs, got 'sigmoid'": sequential(parts(dense={"activation": "sigmoid"})),
    "topic .*expected activation=None": sequential([*parts(), layer("Activation", "act", activation="softmax")]),
    "got 'tanh': ours are classes": sequential(
        [*parts(dense={"activation": "linear"}), layer("Activation", "act", activation="tanh")]
    ),
    "one after another, got Dense;": sequential([layer("Dense", "topic"), layer("Softmax", "act")]),
    "axis=-1 or 1, got 0": sequential([*parts(dense={"activation": "linear"}), layer("Softmax", "act", axis=0)]),
    "look.*expected training=False, got True": functional(3, parts(), look=[call(3, "words", training=True)]),
    "look.*got True: ours acts in training alone": functional(2, parts(), look=[call(2, "words", training=True)]),
    "expected one call, got 2": functional(2, parts(), look=[call(2, "words"), call(2, "words")]),
    "expected one input, .*got output 1 of look": functional(3, parts(), both=[call(3, "look", 1)]),
    "got output 0 of look, output 0 of words": functional(2, parts(), both=[call(2, "look") + call(2, "words")]),
    "initial_state from words": functional(3, parts(), both=[call(3, "look", initial_state=tensor("words"))]),
    "mask from words": functional(2, parts(), both=[call(2, "look", mask=["words", 0, 0])]),
    "expected no tensor but the mask of mask_zero, got mask from compare": masked(zero=1),
    "look .*mask from compare": masked(source="words"),
    "mask from compare": masked(mask_zero=False),
    "expected one output, the classes, got topic, both": functional(3, parts(), [["topic", 0, 0], ["both", 0, 0]]),
    "expected one output, the classes, got none": functional(3, parts(), [["look", 0, 1]]),
    "look leads to itself": functional(3, parts(), look=[call(3, "both")]),
    "config of the model is damaged": {"class_name": "Functional", "config": {"layers": 3}},
    "expected a Sequential or functional model, .* got 'Mine'": {"class_name": "Mine", "config": {"units": 3}},
    "the config of the model is damaged: KeyError": sequential([{}]),
    "config of the model is damaged: TypeError": sequential(None),
    "config of the model is damaged: KeyError.'nowhere'": functional(3, parts(), ["nowhere", 0, 0]),
}
for kind in ("Flatten", "GlobalMaxPooling1D", "Masking", "BatchNormalization", "Conv1D", "Functional", "Lambda"):
    CONFIGS[f"with another layer.* {kind},.* Dense|{kind}, Dense"] = sequential(
        [*parts()[:3], layer(kind, "extra"), parts()[3]]
    )


@pytest.mark.parametrize("message", CONFIGS)
def test_what_computes_something_else_is_refused_with_the_reason(message):
    with pytest.raises(ForeignFileError, match=message) as error:
        to_model(file(weights(), CONFIGS[message]), "seqself")
    assert str(error.value).startswith("model.h5: ") and "\n" not in str(error.value)


def test_what_acts_in_training_alone_is_noted():
    inner = lstm(dropout=0.2, recurrent_dropout=0.0, kernel_regularizer={"class_name": "L2", "config": {"l2": 0.1}})
    layers = parts(attention={"attention_regularizer_weight": 1e-4}, inner=inner, dense={"kernel_constraint": None})
    layers.insert(1, layer("SpatialDropout1D", "spatial", rate=0.1))
    _, notes = to_model(file(weights(), sequential(layers)), "seqself")
    names = "spatial, look.attention_regularizer_weight, both.layer.dropout, both.layer.kernel_regularizer"
    assert notes[0] == f"What acts in training alone is left out: {names}."


def test_half_precision_is_noted():
    layers = parts(False)
    layers[0]["config"]["dtype"] = {"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}
    _, notes = to_model(file(weights(), sequential(layers)), "seqself")
    assert len(notes) == 1 and "half precision" in notes[0]


def test_masks_and_windows_of_later_versions_are_noted():
    _, notes = to_model(file(weights(), sequential(parts(mask=True))), "seqself")
    assert len(notes) == 1 and "up to 0.45.0" in notes[0] and "for unpadded texts alone" in notes[0]
    model, notes = to_model(file(weights(), sequential(parts(False, {"attention_width": 5}))), "seqself")
    assert len(notes) == 1 and "0.46.0 an attention_width does nothing" in notes[0]
    assert not model.mask and model.arguments["attention"]["attention_width"] == 5
    history = {"attention_width": 10**9, "history_only": True}  # so it is written without a width
    model, notes = to_model(file(weights(), sequential(parts(False, history))), "seqself")
    assert not notes and model.arguments["attention"]["attention_width"] is None and model.attention_layer.history_only


WHOLE = [sequential(parts()), functional(2, parts()), functional(3, parts()), masked()]
JUNK = [None, True, -1, 10**30, 0.5, "", "look", [], {}, [["look", 0, 0]], {"config": 3, "class_name": "Dense"}]


@hypothesis.given(st.data())
def test_a_damaged_config_is_one_error_or_none(data):
    config = copy.deepcopy(data.draw(st.sampled_from(WHOLE)))
    here = config
    while True:
        key = data.draw(st.sampled_from(list(here) if isinstance(here, dict) else range(len(here))))
        if not isinstance(here[key], (dict, list)) or not here[key] or data.draw(st.integers(0, 5)) == 0:
            break
        here = here[key]
    here[key] = data.draw(st.sampled_from(JUNK))
    with contextlib.suppress(ForeignFileError):
        to_model(file(weights(), config), "seqself")
