"""The tokenisers, and their descriptions in checkpoints."""

import json
import sys

import pytest

from dataset.tokenizers import TOKENIZERS, Characters, SentencePiece, Spaces, Words, fitting, tokenizer_from_json

ODD = "\ud800 か\u3099 e\u0332 \x00 \U0001f468\u200d\U0001f469 ﷺ ’<br"  # lone, combining, joined; one that becomes 18


def test_words():
    assert Words()("It’s a GOOD film<br /><BR/>(8.5/10), really: all-night 'fun'!!") == (
        "it's a good film ( 8 . 5 / 10 ) , really : all - night ' fun ' ! !".split()
    )
    assert Words()("cliche\u0301s") == ["clichés"]
    assert Words()(" <br /> ") == []


def test_words_of_a_text_that_is_tokenised_stay_as_they_are():
    text = "that he's going to make a splash , j . r . r . tolkien's ."
    assert Words()(text) == text.split()


def test_characters():
    assert Characters()("京都で ラーメン　８００円！\n") == list("京都でラーメン800円!")
    assert Characters()("か\u3099ｶﾞ") == ["が", "ガ"]
    assert Characters()("　 ") == []


def test_spaces_leave_the_tokens_of_another_program_as_they_are():
    text = " It 's a　GOOD\tfilm ,\n８００ か\u3099 <br /> "
    assert Spaces()(text) == ["It", "'s", "a", "GOOD", "film", ",", "８００", "か\u3099", "<br", "/>"]
    assert Spaces()(" 　\n") == []


@pytest.mark.parametrize(
    "texts, name",
    [
        (["京都でラーメンを食べた。"], "characters"),
        (["新しい iPhone を買った", "ｽﾏﾎ"], "characters"),
        (["a film about Kyōto (京都)"], "words"),
        (["!", "12"], "words"),
        ([], "words"),
    ],
)
def test_japanese_is_read_by_character(texts, name):
    assert fitting(texts) == name


@pytest.mark.parametrize("tokenizer", [Words(), Characters(), Spaces()])
def test_odd_characters_give_tokens_that_can_be_written(tokenizer):
    tokens = tokenizer(ODD)
    assert tokens[0] == "\ufffd" and all(tokens)
    "".join(tokens).encode()


@pytest.mark.parametrize("tokenizer", [Words(), Characters(), Spaces()])
def test_json(tokenizer):
    again = tokenizer_from_json(json.loads(json.dumps(tokenizer.to_json())))
    assert type(again) is type(tokenizer)
    assert again(ODD) == tokenizer(ODD)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "expected one of words, characters, spaces, sentencepiece, got None"),
        ({"name": "os"}, "got 'os'"),
        ({"name": ["words"]}, "got "),
        ({"name": "words", "model": "x"}, r"expected \['name'\] for words, got \['model', 'name'\]"),
        ({"name": "sentencepiece"}, "for sentencepiece, got"),
        ({"name": "sentencepiece", "model": "ab*cd"}, "base64"),
        ({"name": "sentencepiece", "model": 3}, "base64"),
    ],
)
def test_json_refused(data, message):
    with pytest.raises(ValueError, match=message):
        tokenizer_from_json(data)


def test_the_table_has_the_names_that_json_uses():
    assert list(TOKENIZERS) == ["words", "characters", "spaces", "sentencepiece"]
    plain = ["words", "characters", "spaces"]
    assert [TOKENIZERS[name]().to_json()["name"] for name in plain] == plain


def test_without_the_package_the_install_line_is_given(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    for call in (lambda: SentencePiece(b""), lambda: SentencePiece.train(["a"])):
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value).endswith("install it: pip install sentencepiece")
