"""The tokenisers, and their descriptions in checkpoints."""

import json
import sys

import pytest

from dataset.tokenizers import (
    TOKENIZERS,
    Characters,
    KerasTokenizer,
    SentencePiece,
    Spaces,
    Words,
    fitting,
    tokenizer_from_json,
)

ODD = "\ud800 か\u3099 e\u0332 \x00 \U0001f468\u200d\U0001f469 ﷺ ’<br"  # lone, combining, joined; one that becomes 18


KERAS = KerasTokenizer().to_json()


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
    "settings, tokens",
    [
        ({}, ["the", "film's", "film", "noir", "it’s", "e", "mail", "a\u3000b"]),
        ({"lower": False}, ["The", "film's", "film", "noir", "It’s", "e", "mail", "A\u3000b"]),
        ({"filters": ""}, ["the", "film's", "film_noir,", "it’s", "e-mail!", "a\u3000b\n"]),
        (
            {"filters": ["_", "E"], "lower": False},
            ["The", "film's", "film", "noir,", "It’s", "e-mail!", "A\u3000b\n"],
        ),
        ({"filters": "_", "split": ","}, ["the film's  film", "noir", " it’s e-mail! a\u3000b\n"]),
        ({"filters": "-", "split": "film"}, ["the ", "'s  ", "_noir, it’s e", "mail! a\u3000b\n"]),
        ({"char_level": True, "split": ""}, list("the film's  film_noir, it’s e-mail! a\u3000b\n")),
        ({"char_level": True, "lower": False}, list("The film's  film_noir, It’s e-mail! A\u3000b\n")),
    ],
)
def test_keras(settings, tokens):
    assert KerasTokenizer(**settings)("The film's  film_noir, It’s e-mail! A\u3000b\n") == tokens


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


@pytest.mark.parametrize("tokenizer", [Words(), Characters(), Spaces(), KerasTokenizer()])
def test_odd_characters_give_tokens_that_can_be_written(tokenizer):
    tokens = tokenizer(ODD)
    assert tokens[0] == "\ufffd" and all(tokens)
    "".join(tokens).encode()


@pytest.mark.parametrize(
    "tokenizer",
    [
        Words(),
        Characters(),
        Spaces(),
        KerasTokenizer(),
        KerasTokenizer("か", False, "e"),
        KerasTokenizer(char_level=True),
    ],
)
def test_json(tokenizer):
    again = tokenizer_from_json(json.loads(json.dumps(tokenizer.to_json())))
    assert type(again) is type(tokenizer)
    assert again(ODD) == tokenizer(ODD)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "expected one of words, characters, spaces, keras, sentencepiece, got None"),
        ({"name": "os"}, "got 'os'"),
        ({"name": ["words"]}, "got "),
        ({"name": "words", "model": "x"}, r"expected \['name'\] for words, got \['model', 'name'\]"),
        (
            {"name": "keras"},
            r"\['char_level', 'filters', 'lower', 'name', 'split'\] for keras, got \['name'\]",
        ),
        (KERAS | {"filters": None}, "expected characters as filters, got None"),
        (KERAS | {"filters": ["ab"]}, r"expected characters as filters, got \['ab'\]"),
        (KERAS | {"filters": [1]}, "expected characters as filters"),
        (KERAS | {"split": ""}, "expected a text that is not empty as split, got ''"),
        (KERAS | {"split": 1, "char_level": True}, "as split, got 1"),
        (KERAS | {"lower": 1}, "expected lower as true or false, got 1"),
        (KERAS | {"char_level": None}, "expected char_level as true or false, got None"),
        ({"name": "sentencepiece"}, "for sentencepiece, got"),
        ({"name": "sentencepiece", "model": "ab*cd"}, "base64"),
        ({"name": "sentencepiece", "model": 3}, "base64"),
    ],
)
def test_json_refused(data, message):
    with pytest.raises(ValueError, match=message):
        tokenizer_from_json(data)


def test_the_table_has_the_names_that_json_uses():
    assert list(TOKENIZERS) == ["words", "characters", "spaces", "keras", "sentencepiece"]
    plain = ["words", "characters", "spaces", "keras"]
    assert [TOKENIZERS[name]().to_json()["name"] for name in plain] == plain


def test_without_the_package_the_install_line_is_given(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    for call in (lambda: SentencePiece(b""), lambda: SentencePiece.train(["a"])):
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value).endswith("install it: pip install sentencepiece")
