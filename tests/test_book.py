"""Files in the book's layout run unmodified over our common, dataset and seq2seq.

tests/book holds such files, in our words. Here they are copied to a folder of their own, given small data
files, and run as a reader runs them: from ch07 or ch08, our repository on the path. Only where a test says so
is a hyperparameter at the top of a script exchanged first.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import reference

import seq2seq
from common.layer import named_params
from common.optimizer import Adam
from common.trainer import Trainer
from dataset import addition, dates

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "tests" / "book"
LINES = 320  # 288 for training: 2 iterations of 128
LOG_LINE = re.compile(r"^\| epoch 1 \|  iter 1 / 2 \| time \d+\[s\] \| loss \d+\.\d\d", re.MULTILINE)


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A copy of tests/book with date.txt and addition.txt where the scripts run."""
    folder = tmp_path_factory.mktemp("book")
    for chapter, module, name in (("ch07", addition, "addition.txt"), ("ch08", dates, "date.txt")):
        shutil.copytree(BOOK / chapter, folder / chapter, ignore=shutil.ignore_patterns("__pycache__"))
        text = "".join(f"{line}\n" for line in module.generate(LINES, seed=1))
        (folder / chapter / name).write_bytes(text.encode())
    for name in ("common", "dataset"):  # as in the book's repository: PYTHONPATH has to come before the files' ".."
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise ImportError('not ours')", encoding="utf-8")
    return folder


