"""Word vectors from files of word2vec, GloVe and fastText: plain, gzipped and damaged."""

import gzip
import io
import os
import re
import struct
import zipfile

import numpy as np
import pytest

from dataset import words
from dataset.words import WordVocabulary, read_word_vectors

VOCABULARY = WordVocabulary(["<pad>", "<unk>", "京都", "the", "rare", ". . .", "a\x85b", "c\xa0d"])
BOM = b"\xef\xbb\xbf"


def read(path, content, **options):
    """``({word: its vector}, the warning or None)``"""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.warns() as caught:
        words.warnings.warn("so that there is one", stacklevel=1)
        ids, vectors = read_word_vectors(path, VOCABULARY, **options)
    assert (ids.dtype, vectors.dtype) == (np.int32, np.float32)
    *told, _ = [str(warning.message) for warning in caught][::-1]
    assert len(told) < 2, "one warning"
    found = zip(VOCABULARY.decode(ids), vectors.tolist(), strict=True)
    return dict(found), told[0].removeprefix(f"{path}: ") if told else None


@pytest.fixture
def path(tmp_path):
    return tmp_path / "vectors.txt"


def test_order_and_numbers(path):
    content = "4 2\nthe 0.5 -1e-1 \n</s> nan 1\n京都 3 4\r\n<pad> 1 1\n"
    for encoding in ("utf-8", "euc-jp"):
        path.write_text(content, encoding=encoding, newline="")
        ids, vectors = read_word_vectors(path, VOCABULARY, encoding=encoding)
        assert (ids.dtype, vectors.dtype) == (np.int32, np.float32)
        assert ids.tolist() == [3, 2]
        np.testing.assert_array_equal(vectors, np.array([[0.5, -0.1], [3, 4]], dtype=np.float32))


def test_no_word_known(path):
    path.write_bytes(b"1 3\nx 1 2 3\n")
    ids, vectors = read_word_vectors(path, VOCABULARY)
    assert (ids.shape, vectors.shape) == ((0,), (0, 3))


@pytest.mark.parametrize(
    "content",
    [
        "the 1 2\nrare 3 4\n",
        "the 1 2\nrare 3 4",
        "2 2\nthe 1 2\nrare 3 4\n",
        "2 2 \r\nthe 1 2 \r\nrare 3 4\r\n",
        "the\t1\t2\nrare\t3\t4\n",
        "2\t2\nthe\t1 2\nrare 3\t4\n",
        "the\t1  2\nrare 3  4\n",
        "the  1 2\nrare 3   4\n",
        " the 1 \t 2\t\n\trare 3 4  \n",
        BOM + b"the 1 2\nrare 3 4\n",
        BOM + b"2 2\nthe 1 2\nrare 3 4\n",
        b"th\0e 9 9\nthe 1 2\n\xff\xfe 9 9\nrare 3 4\n",
        "x 1 1\nat name@domain.com 9 9\nthe 1 2\nrare 3 4\n",
        "the +1 2.\nrare 3e0 .4e1\n",
    ],
)
def test_one_content_in_many_forms(path, content):
    assert read(path, content) == ({"the": [1, 2], "rare": [3, 4]}, None)


def test_a_word_ends_at_a_space_or_a_tab_alone(path):
    content = ". . . 1 2\na\x85b 3 4\nc\xa0d\t5 6\n.  .\t. 9 9\n\u3000 7 7\n"
    found = {". . .": [1, 2], "a\x85b": [3, 4], "c\xa0d": [5, 6]}
    assert read(path, content) == (found, f"1 line skipped: 1 for a word that an earlier line has (first: {path}:4)")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("rare 3 4\nx 1\nthe 1 2\n", "1 line skipped: 1 with another number of values (first: HERE:2)"),
        ("rare 3 4\nx 1 2 3\nthe 1 2 3\nthe 1 2\n", "2 lines skipped: 2 with another number of values (first: HERE:2)"),
        ("x\nthe 1 2\nrare 3 4\n", "1 line skipped: 1 with another number of values (first: HERE:1)"),
        ("x 1 2 3\nthe 1 2\nrare 3 4\n", "1 line skipped: 1 with another number of values (first: HERE:1)"),
        ("the 1 2\nrare 3 4\n\n", "1 line skipped: 1 empty (first: HERE:3)"),
        ("the 1 2\n \t\r\nrare 3 4\n", "1 line skipped: 1 empty (first: HERE:2)"),
        ("the 1 2\nrare 3 4\nthe 5 6\n", "1 line skipped: 1 for a word that an earlier line has (first: HERE:3)"),
        ("the nan 2\nthe 1 2\nrare 3 4\n", "1 line skipped: 1 with a value not finite in float32 (first: HERE:1)"),
        ("the 1 1e39\nrare 3 4\nthe 1 2\n", "1 line skipped: 1 with a value not finite in float32 (first: HERE:1)"),
        ("rare 3 4\nthe 1 two\nthe 1 2\n", "1 line skipped: 1 with a value not finite in float32 (first: HERE:2)"),
        ("rare 3 4\nthe  2\nthe 1 2\n", "1 line skipped: 1 with another number of values (first: HERE:2)"),
        ("3 2\nthe 1 2\nrare 3 4\n", "the header says 3 words of 2 values, got 2 of 2"),
        ("2 3\nthe 1 2\nrare 3 4\n", "the header says 2 words of 3 values, got 2 of 2"),
        ("2 0\nthe 1 2\nrare 3 4\n", "the header says 2 words of 0 values, got 2 of 2"),
        (
            "9 2\nthe 1 2\nx 1\n\nrare 3 4\ny 1\nthe inf 3\n",
            "4 lines skipped: 2 with another number of values (first: HERE:3), 1 empty (first: HERE:4), "
            "1 with a value not finite in float32 (first: HERE:7); "
            "the header says 9 words of 2 values, got 5 of 2",
        ),
    ],
)
def test_what_is_skipped_is_counted_in_one_line(path, content, told):
    assert read(path, content) == ({"the": [1, 2], "rare": [3, 4]}, told.replace("HERE", str(path)))


