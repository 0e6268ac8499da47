"""The ONNX file: what it says about itself, what is refused with nothing written, and a run's answers from it."""

import importlib
import json
import re

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
import onnxruntime
from onnx_tools import LETTERS, date_facts, lively, outputs, text_facts

from classifier import BagOfWords, GRUClassifier, SeqSelfClassifier
from common.time_layers import TimeGRU
from interchange import onnx_file
from interchange.onnx_file import to_onnx, write
from seq2seq import AttentionSeq2seq, PeekySeq2seq, Seq2seq, TransformerSeq2seq, load_model
from seq2seq.decoding import Decoded

V = 9


def dates(cls=AttentionSeq2seq, **arguments):
    return lively(cls, V, 5, 7, **arguments)[0]


def texts(cls=GRUClassifier, *arguments):
    return lively(cls, V, *(arguments or (5, 4)))[0]


MODELS = {
    "baseline": (lambda: dates(Seq2seq), date_facts),
    "peeky": (lambda: dates(PeekySeq2seq), date_facts),
    "attention": (lambda: dates(mask_padding=2), date_facts),
    "transformer": (lambda: lively(TransformerSeq2seq, V, 6, 7, heads=3, layers=2)[0], date_facts),
    "gru": (texts, text_facts),
    "seqself": (lambda: texts(SeqSelfClassifier), text_facts),
    "bow": (lambda: texts(BagOfWords, 3), text_facts),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_file_says_all_that_makes_a_run_of_it_again(tmp_path, name):
    make, facts_of = MODELS[name]
    model = make()
    facts = facts_of(model, data={"path": None, "sha256": "0"})
    path = tmp_path / "model.onnx"
    write(path, model, facts | {"model": name, "arguments": model.arguments})  # as load_model returns them
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    onnx.checker.check_model(path, full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    said = session.get_modelmeta().custom_metadata_map
    own = json.loads(said["attention-from-scratch"])
    assert own == {"model": name, "arguments": model.arguments, "facts": facts}
    assert json.loads(said["vocabulary"]) == list(facts["vocabulary"])
    proto = onnx.load(path)
    assert (proto.ir_version, [opset.version for opset in proto.opset_import]) == (8, [17])
    assert all(each.doc_string for each in (*proto.graph.input, *proto.graph.output))
    if facts_of is date_facts:
        assert (said["start"], said["T_enc"], said["T_dec"]) == ("b", "6", "4")
    else:
        assert json.loads(said["classes"]) == facts["classes"]
        assert (said["padding"], json.loads(said["tokenizer"])) == ("after", {"name": "words"})


@pytest.mark.parametrize("reverse, direction", [(True, "backwards"), (False, "forwards")])
def test_the_reading_direction_is_said(reverse, direction):
    proto = to_onnx(dates(), date_facts(dates(), reverse=reverse))
    assert {prop.key: prop.value for prop in proto.metadata_props}["reading_direction"] == direction


@pytest.mark.parametrize("name", MODELS)
def test_names_and_shapes_of_inputs_and_outputs(name):
    make, facts_of = MODELS[name]
    model = make()
    graph = to_onnx(model, facts_of(model)).graph

    def declared(values):
        return {
            each.name: tuple(d.dim_param or d.dim_value for d in each.type.tensor_type.shape.dim) for each in values
        }

    given, returned = declared(graph.input), declared(graph.output)
    if facts_of is date_facts:
        assert given == {"question": ("N", "T_enc")}
        maps = {"attention_weights": ("N", 4, "T_enc")} if model.has_maps else {}
        if name == "transformer":
            maps["attention_by_head"] = ("N", 2, 3, 4, "T_enc")
        assert returned == {"answer": ("N", 4), "log_prob": ("N",)} | maps
    else:
        maps = {"gru": {"attention_weights": ("N", "T")}, "seqself": {"attention_weights": ("N", "T", "T")}}
        assert given == {"tokens": ("N", "T")}
        assert returned == {"probabilities": ("N", model.classes), "token_weights": ("N", "T")} | maps.get(name, {})
    stored = {each.name for each in graph.initializer}
    assert {"embed.W", "encoder.embed.W"} & stored, "weights have the names of ours"


class Subclass(Seq2seq):
    """A model that a reader wrote."""


def replaced(model, part, layer):
    setattr(model.encoder, part, layer)
    return model


def changed(model, value):
    model.params[-1].flat[0] = value
    return model


def other_lstm():
    z = np.zeros
    return TimeGRU(z((5, 21)), z((7, 21)), z(21))


def stateful():
    model = dates()
    model.encoder.lstm.stateful = True  # an answer would depend on the one before it
    return model


def larger():
    model = dates()
    model.encoder.embed.W = model.encoder.embed.params[0] = model.params[0] = np.zeros((V + 1, 5), np.float32)
    return model


BAD_MODELS = {
    "another class": (lambda: Subclass(V, 5, 7), "expected one of Seq2seq, PeekySeq2seq, .*, got Subclass"),
    "no model": (lambda: other_lstm(), "expected one of .*, got TimeGRU"),
    "another layer": (
        lambda: replaced(dates(), "lstm", other_lstm()),
        "ONNX: encoder.lstm: expected TimeLSTM, as in a new AttentionSeq2seq, got TimeGRU$",
    ),
    "stateful": (stateful, "encoder.lstm: expected TimeLSTM, as .*, got stateful TimeLSTM$"),
    "another shape": (larger, r"encoder.embed.W: expected \(9, 5\), as in a new AttentionSeq2seq, got \(10, 5\)$"),
    "nan": (lambda: changed(dates(), np.nan), "decoder.affine.b .*is not finite"),
    "beyond float32": (
        lambda: changed(lively(Seq2seq, V, 5, 7)[1], 1e300),
        "decoder.affine.b: expected numbers that are finite in float32",
    ),
    "complex": (lambda: Seq2seq(V, 5, 7, dtype=np.complex128), "expected numbers that are finite in float32"),
}
BAD_FACTS = {
    "no vocabulary": ({"vocabulary": None}, "expected vocabulary, of type str, got None"),
    "a short vocabulary": (
        {"vocabulary": "ab"},
        "expected 9 characters, among them the start, got 2 with the start 'b'",
    ),
    "no start": ({"start": "z"}, "expected 9 characters, among them the start, got 9 with the start 'z'"),
    "no answer": ({"T_dec": 0}, "T_dec: expected at least 1 character, got 0"),
    "no direction": ({"reverse": "yes"}, "expected reverse, of type bool, got 'yes'"),
}


def refused(tmp_path, model, facts, message):
    with pytest.raises(ValueError, match=message) as error:
        write(tmp_path / "model.onnx", model, facts)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", BAD_MODELS)
def test_a_model_that_cannot_be_the_same_is_refused(tmp_path, name):
    make, message = BAD_MODELS[name]
    refused(tmp_path, make(), date_facts(dates()), message)


@pytest.mark.parametrize("name", BAD_FACTS)
def test_facts_that_do_not_fit_are_refused(tmp_path, name):
    facts, message = BAD_FACTS[name]
    refused(tmp_path, dates(), date_facts(dates(), **facts), message)


@pytest.mark.parametrize(
    "facts, message",
    [
        ({"classes": ["a"]}, "classes: expected the 2 of the model, got 1"),
        ({"vocabulary": [*LETTERS]}, "vocabulary: expected the 9 of the model, got 26"),
        ({"tokenizer": None}, "expected tokenizer, of type dict, got None"),
    ],
)
def test_facts_of_texts_that_do_not_fit_are_refused(tmp_path, facts, message):
    refused(tmp_path, texts(), text_facts(texts(), **facts), message)


def test_more_weights_than_a_file_holds_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_file, "LARGEST", 1000)
    refused(tmp_path, dates(), date_facts(dates()), r"expected weights of less than 2 GB, .*, got \d,\d{3} bytes")


def test_a_graph_that_the_checker_refuses_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_file, "OPSET", 7)  # its operators have other attributes
    with pytest.raises(onnx.checker.ValidationError):
        write(tmp_path / "model.onnx", dates(), date_facts(dates()))
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_file_stays_when_a_model_is_refused(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"before")
    with pytest.raises(ValueError, match="T_dec"):
        write(path, dates(), date_facts(dates(), T_dec=0))
    assert path.read_bytes() == b"before"