def run(book: Path, script: str, **exchange: str) -> str:
    """Run a script in its folder, with the strings given for its hyperparameters; its standard output."""
    path = book / script
    if exchange:
        source = path.read_text(encoding="utf-8")
        for name, value in exchange.items():
            source, found = re.subn(rf"^{name} = .*$", f"{name} = {value}", source, flags=re.MULTILINE)
            assert found == 1, name
        path = path.with_name(f"variant_{path.name}")
        path.write_text(source, encoding="utf-8")
    env = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-X", "utf8", path.name]
    done = subprocess.run(command, cwd=path.parent, env=env, capture_output=True, encoding="utf-8", timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_trained(output: str) -> None:
    assert LOG_LINE.search(output), output
    accuracies = [float(a) for a in re.findall(r"^epoch \d, val acc ([\d.]+)%$", output, re.MULTILINE)]
    assert len(accuracies) == 2 and all(0 <= a <= 100 for a in accuracies), output


def test_show_addition_dataset(book):
    output = run(book, "ch07/show_addition_dataset.py")
    assert "train (288, 7) (288, 5)" in output
    assert "test (32, 7) (32, 5)" in output
    question, answer = re.findall(r"^\[[\d ]+\] (.*)$", output, re.MULTILINE)
    a, b = question.split("+")
    assert answer.startswith("_") and int(answer[1:]) == int(a) + int(b)


def test_chapter_7_trains(book):
    assert_trained(run(book, "ch07/train_seq2seq.py"))


def test_chapter_7_trains_peeky_on_reversed_sums(book):
    assert_trained(run(book, "ch07/train_seq2seq.py", model_name="'PeekySeq2seq'", is_reverse="True"))


def test_chapter_8_trains_saves_loads_and_shows(book):
    assert_trained(run(book, "ch08/train.py"))
    assert (book / "ch08" / "AttentionSeq2seq.npz").is_file()
    output = run(book, "ch08/visualize_attention.py")
    assert output.count("attention (10, 29) sums to 1.0") == 5


@pytest.mark.parametrize("model", ["Seq2seq", "PeekySeq2seq"])
def test_chapter_8_trains_the_rivals(book, model):
    """PeekySeq2seq of ch07 finds `from seq2seq import ...` in our package here: it is run from ch08."""
    assert_trained(run(book, "ch08/train.py", model_name=repr(model)))
    assert (book / "ch08" / f"{model}.npz").is_file()


SAME_WEIGHTS = """
import sys
sys.path.append("..")
import numpy as np
import seq2seq
from attention_seq2seq import AttentionSeq2seq
from ch07.peeky_seq2seq import PeekySeq2seq
from ch07.seq2seq import Seq2seq

rng = np.random.default_rng(0)
xs, ts = rng.integers(0, 10, (3, 6)), rng.integers(0, 10, (3, 5))
for book in Seq2seq, PeekySeq2seq, AttentionSeq2seq:
    theirs, ours = book(10, 5, 7), getattr(seq2seq, book.__name__)(10, 5, 7)
    assert type(theirs) is not type(ours)
    for p, q in zip(ours.params, theirs.params, strict=True):
        assert p.shape == q.shape
        p[...] = 3 * q
        q *= 3
    print(book.__name__, theirs.forward(xs, ts), ours.forward(xs, ts))
"""


def test_weights_of_the_chapters_models_are_ours_by_position(book):
    """As a reader's pickle holds them: docs/from-the-book.md takes one over."""
    (book / "ch08" / "same_weights.py").write_text(SAME_WEIGHTS, encoding="utf-8")
    lines = [line.split() for line in run(book, "ch08/same_weights.py").splitlines()]
    assert [name for name, *_ in lines] == ["Seq2seq", "PeekySeq2seq", "AttentionSeq2seq"]
    for _, theirs, ours in lines:
        assert float(theirs) == pytest.approx(float(ours), rel=1e-5)


@pytest.fixture
def peeky_class(monkeypatch):
    """The book-style PeekySeq2seq over our seq2seq package."""
    monkeypatch.setattr(sys, "path", [*sys.path])  # the file appends '..' to it
    spec = importlib.util.spec_from_file_location("book_peeky", BOOK / "ch07" / "peeky_seq2seq.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.PeekySeq2seq


@pytest.fixture
def legacy_seed(monkeypatch):
    """The book draws weights with ``np.random.randn``: here from a generator of a fixed seed."""
    monkeypatch.setattr(np.random, "randn", np.random.RandomState(0).randn)


def test_our_seq2seq_serves_a_subclass_that_never_calls_its_init(peeky_class, legacy_seed, tmp_path):
    assert issubclass(peeky_class, seq2seq.Seq2seq)
    rng = np.random.default_rng(0)
    xs, ts = rng.integers(0, 10, (8, 6)), rng.integers(0, 10, (8, 5))
    model = peeky_class(10, 5, 7)

    named = named_params(model)
    loss = model.forward(xs, ts)
    assert loss == pytest.approx(reference.model_loss("peeky", named, xs, ts), rel=1e-5)
    assert model.generate(xs[:1], 3, 4) == reference.model_decode("peeky", named, xs[:1], 3, 4)[0][0].tolist()

    Trainer(model, Adam(lr=0.05)).fit(xs, ts, max_epoch=100, batch_size=8, max_grad=5.0)
    assert model.forward(xs, ts) < 0.1 < loss

    model.save_params(str(tmp_path / "peeky"))
    other = peeky_class(10, 5, 7)
    other.load_params(str(tmp_path / "peeky"))
    assert other.forward(xs, ts) == model.forward(xs, ts)
    assert all((a == b).all() for a, b in zip(model.params, other.params, strict=True))


def test_book_peeky_gradients(peeky_class, legacy_seed):
    """The book-style decoder over our layers, its weights' gradients against central differences."""
    rng = np.random.default_rng(0)
    xs, ts = rng.integers(0, 6, (3, 4)), rng.integers(0, 6, (3, 5))
    model = peeky_class(6, 4, 5)
    p = {name: array.astype(np.float64) * 3 for name, array in named_params(model).items()}
    for name, array in named_params(model).items():
        array[...] = p[name]
    model.forward(xs, ts)
    model.backward()
    for param, grad in zip(model.params, model.grads, strict=True):
        name = next(name for name, array in named_params(model).items() if array is param)
        index = np.unravel_index(np.abs(grad).argmax(), grad.shape)
        value = p[name][index]
        losses = []
        for step in (1e-5, -1e-5):
            p[name][index] = value + step
            losses.append(reference.model_loss("peeky", p, xs, ts))
        p[name][index] = value
        assert grad[index] == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-3), name