def test_one_value_a_word(path):
    assert read(path, "the 5\nrare 7\n") == ({"the": [5], "rare": [7]}, None)
    told = "the header says 7 words of 5 values, got 2 of 1"
    assert read(path, "7 5\nthe 5\nrare 7\n") == ({"the": [5], "rare": [7]}, told), "two whole numbers are a header"


def test_dimensions_that_are_given(path):
    content = "x 1 2\ny 1 2\nthe 1 2 3\n"
    assert read(path, content, dimensions=3)[0] == {"the": [1, 2, 3]}
    assert read(path, content)[0] == {}
    for dimensions in (1, 4):
        path.write_text(content)
        with pytest.raises(ValueError) as error:
            read_word_vectors(path, VOCABULARY, dimensions=dimensions)
        wanted = f"{path}: expected a word and {dimensions} values on a line, got 2 values on most first lines"
        assert str(error.value) == wanted
    with pytest.raises(ValueError, match="expected dimensions of 1 or more, got 0"):
        read_word_vectors(path, VOCABULARY, dimensions=0)


def test_a_word_that_the_encoding_lacks_is_no_question_mark(path):
    path.write_text("? 1 2\nthe 3 4\n")
    ids, vectors = read_word_vectors(path, WordVocabulary(["<pad>", "<unk>", "?", "京", "\ud800"]), encoding="latin-1")
    assert (ids.tolist(), vectors.tolist()) == ([2], [[1, 2]])


BINARY = b"2 3\n" + b"".join(word + b" " + struct.pack("<3f", 0.1, -2.5, 3.7) + b"\n" for word in (b"</s>", b"the"))


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (b"", "no line of that kind"),
        (b"\n\n", "no line of that kind"),
        (b"2 2\n", "no line of that kind"),
        (b"word\nother word\n", "no line of that kind"),
        (b"the 0,5 0,25\n", "no line of that kind"),
        (BINARY, "binary data"),
        ("2 2\nthe 1 2\n".encode("utf-16"), "binary data"),
        (b"\x80\x04\x95\x0c\0\0\0\0\0\0\0]\x94", "binary data"),
    ],
)
def test_refused(path, content, got):
    path.write_bytes(content)
    with pytest.raises(ValueError) as error:
        read_word_vectors(path, VOCABULARY)
    assert str(error.value) == f"{path}: expected lines of text, each a word and its numbers, got {got}"


def test_a_line_without_an_end_is_not_read(path):
    path.write_bytes(b"1 2\nx 1 ")
    os.truncate(path, 2**33)
    with pytest.raises(ValueError, match=r":2: expected a line of at most 1,048,576 bytes, got a longer one"):
        read_word_vectors(path, VOCABULARY)


def test_no_file_and_no_encoding(path):
    with pytest.raises(FileNotFoundError):
        read_word_vectors(path, VOCABULARY)
    with pytest.raises(ValueError, match="expected the name of an encoding, got 'klingon'"):
        read_word_vectors(path, VOCABULARY, encoding="klingon")


# Gzip


def test_gzip_is_known_by_its_content(tmp_path):
    content = "京都 1 2\nthe 3 4\n".encode()
    for name in ("vectors.gz", "vectors.txt"):
        found = {"京都": [1, 2], "the": [3, 4]}
        assert read(tmp_path / name, gzip.compress(content)) == read(tmp_path / name, content) == (found, None)
        parts = gzip.compress(BOM + content[:7]) + gzip.compress(content[7:])
        assert read(tmp_path / name, parts) == (found, None)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:-9],
        lambda data: data[: len(data) // 2],
        lambda data: data[:12],
        lambda data: data[:200] + b"\0\xff" * 99 + data[400:],
        lambda data: data[:-6] + b"\0" + data[-5:],
        lambda data: data + b"more",
        lambda data: data[:2] + b"\7" + data[3:],
    ],
)
def test_a_damaged_gzip_file_is_refused_in_one_line(path, damage):
    rng = np.random.RandomState(0)
    lines = (f"w{i} {x} {y}\n" for i, (x, y) in enumerate(rng.randn(500, 2)))
    path.write_bytes(damage(gzip.compress("".join(lines).encode())))
    with pytest.raises(ValueError) as error:
        read_word_vectors(path, VOCABULARY)
    message = re.escape(str(path)) + ": expected a whole gzip file, got [0-9]+ lines and then: .+"
    assert re.fullmatch(message, str(error.value)), error.value


def test_a_gzip_file_of_one_endless_line_is_not_unpacked(path):
    path.write_bytes(gzip.compress(bytes(2**24)))
    with pytest.raises(ValueError, match=r":1: expected a line of at most 1,048,576 bytes"):
        read_word_vectors(path, VOCABULARY)


def test_a_zip_archive_is_named(path):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("glove.txt", "the 1 2\n")
    path.write_bytes(archive.getvalue())
    with pytest.raises(ValueError, match="got a ZIP archive; unpack it first"):
        read_word_vectors(path, VOCABULARY)
