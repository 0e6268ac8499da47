"""The readers of labelled texts in tables: two files per part, or one file with both columns."""

import csv
import io
import re

import numpy as np
import pytest
from corpus_tools import refused, write

from dataset.labelled import read_csv, read_table

TABLES = {
    "trains/features.csv": 'id,feature\n1,"a, b\nc"\n2, d \n3,"say ""x"""\n',
    "trains/labels.csv": "\ufefflabel,id\r\n京都,1\r\nグルメ,2\r\n京都,3\r\n",
    "tests/features.csv": "feature\ne\n",
    "tests/labels.csv": "label\n京都\n",
}


def test_csv(tmp_path):
    train = read_csv(write(tmp_path, TABLES), "trains")
    assert train.texts == ["a, b\nc", "d", 'say "x"']
    assert (train.classes, train.labels.tolist()) == (("グルメ", "京都"), [1, 0, 1])
    assert (train.labels.dtype, train.source) == (np.int64, str(tmp_path / "trains"))
    test = read_csv(tmp_path, "tests", classes=train.classes)
    assert (test.texts, test.labels.tolist(), test.classes) == (["e"], [1], train.classes)


def test_csv_labels_are_names(tmp_path):
    write(tmp_path, {"trains/features.csv": "feature\na\nb\nc\n", "trains/labels.csv": "label\n10\n2\n10\n"})
    data = read_csv(tmp_path, "trains")
    assert (data.classes, data.labels.tolist()) == (("10", "2"), [0, 1, 0])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("features", "id,feature\n1,a\n2,b\n", r"trains: features.csv has 2 rows, labels.csv has 3"),
        ("features", "id,text\n1,a\n", r"features.csv:1: expected a column 'feature', got id, text"),
        ("features", "", r"features.csv:1: expected a column 'feature', got none"),
        ("features", 'id,feature\n1,"a\nb"\n2, \n3,c\n', r"features.csv:4: empty feature"),
        ("features", "id,feature\n1,a\n\n3,c\n", r"features.csv:3: empty feature"),
        ("features", "id,feature\n1,a\n2,b,c\n3,c\n", r"features.csv:3: expected 2 columns as in the first row, got 3"),
        ("features", b"id,feature\n1,a\n2,\xe9\n3,c\n", r"features.csv:3: not utf-8 \(.*\), byte 17 of the file"),
        ("features", 'id,feature\n1,a\n2,"b\n3,c\n', r"features.csv:3: wrong quotes or line ends: unexpected end"),
        ("labels", "label\na\n\nb\n", r"labels.csv:3: empty label"),
        ("labels", "label\na\na\na\n", r"trains: expected two or more different labels, got a"),
    ],
)
def test_csv_refused(tmp_path, name, content, message):
    write(tmp_path, TABLES | {f"trains/{name}.csv": content})
    assert re.search(message, refused(read_csv, tmp_path, "trains"))


def test_csv_label_outside_the_table(tmp_path):
    write(tmp_path, TABLES)
    message = refused(read_csv, tmp_path, "trains", classes=("京都", "スポーツ"))
    assert message.endswith("labels.csv:3: expected a label of 京都, スポーツ, got 'グルメ'")


def test_empty_lines_at_the_end_are_no_rows(tmp_path):
    files = {name: content + "\n \r\n\n" for name, content in TABLES.items()}
    assert read_csv(write(tmp_path, files), "trains").texts == ["a, b\nc", "d", 'say "x"']


# One table

LONG = "word " * 27_000  # more than the 128 KiB that csv reads
TEXTS, LABELS = ["a, b\nc", "d", 'say "x"', LONG.strip()], [1, 0, 1, 0]


def table(delimiter, *, header=True, **options):
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, **{"lineterminator": "\n"} | options)
    writer.writerows([["id", "review", "class"]] * header)
    writer.writerows([0, text, ("neg", "pos")[label]] for text, label in zip(TEXTS, LABELS, strict=True))
    return file.getvalue()


@pytest.mark.parametrize("columns", [("review", "class"), ("2", "3"), ("review", "3")])
@pytest.mark.parametrize(
    ("name", "delimiter"),
    [("a.csv", ","), ("a.csv", ";"), ("a.CSV", "\t"), ("a.tsv", "\t"), ("a.tab", "\t"), ("a", "|"), ("a.txt", "\t")],
)
def test_table(tmp_path, name, delimiter, columns):
    path = tmp_path / name
    limit = csv.field_size_limit()
    for content in (
        table(delimiter, lineterminator="\r\n"),
        "\ufeff" + table(delimiter, quoting=csv.QUOTE_ALL) + "\n\n",
    ):
        path.write_text(content, encoding="utf-8", newline="")
        data = read_table(path, *columns)
        assert (data.texts, data.labels.tolist(), data.classes) == (TEXTS, LABELS, ("neg", "pos"))
        assert data.places == [f"{path}:{line}" for line in (2, 4, 5, 6)] and data.source == str(path)
        header = "the first row as a header, because no other row has the label 'class'"
        assert data.skipped == (header if columns == ("2", "3") else "")
    assert csv.field_size_limit() == limit == 131072


