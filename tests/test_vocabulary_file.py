"""Vocabularies of other frameworks: their forms, and which word has which row of an embedding."""

import json

import pytest

from dataset.tokenizers import KerasTokenizer
from dataset.vocabulary_file import Listed, read_vocabulary, words_of

LINES = "<unk>\n<pad>\nthe\nfilm\n"
INDEX = {"the": 1, "film": 2, "dull": 3}


@pytest.fixture
def read(tmp_path):
    def read(content, name: str | None = None) -> Listed:
        path = tmp_path / (name or ("v.txt" if isinstance(content, str) else "v.json"))
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return read_vocabulary(path)

    return read


def keras(**config) -> dict:
    """What Tokenizer.to_json of Keras returns, parsed."""
    shown = {"num_words": None, "oov_token": None, "lower": True, "word_index": json.dumps(INDEX)}
    return {"class_name": "Tokenizer", "config": shown | config}


@pytest.mark.parametrize(
    "content, ids, padding, unknown, dropped",
    [
        (LINES, {"<unk>": 0, "<pad>": 1, "the": 2, "film": 3}, 1, 0, False),
        ("[PAD]\r\n[UNK]\r\n \r\n\u2028", {"[PAD]": 0, "[UNK]": 1, " ": 2, "\u2028": 3}, 0, 1, False),
        ("\n[UNK]\nthe\n", {"": 0, "[UNK]": 1, "the": 2}, 0, 1, False),  # get_vocabulary of TextVectorization
        ("the\nfilm", {"the": 0, "film": 1}, None, None, False),
        (["<pad>", "<unk>", "\n", "the"], {"<pad>": 0, "<unk>": 1, "\n": 2, "the": 3}, 0, 1, False),
        (INDEX, INDEX, 0, None, True),
        ({"<OOV>": 1, "the": 2}, {"<OOV>": 1, "the": 2}, 0, 1, False),
        ({"the": 0, "<unk>": 7, "<pad>": 3}, {"the": 0, "<unk>": 7, "<pad>": 3}, 3, 7, False),
        # what torchtext's stoi looks like after somebody asked it for words that it does not know
        ({"<unk>": 0, "<pad>": 1, "the": 2, "odd": 0, "rare": 0}, {"<unk>": 0, "<pad>": 1, "the": 2}, 1, 0, False),
        # where no id is 0, as in Keras, the name of padding or of unknown words may be a word like any other
        ({"the": 1, "PAD": 2, "film": 3}, {"the": 1, "PAD": 2, "film": 3}, 0, None, True),
        ({"<unk>": 7, "the": 1, "PAD": 2}, {"<unk>": 7, "the": 1, "PAD": 2}, 0, 7, False),
        ({"<pad>": 1, "the": 2}, {"<pad>": 1, "the": 2}, 1, None, True),
        ({"the": 1, "OOV": 2}, {"the": 1, "OOV": 2}, 0, None, False),  # to be named
        ({"OOV": 1, "the": 2}, {"OOV": 1, "the": 2}, 0, 1, False),
        (keras(word_index='{"the": 1, "OOV": 2}'), {"the": 1, "OOV": 2}, 0, None, True),
        (keras(), INDEX, 0, None, True),
        (keras(oov_token="dull"), INDEX, 0, 3, False),
        (json.dumps(keras()), INDEX, 0, None, True),
    ],
)
def test_forms(read, content, ids, padding, unknown, dropped):
    listed = read(content, "v.json" if isinstance(content, str) and content[0] == "{" else None)
    assert (listed.ids, listed.padding, listed.unknown, listed.dropped) == (ids, padding, unknown, dropped)
    assert listed.given == (isinstance(content, dict) or content[0] == "{")


def test_a_text_that_to_json_returned_may_be_written_as_json(read):
    assert read(json.dumps(json.dumps(keras())), "v.json").ids == INDEX


