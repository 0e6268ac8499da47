"""The vocabulary of words, and word vectors from a file."""

import json
import os
import struct

import numpy as np
import pytest

from dataset.words import WordVocabulary, read_word_vectors

TOKENS = [["b", "a", "c"], ["a", "c", "d", "a"], ["<pad>", "<unk>", "<pad>", "e"]]


def test_words_by_count_then_by_first_appearance():
    vocabulary = WordVocabulary.build(iter(TOKENS))
    assert vocabulary.words == ["<pad>", "<unk>", "a", "c", "b", "d", "e"]
    assert (vocabulary.PAD, vocabulary.UNK, len(vocabulary)) == (0, 1, 7)


def test_min_count_and_max_size():
    assert WordVocabulary.build(TOKENS, min_count=2).words[2:] == ["a", "c"]
    assert WordVocabulary.build(TOKENS, max_size=5).words[2:] == ["a", "c", "b"]
    assert WordVocabulary.build(TOKENS, max_size=2).words == ["<pad>", "<unk>"]
    for kwargs, message in [({"min_count": 0}, "min_count of 1"), ({"max_size": 1}, "max_size of 2")]:
        with pytest.raises(ValueError, match=message):
            WordVocabulary.build(TOKENS, **kwargs)


def test_encode_and_decode():
    vocabulary = WordVocabulary.build(TOKENS)
    ids = vocabulary.encode(["c", "z", "a"])
    assert (ids.dtype, ids.tolist()) == (np.int32, [3, 1, 2])
    assert vocabulary.decode(np.array([3, 1, 0])) == ["c", "<unk>", "<pad>"]
    assert (vocabulary.encode([]).dtype, vocabulary.encode([]).shape) == (np.int32, (0,))
    for i in (7, -1):
        with pytest.raises(ValueError, match=f"id {i} is not in the vocabulary of 7 words"):
            vocabulary.decode([2, i])


def test_a_token_that_looks_like_padding_is_not_masked():
    assert WordVocabulary.build(TOKENS).encode(["<pad>", "<unk>"]).tolist() == [1, 1]


def test_words_rebuild_the_vocabulary():
    vocabulary = WordVocabulary.build(TOKENS)
    again = WordVocabulary(json.loads(json.dumps(vocabulary.words)))
    assert again == vocabulary != WordVocabulary(vocabulary.words[:-1])
    assert "a" in again and "z" not in again


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["<pad>", "<unk>", "a", "b", "a"], "got 'a' twice"),
        (["<unk>", "<pad>", "a"], "first two words"),
        (["<pad>"], "first two words"),
        ([], "first two words"),
    ],
)
def test_words_refused(words, message):
    with pytest.raises(ValueError, match=message):
        WordVocabulary(words)


VOCABULARY = WordVocabulary(["<pad>", "<unk>", "京都", "the", "rare"])
VECTORS = "5 2\nthe 0.5 -1e-1 \n</s> nan 1\n京都 3 4\r\nthe 7 7\n<pad> 1 1\n"


def test_word_vectors(tmp_path):
    path = tmp_path / "vectors.txt"
    for encoding in ("utf-8", "euc-jp"):
        path.write_text(VECTORS, encoding=encoding, newline="")
        ids, vectors = read_word_vectors(path, VOCABULARY, encoding=encoding)
        assert (ids.dtype, vectors.dtype) == (np.int32, np.float32)
        assert ids.tolist() == [3, 2]
        np.testing.assert_array_equal(vectors, np.array([[0.5, -0.1], [3, 4]], dtype=np.float32))


def test_no_word_known(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_bytes(b"1 3\nx 1 2 3\n")
    ids, vectors = read_word_vectors(path, VOCABULARY)
    assert (ids.shape, vectors.shape) == ((0,), (0, 3))


BINARY = b"2 3\n" + b"".join(word + b" " + struct.pack("<3f", 0.1, -2.5, 3.7) + b"\n" for word in (b"</s>", b"the"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"2 2\nx 1 2\nthe 1 2 3\n", ":3: a word and 2 values wanted, got 3"),
        (b"2 2\nx 1\nthe 1 2\n", ":2: a word and 2 values wanted, got 1"),
        (b"1 1\nx\n", ":2: a word and 1 values wanted, got 0"),
        (b"2 2\nx 1 2\n\n", ":3: a word and 2 values wanted, got 0"),
        (b"1 2\nthe 1 two\n", ":2: could not convert"),
        (b"1 2\nthe 1  2\n", ":2: a word and 2 values"),
        (b"1 2\nthe 1 nan\n", ":2: finite values wanted, got b'nan'"),
        (b"1 2\nthe 1 1e39\n", ":2: finite values wanted, got b'1e39'"),
        (b"3 2\nx 1 2\nthe 1 2\n", ":1: the header says 3 words, the file has 2"),
        (b"1 2\nx 1 2\nthe 1 2\n", ":1: the header says 1 words, the file has 2"),
        (b"2 2\n", ":1: the header says 2 words, the file has 0"),
        (b"the 1\nx 2\n", ":1: `count dimensions` wanted"),
        (b"the 1 2 3\n", ":1: `count dimensions` wanted"),
        (b"1 0\nthe\n", ":1: `count dimensions` wanted"),
        (b"", ":1: `count dimensions` wanted"),
        (BINARY, ":2: word2vec's binary format"),
        (BINARY.replace(b"2 3", b"2 1").replace(b"</s>", b"the"), ":2: word2vec's binary format"),
    ],
)
def test_word_vectors_refused(tmp_path, content, message):
    path = tmp_path / "vectors.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError) as error:
        read_word_vectors(path, VOCABULARY)
    assert f"{path}{message}" in str(error.value)


def test_a_line_without_an_end_is_not_read(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_bytes(b"1 2\nx 1 ")
    os.truncate(path, 2**33)
    with pytest.raises(ValueError, match=r":2: a line of at most 1,048,576 bytes wanted"):
        read_word_vectors(path, VOCABULARY)


def test_word_vectors_of_no_file_and_no_encoding(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_word_vectors(tmp_path / "none.txt", VOCABULARY)
    with pytest.raises(ValueError, match="name of an encoding wanted, got 'klingon'"):
        read_word_vectors(tmp_path / "none.txt", VOCABULARY, encoding="klingon")