def test_table_without_a_header(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(table(",", header=False))
    data = read_table(path, "2", "3")
    assert (data.texts, data.labels.tolist(), data.skipped) == (TEXTS, LABELS, "")
    test = tmp_path / "test.csv"
    test.write_text("0,x,pos\n1,y,neg\n")
    assert read_table(test, "2", "3", classes=data.classes).texts == ["x", "y"], "a label that the training has"


def test_a_tab_separated_file_without_quotes(tmp_path):
    content = 'text\tlabel\n"Good", he said\tpos\n5" of it\tneg\n"never closed\tneg\n'
    data = read_table(write(tmp_path, {"a.tsv": content}) / "a.tsv")
    assert data.texts == ['"Good", he said', '5" of it', '"never closed']


def test_labels_are_names_in_the_order_of_strings(tmp_path):
    path = write(tmp_path, {"a.csv": "label,text\n10,a\n9,b\n10,c\n-1,d\n"}) / "a.csv"
    data = read_table(path)
    assert (data.classes, data.labels.tolist()) == (("-1", "10", "9"), [1, 2, 1, 0])
    assert data.take([3, 0]).places == [f"{path}:5", f"{path}:2"]


WHICH = "; text_column and label_column say which, by name or by number from 1"


@pytest.mark.parametrize(
    ("content", "columns", "message"),
    [
        ("", ("text", "label"), f":1: expected a column 'text', got none{WHICH}"),
        ("review,class\na,x\n", ("text", "label"), f":1: expected a column 'text', got review, class{WHICH}"),
        ("text;class\na;x\n", ("text", "label"), f":1: expected a column 'text', got text;class{WHICH}"),
        ("text,text,label\na,b,x\n", ("text", "label"), f":1: expected a column 'text', got 2 of them{WHICH}"),
        ("a,x\nb,y\n", ("1", "3"), ":1: expected a column 3, got 2 columns"),
        ("a,x\nb,y\n", ("0", "2"), ":1: expected a column 0, got 2 columns"),
        ("a,x\nb,y\n", ("2", "2"), ": expected two columns, of texts and of labels, got '2' for both"),
        ("text,label\na,x\nb,\n", ("text", "label"), ":3: empty label"),
        ("text,label\n ,x\nb,y\n", ("text", "label"), ":2: empty text"),
        ("a,x\nb,x\n ,y\nc,y\n", ("1", "2"), ":3: empty column 1"),
        ("text,label\na,x\n\nb,y\n", ("text", "label"), ":3: empty text"),
        ("text,label\na,x\nb,y\n", ("text", "1"), ":1: expected different columns, got 'text' and '1'"),
        ("a,x\nb,y\n", ("2", "02"), ":1: expected different columns, got '2' and '02'"),
        ("text,label\na,x\nb,c,y\n", ("text", "label"), ":3: expected 2 columns as in the first row, got 3"),
        ("text,label\na,x\nb,x\n", ("text", "label"), ": expected two or more different labels, got x"),
        ("text,label\n", ("text", "label"), ": expected two or more different labels, got none"),
        ("a,x\n", ("1", "2"), ": expected two or more different labels, got none"),
        ('text,label\na,x\n"b,y\n', ("text", "label"), ":3: wrong quotes or line ends: unexpected end of data"),
    ],
)
def test_table_refused(tmp_path, content, columns, message):
    path = write(tmp_path, {"a.csv": content}) / "a.csv"
    assert refused(read_table, path, *columns) == f"{path}{message}"


def test_a_tab_separated_file_is_no_comma_separated_one(tmp_path):
    path = write(tmp_path, {"a.tsv": "text,label\na,x\nb,y\n"}) / "a.tsv"
    assert "expected a column 'text', got text,label" in refused(read_table, path)


def test_line_ends_of_an_old_macintosh_are_refused(tmp_path):
    path = write(tmp_path, {"a.csv": "text,label\ra,x\rb,y\r"}) / "a.csv"
    assert refused(read_table, path).startswith(f"{path}:1: wrong quotes or line ends: new-line character")


def test_spaces_before_a_quote(tmp_path):
    path = write(tmp_path, {"a.csv": 'label, text\nx, "a, b"\ny, c\n'}) / "a.csv"
    assert read_table(path).texts == ["a, b", "c"]
