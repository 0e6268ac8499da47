"""A page on which several text classifiers read the same texts: its data and refusals, without a browser."""

import os
import re

import numpy as np
import pytest
from page_tools import Parts
from script_tools import everything, refused
from test_text_page import unpacked
from text_page_tools import ENGLISH, pair_of_runs, small_classifier, write_text_run

from classifier import load_model, save_model
from classifier.page import PageModel, to_page_of_several
from common.layer import named_params
from common.packed_model import as_in_page
from experiment import TextModel
from experiment.text_page import names_of, page_of, trained_otherwise
from support.html_page import in_english

SCRIPT = "explore_text_attention.py"
PAIRS = [(text, label) for text, label in zip(ENGLISH[:6], ["a", "b", "b", None, "a", "b"], strict=True)]


def test_each_model_has_its_own_weights_and_reads_texts_its_own_way(tmp_path):
    models = pair_of_runs(tmp_path)
    parts = Parts(page_of(models, PAIRS, "six texts"))
    assert len(parts.weights) == sum(len(named_params(text_model.model)) for text_model in models)
    for text_model, settings in zip(models, parts.data["models"], strict=True):
        for name, p in named_params(text_model.model).items():
            np.testing.assert_array_equal(unpacked(parts.weights[settings["weights"] + name]), p)
        assert settings["vocabulary"] == text_model.vocabulary.words
        assert settings["classes"] == text_model.classes
        assert {key: settings[key] for key in ("padding", "width", "max_len")} == {
            key: text_model.facts[key] for key in ("padding", "width", "max_len")
        }
    assert parts.data["texts"] == [
        {"text": text, "label": label, "own": [model.ask(text).label for model in models], "tokens": [None, None]}
        for text, label in PAIRS
    ]
    assert any(len(set(text["own"])) > 1 for text in parts.data["texts"]), "else the same model twice would do"
    assert [(settings["name"], settings["model"]) for settings in parts.data["models"]] == [
        ("gru", "gru"),
        ("seqself", "seqself"),
    ]
    sizes = [sum(p.size for p in text_model.model.params) for text_model in models]
    assert parts.data["about"] == [
        f"gru: bidirectional GRU, {sizes[0]:,} weights",
        f"seqself: self-attention and LSTM, {sizes[1]:,} weights",
        "six texts",
    ]


def test_the_loss_by_smaller_weights_is_measured_for_each_model(tmp_path):
    models = pair_of_runs(tmp_path)
    about = Parts(page_of(models, PAIRS, "six texts", "int8")).data["about"]
    pattern = r"(gru|seqself), weights in int8: of 6 texts, .*; the largest difference of a probability is (.*)"
    said = [re.fullmatch(pattern, phrase).groups() for phrase in about[3:]]
    assert [name for name, _ in said] == ["gru", "seqself"]
    for (_, difference), text_model in zip(said, models, strict=True):
        xs = text_model.padded([text_model.tokens(text) for text, _ in PAIRS])
        ours, theirs = (each.probabilities(xs) for each in (text_model.model, as_in_page(text_model.model, "int8")))
        assert float(difference) == pytest.approx(abs(ours - theirs).max(), rel=0.05)


def test_names_are_as_much_of_the_paths_as_tells_them_apart(tmp_path, monkeypatch):
    runs = [tmp_path / name for name in ("a/text", "b/text", "b/text/before")]
    for run in runs:
        run.mkdir(parents=True, exist_ok=True)
    one, two, three = (write_text_run(run, "gru") for run in runs)
    assert names_of([one]) == ["text"] and names_of([one, three]) == ["text", "before"]
    assert names_of([one, two, three]) == ["a/text", "b/text", "text/before"]
    monkeypatch.chdir(tmp_path / "b")
    again = TextModel(os.path.join("..", "a", "text"))
    with pytest.raises(ValueError, match=r"^expected different runs, got .*a/text twice$"):
        names_of([one, again])


