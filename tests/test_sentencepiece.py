"""SentencePiece models: pieces equal the library's own, and the smallest vocabulary is as documented."""

import base64
import io
import json
import random

import pytest

from dataset.tokenizers import SentencePiece, tokenizer_from_json

sentencepiece = pytest.importorskip("sentencepiece")


@pytest.fixture(scope="module")
def pieces():
    return SentencePiece.train(TEXTS, vocab_size=40)


TEXTS = ["京都で紅葉を見た。", "昨日は試合を見た。", "今日は京都に行った。", "京都で試合を見たあとで紅葉を見た。"] * 5


def test_sentencepiece(pieces, capfd):
    assert "".join(pieces(TEXTS[0])) == TEXTS[0]  # nothing put before it
    assert len(pieces(TEXTS[3])) < len(TEXTS[3]) == len(SentencePiece.train(TEXTS, vocab_size=23)(TEXTS[3]))
    assert "".join(pieces("ＡＢ か\u3099")) == "AB▁が"
    assert SentencePiece.train(iter(TEXTS), vocab_size=40).model == pieces.model
    assert SentencePiece.train(["a b\nc", "\ud800"])("a b")  # fewer pieces than 8000
    pieces("\ud800 か\u3099 e\u0332 \x00 ﷺ")
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
        (lambda: SentencePiece(b""), "expected the bytes of a model"),
        (lambda: SentencePiece.load(path), "junk.model: SentencePiece: expected the bytes of a model"),
        (lambda: SentencePiece.train(TEXTS, vocab_size=5), "could not train a model of 5 pieces: .* 5 vs 23"),
        (lambda: SentencePiece.train(TEXTS, vocab_size=2**40), f"could not train a model of {2**40} pieces: "),
        (lambda: SentencePiece.train(TEXTS, vocab_size=3), "vocab_size of 3 and one for each character, got 3"),
        (lambda: SentencePiece.train(TEXTS, vocab_size=0), "vocab_size of 3 and one for each character, got 0"),
    ]:
        with pytest.raises(ValueError, match=message) as error:
            call()
        assert "\n" not in str(error.value)


# What the library gives


def trained(**settings):
    """Bytes of a model trained elsewhere."""
    writer = io.BytesIO()
    texts = [*TEXTS, "①② ㍿～ ＡＢ Straße a\u0308 e\u0301", "the quick brown fox", "<br /> @user it's"] * 4
    options = dict(model_writer=writer, vocab_size=70, hard_vocab_limit=False, minloglevel=3) | settings
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(texts), **options)
    return writer.getvalue()


SETTINGS = [
    dict(normalization_rule_name="nmt_nfkc"),
    dict(normalization_rule_name="nfkc"),
    dict(normalization_rule_name="nfkc_cf"),
    dict(normalization_rule_name="nmt_nfkc_cf"),
    dict(normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=False),
    dict(byte_fallback=True, vocab_size=330),
    dict(user_defined_symbols=["<br />", "@user", "①"], treat_whitespace_as_suffix=True),
    dict(model_type="bpe", vocab_size=90),
    dict(model_type="char", normalization_rule_name="identity"),
    dict(model_type="word", vocab_size=30),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_model_is_used_as_the_library_uses_it(request, settings):
    model = trained(**settings)
    library, ours = sentencepiece.SentencePieceProcessor(model_proto=model), SentencePiece(model)
    again = tokenizer_from_json(json.loads(json.dumps(ours.to_json())))
    rng = random.Random(0)
    marks = [
        *"①②㍿～ＡＢab　\t\n▁\0\u200b\u0301ßé京都で😀",
        "  ",
        "<br />",
        "@user",
        "<unk>",
        "<s>",
        "か\u3099",
        "the ",
        "紅葉",
    ]
    for _ in range(10_000 if request.config.getoption("--full") else 500):
        text = "".join(rng.choice(marks) for _ in range(rng.randrange(12)))
        assert ours(text) == again(text) == library.encode(text, out_type=str), text
    assert ours("\ud800a") == library.encode("\ufffda", out_type=str), "which no library can be given"


def test_an_identity_model_sees_the_text_itself(tmp_path):
    path = tmp_path / "identity.model"
    path.write_bytes(trained(normalization_rule_name="identity"))
    assert SentencePiece.load(path)("①②") == ["▁", "①", "②"]


def test_files_of_version_0_1_0_bring_texts_to_nfkc_before(pieces):
    """Whatever the model; new ones do not, and both stay what they are."""
    model = trained(normalization_rule_name="identity")
    data = {"name": "sentencepiece", "model": base64.b64encode(model).decode()}
    old, new = tokenizer_from_json(data), SentencePiece(model)
    assert (old("①②"), new("①②")) == (["▁", "12"], ["▁", "①", "②"])
    assert old.to_json() == data and new.to_json() == data | {"nfkc": False}
    assert tokenizer_from_json(data | {"nfkc": True})("①") == old("①")
    assert SentencePiece(pieces.model, nfkc=True)("～") == ["~"] and pieces("～") == ["～"]
    for nfkc in (None, 1, "yes"):
        with pytest.raises(ValueError, match="expected nfkc as true or false, got"):
            tokenizer_from_json(data | {"nfkc": nfkc})


# The least vocabulary

RARE = "龘"


@pytest.mark.parametrize(
    ("texts", "least"),
    [
        (TEXTS, 3 + 20),
        (["a"], 3 + 1),
        (["abc"], 3 + 3),
        (["a b c"], 3 + 3 + 1),  # the space
        ([" a ", "b\n", "c"], 3 + 3),  # none between words
        (["Ａ A ａ"], 3 + 2 + 1),  # full width
        (["が", "か\u3099", "ｶﾞ"], 3 + 2),
        (["～~"], 3 + 2),
        (["a\x01b\u200bc"], 3 + 3 + 1),  # one dropped, one a space
        (["ab" * 1000 + RARE], 3 + 2),  # 99.95% are others
        (["ab" * 900 + RARE], 3 + 3),
    ],
)
def test_the_least_vocabulary(texts, least):
    model = SentencePiece.train(texts, least).model
    assert sentencepiece.SentencePieceProcessor(model_proto=model).get_piece_size() == least
    with pytest.raises(
        ValueError, match=rf"could not train a model of {least - 1} pieces: .* {least - 1} vs {least}|got {least - 1}$"
    ):
        SentencePiece.train(texts, least - 1)


@pytest.mark.parametrize("texts", [[], [""], ["  ", "\n"], ["\x01", "\u200b"], ["\ud800"], ["▁"]])
def test_nothing_to_train_on(texts):
    with pytest.raises(ValueError, match="expected texts to train on, got none, or only white space"):
        SentencePiece.train(texts)
