"""Foreign files of pairs are converted to data files, byte for byte, or refused with the line at fault."""

import os
import re
import shlex
import subprocess
import sys
from types import SimpleNamespace

import pytest
from script_tools import ROOT, TINY, everything, refused

from dataset import files, pairs, sequence
from seq2seq import load_model

PLAIN = "May 1, 1972_1972-05-01\n7/22/08    _2008-07-22\n"
TAB = "May 1, 1972\t1972-05-01\n7/22/08\t2008-07-22\n"
CSV = '"May 1, 1972",1972-05-01\n7/22/08,2008-07-22\n'
LONG = "a, b" * 40_000  # more than the 128 KiB that csv reads
THIRD = "Go.\t行け。\tCC-BY 2.0\nHi!\t 今日は 。 \tCC-BY 2.0 \n"


@pytest.fixture
def convert(tmp_path, monkeypatch, capsys):
    """``convert(content, name, *options)``: the command's exit code, what it printed, and what it wrote."""
    monkeypatch.chdir(tmp_path)

    def run(content: str | bytes, name: str, *options: str):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        try:
            code = pairs.main(["convert", name, "out.txt", *options])
        except SystemExit as end:
            code = end.code
        out = tmp_path / "out.txt"
        return code, *capsys.readouterr(), out.read_bytes().decode() if out.exists() else None

    return run


@pytest.mark.parametrize(
    ("content", "name", "options", "written"),
    [
        (TAB, "a.tsv", [], PLAIN),
        (TAB, "a.txt", [], PLAIN),
        (CSV, "a.csv", [], PLAIN),
        (CSV, "a.txt", [], PLAIN),
        (CSV.replace(",1972-", ', "1972-').replace("-01\n", '-01"\n'), "a.csv", [], PLAIN),
        (CSV.replace(",", ";").replace("May 1;", "May 1,"), "a.csv", [], PLAIN),
        (TAB, "a.csv", ["--separator", "tab"], PLAIN),
        ("May 1, 1972_1972-05-01\n7/22/08_2008-07-22", "a.txt", [], PLAIN),
        (PLAIN, "a.txt", [], PLAIN),
        (b"\xef\xbb\xbf" + TAB.replace("\n", "\r\n").encode(), "a.tsv", [], PLAIN),
        (f"\n{TAB}\n \n\t\n\n", "a.tsv", [], PLAIN),
        (f"\n{CSV}\n \n,\n\n".replace(",\n", "\n"), "a.csv", [], PLAIN),
        (TAB.replace("\t", "  \t\u3000"), "a.TSV", [], PLAIN),
        (f"date\tiso\n{TAB}", "a.tsv", ["--header"], PLAIN),
        (THIRD, "a.tsv", [], "Go._行け。  \nHi!_今日は 。\n"),
        ("1\tGo.\t2\t行け。\n3\tHi\t4\tやあ。\n", "a.tsv", ["--columns", "4", "2"], "行け。_Go.\nやあ。_Hi \n"),
        (
            "京都,きょうと\r\n東,ひがし".encode("cp932"),
            "a.csv",
            ["--encoding", "cp932"],
            "京都_きょうと\n東 _ひがし \n",
        ),
        (TAB.encode("utf-16"), "a.tsv", ["--encoding", "utf-16"], PLAIN),
        ('"Yes", he said.\tJa"\n', "a.tsv", [], '"Yes", he said._Ja"\n'),
        ('"say ""a"", b",c\n', "a.csv", [], 'say "a", b_c\n'),
        (f'"{LONG}",c\n', "a.csv", [], f"{LONG}_c\n"),
        ("𝕬e\u0301\tb\nc\u2028d\x85e\tf\n", "a.tsv", [], "𝕬e\u0301  _b\nc\u2028d\x85e_f\n"),
        ("a\tb\na\tb\na\tc\n", "a.tsv", [], "a_b\na_b\na_c\n"),
    ],
)
def test_the_data_file_is_the_books_byte_for_byte(convert, tmp_path, content, name, options, written):
    assert convert(content, name, *options)[::3] == (0, written)
    data = sequence.read(tmp_path / "out.txt")
    questions = [line.split("_")[0] for line in written.removesuffix("\n").split("\n")]
    assert [data.vocabulary.decode(ids) for ids in data.questions] == questions
    assert sorted(os.listdir(tmp_path)) == sorted({name, "out.txt"})


