"""The readers of labelled texts: what they find, and how they refuse files that are wrong."""

from pathlib import Path

import numpy as np
import pytest
from corpus_tools import refused, write

from dataset.labelled import READERS, LabelledTexts, read_csv, read_folders, read_lines

FOLDERS = {
    "pos/2_9.txt": "second\r\nline\n",
    "pos/10_7.txt": "first",
    "pos/notes.md": "no text",
    "pos/.hidden.txt": "",
    "neg/0_1.txt": "\ufeffbad ",
    "unsup/0_0.txt": "who knows",
    ".git/x.txt": "",
    "urls.txt": "no folder",
}


def test_folders(tmp_path):
    data = read_folders(write(tmp_path, FOLDERS))
    assert data.texts == ["bad", "first", "second\nline"]  # files by name: 10_7 before 2_9
    assert (data.labels.dtype, data.labels.tolist()) == (np.int64, [0, 1, 1])
    assert (data.classes, data.source) == (("neg", "pos"), str(tmp_path))


def test_folders_of_ones_choice(tmp_path):
    data = read_folders(write(tmp_path, FOLDERS), classes=["unsup", "neg"])
    assert (data.texts, data.labels.tolist(), data.classes) == (["who knows", "bad"], [0, 1], ("unsup", "neg"))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"neg/a.txt": "x"}, "expected two or more folders with files *.txt, got neg"),
        ({"a.txt": "x"}, "got none"),
        (
            {"neg/a.txt": "x", "pos/a.text": "x"},
            "expected files *.txt in the folder 'pos', got 1 *.text, which a pattern can take",
        ),
        ({"neg/a.txt": "x", "pos/README": "x"}, "expected files *.txt in the folder 'pos', got none"),
        ({"neg/a.txt": "x", "pos/a.txt": " \n"}, "pos/a.txt: empty text"),
        ({"neg/a.txt": b"one\n\xc3\xa9t\xe9", "pos/a.txt": "x"}, "neg/a.txt:2: not utf-8 (unexpected end of data), "),
    ],
)
def test_folders_refused(tmp_path, files, message):
    assert message in refused(read_folders, write(tmp_path, files))


def test_a_folder_that_is_not_there(tmp_path):
    for read in (read_folders, read_lines, lambda path: read_csv(path, "trains")):
        with pytest.raises(OSError, match="nowhere"):
            read(tmp_path / "nowhere")
    message = refused(read_folders, write(tmp_path, {"neg/a.txt": "x", "positive/a.txt": "x"}), classes=["neg", "pos"])
    assert message == f"{tmp_path}: expected a folder for the class 'pos', got neg, positive"


def test_lines_of_files_that_share_a_stem(tmp_path):
    files = {
        "rt.pos": "good \n\u2028fine\x85ok\n",
        "rt.neg": "\ufeffbad\r\nworse",
        "README.txt": "",
        "README.md": "",
        "list.txt": "x",
    }
    data = read_lines(write(tmp_path, files))
    assert (data.texts, data.labels.tolist()) == (["bad", "worse", "good", "fine\x85ok"], [0, 0, 1, 1])
    assert data.classes == ("neg", "pos")
    assert read_lines(tmp_path, classes=["pos", "neg"]).texts == ["good", "fine\x85ok", "bad", "worse"]


def test_lines_of_text_files(tmp_path):
    files = {
        "b.txt": "two\n",
        "a.txt": "one",
        "readme.TXT": "x",
        "README.txt": "x",
        ".c.txt": "x",
        "d.csv": "x",
        "e": "x",
    }
    data = read_lines(write(tmp_path, files))
    assert (data.texts, data.classes) == (["one", "two"], ("a", "b"))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"rt.pos": "x\n \ny\n", "rt.neg": "x"}, "rt.pos:2: empty line"),
        ({"rt.pos": "x\n\n\ny\n\n", "rt.neg": "x"}, "rt.pos:2: empty line"),
        ({"rt.pos": "\n \n", "rt.neg": "x"}, "expected a text of the class 'pos', got none"),
        (
            {"rt.pos": b"\xc3\xa9\nab\xff", "rt.neg": "x"},
            "rt.pos:2: not utf-8 (invalid start byte), byte 5 of the file",
        ),
        ({"pos.txt": "x", "README.txt": "x"}, "expected two or more files NAME.CLASS or *.txt, got pos, of 1 *.txt"),
        (
            {"a.pos": "x", "a.neg": "x", "b.pos": "x", "b.neg": "x"},
            "expected one set of files NAME.CLASS, got a, b",
        ),
    ],
)
def test_lines_refused(tmp_path, files, message):
    assert message in refused(read_lines, write(tmp_path, files))


