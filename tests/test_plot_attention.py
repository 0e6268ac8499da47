"""scripts/plot_attention.py: what it draws, and what it refuses."""

import re
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pytest
from script_tools import TINY, everything, refused

from dataset import dates
from dataset.sequence import generate, read
from seq2seq import load_model, save_model


@pytest.fixture
def plot(in_process):
    """``plot(cwd, *arguments)``: the script, in this process."""
    yield lambda cwd, *arguments: in_process(cwd, "plot_attention.py", *arguments)
    plt.close("all")


def svg(path: Path) -> tuple[str, np.ndarray]:
    """All texts of a drawing, a line each, and the grey levels 0..1 of the map's cells, as drawn."""
    text = path.read_text(encoding="utf-8")
    (mesh,) = (g for g in ElementTree.fromstring(text).iter() if g.get("id", "").startswith("PolyQuadMesh"))
    fills = [re.search(r"fill: #(\w\w)\1\1|$", cell.get("style", "")).group(1) or "00" for cell in mesh]
    return "\n".join(re.findall("<!-- (.*?) -->", text)), np.array([int(fill, 16) for fill in fills]) / 255


def drawn_labels(question: str, written: str, answer: str) -> str:
    marked = [c if c == right else f"✗ {c}" for c, right in zip(written, answer, strict=True)]
    return "\n".join([*question.replace(" ", "␣"), "input", *marked, "output"])


