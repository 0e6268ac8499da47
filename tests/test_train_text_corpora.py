"""scripts/train_text.py on corpora and word vectors as they come: what it says of them, takes, skips and refuses."""

import csv
import gzip
import re

import numpy as np
import pytest
from script_tools import ROOT, everything, film_reviews, refused, write_film_folders, write_films

from classifier import load_model
from dataset.words import WordVocabulary
from experiment.command_line import options_of

BOW = "--model bow --batch-size 8 --max-epoch 1 --workers 1 --out out".split()
LINES = "--data films --format lines".split()


@pytest.fixture
def train(in_process, monkeypatch, tmp_path):
    """``train(*arguments)`` trains in tmp_path, draws nothing and returns what it printed before the first epoch."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    for name in ("train_text.report", "experiment.training.write_history"):
        monkeypatch.setattr(name, lambda *_, **__: [])

    def train(*arguments, said=""):
        done = in_process(tmp_path, "train_text.py", *BOW, *arguments)
        assert (done.returncode, done.stderr) == (0, said)
        return done.stdout.partition("workers:")[0]

    return train


def test_classes_are_counted_before_the_training(train, tmp_path):
    films = write_films(tmp_path / "films", 60)
    for name, text in (("neg", "twice\ntwice\n"), ("pos", "twice\nthe film\n")):
        with open(films / f"film.{name}", "a", encoding="utf-8") as file:
            file.write(text)
    (films / "film.mixed").write_text("good and bad\n")
    (films / "LICENSE").write_text("free")
    printed = train(*LINES, "--seed", 2).splitlines()
    assert printed[0].startswith("films: ")
    assert re.fullmatch("class +train +validation +test", printed[1])
    table = {name: [int(count) for count in counts] for name, *counts in map(str.split, printed[2:5])}
    assert {name: sum(counts) for name, counts in table.items()} == {"mixed": 1, "neg": 32, "pos": 32}
    assert [sum(column) for column in zip(*table.values(), strict=True)] == [54, 5, 6]
    unseen = ["no text to train on: mixed"] * (table["mixed"][0] == 0)
    several = "texts that stand under more than one class: 1"
    assert printed[5:] == [*unseen, several, "skipped in films: 1 about the corpus (LICENSE)"]
    assert train(*LINES, "--quiet") == ""


def test_many_classes_are_not_all_printed(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    from dataset.labelled import LabelledTexts
    from experiment.corpus import Corpus, about

    names = tuple(f"分類{i:02}" for i in range(40))
    texts = LabelledTexts([str(i) for i in range(80)], np.arange(80) % 40, names, "here", skipped="1 x")
    empty = LabelledTexts(["a"], np.array([39]), names, "here")
    lines = about(Corpus(empty, texts, texts._replace(source="there"), {}))
    assert lines[0] == " class  train  validation  test" and lines[1] == "分類00      0           2     2"
    assert len(lines) == 1 + 30 + 1 + 1 + 2 and lines[31] == "... and 10 classes more"
    assert lines[32].startswith("no text to train on: 分類00, 分類01, ") and lines[32].endswith("分類29, ...")
    assert lines[33:] == ["skipped in here: 1 x", "skipped in there: 1 x"]
    single = LabelledTexts(list(names), np.arange(40), names, "here")
    none = single._replace(texts=[], labels=single.labels[:0])
    assert any("most classes have one text" in line for line in about(Corpus(single, none, none, {})))


# Corpora that a run opens again


def write_table(path, reviews, delimiter=",", header=True):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([["sentiment", "review"]] * header)
        writer.writerows(reviews)


def without(names, facts):
    return {name: value for name, value in facts.items() if name not in names}


def opened(folder):
    from experiment.text_model import TextModel

    return TextModel(folder).test_texts()


@pytest.mark.parametrize(
    ("header", "columns"),
    [(True, ("review", "sentiment")), (False, ("2", "1")), (True, ("2", "1"))],
    ids=["names", "numbers", "numbers and a header"],
)
def test_one_table(train, tmp_path, header, columns):
    reviews = film_reviews(60)
    write_table(tmp_path / "films.csv", reviews, ";", header)
    write_table(tmp_path / "test.tsv", reviews[:7], "\t", header)
    arguments = "--format", "csv", "--text-column", columns[0], "--label-column", columns[1], "--data", "films.csv"
    printed = train(*arguments)
    assert "films.csv: 49 train, 5 validation, 6 test texts" in printed
    assert ("the first row as a header" in printed) == (header and columns == ("2", "1"))
    test = opened(tmp_path / "out")
    assert len(test.texts) == 6 and test.classes == ("neg", "pos")
    assert "54 train, 6 validation, 7 test texts" in train(*arguments, "--test-data", "test.tsv")
    test = opened(tmp_path / "out")
    assert [(test.classes[label], text) for label, text in zip(test.labels, test.texts, strict=True)] == reviews[:7]


def test_a_pattern(train, tmp_path):
    folder = write_film_folders(tmp_path / "films", 40)
    for file in folder.glob("*/*.txt"):
        file.rename(file.with_suffix(".html"))
    (folder / "neg" / "note.txt").write_text("no review")
    printed = train("--data", "films", "--format", "folders", "--pattern", "*.html")
    assert "films: 33 train, 3 validation, 4 test texts" in printed
    assert printed.endswith("skipped in films: 1 other than *.html (neg/note.txt)\n")
    assert {place[-5:] for place in opened(tmp_path / "out").places} == {".html"}


def test_strange_options_of_a_run_are_refused(train, tmp_path, monkeypatch):
    from experiment.text_model import TextModel

    write_films(tmp_path / "films", 20)
    train(*LINES)
    text_model = TextModel(tmp_path / "out")
    data = text_model.facts["data"]
    assert data["options"] == {}
    for strange in ({"options": {"encoding": "x"}}, {"options": {"pattern": 3}}, {"layout": "x"}, {"options": None}):
        text_model.facts["data"] = data | strange
        with pytest.raises(ValueError, match=r"best\.npz: not written by train_text\.py or import_weights\.py: "):
            text_model.test_texts()
    del data["options"]  # as version 0.1.0
    text_model.facts["data"] = data
    assert len(text_model.test_texts().texts) == 2


def test_a_run_that_is_older_than_an_option_goes_on(train, in_process, monkeypatch, tmp_path):
    from experiment.corpus import OPTIONS

    write_films(tmp_path / "films", 20)
    write_films(tmp_path / "other", 20)
    younger = *OPTIONS, "min_count"
    with monkeypatch.context() as older:
        older.setattr("experiment.training.options_of", lambda args: options_of(without(younger, args)))
        train(*LINES)
    message = "--resume out: --pattern differs from what the run was started with"
    refused(in_process(tmp_path, "train_text.py", "--resume", "out", "--pattern", "*"), message)
    done = in_process(tmp_path, "train_text.py", "--resume", "out", "--max-epoch", 2)
    assert (done.returncode, done.stderr) == (0, "")


# Texts without a token


@pytest.mark.parametrize("line", [3, 30, 57])
@pytest.mark.parametrize("tokenizer", ["words", "sentencepiece"])
def test_a_text_in_which_no_token_is_left_is_refused(in_process, tmp_path, tokenizer, line):
    """Whatever part it belongs to."""
    films = write_films(tmp_path / "films", 120)
    lines = (films / "film.pos").read_text().splitlines()
    lines[line - 1] = {"words": " <br /><BR>", "sentencepiece": "\x01 \u200b"}[tokenizer]
    (films / "film.pos").write_text("\n".join(lines))
    before = everything(tmp_path)
    done = in_process(tmp_path, "train_text.py", *BOW, *LINES, "--tokenizer", tokenizer)
    refused(done, rf"^train_text\.py: films/film\.pos:{line}: expected a text with a token in it, got '.+'$")
    assert everything(tmp_path) == before


# Word vectors


@pytest.mark.filterwarnings("always")
def test_word_vectors_as_they_come(train, tmp_path):
    write_films(tmp_path / "films", 60)
    content = "film 1 2 3\nthe 4 5\n. . . 1 1 1\n\nplot\t7 8  9 \n"
    (tmp_path / "vectors.gz").write_bytes(gzip.compress(content.encode()))
    said = (
        "train_text.py: vectors.gz: 2 lines skipped: 1 with another number of values (first: vectors.gz:2), "
        "1 empty (first: vectors.gz:4)\n"
    )
    arguments = "--model", "gru", "--layers", 1, "--hidden-size", 2, "--embeddings", "vectors.gz", "--lr", 1e-30
    assert "2 of them with a vector from vectors.gz" in train(*LINES, *arguments, said=said)
    model, facts = load_model(tmp_path / "out" / "best.npz")
    ids = WordVocabulary(facts["vocabulary"]).encode(["film", "plot"])
    np.testing.assert_allclose(model.embed.W[ids], [[1, 2, 3], [7, 8, 9]], rtol=1e-6)


# Refusals


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--pattern *.txt", "--pattern needs --format folders or lines"),
        ("--data a.csv --format csv --pattern *.txt", "--pattern needs --format folders or lines"),
        ("--data films --format lines --text-column a", "--text-column needs --format csv and a file as --data"),
        ("--data films --format csv --label-column 2", "--label-column needs --format csv and a file as --data"),
        ("--data a.csv --format csv", "a.csv:1: expected a column 'text', got x, label"),
        ("--data a.csv --format csv --text-column 3 --label-column 1", "a.csv:1: expected a column 3, got 2 columns"),
        ("--data a.csv --format csv --text-column x --test-data films", "films: Is a directory"),
        ("--data b.csv --format csv", "b.csv: No such file or directory"),
        ("--data films --format csv", "films: expected a file trains/features.csv in it, got none"),
        ("--data films/film.neg --format lines", "films/film.neg: expected the folder of a corpus, got a file"),
        ("--data . --format lines", "expected two or more files .*, got none; classes seem to be in films$"),
        ("--data films --format lines --model gru --embeddings cut.gz", "cut.gz: expected a whole gzip file, got "),
    ],
)
def test_refused(in_process, tmp_path, arguments, message):
    write_films(tmp_path / "films", 12)
    (tmp_path / "a.csv").write_text("x,label\na,b\nc,d\n")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"film 1 2\n")[:-3])
    before = everything(tmp_path)
    refused(in_process(tmp_path, "train_text.py", *BOW, *arguments.split()), message)
    assert everything(tmp_path) == before