@pytest.mark.parametrize(
    "content, name, message",
    [
        ("", "v.pkl", r"v\.pkl: expected one token per line, .* got a pickle, which is not read here; .*json\.dump"),
        ("{", "v.json", r"v\.json: expected one token per line, or \.json .*: Expecting"),
        ("[" * 100_000, "v.json", "deeply nested|recursion"),
        ("3", "v.json", "got int"),
        ('{"a": 1, "b": 2, "a": 3}', "v.json", "'a' stands there twice"),
        ({}, None, "got an empty dict"),
        ({"a": 1.0}, None, "expected whole numbers from 0 as ids, got 1.0 for 'a'"),
        ({"a": True}, None, "got True for 'a'"),
        ({"a": -1}, None, "got -1 for 'a'"),
        ({"a": 2**31}, None, "got 2147483648 for 'a'"),
        ({"a": 2, "b": 2}, None, "expected distinct ids, got 2 for 'a' and 'b'"),
        (["a", "b", "a"], None, "expected distinct tokens, got 'a' as 0 and as 2"),
        ("a\n\nb\n\n", None, "expected distinct tokens, got '' as 1 and as 3"),
        (["a", 3], None, "expected tokens, got 3 with id 1"),
        ([], None, "got an empty list"),
        (keras(word_index="[]"), None, "expected what to_json of Keras's Tokenizer returns"),
        (keras(word_index={"a": 1}), None, "expected what to_json"),
        (keras(num_words="5"), None, "expected what to_json"),
        (keras(filters=None), None, "expected what to_json .*: expected characters as filters, got None"),
        (keras(char_level=3), None, "expected char_level as true or false, got 3"),
        ({"class_name": "Tokenizer", "config": None}, None, "expected what to_json"),
    ],
)
def test_refused(read, content, name, message):
    with pytest.raises(ValueError, match=message):
        read(content, name)


def test_the_settings_of_a_tokenizer(read):
    assert read(keras()).tokenizer.to_json() == KerasTokenizer().to_json()  # Keras has defaults for them, too
    read_so = read(keras(filters="x", lower=False, split=",", char_level=True)).tokenizer
    assert read_so.to_json() == KerasTokenizer("x", False, ",", True).to_json()
    assert read(INDEX).tokenizer is None


def test_a_word_that_looks_like_padding_is_said(read):
    words, notes = words_of(read({"the": 1, "PAD": 2, "OOV": 3}), 4, 0, None)
    assert words == ["<pad>", "the", "PAD", "OOV", "<unk>"]
    assert [note.partition(": ")[2] for note in notes] == [
        f"{name}, id {i}, is a word like any other; padding has the id 0" for name, i in (("PAD", 2), ("OOV", 3))
    ]


def test_the_words_of_the_rows(read):
    listed = read(LINES)
    assert words_of(listed, 4, 1, 0) == (["<unk>", "<pad>", "the", "film"], [])
    with pytest.raises(ValueError, match=r"expected 5 tokens, one for each row .* got 4; are those of padding"):
        words_of(listed, 5, 1, 0)
    with pytest.raises(ValueError, match=r"expected 3 tokens, .* got 4$"):
        words_of(listed, 3, 1, 0)
    with pytest.raises(ValueError, match="<pad> has the id 1, but another was named for it"):
        words_of(listed, 4, 2, 0)
    assert words_of(read("[UNK]\nthe\nx\n"), 3, 2, 0) == (["<unk>", "the", "<pad>"], [])


def test_ids_may_have_gaps_and_go_beyond_the_rows(read):
    words, notes = words_of(read(INDEX), 3, 0, None)
    assert words == ["<pad>", "the", "film", "<unk>"]  # which is not in the file, and has no row there
    assert len(notes) == 1 and "words with ids from 3 are unknown, 1 of 3: the embedding ends there" in notes[0]
    words, notes = words_of(read(INDEX), 6, 0, None)
    assert words == ["<pad>", "the", "film", "dull", "<row 4>", "<row 5>", "<unk>"]
    assert len(notes) == 1 and "rows without a word, which no text reaches: 2, the first is 4" in notes[0]
    words, notes = words_of(read(keras(num_words=3)), 4, 0, None)
    assert words == ["<pad>", "the", "film", "<row 3>", "<unk>"]
    assert "from 3 are unknown, 1 of 3: its num_words says so" in notes[0] and "reaches: 1, the first is 3" in notes[1]
