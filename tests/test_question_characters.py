"""A character that no training question had is named, with its place, wherever a text can be asked.

The options of the other scripts, and the page, are tested beside what else they refuse.
"""

import pytest
from script_tools import TINY, refused

from dataset.sequence import Vocabulary, read
from seq2seq import load_model, save_model


def test_character_that_no_question_had_is_named():
    vocabulary = Vocabulary("_a-b ")
    for text, width, seen, place in (
        ("a-b-", None, "ab", "'-', character 2"),
        ("ab_", 5, "ab", "'_', character 3"),
        ("ab", 3, "ab", "' ', character 3"),  # padding, where no question was padded
    ):
        with pytest.raises(ValueError) as error:
            vocabulary.encode(text, width, seen=seen)
        assert str(error.value) == f"{place} of {text!r}, occurs in no training question"
    with pytest.raises(ValueError, match="'x', character 1 of 'x-', is not in the vocabulary"):
        vocabulary.encode("x-", seen="ab")
    assert vocabulary.encode("ab", 3, seen="ab ").tolist() == [1, 3, 4]
    assert vocabulary.encode("", seen="").tolist() == []


def test_convert_names_a_character_that_no_question_had(trained_run, in_process, tmp_path):
    """The hyphen occurs only in answers, and `_` only between question and answer."""
    asked = "1972-05-01\nMay_1\n7/22/08\n"
    done = in_process(trained_run.cwd, "convert_date.py", "--model", "peeky", stdin=asked.encode())
    assert (done.returncode, done.stdout) == (2, "2008-07-22\n")
    assert done.stderr.splitlines() == [
        "convert_date.py: line 1: '-', character 5 of '1972-05-01', occurs in no training question",
        "convert_date.py: line 2: '_', character 4 of 'May_1', occurs in no training question",
    ]
    done = in_process(trained_run.cwd, "convert_date.py", "--explain", "1972-05-01")
    refused(done, "'-', character 5 of '1972-05-01', occurs in no training question")
    # a model file of version 0.1.0 does not say which characters the questions had
    model, facts = load_model(trained_run.folder / "peeky.npz")
    assert facts["question_characters"] == "".join(c for c in facts["vocabulary"] if c not in "-_")
    facts = {name: facts[name] for name in ("vocabulary", "start", "T_enc", "T_dec", "reverse", "dates", "data")}
    save_model(tmp_path / "peeky.npz", model, **facts)
    done = in_process(tmp_path, "convert_date.py", "--run", ".", "--model", "peeky", stdin=asked.encode())
    assert done.returncode == 2 and len(done.stdout.splitlines()) == 2
    assert done.stderr == "convert_date.py: line 2: '_', character 4 of 'May_1', occurs in no training question\n"


@pytest.fixture(scope="module")
def rare(tmp_path_factory):
    """Folder with a data file; the last two test questions each contain a character that no other question has."""
    cwd = tmp_path_factory.mktemp("rare")
    lines = [f"{i:03}_{i % 7}\n" for i in range(40)]
    path = cwd / "rare.txt"
    path.write_text("".join(lines), encoding="utf-8")
    data = read(path)
    _, (x_test, _) = data.split()
    for char, x in zip("é-", x_test[-2:], strict=True):
        place = lines.index(next(line for line in lines if line.startswith(data.vocabulary.decode(x))))
        lines[place] = f"{char}{lines[place][1:]}"
    path.write_text("".join(lines), encoding="utf-8")
    return cwd


def test_test_questions_with_such_a_character_are_counted_and_shown(rare, train, in_process):
    done = train(rare, "--data", "rare.txt", *TINY, "--models", "attention", "--keep-maps", "--out", "run")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == (
        "rare.txt: 36 questions to train on, 4 to test, 0.0% of which are trained on too, "
        "2 of which have a character that occurs in no training question"
    )
    _, facts = load_model(rare / "run" / "attention.npz")
    assert sorted(facts["question_characters"]) == list("0123456789")
    for name, *options in (
        ("plot_attention.py", "--index", 2, "--save", "map.svg"),
        ("plot_attention.py", "--grid", 4, "--given-answer"),
        ("explore_attention.py", "--count", 4),
    ):
        done = in_process(rare, name, "--run", "run", *options)
        assert (done.returncode, done.stderr) == (0, ""), name
    for char in "é-":
        done = in_process(rare, "convert_date.py", "--run", "run", f"{char}12")
        refused(done, f"'{char}', character 1 of '{char}12', occurs in no training question")


def test_a_run_that_began_with_such_a_question_goes_on(rare, train, monkeypatch):
    """As it could with version 0.1.0, whose state files are resumed."""
    options = "--data", "rare.txt", *TINY, "--models", "attention", "--keep-maps", "é-1", "--out", "old"
    refused(train(rare, *options), "'é', character 1 of 'é-1', occurs in no training question")
    encode = Vocabulary.encode
    with monkeypatch.context() as old:
        old.setattr(Vocabulary, "encode", lambda self, text, width=None, seen=None: encode(self, text, width))
        assert train(rare, *options).returncode == 0
    done = train(rare, "--resume", "old", "--max-epoch", 2, "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
