"""Stray files in the folder of a corpus, and hints to where the classes are when they are elsewhere."""

from pathlib import Path

import pytest
from corpus_tools import refused, write

from dataset.labelled import read_folders, read_lines

STRAYS = [
    *("README", "README.txt", "readme.md", "README_ja.txt", "rt-polaritydata.README.1.0.txt", "LICENSE", "LICENCE.txt"),
    *("license-MIT.txt", "COPYING.txt", "CITATION.cff", "CHANGELOG.txt", "stopwords.txt", "stop_words_en.txt"),
    *("english-stop-words.txt", "stoplist.txt", ".DS_Store", "._neg.txt", ".neg.txt", "Thumbs.db", "desktop.ini"),
    *("neg.txt~", "pos.txt.bak", "pos.txt.orig", ".pos.txt.swp", "x.tmp"),
]
NO_STRAYS = [
    "stop.txt",
    "relicense.txt",
    "unreadme.txt",
    "thereadmes.txt",
    "stopwordsmith.txt",
    "copyings.txt",
    "a.txt",
]


ABOUT, HIDDEN = 15, 10


@pytest.mark.parametrize("classes", [("neg.txt", "pos.txt"), ("film.neg", "film.pos")])
def test_a_stray_file_is_no_class(tmp_path, classes):
    write(tmp_path, dict.fromkeys(classes, "x\ny\n") | dict.fromkeys(STRAYS, b"\xff\n\n") | {"unread.d/a.txt": ""})
    data = read_lines(tmp_path)
    assert (data.classes, len(data.texts)) == (("neg", "pos"), 4)
    for name in (
        f"{HIDDEN} hidden, or of a system or an editor (.DS_Store, ",
        f"{ABOUT} about the corpus (CHANGELOG.txt, ",
    ):
        assert name in data.skipped


@pytest.mark.parametrize("pattern", ["*.txt", "*"])
def test_a_stray_file_is_no_text(tmp_path, pattern):
    strays = {folder + name: b"\xff" for name in STRAYS for folder in ("", "neg/", "pos/")}
    data = read_folders(write(tmp_path, {"neg/a.txt": "x", "pos/a.txt": "y"} | strays), pattern=pattern)
    assert data.texts == ["x", "y"]
    for name in (f"{3 * HIDDEN} hidden, or", f"{3 * ABOUT} about the corpus"):
        assert name in data.skipped


def test_other_names_are_taken(tmp_path):
    write(tmp_path, {f"p/{name}": "x" for name in NO_STRAYS} | {"q/a.txt": "y"} | dict.fromkeys(NO_STRAYS, "x"))
    assert {Path(place).name for place in read_folders(tmp_path).places} == {*NO_STRAYS, "a.txt"}
    assert read_lines(tmp_path).classes == tuple(sorted(name.removesuffix(".txt") for name in NO_STRAYS))


@pytest.mark.parametrize("folder", ["__MACOSX", ".ipynb_checkpoints", "unsup"])
def test_a_stray_folder_is_no_class(tmp_path, folder):
    write(tmp_path, {"neg/a.txt": "x", "pos/a.txt": "y", f"{folder}/a.txt": "z"})
    data = read_folders(tmp_path)
    assert data.classes == ("neg", "pos") and data.skipped.endswith(f"({folder})")
    assert read_folders(tmp_path, classes=["neg", folder]).texts == ["x", "z"], "unless it is named"


def test_a_class_may_be_called_as_a_stray_file(tmp_path):
    assert read_folders(write(tmp_path, {"licence/a.txt": "x", "readme/a.txt": "y"})).classes == ("licence", "readme")


def test_what_was_skipped_is_told_in_one_line(tmp_path):
    files = {f"neg/{i}.html": "x" for i in range(40)} | {"neg/a.TXT": "x", "pos/a.txt": "x", "pos/deep/b.txt": "x"}
    data = read_folders(write(tmp_path, files | {"LICENSE": "x", ".x": "x", "urls_neg.txt": "x", "words.feat": ""}))
    assert data.skipped == (
        "1 hidden, or of a system or an editor (.x), 1 about the corpus (LICENSE), "
        "2 other than folders of a class (urls_neg.txt, words.feat), "
        "41 other than *.txt (neg/0.html, neg/1.html, neg/10.html, ...)"
    )
    assert len(data.texts) == 2
    write(tmp_path, {"lines/rt.neg": "x", "lines/rt.pos": "y", "lines/list.txt": "z", "lines/e": ""})
    assert read_lines(tmp_path / "lines").skipped == "2 other than rt.CLASS (e, list.txt)"


def test_other_classes_than_those_named_are_told(tmp_path):
    """As when reading test texts with the classes of a training."""
    write(tmp_path, {f"{name}/a.txt": "x" for name in "abc"} | {f"{name}.txt": "x" for name in "abc"})
    data = read_folders(tmp_path, classes=["c", "a"])
    assert (data.classes, data.skipped) == (("c", "a"), "4 other than folders of a class (a.txt, b, b.txt, ...)")
    data = read_lines(tmp_path, classes=["c", "a"])
    assert (data.classes, data.skipped) == (("c", "a"), "1 of other classes (b.txt)")


