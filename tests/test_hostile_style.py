"""Pictures are the same whatever a matplotlibrc, rcParams or MPLBACKEND say; and rcParams stay what they were."""

import io
import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hostile_style import HOSTILE, write_matplotlibrc
from picture_tools import PICTURES
from script_tools import ROOT, refused

import seq2seq.plot
from support.plot_style import our_style

pytestmark = pytest.mark.slow

TOKENS = ["a_", "$x$", "%", "\\frac"]
BACKENDS = ("module://matplotlib_inline.backend_inline", "module://no_such.backend", "nonsense", "TkAgg", "")


def drawn(name: str) -> list[np.ndarray]:
    """Pixels of a picture, saved and then drawn by code that knows nothing of our style."""
    figure = np.ravel(PICTURES[name](TOKENS))[0].figure
    how = dict(dpi=50, bbox_inches="tight", facecolor="white", edgecolor="white", transparent=False)
    figure.savefig(file := io.BytesIO(), format="png", **how)
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba()).copy()
    plt.close(figure)
    return [plt.imread(io.BytesIO(file.getvalue())), pixels]


@pytest.mark.parametrize("name", PICTURES)
def test_a_new_figure_is_in_our_style(name):
    usual = drawn(name)
    with matplotlib.rc_context(HOSTILE):
        before = dict(matplotlib.rcParams)
        found = drawn(name)
        assert dict(matplotlib.rcParams) == before
    assert all(map(np.array_equal, found, usual))


@pytest.mark.parametrize("name", PICTURES)
def test_a_figure_that_was_handed_in_keeps_its_own(name):
    """A black figure has white labels, set without LaTeX."""
    with matplotlib.rc_context({"figure.facecolor": "black", "axes.labelcolor": "white", "ytick.color": "white"}):
        _, ax = plt.subplots()
        matplotlib.rcParams["text.usetex"] = True
        before = dict(matplotlib.rcParams)
        PICTURES[name](TOKENS, ax)
        assert dict(matplotlib.rcParams) == before
        assert ax.figure.get_facecolor() == (0, 0, 0, 1)
        texts = [*ax.texts, ax.title, *ax.get_yticklabels()]
        assert not any(text.get_usetex() for text in texts if text.get_text())
        if name not in (
            "seq2seq.plot.plot_attention_grid",
            "seq2seq.plot.plot_film",
        ):  # whose maps have no labels of their own
            assert ax.yaxis.label.get_color() == "white" or not ax.get_ylabel()
        matplotlib.rcParams["text.usetex"] = False
        ax.figure.canvas.draw()
        plt.close(ax.figure)


def test_an_error_leaves_rcparams_as_they_were():
    with matplotlib.rc_context(HOSTILE):
        before = dict(matplotlib.rcParams)
        with pytest.raises(ValueError, match="plot_attention"):
            seq2seq.plot.plot_attention(np.ones((2, 2)), "abc", "de")
        with pytest.raises(ZeroDivisionError), our_style():
            assert matplotlib.rcParams["font.size"] == 10
            raise ZeroDivisionError
        assert dict(matplotlib.rcParams) == before


