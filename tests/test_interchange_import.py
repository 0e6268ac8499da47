"""Files that were exported from here become runs again, without a word about what is in them."""

import json
from pathlib import Path

import numpy as np
import pytest
from script_tools import everything, refused, write_films

from classifier import GRUClassifier, save_model
from common.checkpoint import read_manifest
from experiment import DateModel, TextModel
from experiment.corpus import open_corpus
from interchange import read_arrays, to_arrays, to_model
from interchange.description import KEY as OURS

files = pytest.importorskip("safetensors.numpy")
SCRIPT = "import_weights.py"
GIVEN = "file.safetensors", "--out", "run"


def facts_of(run: TextModel | DateModel) -> dict:
    return {name: fact for name, fact in read_manifest(run.path).items() if name not in ("model", "arguments")}


def export(path: Path, run: TextModel | DateModel, **other) -> None:
    """Write a file as export_model.py does. other: entries of its description that differ."""
    known = read_manifest(run.path)
    description = {"model": known["model"], "arguments": known["arguments"], "facts": facts_of(run)} | other
    files.save_file(to_arrays(run.model, "torch"), path / GIVEN[0], {OURS: json.dumps(description)})


@pytest.fixture
def films(tmp_path) -> TextModel:
    """A run of film reviews, untrained."""
    model = GRUClassifier(8, 4, 3, 1, rng=np.random.default_rng(0))
    origin = open_corpus(str(write_films(tmp_path / "films", 40)), "lines", "utf-8", None, (0.25, 0.2), 3).origin
    words = ["<pad>", "<unk>", *"a film it's dull good plot".split()]
    facts = dict(vocabulary=words, tokenizer={"name": "words"}, classes=["neg", "pos"], padding="after", max_len=None)
    (tmp_path / "trained").mkdir()
    save_model(tmp_path / "trained" / "best.npz", model, **facts, data=origin)
    return TextModel(tmp_path / "trained")


def test_texts_come_back(films, in_process, tmp_path):
    export(tmp_path, films)
    done = in_process(tmp_path, SCRIPT, *GIVEN)
    assert (done.returncode, done.stderr) == (0, "") and "note:" not in done.stdout
    assert "test accuracy " in done.stdout and "10 texts" in done.stdout
    run = TextModel(tmp_path / "run")
    assert run.model.arguments == films.model.arguments
    assert {name: run.facts[name] for name in films.facts} == films.facts
    asked, before = run.ask("zounds, a dull film"), films.ask("zounds, a dull film")
    assert asked.probabilities.tolist() == before.probabilities.tolist()
    assert asked.weights.tolist() == before.weights.tolist()


def test_dates_come_back(date_run, in_process, tmp_path):
    known = DateModel(date_run[2])
    export(tmp_path, known)
    done = in_process(tmp_path, SCRIPT, *GIVEN)
    assert (done.returncode, done.stderr) == (0, "") and "note:" not in done.stdout
    run = DateModel(tmp_path / "run")
    assert run.test_questions() == known.test_questions() and run.question_characters == known.question_characters
    assert run.ask("May 1, 1972").attention.tolist() == known.ask("May 1, 1972").attention.tolist()


def test_options_go_before_what_the_file_says(films, in_process, tmp_path):
    export(
        tmp_path, films, facts=facts_of(films) | {"padding": "before", "max_len": 3, "drops_unknown": True, "width": 5}
    )
    assert in_process(tmp_path, SCRIPT, *GIVEN, "--max-len", 4, "--classes", "a,b").returncode == 0
    run = TextModel(tmp_path / "run")
    assert run.classes == ["a", "b"]
    assert run.tokens("a zounds dull film of it's plot") == ["a", "dull", "film", "it's"]
    assert run.encode([["a"]])[0, :4].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "options, message",
    [
        (["--no-mask"], r"file\.safetensors: says mask=True, not False; leave the option out"),
        (["--no-attention"], "says attention=True, not False"),
        (["--padding-id", 1, "--unknown-id", 0], "--padding-id, --unknown-id: .* says them itself"),
        (["--classes", "pos,neg"], r"--classes: file\.safetensors has them as neg,pos"),
    ],
)
def test_options_do_not_contradict_what_the_file_says(films, in_process, tmp_path, options, message):
    export(tmp_path, films)
    before = everything(tmp_path)
    refused(in_process(tmp_path, SCRIPT, *GIVEN, *options), message)
    assert everything(tmp_path) == before


def test_data_that_is_not_here_costs_nothing_but_the_test(films, in_process, tmp_path):
    export(tmp_path, films, facts=facts_of(films) | {"data": films.facts["data"] | {"path": "/nowhere/films"}})
    done = in_process(tmp_path, SCRIPT, *GIVEN)
    assert done.returncode == 0 and "not tested on the data of its training: " in done.stdout
    assert TextModel(tmp_path / "run").ask("a dull film").label in ("neg", "pos")


