"""The tokenisers, and what a checkpoint stores of them."""

import json
import sys

import pytest

from dataset.tokenizers import TOKENIZERS, Characters, SentencePiece, Words, fitting, tokenizer_from_json

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


@pytest.mark.parametrize("tokenizer", [Words(), Characters()])
def test_odd_characters_give_tokens_that_can_be_written(tokenizer):
    tokens = tokenizer(ODD)
    assert tokens[0] == "\ufffd" and all(tokens)
    "".join(tokens).encode()


@pytest.mark.parametrize("tokenizer", [Words(), Characters()])
def test_json(tokenizer):
    again = tokenizer_from_json(json.loads(json.dumps(tokenizer.to_json())))
    assert type(again) is type(tokenizer)
    assert again(ODD) == tokenizer(ODD)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "one of words, characters, sentencepiece wanted, got None"),
        ({"name": "os"}, "got 'os'"),
        ({"name": ["words"]}, "got "),
        ({"name": "words", "model": "x"}, r"words with \['name'\] wanted, got \['model', 'name'\]"),
        ({"name": "sentencepiece"}, "wanted, got"),
        ({"name": "sentencepiece", "model": "ab*cd"}, "base64"),
        ({"name": "sentencepiece", "model": 3}, "base64"),
    ],
)
def test_json_refused(data, message):
    with pytest.raises(ValueError, match=message):
        tokenizer_from_json(data)


def test_the_table_has_the_names_that_json_uses():
    assert list(TOKENIZERS) == ["words", "characters", "sentencepiece"]
    assert [TOKENIZERS[name]().to_json()["name"] for name in ("words", "characters")] == ["words", "characters"]


def test_without_the_package_the_install_line_is_given(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    for call in (lambda: SentencePiece(b""), lambda: SentencePiece.train(["a"])):
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value).endswith("install it: pip install 'attention-from-scratch[japanese]'")


@pytest.fixture(scope="module")
def pieces():
    return SentencePiece.train(TEXTS, vocab_size=40)


TEXTS = ["京都で紅葉を見た。", "昨日は試合を見た。", "今日は京都に行った。", "京都で試合を見たあとで紅葉を見た。"] * 5


def test_sentencepiece(pieces, capfd):
    assert "".join(pieces(TEXTS[0])) == TEXTS[0]  # nothing put before it
    few = SentencePiece.train(TEXTS, vocab_size=24)  # 0.2.0 makes pieces of several characters of them, 0.2.1 none
    assert len(pieces(TEXTS[3])) < len(few(TEXTS[3])) <= len(TEXTS[3])
    assert "".join(pieces("ＡＢ か\u3099")) == "AB▁が"
    assert SentencePiece.train(iter(TEXTS), vocab_size=40).model == pieces.model
    assert SentencePiece.train(["a b\nc", "\ud800"])("a b")  # fewer pieces than 8000
    pieces(ODD)
    assert capfd.readouterr() == ("", "")


def test_sentencepiece_learns_from_long_texts(pieces):
    long = SentencePiece.train(["ab " * 2000, "cd"], vocab_size=12)
    assert long.model != SentencePiece.train(["cd"], vocab_size=12).model


def test_sentencepiece_is_stored(pieces, tmp_path):
    again = tokenizer_from_json(json.loads(json.dumps(pieces.to_json())))
    path = tmp_path / "pieces.model"
    path.write_bytes(pieces.model)
    for other in (again, SentencePiece.load(path)):
        assert [other(text) for text in TEXTS] == [pieces(text) for text in TEXTS]


def test_sentencepiece_refused(pieces, tmp_path):
    path = tmp_path / "junk.model"
    path.write_bytes(b"junk")
    for call, message in [
        (lambda: SentencePiece(b""), "the bytes of a model wanted"),
        (lambda: SentencePiece.load(path), "junk.model: SentencePiece: the bytes of a model wanted"),
        (lambda: SentencePiece.train([]), "no model of 8000 pieces"),
        (lambda: SentencePiece.train(TEXTS, vocab_size=5), "no model of 5 pieces"),
        (lambda: SentencePiece.train(TEXTS, vocab_size=0), "no model of 0 pieces"),
    ]:
        with pytest.raises(ValueError, match=message) as error:
            call()
        assert "\n" not in str(error.value)
