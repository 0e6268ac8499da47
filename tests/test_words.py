"""The vocabulary of words."""

import json

import numpy as np
import pytest

from dataset.words import WordVocabulary

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