def test_a_run_answers_in_onnxruntime_as_in_ours(in_process, monkeypatch, tmp_path, date_run):
    module = importlib.import_module("benchmarks.onnx_answers")
    done = in_process(tmp_path, "benchmarks.onnx_answers", "--run", date_run[2], "--repeat", 1)
    line = r"^attention: (\d+) of (\d+) answers are the same, largest difference: log_prob \S+, attention_weights \S+$"
    same, count = map(int, re.search(line, done.stdout, re.MULTILINE).groups())
    assert count == 100 and same >= 99, "rounding decides where two characters are as likely"
    assert done.returncode == (same < count), done.stderr
    assert re.search(r"^attention: seconds ours/onnxruntime \d", done.stdout, re.MULTILINE)
    assert list(tmp_path.iterdir()) == []

    def other(*arguments):
        answers = right(*arguments)
        return Decoded(answers.ids + (np.arange(10) == 3), *answers[1:])

    right = module.run_in_batches
    monkeypatch.setattr(module, "run_in_batches", other)
    done = in_process(tmp_path, "benchmarks.onnx_answers", "--run", date_run[2], "--repeat", 1)
    assert done.returncode == 1 and "attention: 0 of 100 answers are the same" in done.stdout


def test_a_question_goes_in_as_the_metadata_says(date_run, tmp_path):
    """With nothing but onnxruntime and the file."""
    model, _, folder = date_run
    write(tmp_path / "dates.onnx", *load_model(folder / "attention.npz"))
    session = onnxruntime.InferenceSession(tmp_path / "dates.onnx", providers=["CPUExecutionProvider"])
    said = session.get_modelmeta().custom_metadata_map
    characters = json.loads(said["vocabulary"])
    ids = [characters.index(character) for character in "May 1, 1972".ljust(int(said["T_enc"]))]
    if said["reading_direction"] == "backwards":
        ids.reverse()
    got = outputs(session, np.array([ids]))
    np.testing.assert_allclose(
        got["log_prob"], model.decode(np.array([ids]), characters.index("_"), 10).log_probs, atol=1e-4
    )
