"""The generated Japanese corpus: its bytes, its classes, and the words that make them."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dataset import blogs
from dataset.tokenizers import Characters

ROOT = Path(__file__).resolve().parents[1]
SHA256 = "57c5ec115d47d04044ea9b1dc3f943dac718f93fc02631aef048e218da60f531"  # of the 8,000 lines of seed 1


@pytest.fixture(scope="module")
def data():
    return blogs.generate()


def run(*args):
    return subprocess.run([sys.executable, "-m", "dataset.blogs", *args], cwd=ROOT, capture_output=True)


def cued(text):
    """Classes of the words of CUES in the text, in order."""
    words = [text[start:end] for start, end in blogs.cue_spans(text)]
    return [next(name for name, cues in blogs.CUES.items() if word in cues) for word in words]


def test_bytes_never_change():
    assert hashlib.sha256("".join(f"{line}\n" for line in blogs.lines()).encode()).hexdigest() == SHA256


def test_command():
    done = run("--count", "5", "--seed", "1")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().splitlines() == blogs.lines(5, 1)
    assert hashlib.sha256(run().stdout).hexdigest() == SHA256
    done = run("--count", "0")
    assert (done.returncode, done.stdout) == (2, b"")
    assert re.fullmatch(rb"python -m dataset\.blogs: count must be at least 1, got 0\n", done.stderr)


def test_lines_are_the_label_and_the_text(data):
    assert blogs.lines() == [f"{data.classes[i]}\t{text}" for i, text in zip(data.labels, data.texts, strict=True)]
    assert data.classes == ("グルメ", "携帯電話", "京都", "スポーツ")
    assert data.labels.dtype == np.int64
    assert data.source == "python -m dataset.blogs --count 8000 --seed 1"


def test_seed_and_count(data):
    assert blogs.generate(100).texts == data.texts[:100]
    assert blogs.generate(100, seed=2).texts != data.texts[:100]
    for count, seed, reason in [(0, 1, "count"), (1, -1, "seed")]:
        with pytest.raises(ValueError, match=f"{reason} must be"):
            blogs.generate(count, seed)


def test_sentences_are_whole_and_differ(data):
    assert not [text for text in data.texts if re.search(r"[{}\[\]|\s-]", text)]
    assert len(set(data.texts)) > 7900
    assert len(set(data.texts[:6000]) & set(data.texts[7000:])) <= 5
    lengths = np.array([len(text) for text in data.texts])
    assert lengths.max() <= 60 and 30 < lengths.mean() < 35
    assert (np.bincount(data.labels) > 1850).all()


def test_one_style_in_a_sentence(data):
    polite = re.compile("(?:です|ます|ました|でした|ましょう)(?:ね?〜?|よ|が|ので)[。！♪、]")
    plain = re.compile("(?:[だるくいろ]|よう|[違頑]う|(?<!まし)(?<!でし)た)(?:なあ〜?|よ)?[。！♪]|けど、")
    neutral = re.compile("(?:おやすみなさい|それではまた|続きはまた明日|こんにちは)。")
    ends = [neutral.sub("", text).replace("ましょう", "ます") for text in data.texts]
    styles = [(bool(polite.search(text)), bool(plain.search(text))) for text in ends]
    assert not [text for text, style in zip(data.texts, styles, strict=True) if style == (True, True)]
    assert all(0.45 < np.mean([style == one for style in styles]) < 0.52 for one in [(True, False), (False, True)])


def test_characters_are_the_tokens(data):
    """cue_spans therefore gives token positions."""
    for text in data.texts[:500]:
        assert len(Characters()(text)) == len(text)


def test_cue_spans():
    assert blogs.cue_spans("友達と京都で練習試合を見た。") == [(3, 5), (6, 10)]  # not 練習, not 試合
    assert blogs.cue_spans("ラーメン屋でラーメンを食べた。") == [(0, 5), (6, 10), (11, 13)]
    assert blogs.cue_spans("今日はいい天気だ。") == []


def test_a_word_makes_one_class_and_stands_in_no_other_table():
    words = [word for cues in blogs.CUES.values() for word in cues]
    assert len(set(words)) == len(words) > 100
    shared = [entry for table in blogs.SHARED.values() for entry in table]
    for entry in (*shared, *blogs.HINTS, *blogs.CLEAR, *blogs.MIXED, *blogs.VAGUE):
        assert blogs.cue_spans(entry) == []


def test_the_class_has_a_word_and_the_other_one_too(data):
    """A sentence with words of one class belongs to it; with words of two, it belongs to one of them."""
    found = [cued(text) for text in data.texts]
    names = [data.classes[label] for label in data.labels]
    assert all(name in classes for name, classes in zip(names, found, strict=True) if classes)
    assert 0.10 < np.mean([not classes for classes in found]) < 0.14
    assert 0.20 < np.mean([len(set(classes)) == 2 for classes in found]) < 0.24
    assert not [classes for classes in found if len(set(classes)) > 2]


def test_of_two_classes_neither_place_nor_number_tells(data):
    first, last, most = [], [], []
    for text, label in zip(data.texts, data.labels, strict=True):
        classes, name = cued(text), data.classes[label]
        if len(set(classes)) == 2:
            first.append(classes[0] == name)
            last.append(classes[-1] == name)
            most.append(classes.count(name) * 2 > len(classes))
    assert 0.45 < np.mean(first) < 0.55
    assert 0.45 < np.mean(last) < 0.55
    assert np.mean(most) < 0.3


def test_hints_fit_two_classes_or_more():
    for hint, fits in blogs.HINTS.items():
        assert len(fits.split()) >= 2 and set(fits.split()) <= set(blogs.CLASSES), hint
    assert all(sum(name in fits for fits in blogs.HINTS.values()) >= 5 for name in blogs.CLASSES)
