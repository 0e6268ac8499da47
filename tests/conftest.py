"""Fixtures that several test files share."""

import functools
import importlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from unittest.mock import MagicMock

import hypothesis
import numpy as np
import pytest
from browser_tools import Browser
from firefox_tools import Firefox
from matrix import kernels_in_use
from page_tools import page_of
from script_tools import real_film_reviews, write_blogs, write_films
from threadpoolctl import threadpool_limits
from xdist.scheduler import LoadFileScheduling

from dataset import dates
from dataset.sequence import read
from seq2seq import AttentionSeq2seq, save_model

ROOT = Path(__file__).resolve().parents[1]
hypothesis.settings.register_profile("quick", max_examples=25, derandomize=True, database=None, deadline=None)
hypothesis.settings.register_profile("full", max_examples=1000, derandomize=True, database=None, deadline=None)


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="the long versions of the fault and property tests, slow ones")
    parser.addoption("--no-missing", action="store_true", help="a test fails that skips for want of a package")
    parser.addoption("--kernels", metavar="NAME", help="stop unless these are what OpenBLAS multiplies with")


def pytest_configure(config):
    if not (config.option.markexpr or config.option.full):
        config.option.markexpr = "not slow and not keras"
    if config.option.kernels and kernels_in_use() != config.option.kernels:
        raise pytest.UsageError(f"--kernels {config.option.kernels}: OpenBLAS uses {kernels_in_use()}")
    # the models here are tiny, and the cores busy with other tests: one BLAS thread for each process and its children
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    threadpool_limits(1, "blas")
    # nor does it matter where they run: a backend that a notebook names, the user's style, the encoding of a terminal
    os.environ |= {"MPLBACKEND": "Agg", "MATPLOTLIBRC": os.devnull}
    for name in ("PYTHONIOENCODING", "PYTHONUTF8"):
        os.environ.pop(name, None)
    hypothesis.settings.load_profile("full" if config.getoption("--full") else "quick")


def pytest_report_header():
    packages = " ".join(f"{name} {version(name)}" for name in ("numpy", "matplotlib"))
    return f"{packages}, kernels {kernels_in_use()}"


def fails_if_skipped(report, is_slow: bool) -> None:
    missing = report.skipped and (is_slow or "could not import" in str(report.longrepr))
    if missing and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but nothing may be missing here (--no-missing): {report.longrepr[2]}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if item.config.getoption("--no-missing"):
        fails_if_skipped(report, any(map(item.get_closest_marker, ("slow", "keras"))))
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """A whole file that skips: whether slow tests are in it is not known any more."""
    report = yield
    if collector.config.getoption("--no-missing"):
        fails_if_skipped(report, True)
    return report


class Scheduler(LoadFileScheduling):
    """A file is run by one process; so are all files together that use a fixture which takes seconds to make."""

    def _split_scope(self, nodeid: str) -> str:
        return together(super()._split_scope(nodeid))


@functools.cache
def together(file: str) -> str:
    code = (ROOT / file).read_text(encoding="utf-8")
    found = re.search(r"^def \w+\([^)]*\b(?:(browser)|trained_run|text_runs?)\b", code, re.MULTILINE)
    return file if found is None else found[1] or "runs"


