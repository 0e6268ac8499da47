"""experiment: opening a corpus and a trained run."""

import numpy as np
import pytest
from script_tools import ROOT, write_blogs, write_films
from test_classifier import MADE

from classifier import save_model
from dataset import blogs


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")


def test_attention_on_cues_is_counted_character_by_character(scripts):
    from experiment.text_model import attention_on_cues

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


def test_the_origin_opens_the_same_corpus(scripts, tmp_path, monkeypatch):
    from experiment.corpus import open_corpus

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
def test_a_changed_corpus_is_refused(scripts, tmp_path, old, new):
    from experiment.corpus import open_corpus

    folder = write_films(tmp_path / "films", 40)
    origin = open_corpus(folder, "lines", "utf-8", None, (0.25, 0.2), 3).origin
    file = folder / "film.neg"
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(ValueError, match=r"film.*(changed since the model was trained on it|empty line)"):
        open_corpus(folder, "lines", "utf-8", None, (0.25, 0.2), 3, origin["sha256"])


def test_a_change_of_a_label_or_of_the_test_part_is_noticed(scripts, tmp_path):
    from experiment.corpus import open_corpus

    def digest():
        return open_corpus(tmp_path / "blogs", "csv", "utf-8", None, (0.1, 0.1), 0).origin["sha256"]

    write_blogs(tmp_path / "blogs")
    digests = {digest()}
    labels = tmp_path / "blogs" / "tests" / "labels.csv"
    lines = labels.read_text(encoding="utf-8").splitlines()
    lines[1] = next(name for name in blogs.CLASSES if name != lines[1])
    labels.write_text("\n".join(lines), encoding="utf-8")
    assert digest() not in digests


def test_a_run_is_refused_that_another_script_wrote(scripts, tmp_path):
    from experiment.text_model import TextModel

    with pytest.raises(
        FileNotFoundError, match=r"no trained model at .*best\.npz; train one with: python scripts/train"
    ):
        TextModel(tmp_path)
    (tmp_path / "state.npz").touch()  # of a training that was stopped before its first epoch
    with pytest.raises(
        FileNotFoundError, match=r"stopped, go on with: python scripts/train_text\.py --resume \S+; else"
    ):
        TextModel(tmp_path)
    save_model(tmp_path / "best.npz", MADE["bow"](), classes=["a", "b", "c"])
    with pytest.raises(ValueError, match=r"not written by train_text.py: .* vocabulary, and says none"):
        TextModel(tmp_path)


@pytest.mark.parametrize("padding", ["after", "before"])
def test_tokens_and_their_weights_line_up(scripts, tmp_path, padding):
    from experiment.text_model import TextModel

    model = MADE["seqself"]()
    words = ["<pad>", "<unk>", *"abcdefg"]
    facts = dict(vocabulary=words, tokenizer={"name": "characters"}, classes=["x", "y", "z"], data={}, max_len=4)
    save_model(tmp_path / "best.npz", model, **facts, padding=padding)
    texts = ["abc", "g", "fed cba", "", "a?"]
    tokens, p, weights = TextModel(tmp_path).explain(texts)
    assert tokens == [list("abc"), ["g"], list("fedc"), [], ["a", "?"]]
    assert p.shape == (5, 3)
    for text, probabilities, weight in zip(tokens, p, weights, strict=True):
        if text:
            ids = np.array([[words.index(token) if token in words else 1 for token in text]])
            (wanted_p,), (wanted,) = model.explain(ids)
            np.testing.assert_allclose(weight, wanted, rtol=1e-12)
            np.testing.assert_allclose(probabilities, wanted_p, rtol=1e-12)
    assert weights[3].shape == (0,)