def run(cwd: Path, environment: dict, name: str, *arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, ROOT / "scripts" / name, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


def compare(cwd: Path, environment: dict, backends, name: str, *arguments) -> None:
    """Run a script as it is, then under hostile settings: the pictures are the same, and matplotlib prints nothing."""
    pictures = []
    for backend in (None, *backends):
        folder = cwd / f"run {len(pictures)}"
        folder.mkdir()
        hostile = {}
        if backend is not None:
            write_matplotlibrc(folder / "matplotlibrc")
            hostile = {"MPLBACKEND": backend, "MATPLOTLIBRC": str(folder / "matplotlibrc")}
        done = run(folder, environment | hostile, name, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        pictures.append({path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.png")})
    assert pictures[0] and all(found == pictures[0] for found in pictures)


def test_a_script_draws_in_any_environment(tmp_path, trained_run, script_environment):
    compare(
        tmp_path, script_environment, BACKENDS[:1], "plot_attention.py", "--run", trained_run.folder, "--text",
        "May 1, 1972", "--save", "may.png",
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [("--index", 0), ("--grid", 4), ("--measures",), ("--accuracy",), ("--index", 1, "--given-answer")],
    ids=lambda options: options[0],
)
def test_every_picture_of_dates(tmp_path, trained_run, script_environment, options):
    arguments = "--run", trained_run.folder, *options, "--save", "it.png"
    compare(tmp_path, script_environment, BACKENDS[:1], "plot_attention.py", *arguments)


@pytest.mark.slow
@pytest.mark.parametrize("options", [("--batch", 0), ("--index", 0)], ids=lambda options: options[0])
def test_every_picture_of_texts(tmp_path, text_runs, script_environment, options):
    folder = text_runs["gru"].folder
    arguments = "--run", folder, *options, "--save", "it.png"
    compare(tmp_path, script_environment, BACKENDS[1:2], "plot_text_attention.py", *arguments)


@pytest.mark.slow
def test_trainings_draw_in_any_environment(tmp_path, trained_run, text_runs, script_environment):
    sizes = "--batch-size", 8, "--hidden-size", 4, "--wordvec-size", 3, "--max-epoch", 1
    dates, films = trained_run.data, text_runs["gru"].cwd / "films"
    data = "--model", "gru", "--data", films, "--format", "lines"
    for name, arguments in (("train_date.py", ("--data", dates, "--keep-maps")), ("train_text.py", data)):
        (tmp_path / name).mkdir()
        compare(tmp_path / name, script_environment, BACKENDS[2:3], name, "--quiet", *arguments, *sizes, "--out", "out")


WINDOW = """
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

class FigureCanvas(FigureCanvasAgg):
    required_interactive_framework = "headless"  # as matplotlib calls a machine without display
    manager_class = FigureManagerBase

def show(*, block=None):
    print("window", block)
"""


@pytest.fixture
def with_window(tmp_path, script_environment) -> dict[str, str]:
    """The environment of a machine where the backend ``module://a_window`` opens windows."""
    (tmp_path / "a_window.py").write_text(WINDOW, encoding="utf-8")
    return script_environment | {"PYTHONPATH": os.pathsep.join([script_environment["PYTHONPATH"], str(tmp_path)])}


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["module://a_window", *BACKENDS[1:], "Agg"])
def test_a_window_is_opened_where_one_can_be(tmp_path, trained_run, with_window, backend):
    """MPLBACKEND's backend opens the window; if it cannot, the matplotlibrc's, with one line; else no window opens."""
    arguments = "plot_attention.py", "--run", trained_run.folder, "--text", "May 1, 1972", "--show"
    environment = with_window | {"MPLBACKEND": backend, "MATPLOTLIBRC": str(tmp_path / "rc")}
    (tmp_path / "rc").write_text("backend: module://a_window\n", encoding="utf-8")
    done = run(tmp_path, environment, *arguments)
    assert (done.returncode, done.stdout) == (0, "window True\n"), done.stderr
    fell_back = f"plot_attention.py: MPLBACKEND={backend} cannot open a window here; module://a_window does\n"
    assert done.stderr == ("" if backend in ("module://a_window", "") else fell_back)
    if backend != "module://a_window":
        (tmp_path / "rc").write_text("", encoding="utf-8")
        refused(run(tmp_path, environment, *arguments), "^plot_attention.py: --show: no window can be opened here")


def test_no_word_of_the_search_for_fonts(caplog, monkeypatch, tmp_path):
    """matplotlib tells of a Japanese font without a bold face, when a wrong character is drawn in it."""
    from font_tools import install, make, only_matplotlibs_own

    only_matplotlibs_own(monkeypatch)
    install(make(tmp_path / "one.ttf", "One Weight", "京都大阪"))
    ax = seq2seq.plot.plot_attention(np.full((2, 2), 0.5), "京都", "大阪", answer="京阪")
    ax.get_yticklabels()[0].set_fontweight("bold")
    with caplog.at_level("DEBUG", "matplotlib"):
        ax.figure.canvas.draw()
    plt.close(ax.figure)
    assert [record.getMessage() for record in caplog.records if record.name == "matplotlib.font_manager"] == []