@pytest.mark.parametrize(
    "other, message",
    [
        ({"model": "seqself"}, "expected an nn.LSTM"),
        ({"model": "x"}, "describes no model: expected a model of baseline, .*, got x"),
        ({"arguments": 3}, "its metadata attention-from-scratch describes no model"),
        ({"facts": None}, "its metadata attention-from-scratch describes no model"),
        ({"arguments": {"mask": "no"}}, "describes no model: .*mask: expected true or false"),
        ({"arguments": {"dropout": "much"}}, "describes no model: "),
        ({"facts": {}}, r"--vocabulary: expected the words of file\.safetensors and their ids"),
        (
            {"facts": {"classes": ["a", "b"]}},
            r"file\.safetensors: not written by export_model.py: .* vocabulary, got noth",
        ),
        ({"facts": {"vocabulary": ["<pad>", 3]}}, "not written by export_model.py"),
    ],
)
def test_a_description_that_is_none(films, in_process, tmp_path, other, message):
    export(tmp_path, films, **other)
    before = everything(tmp_path)
    refused(in_process(tmp_path, SCRIPT, *GIVEN), message)
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    "fact, message",
    [
        ({"padding": "sideways"}, "expected padding .*got 'sideways'"),
        ({"max_len": 0}, "expected a max_len of 1 or more, got 0"),
        ({"width": 0}, "expected texts padded to 1 to 10000 tokens, got 0"),
        ({"width": 10**9}, "expected texts padded to 1 to 10000 tokens, got 1000000000"),
        ({"classes": [1, 2]}, "--classes 1,2: expected 2 names"),
        ({"vocabulary": ["<pad>", "<unk>"]}, r"file\.safetensors: expected 8 words, one per row, got 2"),
        ({"vocabulary": [*"abcdefgh"]}, "as the first two words, got"),
        ({"imported": {"ids": [1]}}, "expected the ids of padding and of unknown words, got"),
        ({"imported": {"ids": [0, "x"]}}, "expected the id of unknown words, got 'x'"),
        ({"tokenizer": {"name": "os"}}, "expected one of words, .* got 'os'"),
    ],
)
def test_facts_of_a_file_are_checked_before_anything_is_written(films, in_process, tmp_path, fact, message):
    export(tmp_path, films, facts=facts_of(films) | fact)
    before = everything(tmp_path)
    refused(in_process(tmp_path, SCRIPT, *GIVEN), message)
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    "fact, message",
    [
        ({"T_enc": 0}, "expected lengths of 1 to 10,000 characters, got 0, 10"),
        ({"T_dec": 10**9}, "expected lengths of 1 to 10,000 characters, got 29, 1000000000"),
        ({"start": "?"}, "expected '.' among the characters"),
        ({"vocabulary": "_"}, "expected characters, one for each of the 59 rows of the embedding, got 1"),
        ({"reverse": 1}, "not written by export_model.py: expected its manifest to say reverse, got 1"),
    ],
)
def test_so_are_those_of_dates(date_run, in_process, tmp_path, fact, message):
    known = DateModel(date_run[2])
    export(tmp_path, known, facts=facts_of(known) | fact)
    before = everything(tmp_path)
    refused(in_process(tmp_path, SCRIPT, *GIVEN), message)
    assert everything(tmp_path) == before


def test_another_model_than_the_file_has_is_refused(films, in_process, tmp_path):
    export(tmp_path, films)
    refused(
        in_process(tmp_path, SCRIPT, *GIVEN, "--model", "bow"), "expected the model bow, got gru, which was exported"
    )
    notes = to_model(read_arrays(tmp_path / GIVEN[0]), "gru").notes
    assert notes == [], "nothing had to be assumed"


@pytest.mark.parametrize("ids", [(1, 0), (5, 3), (0, 7), (0, None)])
def test_a_model_goes_back_with_the_ids_it_came_with(films, in_process, tmp_path, ids):
    """What was imported and exported loads again where it came from, bit for bit, and nobody need name the ids."""
    padding_id, unknown_id = ids
    theirs = to_arrays(films.model, "torch")
    words = [f"w{i}" for i in range(8)]
    words[padding_id] = "<pad>"
    if unknown_id is not None:
        words[unknown_id] = "<unk>"
    np.savez(tmp_path / "theirs.npz", **theirs)
    (tmp_path / "words.txt").write_text("\n".join(words))
    dropped = ["--unknown-id", "dropped"] if unknown_id is None else []
    given = "theirs.npz", "--model", "gru", "--vocabulary", "words.txt", "--tokenizer", "words", *dropped
    assert in_process(tmp_path, SCRIPT, *given, "--out", "run").returncode == 0
    assert in_process(tmp_path, "export_model.py", "--run", "run", "--to", "back.safetensors").returncode == 0
    back = read_arrays(tmp_path / "back.safetensors")
    assert back.keys() == theirs.keys() and all(np.array_equal(back[name], theirs[name]) for name in theirs)
    assert in_process(tmp_path, SCRIPT, "back.safetensors", "--out", "again").returncode == 0
    run, again = TextModel(tmp_path / "run"), TextModel(tmp_path / "again")
    assert again.vocabulary == run.vocabulary and again.tokenizer.to_json() == run.tokenizer.to_json()
    text = "w2 w3 nowhere w6"
    np.testing.assert_array_equal(again.answers([text])[0].probabilities, run.answers([text])[0].probabilities)
