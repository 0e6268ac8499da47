"""experiment.DateModel: a trained run of dates, asked in words."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from script_tools import MODELS, ROOT, refused

from classifier.token_table import ink, rgb
from experiment import DateAnswer, DateModel
from seq2seq import AttentionSeq2seq, Seq2seq, load_model, save_model
from seq2seq.model_file import MODELS as CLASSES

QUESTION = "May 1, 1972"


def by_hand(folder, name: str, question: str):
    """Answer, probability and map, with nothing of ``experiment``."""
    model, facts = load_model(folder / f"{name}.npz")
    chars = facts["vocabulary"]
    xs = np.array([[chars.index(char) for char in question.ljust(facts["T_enc"])[::-1]]])
    (ids,), (log_prob,), weights = model.decode(xs, chars.index("_"), facts["T_dec"])
    return "".join(chars[i] for i in ids), np.exp(log_prob), None if weights is None else weights[0, :, ::-1]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("as_given", [str, lambda path: path], ids=["str", "Path"])
def test_a_model_is_asked_in_words(trained_run, name, as_given):
    asked = DateModel(as_given(trained_run.folder), model=name).ask(f" {QUESTION} ")
    text, probability, weights = by_hand(trained_run.folder, name, QUESTION)
    assert (asked.question, asked.text) == (QUESTION, text.rstrip())
    assert type(asked.probability) is float and asked.probability == pytest.approx(float(probability))
    assert str(asked) == f"{text.rstrip()} ({probability:.1%})"
    if not CLASSES[name].has_maps:
        assert asked.attention is None and weights is None
    else:
        assert asked.attention.shape == (10, 29)
        np.testing.assert_array_equal(asked.attention, weights)
        assert repr(asked).count("\n") == 0 and "array" not in repr(asked)


def test_a_model_that_reads_forwards_has_its_map_in_the_order_of_the_text_too(date_run, tmp_path):
    model, chars, _ = date_run
    facts = dict(vocabulary=chars, start="_", T_enc=29, T_dec=10, reverse=False, data={})
    save_model(tmp_path / "attention.npz", model, **facts)
    xs = np.array([[chars.index(char) for char in QUESTION.ljust(29)]])
    (weights,) = model.decode(xs, chars.index("_"), 10).attention_weights
    np.testing.assert_array_equal(DateModel(tmp_path).ask(QUESTION).attention, weights)


def test_the_first_model_with_maps_is_asked_else_the_first(trained_run, tmp_path):
    def asked(*names):
        for name in MODELS:
            (tmp_path / f"{name}.npz").unlink(missing_ok=True)
        for name in names:
            (tmp_path / f"{name}.npz").hardlink_to(trained_run.folder / f"{name}.npz")
        return DateModel(tmp_path).name

    assert asked(*MODELS) == asked("peeky", "attention") == "attention"
    assert asked("baseline", "peeky") == "baseline" and asked("peeky") == "peeky"
    assert repr(DateModel(tmp_path)) == f"DateModel({str(tmp_path)!r}, model='peeky')"


def test_a_class_says_whether_its_models_have_maps():
    """So that a model is refused before it is loaded; subclasses of readers inherit it."""
    for cls in CLASSES.values():
        model = cls(5, 4, 4, rng=np.random.default_rng(0))
        assert cls.has_maps == (model.decode(np.ones((1, 2), int), 0, 1).attention_weights is not None), cls
    assert not type("OfAReader", (Seq2seq,), {}).has_maps and type("OfAReader", (AttentionSeq2seq,), {}).has_maps


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("", "^expected a question, got an empty text$"),
        (" \t", "^expected a question, got an empty text$"),
        ("5月1日", "^'月', character 2 of '5月1日', is not in the vocabulary$"),
        ("May|1", "'|', character 4 of 'May|1', "),
        ("a" * 30, "has 30 characters, at most 29 are possible"),
        (None, "^DateModel.ask: expected one text, got NoneType$"),
        ([QUESTION], "^DateModel.ask: expected one text, got list$"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(date_run, question, message):
    with pytest.raises(ValueError, match=message):
        DateModel(date_run[2]).ask(question)


def test_a_run_that_cannot_be_opened_is_refused(tmp_path, date_run):
    with pytest.raises(FileNotFoundError, match=r"^no trained model in \S+; train one with: python scripts/train_date"):
        DateModel(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"^no trained peeky model at \S+peeky\.npz; train one with: "):
        DateModel(date_run[2], model="peeky")
    with pytest.raises(FileNotFoundError, match=r"train one with: .*train_date\.py --models transformer --out "):
        DateModel(date_run[2], model="transformer")  # which the script trains only if it is named
    with pytest.raises(ValueError, match=r"^DateModel: expected a model of baseline, .*, got '\.\./attention'$"):
        DateModel(date_run[2], model="../attention")
    with pytest.raises(ValueError, match=r"^DateModel: expected a model of baseline, .*, got ''$"):
        DateModel(date_run[2], model="")
    with pytest.raises(ValueError, match=r"attention\.npz: expected the folder of a run, got a file$"):
        DateModel(date_run[2] / "attention.npz")


class Cells(dict):
    """The HTML of an answer, read: texts and styles by place."""

    def __init__(self, html: str):
        assert "<script" not in html and "://" not in html and "src=" not in html
        self.root = ElementTree.fromstring(f"<div>{html}</div>")
        self.line = "".join(self.root.find("p").itertext())
        self.rows = [list(row) for row in self.root.iter("tr")]


def test_a_notebook_shows_the_answer_and_its_map_in_shades(date_run):
    asked = DateModel(date_run[2]).ask(QUESTION)
    cells = Cells(asked._repr_html_())
    assert cells.line == str(asked)
    head, *rows = cells.rows
    assert "".join(cell.text or "" for cell in head) == QUESTION.replace(" ", "␣") + "␣" * 18
    assert "".join(row[0].text for row in rows).replace("␣", " ").rstrip() == asked.text
    for row, weights in zip(rows, asked.attention, strict=True):
        assert [float(cell.get("title")) for cell in row[1:]] == [float(f"{weight:.2f}") for weight in weights]
        colours = [f"background:#{bytes(rgb(weight)).hex()};color:{ink(rgb(weight))}" for weight in weights]
        assert [cell.get("style") for cell in row[1:]] == colours
    assert len(set(colours)) > 1


def test_a_notebook_shows_hostile_and_japanese_text_as_text():
    weights = np.eye(3, 12)
    html = DateAnswer("<b>&\x1b", "寺\u202e<", 0.5, weights)._repr_html_()
    cells = Cells(html)
    assert cells.line == "寺\\u202e< (50.0%)"
    assert [cell.text for cell in cells.rows[0][1:7]] == ["<", "b", ">", "&", "\\x1b", "␣"]
    assert [row[0].text for row in cells.rows[1:]] == ["寺", "\\u202e", "<"]


def test_an_answer_without_a_map_says_so(trained_run):
    asked = DateModel(trained_run.folder, model="baseline").ask(QUESTION)
    assert Cells(asked._repr_html_()).line == str(asked) and "<table" not in asked._repr_html_()
    with pytest.raises(ValueError, match=rf"^{re.escape(str(asked))}: the model has no attention, so no map can be"):
        asked.plot()


def test_an_answer_is_drawn(date_run):
    import matplotlib.pyplot as plt

    asked = DateModel(date_run[2]).ask(QUESTION)
    _, own = plt.subplots()
    for ax in (asked.plot(), asked.plot(own), asked.plot(ax=own)):
        (mesh,) = ax.collections[:1]
        np.testing.assert_array_equal(np.ravel(mesh.get_array()), asked.attention.ravel())
        labels = [label.get_text() for label in ax.get_xticklabels()]
        assert "".join(labels).replace("␣", " ").rstrip() == QUESTION and len(labels) == 29
        assert ax.get_title() == f"{QUESTION} → {asked.text}"
    assert ax is own
    plt.close("all")


def test_importing_it_imports_no_pictures():
    code = "import experiment, sys; assert 'matplotlib' not in sys.modules; print(*experiment.__all__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("DateAnswer DateModel TextAnswer TextModel\n", "")


@pytest.mark.parametrize("name", ["plot_attention.py", "explore_attention.py", "faithfulness.py", "convert_date.py"])
def test_every_script_that_reads_a_run_of_dates_takes_a_model(trained_run, in_process, name):
    """Without maps, the refusal is one line that names it."""
    drawn = ["--explain"] if name == "convert_date.py" else []
    for model in ("baseline", "peeky"):
        done = in_process(trained_run.cwd, name, "--model", model, *drawn, *["May 1, 1972"] * len(drawn))
        refused(done, rf"^{name}: .*{model}.* has no attention maps")
    refused(in_process(trained_run.cwd, name, "--model", "bert"), "--model: invalid choice: 'bert'")
