"""What is printed where the output cannot write all characters: they are replaced, and nothing fails.

cp932 is the encoding of Windows in Japanese when its output is redirected: it has → and kanji, and no ☑, ␣ or …
"""

import io
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from script_tools import ROOT, refused, write_blogs

from common.callbacks import PrintLoss
from common.util import eval_seq2seq
from dataset import blogs
from support.terminal import printable, writable

ENCODINGS = ("cp932", "ascii")


@pytest.fixture
def redirected(monkeypatch):
    """``redirected(encoding)``: the standard output of a program in that encoding, and what arrives there."""

    def redirect(encoding: str, errors: str = "strict") -> io.BytesIO:
        arrived = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(arrived, encoding, errors, write_through=True))
        return arrived

    return redirect


@pytest.mark.parametrize(
    ("encoding", "errors", "right", "wrong"),
    [
        ("utf-8", "strict", "☑ 京_", "☒ 京_"),
        ("cp932", "strict", "O 京_", "X 京_"),
        ("ascii", "strict", "O ?_", "X ?_"),
        ("ascii", "replace", "O ?_", "X ?_"),  # two question marks would not tell right from wrong
        ("ascii", "backslashreplace", "O \\u4eac_", "X \\u4eac_"),  # which somebody asked for
    ],
)
def test_the_verdict_of_the_book_can_be_read_anywhere(redirected, encoding, errors, right, wrong):
    arrived, model = redirected(encoding, errors), SimpleNamespace(generate=lambda *_: [1, 0])
    for correct in ([0, 1, 0], [0, 1, 1]):
        eval_seq2seq(model, [[1]], [correct], {0: "_", 1: "京"}, verbose=True)
    lines = arrived.getvalue().decode(encoding).splitlines()
    assert lines[2::4] == [right, wrong]
    assert lines[0] == f"Q {right[2:-1]}"


def test_printable(redirected):
    redirected("cp932")
    assert printable("京 → ☑") == "京 → ?" and not writable("☑") and writable("京")
    redirected("ascii", "backslashreplace")
    assert printable("京") == "京"


@pytest.mark.parametrize("stream", [None, io.StringIO(), SimpleNamespace(write=print)])
def test_outputs_without_an_encoding_take_everything(monkeypatch, stream):
    monkeypatch.setattr(sys, "stdout", stream)
    assert printable("☑") == "☑"


def test_a_label_of_a_training(redirected):
    arrived = redirected("ascii")
    PrintLoss("学習 ", start=0.0).interval_end(
        SimpleNamespace(current_epoch=0, iteration=1, max_iters=2, loss_list=[1.0])
    )
    assert arrived.getvalue().startswith(b"?? | epoch 1 |")


def printed(command: list, cwd, environment: dict, encoding: str) -> str:
    """What a program prints on both outputs, in the encoding it was given."""
    environment = environment | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=cwd, env=environment, capture_output=True, timeout=120
    )
    assert b"Traceback" not in done.stderr and done.returncode in (0, 2), done.stderr
    return done.stdout.decode(encoding) + done.stderr.decode(encoding)


def test_a_script_where_the_output_is_cp932(trained_run, script_environment):
    command = ROOT / "scripts" / "plot_attention.py", "--run", trained_run.folder, "--text", "May 1, 1972", "--save"
    found = printed([*command, "ページ☑.png"], trained_run.cwd, script_environment, "cp932")
    assert found == "written to ページ?.png\n"


@pytest.mark.skipif(os.name != "posix", reason="needs a shell that can close an output")
def test_a_script_whose_output_is_closed(trained_run, script_environment):
    command = [sys.executable, ROOT / "scripts" / "convert_date.py", "--run", trained_run.folder, "May 1, 1972"]
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *command, "--explain"]
    done = subprocess.run(closed, env=script_environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(os.name != "posix", reason="needs a shell that can close an output")
def test_training_whose_outputs_are_closed(trained_run, script_environment, tmp_path):
    sizes = "--max-epoch", "1", "--hidden-size", "4", "--wordvec-size", "3"
    command = [sys.executable, ROOT / "scripts" / "train_date.py", "--data", trained_run.data, *sizes]
    closed = ["sh", "-c", 'exec "$@" >&- 2>&- <&-', "sh", *command, "--models", "baseline", "peeky", "--out", tmp_path]
    assert subprocess.run(closed, env=script_environment, timeout=120).returncode == 0
    assert (tmp_path / "peeky.npz").exists()


def commands(trained_run, text_runs, tmp_path) -> list[tuple]:
    """One call of every script that prints a character some encoding lacks; file names are Japanese."""
    dates, texts, sizes = trained_run.folder, text_runs["seqself"], ("--hidden-size", 4, "--wordvec-size", 3)
    blog = "--model", "seqself", "--data", write_blogs(tmp_path / "ブログ"), "--format", "csv", "--units", 2
    return [
        ("train_date.py", "--data", trained_run.data, "--models", "attention", "--max-epoch", 1, *sizes, "--out", "日"),
        ("convert_date.py", "--run", dates, "5月1日", "May 1, 1972", "--explain"),
        ("plot_attention.py", "--run", dates, "--grid", 2, "--save", "地図☑.png"),
        ("plot_attention.py", "--run", "無い"),
        ("explore_attention.py", "--run", dates, "--count", 2, "--out", "地図☑.html"),
        ("faithfulness.py", "--run", dates, "--index", 0),
        ("faithfulness.py", "--run", texts.folder, "--index", 0),
        ("train_text.py", *blog, "--max-epoch", 1, *sizes, "--out", "文"),
        ("plot_text_attention.py", "--run", texts.folder, "--text", "京都 ☑で…〜"),
        ("benchmarks.compare_text", "--data", "無い"),
        ("benchmarks.date", "--data", "無い"),
        ("benchmarks.text", "--help"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_script(tmp_path, trained_run, text_runs, script_environment, encoding):
    for number, (name, *arguments) in enumerate(commands(trained_run, text_runs, tmp_path)):
        (tmp_path / str(number)).mkdir()
        what = [ROOT / "scripts" / name] if name.endswith(".py") else ["-m", name]
        found = printed([*what, *arguments], tmp_path / str(number), script_environment, encoding)
        assert found, name


@pytest.mark.parametrize("name", ["train_date.py", "train_text.py"])
def test_a_name_of_bytes_is_refused_at_the_door_of_a_training(tmp_path, in_process, name):
    """As in a folder from another system: ``データ`` in cp932. What is trained on it could not be found again."""
    model = ("--model", "gru") * (name == "train_text.py")
    done = in_process(tmp_path, name, *model, "--data", b"\x83f\x81[\x83^".decode("utf-8", "surrogateescape"))
    refused(done, rf"^{name}: --data '\\udc83f\\udc81\[\\udc83\^': not utf-8, which file names here use; rename it")


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_generated_data_is_utf_8_everywhere(tmp_path, script_environment, encoding):
    environment = script_environment | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "dataset.blogs", "--count", "20"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=60)
    assert done.stdout.decode("utf-8").splitlines() == blogs.lines(20, 1)