def test_a_model_that_may_know_the_test_texts_is_named(tmp_path):
    data = dict(sha256="0", shares=[0.1, 0.1], seed=1, options={})
    found = []
    for name, change in {"one": {}, "same": {"path": "elsewhere"}, "other": {"seed": 2}}.items():
        (tmp_path / name).mkdir()
        found.append(write_text_run(tmp_path / name, "gru", {"data": data | change}))
    said = "other has another training part, and may have seen some of the test texts"
    assert [in_english(phrase) for phrase in trained_otherwise(found)] == [said]
    for label in ("class 1", None):
        about = Parts(page_of(found, [("a good film", label)], "a text")).data["about"]
        assert (said in about) == (label is not None), "only of test texts"
    del found[0].facts["data"]["options"]  # version 0.1.0 wrote none
    assert trained_otherwise(found[:2]) == []


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(classes=["x", "z"]), "expected models of the same classes, got x, y of one and x, z of two"),
        (dict(name="one"), r"expected models of different names, got \['one', 'one'\]"),
        (dict(vocabulary=["<pad>"]), "expected the model's 3 words and 2 classes, got 1 words and 2 classes"),
    ],
)
def test_models_that_one_page_cannot_hold_are_refused(change, message):
    settings = dict(vocabulary=["<pad>", "<unk>", "a"], tokenizer={"name": "words"}, classes=["x", "y"])
    model = small_classifier("gru", 3)
    with pytest.raises(ValueError, match=f"^page: {message}$"):
        models = [PageModel(model, name="one", **settings), PageModel(model, **dict(name="two") | settings | change)]
        to_page_of_several(models, [[], []])
    reversed_classes = settings | dict(classes=["y", "x"])
    page = to_page_of_several(
        [PageModel(model, name="", **settings), PageModel(model, name="z", **reversed_classes)], [[], []]
    )
    assert [each["classes"] for each in Parts(page).data["models"]] == [["x", "y"], ["y", "x"]]


def test_the_script_takes_several_runs(in_process, tmp_path):
    pair_of_runs(tmp_path)
    runs = "--run", "gru", "--run", "seqself"
    done = in_process(tmp_path, SCRIPT, *runs, "--text", "a good film", "the plot")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.endswith(" 2 texts\n")
    data = Parts((tmp_path / "gru" / "attention.html").read_bytes()).data
    assert [model["name"] for model in data["models"]] == ["gru", "seqself"]
    assert [text["text"] for text in data["texts"]] == ["a good film", "the plot"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--run", "gru"], "expected different runs, got gru twice|expected different runs, got .*/gru twice"),
        (["--run", "seqself", "--run", "nowhere"], r"no trained model at nowhere.best\.npz"),
        (["--run", "others"], "page: expected models of the same classes, got a, b of gru and one, two of others"),
        (["--run", "drops", "--text", "nonsuch"], "no token of drops in the text 'nonsuch'"),
        (["--run", "drops", "--file", "gap.txt"], r"gap\.txt:2: expected a text with a token in it, got 'nonsuch'"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_the_script_refuses_in_one_line_and_writes_nothing(in_process, tmp_path, arguments, message):
    pair_of_runs(tmp_path)
    model, facts = load_model(tmp_path / "gru" / "best.npz")
    for name, change in {"others": {"classes": ["one", "two"]}, "drops": {"drops_unknown": True}}.items():
        (tmp_path / name).mkdir()
        save_model(tmp_path / name / "best.npz", model, **facts | change)
    (tmp_path / "gap.txt").write_text("a film\nnonsuch\n", encoding="utf-8")
    text = [] if {"--text", "--file"} & {*arguments} else ["--text", "a film"]
    before = everything(tmp_path)
    refused(in_process(tmp_path, SCRIPT, "--run", "gru", *text, *arguments), message)
    assert everything(tmp_path) == before