def test_plot_draws_where_the_model_looked_for_its_own_answer(trained_run, test_part, plot, tmp_path):
    x_test, t_test = test_part
    model, _ = load_model(trained_run.folder / "attention.npz")
    vocabulary = read(trained_run.data).vocabulary
    ids = model.decode(x_test, int(t_test[0, 0]), 10).ids
    # a wrong answer, else the two maps would be one
    index = int(np.flatnonzero((ids != t_test[:, 1:]).any(axis=1))[0])
    x, t = x_test[[index]], t_test[[index]]
    question, answer = vocabulary.decode(x[0, ::-1]), vocabulary.decode(t[0, 1:])
    own = model.decode(x, int(t[0, 0]), 10)
    prediction = vocabulary.decode(own.ids[0])

    def texts_of_ones_own(question: str) -> str:
        done = plot(trained_run.cwd, "--text", question, "--save", tmp_path / "own.svg")
        assert (done.returncode, done.stderr) == (0, "")
        return svg(tmp_path / "own.svg")[0]

    done = plot(trained_run.cwd, "--index", index, "--cmap", "gray", "--save", tmp_path / "own.svg")
    assert (done.returncode, done.stderr) == (0, "")
    title = f"{question.rstrip()} → {prediction}  (answer {answer}, wrong)"
    assert f"test question {index}: {title}\n" in done.stdout and "own.svg" in done.stdout
    texts, grey = svg(tmp_path / "own.svg")
    assert drawn_labels(question, prediction, answer) in texts and title in texts
    own = own.attention_weights[0, :, ::-1].ravel()
    np.testing.assert_allclose(grey, own, atol=0.005)
    texts = texts_of_ones_own(question.rstrip())
    assert drawn_labels(question, prediction, answer) in texts and title in texts
    texts = texts_of_ones_own("May 1")
    assert "May 1 → " in texts and "answer" not in texts and "✗" not in texts, "it is no date"

    arguments = ["--index", index, "--given-answer", "--cmap", "gray", "--save", tmp_path / "given.svg"]
    done = plot(trained_run.cwd, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    texts, grey = svg(tmp_path / "given.svg")
    assert drawn_labels(question, answer, answer) in texts
    model.forward(x, t)
    given = np.array(model.decoder.attention.attention_weights)[:, 0, ::-1].ravel()
    np.testing.assert_allclose(grey, given, atol=0.005)
    assert np.abs(own - given).max() > 0.02, "else the two pictures could be one"


def test_plot_knows_no_answer_where_answers_are_written_in_another_way(train, plot, tmp_path):
    lines = [line.split("_") for line in dates.generate(60, seed=1)]
    text = "".join(f"{question}_{'-'.join(reversed(answer.split('-')))}\n" for question, answer in lines)
    (tmp_path / "days_first.txt").write_text(text)
    done = train(tmp_path, "--data", "days_first.txt", *TINY, "--quiet", "--models", "attention")
    assert done.returncode == 0 and "alignment" not in done.stdout
    assert plot(tmp_path, "--text", lines[0][0], "--save", "own.svg").returncode == 0
    assert "answer" not in svg(tmp_path / "own.svg")[0]


def test_plot_minds_no_spaces_around_a_question(trained_run, plot, tmp_path):
    done = plot(trained_run.cwd, "--text", f" May 1, 1972{' ' * 40}", "--save", tmp_path / "a.png")
    assert (done.returncode, done.stderr) == (0, "")


def test_plot_takes_question_0_where_there_is_no_4681(trained_run, script):
    done = script(trained_run.cwd, "plot_attention.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("test question 0: ")
    assert (trained_run.folder / "attention_0.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_plot_takes_question_4681_where_there_is_one(trained_run, plot, tmp_path):
    data = generate("date.txt")
    move_data(trained_run, tmp_path / "run", path=None, sha256=data.sha256)
    done = plot(tmp_path, "--run", "run")
    assert (done.returncode, done.stderr) == (0, "")
    question = data.vocabulary.decode(data.split()[1][0][4681]).rstrip()
    assert done.stdout.startswith(f"test question 4681: {question} → ")
    assert (tmp_path / "run" / "attention_4681.png").is_file()


def test_plot_of_a_question_of_ones_own_in_other_colours(trained_run, plot, tmp_path):
    arguments = ["--text", "May 1, 1972", "--cmap", "Blues", "--save", tmp_path / "own.PNG"]
    done = plot(trained_run.cwd, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    pixels = matplotlib.image.imread(tmp_path / "own.PNG")[..., :3]
    assert (pixels[..., 2] - pixels[..., 0] > 0.3).any(), "Blues is blue"


def test_plot_numbers_the_files_of_random_questions(trained_run, plot, tmp_path):
    arguments = ["--run", trained_run.folder, "--count", 3, "--save", "maps.pdf"]
    done = plot(tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(set(re.findall(r"^test question (\d+):", done.stdout, re.MULTILINE))) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["maps_1.pdf", "maps_2.pdf", "maps_3.pdf"]
    assert all(path.read_bytes().startswith(b"%PDF-") for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--run", "nowhere"], r"python scripts/train_date\.py --out nowhere"),
        (["--index", 300], r"--index 300: .*300 questions"),
        (["--index", -1], "--index: .*at least 0"),
        (["--count", 0], "--count: .*at least 1"),
        (["--save", "map.gif"], r"map\.gif: expected .*\.png, \.svg, \.pdf"),
        (["--text", " "], "expected a question, got an empty text"),
        (["--text", "a" * 30], "30 characters, at most 29"),
        (["--text", "May 1, ２"], "'２', character 8 "),
        (["--text", "1972-05-01"], "'-', character 5 of '1972-05-01', occurs in no training question"),
        (["--text", "May 1, 1972", "--given-answer"], "--given-answer"),
        (["--model", "peeky"], "--model peeky: has no attention maps to draw"),
        (["--model", "bert"], "--model: invalid choice: 'bert'"),
        (["--text", "May 1, 1972", "--index", 1], "not allowed with"),
        (["--beside", "nowhere"], "--beside needs a question to ask of every run: use --text"),
        (["--text", "May 1, 1972", "--beside", "nowhere"], r"python scripts/train_date\.py --out nowhere"),
        (["--cmap", "grayish"], "--cmap grayish"),
        (["--film", "--grid", 2], "not allowed with"),
        (["--measures", "--accuracy"], "not allowed with"),
        (["--film", "--model", "attention"], "--model has no part in --film"),
        (["--index", 1, "--film"], "not allowed with"),
        (["--measures", "--given-answer"], "--given-answer needs a test question"),
        (["--grid", 49], "--grid: expected a whole number of 1 to 48, got 49"),
        (["--film"], r"no maps at runs/date/maps\.npz; record .* scripts/train_date\.py --keep-maps --out runs/date"),
        (["--film", "--run", "nowhere"], r"no maps at nowhere/maps\.npz"),
        (["--measures", "--run", "nowhere"], r"no measures of maps in nowhere/history\.csv; record .*train_date\.py"),
        (["--accuracy", "--run", "nowhere"], r"python scripts/train_date\.py --out nowhere"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_plot_refuses_in_one_line(trained_run, plot, arguments, message):
    before = everything(trained_run.cwd)
    refused(plot(trained_run.cwd, *arguments), message)
    assert everything(trained_run.cwd) == before


@pytest.mark.parametrize("option", ["--film", "--measures", "--accuracy"])
def test_plot_refuses_what_is_no_run_of_dates(plot, tmp_path, option):
    (tmp_path / "best.npz").write_bytes(b"")
    (tmp_path / "history.csv").write_text("epoch,val_acc\n1,0.5\n")
    refused(plot(tmp_path, "--run", ".", option), "py: .: a run of train_text.py, which TextModel reads and plot_text")
    refused(plot(tmp_path, "--run", "best.npz", option), "best.npz: expected the folder of a run, got a file")


def test_plot_shows_no_window_where_there_can_be_none(trained_run, script):
    refused(script(trained_run.cwd, "plot_attention.py", "--show"), r"plot_attention\.py: --show: no window")


def test_plot_refuses_a_run_whose_data_changed_or_vanished(trained_run, plot, tmp_path):
    data = tmp_path / "date.txt"
    move_data(trained_run, tmp_path / "run", path=str(data))
    data.write_bytes(trained_run.data.read_bytes().replace(b"May 1,", b"May 2,", 1))
    refused(plot(tmp_path, "--run", "run"), r"date\.txt: changed since run/attention\.npz")
    data.unlink()
    refused(plot(tmp_path, "--run", "run"), r"date\.txt")


def test_plot_asks_a_model_about_its_own_data_whatever_was_trained_beside_it_later(
    trained_run, train, plot, tiny, tmp_path
):
    shutil.copytree(trained_run.folder, tmp_path / "run")
    arguments = ["--data", tiny, "--models", "baseline", "--quiet", "--out", "run", *TINY]
    assert train(tmp_path, *arguments).returncode == 0
    (tmp_path / "run" / "before" / "attention.npz").rename(tmp_path / "run" / "attention.npz")
    before = plot(trained_run.cwd, "--save", tmp_path / "before.png")
    after = plot(tmp_path, "--run", "run", "--save", "after.png")
    assert after.stdout.splitlines()[0] == before.stdout.splitlines()[0]
    assert (tmp_path / "after.png").read_bytes() == (tmp_path / "before.png").read_bytes()


def move_data(trained_run, folder: Path, **facts) -> None:
    """A copy of the attention model whose file says other facts about its data."""
    folder.mkdir()
    model, kept = load_model(trained_run.folder / "attention.npz")
    kept = {key: value for key, value in kept.items() if key not in ("format", "model", "arguments")}
    save_model(folder / "attention.npz", model, **kept | {"data": kept["data"] | facts})


def test_titles_leave_out_the_padding_of_answers(train, plot, tmp_path):
    (tmp_path / "pairs.txt").write_text("".join(f"{n}   _{n}   \n" for n in range(10, 30)), encoding="utf-8")
    tiny = "--hidden-size", 4, "--wordvec-size", 4, "--max-epoch", 1, "--models", "attention", "--workers", 1
    assert train(tmp_path, "--data", "pairs.txt", *tiny, "--out", "run", "--quiet").returncode == 0
    for how in (), ("--grid", 1):
        done = plot(tmp_path, "--run", "run", *how)
        assert re.search(r"(?m)^test question 0: \d\d → (.*\S)?  \(answer \d\d, (right|wrong)\)$", done.stdout)