def test_patterns(tmp_path):
    write(tmp_path, {"neg/1.HTML": "x", "neg/2": "y", "pos/1.html": "z", "pos/1.txt": "no", "rt.a": "a", "rt.b": "b"})
    assert read_folders(tmp_path, pattern="*.html").texts == ["x", "z"]
    assert read_folders(tmp_path, pattern="*").texts == ["x", "y", "z", "no"]
    write(tmp_path, {"good.text": "g", "bad.text": "h", "rt.c": "c", "x.a": "x", "x.b": "x", "neither": "n"})
    assert "expected one set of files NAME.CLASS, got rt, x" in refused(read_lines, tmp_path)
    assert read_lines(tmp_path, pattern="rt.*").classes == ("a", "b", "c")
    assert read_lines(tmp_path, pattern="rt.[ab]").texts == ["a", "b"]
    assert read_lines(tmp_path, pattern="*.text").classes == ("bad", "good")
    assert read_lines(tmp_path, pattern="[gbn]*").classes == ("bad", "good", "neither")


# A folder too high or too low

IMDB = {
    f"aclImdb/{part}/{name}": "x"
    for part in ("train", "test")
    for name in ("neg/0_1.txt", "pos/0_9.txt", "unsup/0_0.txt", "urls_neg.txt", "urls_pos.txt", "labeledBow.feat")
} | {"aclImdb/README": "x", "aclImdb/imdb.vocab": "x", "aclImdb/imdbEr.txt": "0.5"}


@pytest.mark.parametrize(
    ("given", "got", "seem"),
    [
        ("aclImdb", "expected one folder per class, got folders of such folders", "aclImdb/test, {}/aclImdb/train"),
        (".", "expected two or more folders with files *.txt, got aclImdb", "aclImdb/test, {}/aclImdb/train"),
        ("aclImdb/train/pos", "expected two or more folders with files *.txt, got none", "aclImdb/train"),
        ("aclImdb/test/unsup", "expected two or more folders with files *.txt, got none", None),
    ],
)
def test_folders_too_high_or_too_low(tmp_path, given, got, seem):
    write(tmp_path, IMDB)
    hint = f"; classes seem to be in {tmp_path}/{seem.format(tmp_path)}" if seem else ""
    assert refused(read_folders, tmp_path / given) == f"{tmp_path / given}: {got}{hint}"


def test_texts_to_test_on_too_high_or_too_low(tmp_path):
    """The classes are given by the training."""
    write(tmp_path, IMDB | {"data/rt/rt.neg": "x", "data/rt/rt.pos": "x"})
    seem = f"; classes seem to be in {tmp_path}"
    for given, found in (("aclImdb", f"aclImdb/test, {tmp_path}/aclImdb/train"), ("aclImdb/test/pos", "aclImdb/test")):
        message = refused(read_folders, tmp_path / given, classes=["neg", "pos"])
        assert message == f"{tmp_path / given}: expected a folder for the class 'neg', got none{seem}/{found}"
    message = refused(read_lines, tmp_path / "data", classes=["neg", "pos"])
    assert message == f"{tmp_path}/data: expected a file for the class 'neg', got none{seem}/data/rt"
    assert refused(read_lines, tmp_path / "data" / "rt", classes=["neg", "new"]).endswith("'new', got neg, pos")


def test_folders_where_they_should_be(tmp_path, monkeypatch):
    write(tmp_path, IMDB | {f"aclImdb/train/{name}/deep/a.txt": "x" for name in ("neg", "pos")})
    data = read_folders(tmp_path / "aclImdb" / "train")
    assert (
        data.classes == ("neg", "pos") and "4 other than folders of a class (labeledBow.feat, unsup, " in data.skipped
    )
    monkeypatch.chdir(tmp_path / "aclImdb" / "train" / "neg")
    assert refused(read_folders, ".").endswith(f"got deep; classes seem to be in {tmp_path}/aclImdb/train")
    (tmp_path / "aclImdb" / "train" / "empty").mkdir()
    assert "expected files *.txt in the folder 'empty', got none" in refused(
        read_folders, tmp_path / "aclImdb" / "train"
    )


def test_lines_too_high_or_elsewhere(tmp_path):
    write(tmp_path, {"data/rt/rt.neg": "x", "data/rt/rt.pos": "x", "data/README.txt": "x"})
    seem = f"got none; classes seem to be in {tmp_path}/data/rt"
    assert refused(read_lines, tmp_path / "data").endswith(seem) and refused(read_lines, tmp_path).endswith(seem)
    write(tmp_path, {"films/neg/1.txt": "x", "films/pos/1.txt": "x"})
    assert refused(read_lines, tmp_path / "films").endswith(
        "its folders seem to be the classes, as in the format 'folders'"
    )
    write(tmp_path, {"page/a.html": "x", "page/b.html": "x", "page/c.md": "x"})
    assert refused(read_lines, tmp_path / "page").endswith("got none, of 2 *.html, 1 *.md, which a pattern can take")
    for read in (read_lines, read_folders):
        assert refused(read, tmp_path / "page" / "a.html").endswith("expected the folder of a corpus, got a file")


def test_the_readme_of_the_sentence_polarity_dataset_is_no_class(sentence_polarity):
    data = read_lines(sentence_polarity)
    assert (data.classes, data.skipped) == (("neg", "pos"), "1 about the corpus (README.txt)")