def test_what_was_done_is_said_once(convert):
    code, out, err, _ = convert(f"en\tja\tlicence\n{THIRD}\nGood morning.\tおはよう。\t\n", "Tatoeba.tsv", "--header")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "Tatoeba.tsv: 3 pairs, separated by tab, the first 'Go.', '行け。'",
        "the header skipped: 'en, ja, licence'",
        "1 blank line skipped",
        "column 3 of 3 ignored, in the first row 'CC-BY 2.0'",
        "questions padded to 13 characters, the longest in line 5",
        "answers padded to 5 characters, the longest in line 3",
        "written to out.txt",
    ]
    assert "answers of 10 characters, none padded\n" in convert(TAB, "a.tsv")[1]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_an_output_that_cannot_be_written_is_no_traceback(tmp_path):
    (tmp_path / "a.tsv").write_text("a\tb\n")
    command = [sys.executable, "-m", "dataset.pairs", "convert", tmp_path / "a.tsv", tmp_path / "out.txt"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    said = "python -m dataset.pairs convert: standard output: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, said)
    assert (tmp_path / "out.txt").read_text() == "a_b\n"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_ids_are_no_texts(convert):
    code, printed, *_ = convert("1\teng\tHi.\n2\teng\tGo.\n", "tatoeba.tsv")
    assert code == 0 and "questions are all whole numbers" in printed


def test_the_command_as_it_is_typed(tmp_path):
    (tmp_path / "a.tsv").write_text("é\t京\n", encoding="utf-8")
    command = [sys.executable, "-m", "dataset.pairs", "convert", "a.tsv", "out.txt"]
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:2] == [
        "a.tsv: 1 pair, separated by tab, the first '?', '?'",
        "questions of 1 character, none padded",
    ]
    assert (tmp_path / "out.txt").read_bytes() == "é_京\n".encode()


def test_in_a_notebook(convert, monkeypatch):
    """A notebook replaces standard output by an object of its own."""
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(write=lambda text: len(text), flush=lambda: None))
    assert convert(TAB, "a.tsv")[::3] == (0, PLAIN)


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        ("", "a.tsv", "a.tsv:1: expected two columns, separated by tab, got ''"),
        (
            "a b\n",
            "a.txt",
            "a.txt:1: expected two columns, separated by tab or underscore or comma or semicolon, got 'a b'",
        ),
        ("a\tb\nc\n", "a.tsv", "a.tsv:2: expected 2 columns, separated by tab, as in line 1, got 1: 'c'"),
        (
            "\na\tb\nc\td\te\n",
            "a.tsv",
            "a.tsv:3: expected 2 columns, separated by tab, as in line 2, got 3: 'c\\\\td\\\\te'",
        ),
        ("a,b\nMay 1, 1972,c\n", "a.csv", "a.csv:2: expected 2 columns, separated by comma, as in line 1, got 3"),
        ("a_b\nc_d_e\n", "a.txt", "a.txt:2: expected 2 columns, separated by underscore, as in line 1, got 3"),
        ("a\tb\n \tc\n", "a.tsv", "a.tsv:2: no question"),
        ("\n \tc\n", "a.txt", "a.txt:2: no question"),
        ('a,b\nc,""\n', "a.csv", "a.csv:2: no answer"),
        ("a\tb\nc_d\te\n", "a.tsv", "a.tsv:2: '_', which separates the two, in the question 'c_d'"),
        ("a\tb\nc\td_e\n", "a.tsv", "a.tsv:2: '_', which separates the two, in the answer 'd_e'"),
        ('a,b\n"c\nd",e\nf,"g\nh"\n', "a.csv", r"a.csv:2: a line break in the question 'c\\nd'"),
        ('a,"x\ny z"\n', "a.csv", r"a.csv:1: a line break in the answer 'x\\ny z'"),
        ("a\tb\nc\rd\te\n", "a.tsv", r"a.tsv:2: a carriage return in the question 'c\\rd'"),
        ("a\tb\nc\0d\te\n", "a.tsv", r"a.tsv:2: NUL in the question 'c\\x00d'"),
        ('a,b\nc,d\n"e,f\ng,h\n', "a.csv", "a.csv:3: wrong quotes or line ends: unexpected end of data"),
        ('a,b\n"c" d,e\n', "a.csv", "a.csv:2: wrong quotes or line ends: ',' expected after"),
        (b"a\tb\nc\t\xff\n", "a.tsv", r"a.tsv:2: not UTF-8 \(invalid start byte\), byte 6 of the file"),
    ],
)
def test_what_no_data_file_can_hold_is_refused_with_its_line(convert, tmp_path, content, name, said):
    code, out, err, written = convert(content, name)
    assert (code, out, written) == (2, "", None) and err.count("\n") == 1
    assert re.match(f"python -m dataset.pairs convert: {said}", err), err
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--columns", "1", "3"], "a.tsv:1: expected 3 columns or more, separated by tab, got 2"),
        (["--columns", "0", "1"], "columns from 1 on, got None and (0, 1)"),
        (["--separator", "|"], "argument --separator: invalid choice"),
        (["--encoding", "utf-9"], "a.tsv: expected the name of an encoding, got 'utf-9'"),
    ],
)
def test_options_that_do_not_fit_are_refused(convert, options, said):
    code, out, err, written = convert("a\tb\n", "a.tsv", *options)
    assert (code, out, written) == (2, "", None) and said in err and err.count("\n") == 1


