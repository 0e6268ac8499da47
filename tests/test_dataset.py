"""Reading, checking, encoding and splitting of question and answer pairs."""

# ruff: noqa: NPY002 - the legacy generator is what some of these tests are about

import hashlib
from types import SimpleNamespace

import numpy as np
import pytest

from dataset import sequence
from dataset.sequence import Vocabulary

PAIRS = [f"{i}+{i + 1} _{2 * i + 1:<2}" for i in range(9)]


@pytest.fixture
def write(tmp_path):
    def write(content, name="pairs.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """Neither the working folder nor `dataset/` holds a data file."""
    (tmp_path / "here").mkdir()
    (tmp_path / "dataset").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sequence, "FOLDER", tmp_path / "dataset")
    return tmp_path


def strings(data, ids):
    return [data.vocabulary.decode(row) for row in ids]


# The book's file


@pytest.fixture(scope="module")
def real(real_date_file):
    return sequence.read(real_date_file)


def test_real_file_equals_the_chapter(real_date_file):
    (x_train, t_train), (x_test, t_test) = sequence.load_data(real_date_file)
    assert [a.shape for a in (x_train, t_train, x_test, t_test)] == [
        (45000, 29),
        (45000, 11),
        (5000, 29),
        (5000, 11),
    ]
    char_to_id, id_to_char = sequence.get_vocab()
    assert len(char_to_id) == len(id_to_char) == 59
    assert (char_to_id["s"], char_to_id["e"], char_to_id["p"], char_to_id["w"]) == (0, 1, 2, 58)

    def text(ids):
        return "".join([id_to_char[c] for c in ids])

    assert text(x_train[0]) == "2/7/72".ljust(29)
    assert text(t_train[0]) == "_1972-02-07"
    assert text(x_train[5]).rstrip() == "May 1, 1972"
    assert text(x_test[4681]).rstrip() == "nov 13, 1987"
    assert text(t_test[4681]) == "_1987-11-13"


def test_real_file_is_encoded_without_loss(real, real_date_file):
    ids = np.hstack([real.questions, real.answers])
    text = "".join(f"{real.vocabulary.decode(row)}\n" for row in ids)
    assert text == real_date_file.read_text(encoding="utf-8")
    assert real.sha256 == hashlib.sha256(real_date_file.read_bytes()).hexdigest()


def test_real_file_leaks_in_the_books_split_only(real):
    (x_train, _), (x_test, _) = real.split()
    assert sequence.leaked(x_train[:, ::-1], x_test[:, ::-1]) == pytest.approx(0.281)

    (x_train, t_train), (x_test, t_test) = real.split(leak_free=True)
    assert not set(strings(real, x_train)) & set(strings(real, x_test))
    assert sequence.leaked(x_train, x_test) == 0
    assert len(x_train) == len(t_train) == 45000
    assert len(x_test) == len(t_test) == 5000


# Vocabulary


def test_vocabulary_counts_in_order_of_first_appearance():
    vocabulary = Vocabulary.of(["banana", "né"])
    assert vocabulary.char_to_id == {"b": 0, "a": 1, "n": 2, "é": 3}
    assert vocabulary.id_to_char == {0: "b", 1: "a", 2: "n", 3: "é"}
    assert len(vocabulary) == 4
    assert vocabulary.encode("né").tolist() == [2, 3]
    assert vocabulary.decode(np.array([0, 1, 2])) == "ban"


def test_vocabulary_is_rebuilt_from_its_characters():
    vocabulary = Vocabulary.of(["banana"])
    assert Vocabulary(vocabulary.chars) == vocabulary
    assert Vocabulary("nab") != vocabulary
    assert Vocabulary("") != vocabulary
    with pytest.raises(ValueError, match="expected distinct characters, got 'aba'"):
        Vocabulary("aba")


@pytest.mark.parametrize("char", ["c", "\0", "\xc5", "é", "\U0001f600", "\udc80"])
def test_character_outside_the_vocabulary_is_named(char):
    with pytest.raises(ValueError) as error:
        Vocabulary("ab").encode(f"ab{char}a")
    assert f"{char!r}, character 3 of {f'ab{char}a'!r}, is not in the vocabulary" == str(error.value)


@pytest.mark.parametrize("i", [-1, 2])
def test_id_outside_the_vocabulary_is_named(i):
    with pytest.raises(ValueError, match=f"id {i} is not in the vocabulary of 2"):
        Vocabulary("ab").decode([0, i])


# Reading


def test_read(write):
    data = sequence.read(write("1+2 _3 \n40+5_45\n"))
    assert data.vocabulary.chars == "1+2 _3405"
    assert data.questions.tolist() == [[0, 1, 2, 3], [6, 7, 1, 8]]
    assert data.answers.tolist() == [[4, 5, 3], [4, 6, 8]]
    assert data.source.endswith("pairs.txt")
    assert data.questions.dtype == np.int64


@pytest.mark.parametrize(
    "content",
    [b"1+2_3\n4+5_9", b"1+2_3\r\n4+5_9\r\n", b"1+2_3\r\n4+5_9", b"\xef\xbb\xbf1+2_3\n4+5_9\n"],
    ids=["no final newline", "CRLF", "CRLF and no final newline", "BOM"],
)
def test_harmless_differences_lose_nothing(write, content):
    data, plain = sequence.read(write(content)), sequence.read(write("1+2_3\n4+5_9\n", "plain.txt"))
    assert strings(data, data.questions) == ["1+2", "4+5"]
    assert strings(data, data.answers) == ["_3", "_9"]
    assert data.vocabulary == plain.vocabulary
    assert data.sha256 == plain.sha256


def test_characters_at_which_splitlines_would_break_are_characters(write):
    data = sequence.read(write("a\u2028_\x0b\nb\x85_c\n"))
    assert strings(data, data.questions) == ["a\u2028", "b\x85"]


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ("1+2_3\n4+5 9\n", 2, "no '_' between question and answer: '4+5 9'"),
        ("1+2_3\n4_5_9\n", 2, "expected one '_', between question and answer, got 2: '4_5_9'"),
        ("1+2_3\n1+2_3\n45+5_9\n", 3, "expected a question of length 3, as in line 1, got 4: '45+5_9'"),
        ("1+2_3\n4+9_13\n", 2, "expected an answer of length 1, as in line 1, got 2: '4+9_13'"),
        ("1+23_3\n4+9_13\n", 2, "expected a question of length 4, as in line 1, got 3: '4+9_13'"),
        ("_3\n", 1, "no question: '_3'"),
        ("1+2_\n", 1, "no answer: '1+2_'"),
        ("", 1, "the file is empty"),
        ("\ufeff", 1, "the file is empty"),
        ("\n", 1, "empty line: ''"),
        ("1+2_3\n\n4+5_9\n", 2, "empty line: ''"),
        ("1+2_3\n4+5_9\n\n", 3, "empty line: ''"),
        ("1+2_3\n4\0005_9\n", 2, r"NUL in the line: '4\x005_9'"),
        ("1+2_3\r\r\n4+5_9\r\r\n", 1, r"carriage return inside the line: '1+2_3\r'"),
        (b"\xef\xbb\xbf1+2_3\r\n4+\xff_9\r\n", 2, r"not UTF-8 (invalid start byte), byte 12 of the file: b'4+\xff_9'"),
        (b"1+2_3\n4+5_\xe3", 2, r"not UTF-8 (unexpected end of data), byte 10 of the file: b'4+5_\xe3'"),
        ("x" * 61 + "\n", 1, f"no '_' between question and answer: '{'x' * 60}'..."),
    ],
)
def test_bad_files_are_refused_with_line_reason_and_text(write, content, line, reason):
    path = write(content)
    with pytest.raises(ValueError) as error:
        sequence.read(path)
    message, *_ = str(error.value).split("; to make it a data file: ")  # where a command can: see test_pairs.py
    assert message == f"{path}:{line}: {reason}"


def test_folder_is_refused(tmp_path):
    with pytest.raises(IsADirectoryError, match="expected a data file, got a folder"):
        sequence.load(tmp_path)


def test_encode_question():
    data = sequence.from_lines(PAIRS, "here")
    assert data.vocabulary.decode(data.encode_question("7+8")) == "7+8 "
    assert len(data.encode_question("77+8")) == 4
    with pytest.raises(ValueError, match=r"'77\+88' has 5 characters, at most 4 are possible"):
        data.encode_question("77+88")
    with pytest.raises(ValueError, match="'x', character 1 of 'x', is not in the vocabulary"):
        data.encode_question("x")


# Splitting


def test_split_is_the_legacy_shuffle_and_leaves_the_global_generator_alone():
    data = sequence.generate("addition.txt", count=57)
    np.random.seed(7)
    before = np.random.get_state()
    (x_train, t_train), (x_test, t_test) = data.split(seed=3)
    after = np.random.get_state()
    assert np.array_equal(before[1], after[1]) and before[2:] == after[2:]

    np.random.seed(3)
    indices = np.arange(57)
    np.random.shuffle(indices)
    assert len(x_test) == 5
    assert np.array_equal(np.vstack([x_train, x_test]), data.questions[indices])
    assert np.array_equal(np.vstack([t_train, t_test]), data.answers[indices])


def test_split_without_seed_takes_fresh_entropy():
    data = sequence.generate("addition.txt", count=200)
    np.random.seed(0)
    first = data.split(seed=None)
    np.random.seed(0)
    assert not np.array_equal(first[0][0], data.split(seed=None)[0][0])


def test_split_gives_copies():
    data = sequence.from_lines(PAIRS, "here")
    before = data.questions.copy()
    (x_train, _), _ = data.split()
    x_train[:] = 0
    assert np.array_equal(data.questions, before)
    with pytest.raises(ValueError, match="read-only"):
        data.questions[0, 0] = 1


@pytest.mark.parametrize("seed", [0, 1, 1984])
def test_leak_free_keeps_every_question_in_one_part(seed):
    data = sequence.generate("addition.txt", count=3000)
    (x_train, t_train), (x_test, t_test) = data.split(seed, leak_free=True)
    assert (len(x_train), len(x_test)) == (2700, 300)
    assert not set(strings(data, x_train)) & set(strings(data, x_test))
    together = strings(data, np.vstack([np.hstack([x_train, t_train]), np.hstack([x_test, t_test])]))
    assert sorted(together) == sorted(strings(data, np.hstack([data.questions, data.answers])))
    again = data.split(seed, leak_free=True)
    assert np.array_equal(again[0][0], x_train) and np.array_equal(again[1][1], t_test)


def test_leak_free_tests_repeated_questions_as_often_as_the_data_holds_them():
    lines = [f"a{i:03}_1" for i in range(500)] + [f"b{i:03}_1" for i in range(100)] * 5
    data = sequence.from_lines(lines, "here")
    shares = [
        np.mean([text[0] == "b" for text in strings(data, data.split(seed, leak_free=True)[1][0])])
        for seed in range(20)
    ]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.05)


def test_leak_free_is_the_books_split_where_nothing_repeats():
    data = sequence.from_lines([f"{i:03}_{i:03}" for i in range(100)], "here")
    for part, other in zip(data.split(5), data.split(5, leak_free=True), strict=True):
        assert np.array_equal(part[0], other[0]) and np.array_equal(part[1], other[1])


def test_leak_free_tests_fewer_rather_than_leak():
    (x_train, _), (x_test, _) = sequence.from_lines(["a_1"] * 20, "here").split(leak_free=True)
    assert (len(x_train), len(x_test)) == (20, 0)


# The book's doors, and where load looks


def test_given_path_wins(nowhere, write):
    (nowhere / "here" / "date.txt").write_text("here_1\n")
    (nowhere / "dataset" / "date.txt").write_text("there_1\n")
    data = sequence.load("date.txt")
    assert strings(data, data.questions) == ["here"]


def test_then_the_file_in_the_dataset_folder(nowhere, capsys):
    (nowhere / "dataset" / "date.txt").write_text("there_1\n")
    data = sequence.load("date.txt")
    assert strings(data, data.questions) == ["there"]
    assert data.source == str(nowhere / "dataset" / "date.txt")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["date.txt", "addition.txt"])
def test_then_the_generator_which_says_so_in_one_line(nowhere, capsys, name):
    data = sequence.load(name)
    out, err = capsys.readouterr()
    assert len(data.questions) == 50000
    assert data.sha256 == sequence.generate(name, count=50000, seed=1).sha256
    assert out == ""
    assert err.count("\n") == 1 and data.source in err and str(nowhere / "dataset" / name) in err


@pytest.mark.parametrize("name", ["dates.txt", "runs/date.txt"])
def test_missing_file_says_how_to_get_one(nowhere, name):
    (nowhere / "dataset" / "runs").mkdir()
    (nowhere / "dataset" / "runs" / "date.txt").write_text("there_1\n")
    with pytest.raises(FileNotFoundError, match=rf"'{name}'.*`python -m dataset.dates > date.txt`"):
        sequence.load_data(name)


def test_an_entry_of_the_table_is_a_data_file(nowhere, monkeypatch):
    """One module and one entry: it is loaded by name, and errors offer it."""
    squares = SimpleNamespace(__name__="dataset.squares", generate=lambda count, seed: ["3_9 ", "4_16"])
    monkeypatch.setitem(sequence.GENERATORS, "squares.txt", squares)
    assert len(sequence.load("squares.txt").questions) == 2
    with pytest.raises(FileNotFoundError, match=r"`python -m dataset.squares > squares.txt`"):
        sequence.load("other.txt")
    with pytest.raises(ValueError, match=r"expected one of date.txt, addition.txt, squares.txt, got 'other'"):
        sequence.generate("other")


def test_load_data_without_arguments_is_the_books(nowhere):
    (x_train, t_train), (x_test, t_test) = sequence.load_data()
    _, id_to_char = sequence.get_vocab()
    assert [a.shape for a in (x_train, t_train, x_test, t_test)] == [
        (45000, 7),
        (45000, 5),
        (5000, 7),
        (5000, 5),
    ]
    questions = ["".join([id_to_char[c] for c in x]) for x in x_test[:100]]
    answers = ["".join([id_to_char[c] for c in t]) for t in t_test[:100]]
    for question, answer in zip(questions, answers, strict=True):
        first, second = question.split("+")
        assert answer == f"_{int(first) + int(second):<4}"


def test_get_vocab_is_that_of_the_latest_load(write):
    one, two = write("ab_c\n", "one.txt"), write("xy_z\n", "two.txt")
    sequence.load_data(one)
    char_to_id, id_to_char = sequence.get_vocab()
    assert char_to_id == {"a": 0, "b": 1, "_": 2, "c": 3}
    assert id_to_char == {0: "a", 1: "b", 2: "_", 3: "c"}
    char_to_id.clear()
    id_to_char.clear()
    assert len(sequence.get_vocab()[0]) == len(sequence.get_vocab()[1]) == 4
    sequence.load_data(two)
    assert sequence.get_vocab()[0] == {"x": 0, "y": 1, "_": 2, "z": 3}


def test_get_vocab_before_any_load(monkeypatch):
    monkeypatch.setattr(sequence, "_latest", None)
    with pytest.raises(RuntimeError, match="call load_data first"):
        sequence.get_vocab()