def pytest_xdist_make_scheduler(config, log):
    return Scheduler(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def full(request) -> bool:
    """Whether the long versions were asked for: ``pytest --full``."""
    return request.config.getoption("--full")


@pytest.fixture(scope="session")
def real_date_file() -> Path:
    """The book's date.txt, not ours to commit: where DATE_TXT says, else in `shared` beside the repository."""
    beside = ROOT.parent / "shared" / "data" / "date.txt"
    path = Path(os.environ.get("DATE_TXT") or beside)
    if not path.is_file():
        pytest.skip(f"the book's date.txt is not at {path}; set the environment variable DATE_TXT to its path")
    return path


@pytest.fixture(scope="session")
def sentence_polarity() -> Path:
    """The sentence polarity dataset; skips where it is not."""
    path = real_film_reviews()
    if not path.is_dir():
        pytest.skip(f"the sentence polarity dataset is not at {path}")
    return path


@pytest.fixture(scope="session")
def script_environment() -> dict[str, str]:
    """For subprocesses: our packages on the path, no display."""
    without = {"DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND"}
    env = {name: value for name, value in os.environ.items() if name not in without}
    return env | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture(scope="session")
def script(script_environment) -> Callable[..., subprocess.CompletedProcess]:
    """``script(cwd, "train_date.py", *arguments, stdin=b"")`` runs a script of ours, or a module; output is text."""

    def run(cwd: Path, name: str, *arguments, stdin: bytes = b"") -> subprocess.CompletedProcess:
        what = [ROOT / "scripts" / name] if name.endswith(".py") else ["-m", name]
        command = [sys.executable, "-X", "utf8", *what, *map(str, arguments)]
        done = subprocess.run(command, cwd=cwd, env=script_environment, input=stdin, capture_output=True, timeout=120)
        done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
        return done

    return run


@dataclass(frozen=True)
class TrainedRun:
    """What ``scripts/train_date.py *arguments``, run in ``cwd``, printed and left in ``folder``."""

    cwd: Path
    data: Path
    arguments: tuple[str, ...]
    stdout: str
    stderr: str

    @property
    def folder(self) -> Path:
        return self.cwd / "runs" / "date"


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory, script) -> TrainedRun:
    """All three models, small, after two epochs. Two questions are so frequent that peeky learns their answers."""
    cwd = tmp_path_factory.mktemp("trained")
    frequent = [f"{'May 1, 1972':<29}_1972-05-01", f"{'7/22/08':<29}_2008-07-22"]
    lines = dates.generate(1000, seed=1) + frequent * 1000
    (cwd / "date.txt").write_bytes("".join(f"{line}\n" for line in lines).encode())
    arguments = ("--data", "date.txt", "--max-epoch", "2", "--batch-size", "32", "--hidden-size", "32", "--lr", "0.003")
    done = script(cwd, "train_date.py", *arguments, "--out", "runs/date")
    assert done.returncode == 0, done.stderr
    return TrainedRun(cwd, cwd / "date.txt", arguments, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def test_part(trained_run):
    """(x_test as the encoder reads it, t_test) of the trained run."""
    _, (x_test, t_test) = read(trained_run.data).split()
    return x_test[:, ::-1], t_test


@pytest.fixture
def tiny(tmp_path) -> Path:
    """A data file of 40 lines; every question stands there twice, so that leak-free makes a difference."""
    path = tmp_path / "tiny.txt"
    path.write_text("".join(f"{line}\n" for line in dates.generate(20, seed=1) * 2), encoding="utf-8")
    return path


@dataclass(frozen=True)
class TextRun:
    """What ``scripts/train_text.py *arguments``, run in ``cwd``, printed and left in ``folder``."""

    cwd: Path
    arguments: tuple[str, ...]
    stdout: str
    stderr: str

    @property
    def folder(self) -> Path:
        return self.cwd / "runs" / "text"


TEXT_RUNS = {
    "gru": "--model gru --data films --format lines --test-share 0.5 --hidden-size 6 --layers 2 --max-epoch 2 --lr .05",
    "seqself": "--data blogs --format csv --tokenizer characters --validation-share 0.2 --hidden-size 8 --units 4 "
    "--patience 1 --lr 0.02 --seed 7",
}


@pytest.fixture(scope="session", params=TEXT_RUNS)
def text_run(request, text_runs) -> TextRun:
    """Each of ``text_runs``."""
    return text_runs[request.param]


@pytest.fixture(scope="session")
def text_runs(tmp_path_factory, script) -> dict[str, TextRun]:
    """Both models, tiny: film reviews of two classes, 90 of them to test; Japanese sentences of four, with patience."""
    runs = {}
    for name, arguments in TEXT_RUNS.items():
        cwd = tmp_path_factory.mktemp(name)
        write_films(cwd / "films") if name == "gru" else write_blogs(cwd / "blogs")
        arguments = (*arguments.split(), "--wordvec-size", "8", "--batch-size", "16", "--workers", "2")
        done = script(cwd, "train_text.py", *arguments)
        assert done.returncode == 0, done.stderr
        runs[name] = TextRun(cwd, arguments, done.stdout, done.stderr)
    return runs


@pytest.fixture
def in_process(monkeypatch, capsys) -> Callable[..., subprocess.CompletedProcess]:
    """``in_process(cwd, "train_text.py", *arguments)``: as ``script``, in this process, which saves the imports."""

    def run(cwd: Path, name: str, *arguments, stdin: bytes = b"") -> subprocess.CompletedProcess:
        monkeypatch.syspath_prepend(ROOT / "scripts")
        monkeypatch.chdir(cwd)
        file = name if name.endswith(".py") else f"{name.split('.')[-1]}.py"
        monkeypatch.setattr(sys, "argv", [file, *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        main = importlib.import_module(name.removesuffix(".py")).main
        with pytest.raises(SystemExit) as end:
            importlib.import_module("entry").run(main)
        return subprocess.CompletedProcess(sys.argv, end.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def train(in_process, monkeypatch) -> Callable[..., subprocess.CompletedProcess]:
    """``train(cwd, *arguments)``: train_date.py in this process alone, which draws nothing."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    monkeypatch.setattr("common.plot.plot_columns", lambda *_: MagicMock())
    monkeypatch.setattr("experiment.history.save_figure", lambda path, figure: None)
    return lambda cwd, *arguments: in_process(cwd, "train_date.py", "--jobs", 1, *arguments)


def opened(kind, profile: Path):
    """A browser of this kind, until the tests end."""
    pytest.importorskip("selenium", reason="selenium is not installed")
    pytest.importorskip("websocket", reason="websocket-client is not installed")
    try:
        browser = kind(profile)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    yield browser
    browser.quit()


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """One for all tests that want one."""
    yield from opened(Browser, tmp_path_factory.mktemp("chromium"))


@pytest.fixture(scope="session")
def firefox(tmp_path_factory):
    """One for all tests that want one."""
    yield from opened(Firefox, tmp_path_factory.mktemp("firefox"))


@pytest.fixture(params=["chromium", pytest.param("firefox", marks=pytest.mark.slow)])
def any_browser(request):
    """Each browser in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def browser(any_browser):
    """Each browser; afterwards its console is empty, and it has asked for nothing but the page and its own pictures."""
    any_browser.drain()
    yield any_browser
    console, urls = any_browser.drain()
    assert console == []
    assert urls and all(re.fullmatch(r"file:///.*\.html(#.*)?|data:.*|blob:null/.*", url) for url in urls), urls


@pytest.fixture(scope="session")
def date_run(tmp_path_factory) -> tuple[AttentionSeq2seq, str, Path]:
    """A model that answers each date in another way, its vocabulary, and the page of its run."""
    folder = tmp_path_factory.mktemp("run")
    lines = "".join(f"{line}\n" for line in dates.generate(1000, seed=1))
    (folder / "date.txt").write_text(lines, encoding="utf-8")
    data = read(folder / "date.txt")
    model = AttentionSeq2seq(len(data.vocabulary), 16, 32, rng=np.random.default_rng(3))
    for p in model.params:
        p *= 6
    for part in (model.encoder, model.decoder):
        part.embed.W[...] *= 16
    source = {"path": str(folder / "date.txt"), "source": "", "sha256": data.sha256, "leak_free": False}
    facts = dict(vocabulary=data.vocabulary.chars, start="_", T_enc=29, T_dec=10, reverse=True, data=source)
    facts["question_characters"] = data.vocabulary.decode(np.unique(data.questions))
    save_model(folder / "attention.npz", model, **facts)
    return model, data.vocabulary.chars, folder


@pytest.fixture
def date_page(date_run, in_process) -> Path:
    """The page of ``date_run`` with 50 questions, as the script makes it."""
    path = date_run[2] / "attention.html"
    if not path.exists():
        done = in_process(date_run[2], "explore_attention.py", "--run", date_run[2], "--count", 50)
        assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="session")
def date_model(date_run):
    return date_run[:2]


@pytest.fixture(scope="session")
def mixed_page(tmp_path_factory) -> Path:
    """A page with right and wrong answers, in several formats."""
    path = tmp_path_factory.mktemp("mixed") / "page.html"
    found, _ = page_of(["May 1, 1972", "MAY 2, 1973", "7/22/08", "Jul 4, 2001"])
    data = json.loads(re.search(rb'id="data">(.*?)</script>', found)[1])
    data["questions"][1]["answer"] = data["questions"][1]["own"]
    wrong = data["questions"][0]["own"]
    data["questions"][0]["answer"] = wrong[:2] + ("M" if wrong[2] != "M" else "a") + wrong[3:]
    data["questions"][0]["truth"] = [[0], [], [1, 2], []]
    data["questions"][3]["answer"] = None
    path.write_bytes(re.sub(rb'(?<=id="data">).*?(?=</script>)', lambda _: json.dumps(data).encode(), found))
    return path
