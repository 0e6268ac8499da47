"""scripts/plot_text_attention.py: the lines, tables and pictures of where a classifier looked, and what it refuses."""

import csv
import html
import re
import shutil

import matplotlib.image
import numpy as np
import pytest
from script_tools import everything, refused, write_films
from test_classifier import MADE

import classifier.plot
from classifier import load_model, save_model
from classifier.token_table import to_text, token_table
from experiment import TextModel
from experiment.text_model import BATCH
from seq2seq import AttentionSeq2seq
from seq2seq import save_model as save_date_model

pytestmark = pytest.mark.filterwarnings("ignore:no installed font has")  # none for Japanese, perhaps


@pytest.fixture
def text_model(text_run):
    """The trained model of ``text_run``."""
    return TextModel(text_run.folder)


@pytest.fixture
def plot(in_process, text_run):
    """``plot(*arguments)`` runs the script on ``text_run``; returns what it printed."""

    def run(*arguments):
        done = in_process(text_run.cwd, "plot_text_attention.py", *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return run


def lines_of(text_model, text, label=None, kind=None):
    """What is printed of a text, made here."""
    (tokens,), (p,), (weights,) = text_model.explain([text], kind)
    predicted = text_model.classes[p.argmax()]
    truth = "" if label is None else f"(L){label} {'==' if label == predicted else '!='} "
    table = token_table(tokens, weights)
    new = dict.fromkeys(token for token in tokens if token not in text_model.vocabulary.words)
    nothing = (
        " (every token of the text: the model read nothing but their number)" if len(new) == len({*tokens}) else ""
    )
    more = f"unknown: {'|'.join(new)}{nothing}\n" if new else ""
    return f"input: {'|'.join(tokens)}\nlabel: {truth}(P){predicted}({p.max():.2f})\n{more}{to_text(table)}", table


def test_a_test_text(plot, text_model):
    test = text_model.test_texts()
    labels = [test.classes[label] for label in test.labels]
    assert plot("--index", 2) == lines_of(text_model, test.texts[2], labels[2])[0]
    default = 83 if len(test.texts) > 83 else 0
    assert (default == 83) == ("neg" in test.classes)
    assert plot() == lines_of(text_model, test.texts[default], labels[default])[0]
    found = set()
    for index in range(15):
        printed = plot("--index", index)
        label, sign, predicted = re.search(r"^label: \(L\)(\S+) (==|!=) \(P\)(.+)\(\d\.\d\d\)$", printed, re.M).groups()
        assert (label == predicted) == (sign == "==")
        found.add(sign)
    assert found == {"==", "!="}, "else one of them was not seen"


def test_a_text_of_which_no_token_is_known(plot):
    nothing = " (every token of the text: the model read nothing but their number)\n"
    assert nothing in plot("--text", "zqzq zqzq") and nothing not in plot("--text", "zqzq 京 the")


@pytest.mark.parametrize("ending", ["csv", "html", "png"])
def test_a_text_of_ones_own_and_its_file(plot, text_model, tmp_path, ending):
    text = "京都でGood actor, がラーメンを食べた <b>"
    wanted, table = lines_of(text_model, text)
    path = tmp_path / f"table.{ending.upper()}"
    assert plot("--text", text, "--save", path) == f"{wanted}written to {path}\n"
    assert wanted.splitlines()[1].startswith("label: (P)")
    if ending == "csv":
        header, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
        assert header == ["token", "weight", "rank", "normalized", "attention"]
        assert [row[0] for row in rows] == table.tokens
        assert [float(row[1]) for row in rows] == table.weight.tolist()
        if text_model.model.token_weight_kinds != ():
            assert sum(float(row[1]) for row in rows) == pytest.approx(1, abs=1e-5)
    elif ending == "html":
        page = path.read_text(encoding="utf-8")
        assert wanted.splitlines()[1] in page and "<b>" not in page and "http" not in page.replace("http-equiv", "")
        assert page.count('<th scope="row"') == len(table.tokens)
    else:
        pixels = matplotlib.image.imread(path)[..., :3]
        assert (pixels[..., 2] - pixels[..., 0] > 0.3).any(), "Blues is blue"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_batch(in_process, text_runs, tmp_path):
    run = text_runs["gru"]
    first = (run.folder / "fig" / "attention_0.png").read_bytes()
    shutil.copytree(run.folder, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "fig")
    path = tmp_path / "run" / "fig" / "attention_0.png"
    done = in_process(run.cwd, "plot_text_attention.py", "--run", tmp_path / "run", "--batch", 0)
    assert (done.stdout, done.stderr) == (f"written to {path}\n", "")
    assert path.read_bytes() == first, "the pictures that training drew are those of the best checkpoint"


def test_a_batch_as_a_page(plot, text_model, tmp_path):
    path = tmp_path / "batch.html"
    assert plot("--batch", 0, "--save", path) == f"written to {path}\n"
    page, test = path.read_text(encoding="utf-8"), text_model.test_texts()
    rows = range(min(16, len(test.texts)))
    printed = [lines_of(text_model, test.texts[i], test.classes[test.labels[i]])[0] for i in rows]
    lines = re.findall("<p lang=[^>]*>((?:input|label): .*)</p>", page)
    assert [html.unescape(line) for line in lines] == [line for text in printed for line in text.split("\n")[:2]]
    assert page.count("<table>") == len(rows)


def test_the_heat_map_has_what_the_model_gave(in_process, text_runs, monkeypatch, tmp_path):
    drawn, draw = [], classifier.plot.plot_word_attention

    def remember(tokens, weights, labels, weight):
        drawn.append((tokens, weights, labels))
        return draw(tokens[:1], weights[:1], labels=labels[:1], weight=weight)

    monkeypatch.setattr(classifier.plot, "plot_word_attention", remember)
    run = text_runs["gru"]
    done = in_process(run.cwd, "plot_text_attention.py", "--batch", 5, "--save", tmp_path / "a.svg")
    assert (done.returncode, done.stderr) == (0, "")
    assert "<!-- attention weight -->" in (tmp_path / "a.svg").read_text()
    ((tokens, weights, labels),) = drawn
    text_model = TextModel(run.folder)
    test = text_model.test_texts()
    rows = range(5 * BATCH, 90)
    assert len(tokens) == len(rows) == 10
    for n, i in enumerate(rows):
        (alone,), (p,), (weight,) = text_model.explain([test.texts[i]])
        assert tokens[n] == alone
        np.testing.assert_allclose(weights[n], weight, atol=1e-6)
        assert labels[n] == f"{test.classes[test.labels[i]]} → {test.classes[p.argmax()]} {p.max():.2f}"


def test_other_weights(plot, text_run, text_model):
    (first, *others) = text_model.model.token_weight_kinds
    assert plot("--text", "good food", "--weights", first) == plot("--text", "good food")
    for kind in others:
        wanted, _ = lines_of(text_model, "good food", kind=kind)
        assert plot("--text", "good food", "--weights", kind) == wanted != plot("--text", "good food")


def test_in_a_process_of_its_own(script, text_runs):
    run = text_runs["seqself"]
    done = script(run.cwd, "plot_text_attention.py", "--text", "京都")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(r"input: 京\|都\nlabel: \(P\)\S+\(0\.\d\d\)\ntoken +京 +都\nweight ", done.stdout)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--run", "nowhere"], r"no trained model at nowhere.best\.npz; .*python scripts/train_text\.py --out nowhere"),
        (["--run", "date"], "py: date: a run of train_date.py, which DateModel reads and plot_attention.py draws"),
        (["--run", "mixed"], "best.npz: not a model file: expected one of gru, seqself, bow, got 'attention'"),
        (["--run", "bare"], r"best\.npz: not written by train_text\.py or .* vocabulary, got nothing"),
        (["--index", 90], r"--index 90: the test part has \d\d texts, 0\.\.\d\d"),
        (["--index", -1], "--index: .*at least 0"),
        (["--batch", 6], r"--batch 6: \d\d texts make batches 0\.\.\d"),
        (["--text", ""], "no token in the text ''"),
        (["--text", " \u3000 "], "no token in the text"),
        (["--text", "a", "--index", 1], "not allowed with"),
        (["--text", "a", "--batch", 1], "not allowed with"),
        (["--text", "a", "--weights", "best"], r"expected one of (attention|received, output_max), got 'best'"),
        (
            ["--text", "a", "--save", "map.gif"],
            r"map\.gif: expected a name that ends in \.csv, \.html, \.png, \.svg, \.pdf",
        ),
        (["--batch", 0, "--save", "map.csv"], r"map\.csv: expected a name that ends in \.html, \.png, \.svg, \.pdf"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_refused_in_one_line_and_nothing_is_written(text_run, in_process, arguments, message):
    for name, save in (
        ("date/attention.npz", lambda path: save_date_model(path, AttentionSeq2seq(5, 2, 2))),
        ("mixed/best.npz", lambda path: save_date_model(path, AttentionSeq2seq(5, 2, 2))),
        ("bare/best.npz", lambda path: save_model(path, MADE["gru"]())),
    ):
        path = text_run.cwd / name
        if not path.exists():
            path.parent.mkdir()
            save(path)
    before = everything(text_run.cwd)
    refused(in_process(text_run.cwd, "plot_text_attention.py", *arguments), message)
    assert everything(text_run.cwd) == before


def test_a_table_that_cannot_be_saved(text_runs, in_process):
    run = text_runs["gru"]
    done = in_process(run.cwd, "plot_text_attention.py", "--text", "good", "--save", "nowhere/a.csv")
    assert done.returncode == 2 and re.search("there is no folder nowhere", done.stderr)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_text_too_long_for_a_picture_is_named_and_fits_a_page(text_runs, in_process, monkeypatch, tmp_path, ending):
    monkeypatch.setattr("support.plot_text.TALLEST", 5)
    for run in text_runs.values():
        arguments = run.cwd, "plot_text_attention.py", "--text", "good film " * 200, "--save"
        done = in_process(*arguments, tmp_path / f"a.{ending}")
        refused(done, rf"--save .*a\.{ending}: \d+ tokens are too many for a picture; save \.html or \.csv")
        assert everything(tmp_path) == {}
    for other in ("html", "csv"):
        assert in_process(*arguments, tmp_path / f"a.{other}").returncode == 0


def test_a_long_text_of_ones_own_is_drawn_to_its_end(text_runs, in_process, tmp_path):
    arguments = "plot_text_attention.py", "--text", "good film " * 150 + "end", "--save", tmp_path / "a.svg"
    assert in_process(text_runs["gru"].cwd, *arguments).returncode == 0
    assert "<!-- end -->" in (tmp_path / "a.svg").read_text() and "left out" not in (tmp_path / "a.svg").read_text()


def test_data_that_changed_or_vanished(text_runs, in_process, tmp_path):
    model, facts = load_model(text_runs["gru"].folder / "best.npz")
    films = write_films(tmp_path / "films")
    (tmp_path / "run").mkdir()
    facts = {name: value for name, value in facts.items() if name not in ("format", "model", "arguments")}
    save_model(tmp_path / "run" / "best.npz", model, **facts | {"data": facts["data"] | {"path": str(films)}})
    arguments = "plot_text_attention.py", "--run", "run"
    assert in_process(tmp_path, *arguments).returncode == 0, "the same texts in another place"
    file = films / "film.pos"
    file.write_text(file.read_text().replace("good", "fine", 1))
    refused(in_process(tmp_path, *arguments), "films: changed since the model was trained on it")
    refused(in_process(tmp_path, *arguments, "--batch", 0), "films: changed since")
    assert in_process(tmp_path, *arguments, "--text", "a good film").returncode == 0, "which needs no data"
    shutil.rmtree(films)
    refused(in_process(tmp_path, *arguments), "films")


def test_models_that_do_not_attend(text_runs, in_process, tmp_path):
    _, facts = load_model(text_runs["gru"].folder / "best.npz")
    facts = {name: value for name, value in facts.items() if name not in ("format", "model", "arguments")}
    for name, model in ("bow", MADE["bow"]()), ("plain", MADE["gru-plain"]()):
        (tmp_path / name).mkdir()
        words = facts | {"vocabulary": ["<pad>", "<unk>", *"abcdefg"], "classes": ["x", "y", "z"]}
        save_model(tmp_path / name / "best.npz", model, **words)
    done = in_process(tmp_path, "plot_text_attention.py", "--run", "bow", "--text", "a b c", "--save", "table.png")
    assert done.returncode == 0 and done.stdout.startswith("input: a|b|c\nlabel: (P)"), done.stderr
    refused(
        in_process(tmp_path, "plot_text_attention.py", "--run", "plain", "--text", "a b"),
        "the model has no attention, so its tokens have no weights",
    )