def test_a_file_of_nothing_but_a_header_has_no_pairs(convert):
    assert convert("a\tb\n", "a.tsv", "--header")[2].endswith(": a.tsv:1: no pairs after the header\n")


def test_what_is_there_stays_until_the_new_file_is_whole(tmp_path, monkeypatch):
    """The input file is never written."""
    source, out, link = (tmp_path / name for name in ("a.tsv", "out.txt", "link.txt"))
    source.write_text(TAB)
    link.symlink_to("a.tsv")
    out.write_text("before")
    for same in (source, link):
        with pytest.raises(ValueError, match="expected another file than the one to read"):
            pairs.convert(source, same)
    with monkeypatch.context() as full:
        full.setattr(files.os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space left on device, so it was not written"):
            pairs.convert(source, out)
    with monkeypatch.context() as small:
        small.setattr(files, "MAX_BYTES", len(PLAIN) - 1)
        with pytest.raises(ValueError, match=r"a\.tsv: padded to 11 and 10 characters, 2 pairs take 46 bytes"):
            pairs.convert(source, out)
    with pytest.raises(FileNotFoundError, match=r"nowhere"):
        pairs.convert(source, tmp_path / "nowhere" / "out.txt")
    assert (source.read_text(), out.read_text()) == (TAB, "before")
    assert len(os.listdir(tmp_path)) == 3
    pairs.convert(source, out)
    assert out.read_text() == PLAIN


@pytest.mark.parametrize(
    ("content", "name", "command"),
    [
        (TAB, "my pairs.tsv", "'my pairs.tsv' 'my pairs.txt'"),
        (TAB, "pairs", "pairs pairs.txt"),
        (CSV, "pairs.csv", "pairs.csv pairs.txt"),
        (PLAIN.replace("    _", "_"), "pairs.txt", "pairs.txt pairs_padded.txt"),
        (f"{PLAIN}\n", "pairs.txt", "pairs.txt pairs_padded.txt"),
        (f"{PLAIN}no separator\n", "pairs.txt", None),
        ("", "pairs.txt", None),
    ],
)
def test_data_in_another_form_names_the_command(tmp_path, monkeypatch, capsys, in_process, content, name, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=f"^{name}:") as error:
        sequence.load_data(name)
    _, found, arguments = str(error.value).partition("; to make it a data file: python -m dataset.pairs convert ")
    assert arguments == (command or "")
    refused(in_process(tmp_path, "train_date.py", "--data", name), re.escape(f"{found}{arguments}") + "\n$")
    if command:
        path, out = shlex.split(arguments)
        assert (path, pairs.main(["convert", path, out])) == (name, 0)
        assert capsys.readouterr().out.endswith(f"written to {out}\n")
        assert sequence.load(out).questions.shape == (2, 11)


@pytest.mark.filterwarnings("ignore:no installed font has")
def test_a_model_learns_and_answers_japanese_pairs(convert, train, in_process, tmp_path):
    eras = {"昭和": 1925, "平成": 1988, "令和": 2018}
    rows = [f"{era}{n}年\t{start + n}\tCC-BY\n" for era, start in eras.items() for n in range(1, 16)]
    assert convert("".join(rows), "eras.tsv")[0] == 0
    done = train(tmp_path, "--data", "out.txt", *TINY, "--out", "run")
    assert (done.returncode, done.stderr) == (0, "")
    assert "pad mass" in done.stdout and "alignment" not in done.stdout, "these are no dates"
    _, facts = load_model(tmp_path / "run" / "attention.npz")
    assert (facts["T_enc"], facts["T_dec"]) == (5, 4) and set("昭和平成令年 ") <= set(facts["question_characters"])
    done = in_process(tmp_path, "convert_date.py", "--run", "run", "平成3年", "令和12年")
    assert (done.returncode, done.stderr) == (0, "")
    assert [len(line) for line in done.stdout.splitlines()] == [4, 4]
    done = in_process(tmp_path, "convert_date.py", "--run", "run", "明治3年")
    refused(done, "'明', character 1 of '明治3年', is not in the vocabulary")
    done = in_process(tmp_path, "explore_attention.py", "--run", "run", "--text", "平成3年")
    assert (done.returncode, done.stderr) == (0, "")
    before = everything(tmp_path)
    done = train(tmp_path, "--data", "eras.tsv", *TINY, "--out", "run")
    refused(done, r"eras\.tsv:1: no '_' .*; to make it a data file: .* dataset\.pairs convert eras\.tsv eras\.txt$")
    assert everything(tmp_path) == before