def test_a_class_without_a_file(tmp_path):
    write(tmp_path, {"pos.txt": "x", "neg.txt": "x"})
    message = refused(read_lines, tmp_path, classes=["pos", "good"])
    assert message == f"{tmp_path}: expected a file for the class 'good', got neg, pos"
    assert "two or more" in refused(read_lines, tmp_path, classes=["pos", "pos"])


def test_encodings(tmp_path):
    write(tmp_path, {"a.txt": "京都".encode("cp932"), "b.txt": b"\x91\xe5\n\x8d\xe3\n"})
    assert read_lines(tmp_path, encoding="cp932").texts == ["京都", "大", "阪"]
    assert "a.txt:1: not utf-8" in refused(read_lines, tmp_path)
    assert "expected the name of an encoding, got 'klingon'" in refused(read_lines, tmp_path, encoding="klingon")
    write(tmp_path, {"a.txt": "x\n京".encode("utf-16"), "b.txt": "x\ny".encode("utf-16") + b"\x00"})
    assert "b.txt:2: not utf-16 (truncated data), byte 8" in refused(read_lines, tmp_path, encoding="utf-16")


def test_split():
    data = LabelledTexts([str(i) for i in range(100)], np.arange(100) % 2, ("a", "b"), "here")
    train, test = data.split(0.29, seed=3)
    rows = np.random.RandomState(3).permutation(100)
    assert train.texts + test.texts == [str(i) for i in rows]
    assert len(test.texts) == 29
    for part in (train, test):
        assert part.labels.tolist() == [int(text) % 2 for text in part.texts]
        assert (part.classes, part.source) == (data.classes, "here")
    assert data.split()[1].texts == data.split(seed=1984)[1].texts != data.split(seed=1)[1].texts
    for share in (0, 1, 0.001, -0.1, 2):
        with pytest.raises(ValueError, match="each part"):
            data.split(share)


def test_a_reader_in_the_table_is_a_format(in_process, monkeypatch, tmp_path):
    """One function and one entry: the command line offers its name, training uses it, and the run's reader knows it."""

    def read_prefixed(path, *, classes=None, encoding="utf-8"):
        names, texts = zip(*(line.split(" ", 1) for line in Path(path).read_text(encoding).splitlines()), strict=True)
        classes = tuple(classes or sorted(set(names)))
        return LabelledTexts(list(texts), np.array([classes.index(name) for name in names]), classes, str(path))

    monkeypatch.setitem(READERS, "prefixed", read_prefixed)
    (tmp_path / "films").write_text("neg bad\npos good\n" * 20)
    options = ["--data", "films", "--format", "prefixed", "--model", "bow", "--max-epoch", "1", "--workers", "1"]
    done = in_process(tmp_path, "train_text.py", *options, "--out", "run")
    assert (done.returncode, done.stderr) == (0, "")
    done = in_process(tmp_path, "plot_text_attention.py", "--run", "run", "--index", "0")
    assert (done.returncode, done.stderr) == (0, "")


def test_sentence_polarity(sentence_polarity):
    data = READERS["lines"](sentence_polarity)
    assert (data.classes, np.bincount(data.labels).tolist()) == (("neg", "pos"), [5331, 5331])
    assert data.texts[0] == "simplistic , silly and tedious ."
    train, test = data.split()
    assert (len(train.texts), len(test.texts)) == (9596, 1066)
