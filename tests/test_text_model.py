"""experiment.TextModel: a trained run of texts, asked in words; and opening a corpus."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from script_tools import write_blogs, write_films
from test_classifier import MADE

from classifier import save_model
from classifier.token_table import ink, rgb, token_table
from dataset import blogs
from experiment import TextModel
from experiment.corpus import open_corpus
from experiment.text_model import attention_on_cues


def test_attention_on_cues_is_counted_character_by_character():
    texts = ["京都でラーメンを食べた。", "あああ"]
    cues = [sum(end - start for start, end in blogs.cue_spans(text)) for text in texts]
    assert cues == [2 + 4, 0] or cues[0] > cues[1] == 0

    class Looks:
        """Twice as much at the first four characters as at the rest."""

        def explain(self, xs):
            return None, np.where(np.arange(xs.shape[1]) < 4, 2.0, 1.0) * (xs != 0)

    xs = np.array([[1] * 12, [1] * 3 + [0] * 9])
    cue = np.zeros(12)
    for start, end in blogs.cue_spans(texts[0]):
        cue[start:end] = 1
    on_cues, are_cues = attention_on_cues(Looks(), xs, texts)
    assert are_cues == pytest.approx(cue.mean() / 2)
    assert on_cues == pytest.approx((cue.sum() + cue[:4].sum()) / 16 / 2)


def test_the_origin_opens_the_same_corpus(tmp_path, monkeypatch):
    write_films(tmp_path / "films", 40)
    monkeypatch.chdir(tmp_path)
    corpus = open_corpus("films", "lines", "utf-8", None, (0.25, 0.2), 3)
    assert [len(part.texts) for part in corpus[:3]] == [24, 6, 10]
    monkeypatch.chdir("/")
    origin = corpus.origin
    again = open_corpus(
        *(origin["path"], origin["layout"], origin["encoding"], origin["test_path"], tuple(origin["shares"])),
        *(origin["seed"], origin["sha256"]),
    )
    for part, same in zip(corpus[:3], again[:3], strict=True):
        assert part.texts == same.texts and part.labels.tolist() == same.labels.tolist()


@pytest.mark.parametrize(
    ("old", "new"),
    [("bad", "sad"), ("\n", " \n\n"), ("", "bad film\n")],
    ids=["a word", "an empty line", "a text more"],
)
def test_a_changed_corpus_is_refused(tmp_path, old, new):
    folder = write_films(tmp_path / "films", 40)
    origin = open_corpus(folder, "lines", "utf-8", None, (0.25, 0.2), 3).origin
    file = folder / "film.neg"
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(ValueError, match=r"film.*(changed since the model was trained on it|empty line)"):
        open_corpus(folder, "lines", "utf-8", None, (0.25, 0.2), 3, origin["sha256"])


def test_a_change_of_a_label_or_of_the_test_part_is_noticed(tmp_path):
    def digest():
        return open_corpus(tmp_path / "blogs", "csv", "utf-8", None, (0.1, 0.1), 0).origin["sha256"]

    write_blogs(tmp_path / "blogs")
    digests = {digest()}
    labels = tmp_path / "blogs" / "tests" / "labels.csv"
    lines = labels.read_text(encoding="utf-8").splitlines()
    lines[1] = next(name for name in blogs.CLASSES if name != lines[1])
    labels.write_text("\n".join(lines), encoding="utf-8")
    assert digest() not in digests


def test_a_run_is_refused_that_another_script_wrote(tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match=r"no .* at .*best\.npz; train one with: python scripts/train.*; or import one with: .* FILE",
    ):
        TextModel(tmp_path)
    (tmp_path / "state.npz").touch()  # of a training that was stopped before its first epoch
    with pytest.raises(
        FileNotFoundError, match=r"stopped, go on with: python scripts/train_text\.py --resume \S+; else"
    ):
        TextModel(tmp_path)
    save_model(tmp_path / "best.npz", MADE["bow"](), classes=["a", "b", "c"])
    with pytest.raises(ValueError, match=r"not written by train_text.py or .* vocabulary, got nothing"):
        TextModel(tmp_path)


@pytest.mark.parametrize("padding", ["after", "before"])
def test_tokens_and_their_weights_line_up(tmp_path, padding):
    model = MADE["seqself"]()
    words = ["<pad>", "<unk>", *"abcdefg"]
    facts = dict(vocabulary=words, tokenizer={"name": "characters"}, classes=["x", "y", "z"], data={}, max_len=4)
    save_model(tmp_path / "best.npz", model, **facts, padding=padding)
    texts = ["abc", "g", "fed cba", "", "a?"]
    tokens, p, weights = TextModel(tmp_path).explain(texts)
    assert repr(TextModel(tmp_path)) == f"TextModel({str(tmp_path)!r})"
    assert tokens == [list("abc"), ["g"], list("fedc"), [], ["a", "?"]]
    assert p.shape == (5, 3)
    for text, probabilities, weight in zip(tokens, p, weights, strict=True):
        if text:
            ids = np.array([[words.index(token) if token in words else 1 for token in text]])
            (wanted_p,), (wanted,) = model.explain(ids)
            np.testing.assert_allclose(weight, wanted, rtol=1e-12)
            np.testing.assert_allclose(probabilities, wanted_p, rtol=1e-12)
    assert weights[3].shape == (0,)


WORDS = ["<pad>", "<unk>", *"abcdef京"]


def saved(folder, name: str, **facts) -> TextModel:
    """A run of a tiny model of characters and three classes, one of them hostile."""
    known = dict(vocabulary=WORDS, tokenizer={"name": "characters"}, classes=["x", "<b>&", "食"], data={}, max_len=6)
    save_model(folder / "best.npz", MADE[name](), padding="after", **(known | facts))
    return TextModel(str(folder))


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_model_is_asked_in_words(tmp_path, name):
    text_model, model = saved(tmp_path, name), MADE[name]()
    asked = text_model.ask("京ab?")
    ids = np.array([[WORDS.index("京"), 2, 3, 1]])
    np.testing.assert_allclose(asked.probabilities, model.probabilities(ids)[0], rtol=1e-12)
    best = int(asked.probabilities.argmax())
    assert (asked.text, asked.label) == ("京ab?", ["x", "<b>&", "食"][best])
    assert type(asked.probability) is float and asked.probability == asked.probabilities[best]
    assert (asked.tokens, asked.unknown) == (list("京ab?"), ["?"])
    assert str(asked) == f"{asked.label} ({asked.probability:.1%})"
    if model.token_weight_kinds:
        for kind in (None, *model.token_weight_kinds):
            weights = text_model.ask("京ab?", kind).weights
            np.testing.assert_allclose(weights, model.explain(ids, kind)[1][0], rtol=1e-12)
    else:
        assert asked.weights is None and asked.kind is None


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("", None, r"^no token in the text ''$"),
        ("abc", "evidence", r"^SeqSelfClassifier: .* expected one of received, output_max, got 'evidence'$"),
        (None, None, r"^TextModel\.ask: expected one text, got NoneType$"),
        (["abc"], None, r"^TextModel\.ask: expected one text, got list$"),
    ],
)
def test_a_text_that_cannot_be_asked_is_refused(tmp_path, text, kind, message):
    with pytest.raises(ValueError, match=message):
        saved(tmp_path, "seqself").ask(text, kind)


def test_a_notebook_shows_the_classes_and_the_table_in_shades(tmp_path):
    asked = saved(tmp_path, "seqself").ask("京ab?")
    html = asked._repr_html_()
    assert "<script" not in html and "://" not in html and "<style" not in html and 'lang="ja">京' not in html
    root = ElementTree.fromstring(f"<div>{html}</div>")
    classes = "".join(root.find("p").itertext())
    assert classes.startswith(str(asked)) and all(f"{p:.1%}" in classes for p in asked.probabilities)
    table = token_table(asked.tokens, asked.weights)
    tokens = [row[0] for row in root.iter("tr")][1:]
    assert ["".join(token.itertext()) for token in tokens] == list("京ab?")
    colours = [f"background:#{bytes(rgb(shade)).hex()};color:{ink(rgb(shade))}" for shade in table.shade]
    assert [token.get("style") for token in tokens] == colours and len(set(colours)) > 1
    assert {token.get("lang") for token in tokens} == {"ja"}
    assert "unknown: ?" in ["".join(line.itertext()) for line in root.iter("p")]


def test_an_english_run_says_so(tmp_path):
    assert saved(tmp_path, "seqself", tokenizer={"name": "words"}).ask("a b").lang == "en"


def test_an_answer_is_drawn(tmp_path):
    import matplotlib.pyplot as plt

    for name, shown in (("gru", "c"), ("seqself", "normalized"), ("bow", "normalized")):
        asked = saved(tmp_path, name, classes=list("xyz")).ask("cab")
        _, own = plt.subplots()
        for ax in (asked.plot(), asked.plot(ax=own)):
            texts = [*ax.texts, *ax.get_yticklabels()]
            assert shown in [text.get_text() for text in texts]
            assert asked.header()[1] in ax.get_title(loc="left")
        assert ax is own
    plt.close("all")


def test_an_answer_without_weights_says_so(tmp_path):
    asked = saved(tmp_path, "gru-plain").ask("京ab")
    assert "<table" not in asked._repr_html_() and asked._repr_html_().count("%") == 3
    with pytest.raises(ValueError, match=rf"^{re.escape(str(asked))}: the model has no attention, so its tokens have"):
        asked.plot()
