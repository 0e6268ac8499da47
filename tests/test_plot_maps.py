"""Several maps in one picture: small multiples, film strips of kept maps, accuracies; and which maps a run keeps."""

import re

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest
from script_tools import MODELS, TINY, everything, history, refused

from common import checkpoint
from common.checkpoint import CheckpointError
from dataset import dates
from dataset.sequence import read
from experiment import DateModel
from seq2seq import exact_match, load_model, save_model
from seq2seq.kept_maps import load_maps
from seq2seq.plot import AttentionMap, plot_accuracies, plot_attention, plot_attention_grid, plot_film

WEIGHTS = np.random.default_rng(0).dirichlet(np.ones(4), size=(5, 3)).astype("f")


@pytest.fixture(autouse=True)
def nothing_shown(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *_, **__: pytest.fail("plt.show was called"))
    settings = dict(plt.rcParams)
    yield
    assert dict(plt.rcParams) == settings
    plt.close("all")


@pytest.fixture
def drawn(in_process, monkeypatch):
    """``drawn(cwd, *arguments)``: what plot_attention.py returns, and the figure that it would have saved."""
    figures = []
    monkeypatch.setattr(plt.Figure, "savefig", lambda figure, *_, **__: figures.append(figure))

    def draw(cwd, *arguments):
        done = in_process(cwd, "plot_attention.py", *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done, figures[-1]

    return draw


def labels(ax) -> list[tuple[str, bool]]:
    """Labels of the rows, and whether each has a visible frame."""
    return [(label.get_text(), label.get_bbox_patch() is not None) for label in ax.get_yticklabels()]


def weights_of(ax) -> np.ndarray:
    return np.asarray(ax.collections[0].get_array())


def test_wrong_characters_are_marked_without_colour_too():
    ax = plot_attention(WEIGHTS[0], "abcd", "x z", answer="xyz")
    assert labels(ax) == [("x", False), ("✗ ␣", True), ("z", False)]
    (frame,) = filter(None, (label.get_bbox_patch() for label in ax.get_yticklabels()))
    assert frame.get_linewidth() > 0.5 and np.dot(frame.get_edgecolor()[:3], (0.3, 0.6, 0.1)) < 0.5, "dark, in grey too"
    colours = [label.get_color() for label in ax.get_yticklabels()]
    assert colours[0] == colours[2] != colours[1]
    assert labels(plot_attention(WEIGHTS[0], "abcd", "xyz", answer="xyz")) == [(c, False) for c in "xyz"]
    before = plt.get_fignums()
    with pytest.raises(ValueError, match="as long as the output, 3, got 2"):
        plot_attention(WEIGHTS[0], "abcd", "xyz", answer="xy")
    assert plt.get_fignums() == before


def test_the_maps_of_several_runs_stand_side_by_side(trained_run, drawn, tmp_path):
    model, facts = load_model(trained_run.folder / "attention.npz")
    model.decoder.embed.W[...] *= -3
    (tmp_path / "other").mkdir()
    facts = {key: value for key, value in facts.items() if key not in ("format", "model", "arguments")}
    save_model(tmp_path / "other" / "attention.npz", model, **facts)
    runs, question = (trained_run.folder, tmp_path / "other"), "May 1, 1972"
    done, figure = drawn(tmp_path, "--text", question, "--run", runs[0], "--beside", runs[1], "--save", "beside.png")
    assert done.stdout == "written to beside.png\n"
    answers = [DateModel(run).ask(question) for run in runs]
    assert not np.allclose(answers[0].attention, answers[1].attention, atol=1e-3)
    for ax, run, answer in zip(figure.axes, runs, answers, strict=False):
        mark = "✓" if answer.text == "1972-05-01" else "✗"
        assert ax.get_title().replace("\n", " ") == f"{run.name}: {answer.text:<10} {mark}"
        np.testing.assert_allclose(weights_of(ax).reshape(10, 29), answer.attention, atol=1e-6)
    assert figure.get_suptitle() == question


def test_a_grid_is_a_map_a_question_and_one_colour_bar():
    maps = [AttentionMap(w, "abcd", "xyz", None if i else "xyy", f"map {i}") for i, w in enumerate(WEIGHTS)]
    axes = plot_attention_grid(maps, columns=2, title="all")
    assert axes.shape == (5,) and [ax.get_title() for ax in axes] == [f"map {i}" for i in range(5)]
    for ax, w in zip(axes, WEIGHTS, strict=True):
        np.testing.assert_array_equal(weights_of(ax).reshape(3, 4), w)
    assert [text for text, _ in labels(axes[0])] == ["x", "y", "✗ z"]
    assert len(axes[0].figure.axes) == 5 + 1, "the sixth place is empty, the colour bar beside all"
    axes[0].figure.draw_without_rendering()
    assert [ax.get_subplotspec().rowspan.start for ax in axes] == [0, 0, 1, 1, 2]
    places = [ax.get_position() for ax in axes]
    assert places[0].x0 < places[1].x0 and places[0].y0 > places[2].y1 > places[4].y1


def test_a_grid_on_given_axes_adds_none():
    figure, mine = plt.subplots(2, 2)
    maps = [AttentionMap(w, "abcd", "xyz") for w in WEIGHTS[:4]]
    assert list(plot_attention_grid(maps, mine)) == list(mine.flat)
    assert figure.axes == list(mine.flat)
    for wrong in (maps[:3], []):
        with pytest.raises(ValueError, match=f"one Axes for each, got {len(wrong)}, 4"):
            plot_attention_grid(wrong, mine)


def test_a_film_has_a_panel_an_epoch():
    axes = plot_film(WEIGHTS[:2], "ab  ", ["xxx", "xyz"], "xyz")
    assert [ax.get_title() for ax in axes] == ["epoch 1: xxx ✗", "epoch 2: xyz ✓"]
    assert [text for text, _ in labels(axes[0])] == ["x", "✗ x", "✗ x"]
    assert axes[0].figure.get_suptitle() == "ab  (answer xyz)"
    np.testing.assert_array_equal(weights_of(axes[1]).reshape(3, 4), WEIGHTS[1])
    (ax,) = plot_film(WEIGHTS[:1], "ab  ", ["xxx"], epochs=[7])
    assert ax.get_title() == "epoch 7: xxx" and ax.figure.get_suptitle() == "ab"


def test_accuracies_are_bars_that_grey_tells_apart():
    of = {"baseline": {"short": 0.25, "long": 0.9996}, "attention": {"short": 1.0, "long": 0.29}}
    _, (left, ax) = plt.subplots(1, 2)
    assert plot_accuracies(of, ax) is ax and not left.has_data()
    first, second = ax.containers
    assert [bar.get_height() for bar in (*first, *second)] == [0.25, 0.9996, 1.0, 0.29]
    assert [text.get_text() for text in ax.texts] == ["25.0", "99.9", "100.0", "29.0"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["short", "long"]
    greys = [np.dot(bars[0].get_facecolor()[:3], (0.3, 0.6, 0.1)) for bars in (first, second)]
    assert abs(greys[0] - greys[1]) > 0.1
    assert first[0].get_x() + first[0].get_width() <= second[0].get_x() + 1e-9 < first[1].get_x()
    for wrong in ({}, {"peeky": {}}, of | {"peeky": {"short": 1.0}}):
        with pytest.raises(ValueError, match="plot_accuracies: expected models with the same groups, got"):
            plot_accuracies(wrong)


@pytest.mark.parametrize(
    "question, style",
    [
        ("5/1/72  ", ("short", None)),
        ("Jan 1, 1972", ("medium", "mixed")),
        ("MAY 1, 1972", ("medium", "upper")),
        ("june 1, 1972", ("long", "lower")),
        ("Thursday, June 1, 1972", ("full", "mixed")),
    ],
)
def test_how_a_date_is_written(question, style):
    assert dates.style(question) == style


def test_a_form_is_a_quarter_of_the_generated_dates():
    found = [dates.style(line[:29])[0] for line in dates.generate(2000, seed=1)]
    assert {form: round(found.count(form) / 500, 1) for form in ("short", "full")} == pytest.approx(
        {"short": 1, "full": 1}, abs=0.1
    )
    with pytest.raises(ValueError, match="a date such as"):
        dates.style("16+75")


KEPT = "--models", "attention", "--quiet", *TINY[:-2]


@pytest.fixture
def kept_run(tiny, train):
    """A run of two epochs that kept the maps of one question."""
    done = train(tiny.parent, "--data", tiny, *KEPT, "--max-epoch", 2, "--keep-maps", "Jul 4, 2001", "--out", "whole")
    assert (done.returncode, done.stderr) == (0, "")
    return tiny.parent


def test_kept_maps_are_the_models_own_and_survive_a_resume(kept_run, tiny, train):
    kept = load_maps(kept_run / "whole" / "maps.npz")
    assert (kept.question, kept.answer, kept.weights.shape) == (f"{'Jul 4, 2001':<29}", "2001-07-04", (2, 10, 29))
    model, facts = load_model(kept_run / "whole" / "attention.npz")
    vocabulary = read(tiny).vocabulary
    own = model.decode(vocabulary.encode(kept.question)[None, ::-1], vocabulary.char_to_id[facts["start"]], 10)
    np.testing.assert_array_equal(kept.weights[1], own.attention_weights[0, :, ::-1])
    assert kept.written[1] == vocabulary.decode(own.ids[0])
    assert np.abs(kept.weights[0] - kept.weights[1]).max() > 0

    options = "--data", tiny, *KEPT, "--keep-maps", "Jul 4, 2001", "--out", "parts"
    assert train(kept_run, *options, "--max-epoch", 1).returncode == 0
    assert load_maps(kept_run / "parts" / "maps.npz").weights.shape[0] == 1
    assert train(kept_run, "--resume", "parts", "--max-epoch", 2).returncode == 0
    both = [(kept_run / name / "maps.npz").read_bytes() for name in ("whole", "parts")]
    assert both[0] == both[1]


def test_a_state_without_the_answers_of_the_maps_is_refused(kept_run, train):
    path = kept_run / "whole" / "attention.state.npz"
    arrays, manifest = checkpoint.load(path)
    (kept,) = (c for c in manifest["training"]["callbacks"] if c["class"] == "KeepMaps")
    kept["written"] = 2
    checkpoint.save(path, arrays, manifest)
    refused(train(kept_run, "--resume", "whole", "--max-epoch", 3), "not the state .*: expected a list in place of")


def test_a_run_without_maps_trains_the_same_and_leaves_none(kept_run, tiny, train):
    kept_weights = (kept_run / "whole" / "attention.npz").read_bytes()
    done = train(kept_run, "--data", tiny, *KEPT, "--max-epoch", 2, "--out", "whole")
    assert done.returncode == 0 and (kept_run / "whole" / "attention.npz").read_bytes() == kept_weights
    assert not (kept_run / "whole" / "maps.npz").exists(), "those of the run before"
    assert (kept_run / "whole" / "before" / "maps.npz").is_file()


def test_the_first_test_question_is_kept_read_forwards_or_not(tiny, train):
    vocabulary, (_, (xs, ts)) = read(tiny).vocabulary, read(tiny).split()
    for option in ([], ["--no-reverse"]):
        done = train(tiny.parent, "--data", tiny, *KEPT, "--max-epoch", 1, "--keep-maps", *option, "--out", "run")
        assert done.returncode == 0, done.stderr
        kept = load_maps(tiny.parent / "run" / "maps.npz")
        assert (kept.question, kept.answer) == (vocabulary.decode(xs[0]), vocabulary.decode(ts[0, 1:]))


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--keep-maps", "--models", "peeky"], "--keep-maps is an option of the model attention"),
        (["--keep-maps", "May 1, ２"], "'２', character 8 "),
        (["--keep-maps", "1972-05-01"], "'-', character 5 of '1972-05-01', occurs in no training question"),
        (["--keep-maps", "a" * 30], "30 characters, at most 29"),
        (["--keep-maps", " "], "--keep-maps: expected a question, got nothing but spaces"),
    ],
)
def test_train_refuses_maps_that_cannot_be_kept(tiny, train, arguments, message):
    before = everything(tiny.parent)
    refused(train(tiny.parent, "--data", tiny, *arguments), message)
    assert everything(tiny.parent) == before


def test_film_draws_what_was_kept(kept_run, drawn):
    done, figure = drawn(kept_run, "--run", "whole", "--film")
    kept = load_maps(kept_run / "whole" / "maps.npz")
    assert done.stdout == "written to whole/film.png\n" and (kept_run / "whole" / "film.png").is_file()
    assert figure.get_suptitle() == "Jul 4, 2001  (answer 2001-07-04)"
    for epoch, ax in enumerate(figure.axes[:2], 1):
        assert ax.get_title() == f"epoch {epoch}: {kept.written[epoch - 1]} ✗"
        np.testing.assert_array_equal(weights_of(ax).reshape(10, 29), kept.weights[epoch - 1])


def test_film_of_many_epochs_shows_some_of_them(tmp_path, drawn, monkeypatch):
    facts = {"question": "abcd", "written": [f"{i:03}" for i in range(9)], "answer": None}
    checkpoint.save(tmp_path / "maps.npz", {"weights": np.resize(WEIGHTS, (9, 3, 4))}, facts)
    monkeypatch.setattr("experiment.plot_dates.MOST", 3)
    _, figure = drawn(tmp_path, "--run", ".", "--film")
    assert [ax.get_title() for ax in figure.axes[:-1]] == ["epoch 1: 000", "epoch 5: 004", "epoch 9: 008"]


@pytest.mark.parametrize(
    "arrays, facts",
    [
        ({}, {}),
        ({"weights": WEIGHTS[0]}, {}),
        ({}, {"written": ["xyz"] * 4}),
        ({}, {"written": ["xyz"] * 4 + [1]}),
        ({}, {"written": "xyzxy"}),
        ({}, {"question": "abc"}),
        ({}, {"answer": "xyzz"}),
        ({}, {"answer": 0}),
        ({"weights": WEIGHTS[:0]}, {"written": []}),
    ],
)
def test_what_is_no_file_of_maps_is_refused(tmp_path, in_process, arrays, facts):
    right = {"question": "abcd", "written": ["xyz"] * 5, "answer": "xyx"}
    path = tmp_path / "maps.npz"
    checkpoint.save(path, {"weights": WEIGHTS} | arrays, right | facts)
    if not arrays and not facts:
        assert load_maps(path).written == right["written"]
        checkpoint.save(path, {}, right)
    with pytest.raises(CheckpointError, match="not the maps of one question"):
        load_maps(path)
    refused(in_process(tmp_path, "plot_attention.py", "--run", ".", "--film"), "maps.npz: not the maps of")


def test_grid_draws_the_first_test_questions(trained_run, test_part, drawn, tmp_path):
    done, figure = drawn(trained_run.cwd, "--grid", 4, "--save", tmp_path / "grid.png")
    model, _ = load_model(trained_run.folder / "attention.npz")
    own = model.decode(test_part[0][:4], int(test_part[1][0, 0]), 10)
    lines = done.stdout.splitlines()
    for i, ax in enumerate(figure.axes[:4]):
        np.testing.assert_allclose(weights_of(ax).reshape(10, 29), own.attention_weights[i, :, ::-1], atol=1e-5)
        right = (own.ids[i] == test_part[1][i, 1:]).all()
        assert ax.get_title().endswith(f" {'✓' if right else '✗'}") and ax.get_title()[:-2] in lines[i]
        assert lines[i].endswith(", right)" if right else ", wrong)")
        assert sum("✗" in text for text, _ in labels(ax)) == (own.ids[i] != test_part[1][i, 1:]).sum()
    assert len(figure.axes) == 4 + 1


def test_measures_are_those_of_the_history(trained_run, drawn, in_process, tmp_path):
    _, figure = drawn(trained_run.cwd, "--measures", "--save", tmp_path / "measures.png")
    rows = [row for row in history(trained_run.folder) if row["model"] == "attention"]
    shares = {line.get_label().partition(":")[0]: list(line.get_ydata()) for line in figure.axes[0].lines}
    assert shares["pad mass"] == [float(row["pad_mass"]) for row in rows]
    assert shares["alignment"] == [float(row["alignment"]) for row in rows]

    header, *lines = (trained_run.folder / "history.csv").read_text().splitlines()
    before = "\n".join(",".join(line.split(",")[:5]) for line in (header, *lines))  # as it was without measures
    for text, message in (
        (before, "no measures of maps in"),
        (f"{header}\nattention,one,1,1,1,1,1,1", "not the history"),
    ):
        (tmp_path / "history.csv").write_text(text)
        refused(in_process(tmp_path, "plot_attention.py", "--run", ".", "--measures"), message)


def test_accuracy_by_form_is_exact_match_in_parts(trained_run, test_part, drawn, in_process, tmp_path):
    done, figure = drawn(trained_run.cwd, "--accuracy", "--save", tmp_path / "accuracy.png")
    (ax,) = figure.axes
    groups = [label.get_text().split("\n") for label in ax.get_xticklabels()]
    assert [name for name, _ in groups] == [*dates.FORMS, *dates.CASES]
    counts = [int(count) for _, count in groups]
    assert sum(counts[:4]) == len(test_part[0]) and sum(counts[4:]) == sum(counts[1:4])
    assert [bars.get_label() for bars in ax.containers] == list(MODELS)
    for name, bars in zip(MODELS, ax.containers, strict=True):
        model, _ = load_model(trained_run.folder / f"{name}.npz")
        right = sum(bar.get_height() * count for bar, count in zip(bars[:4], counts[:4], strict=True))
        assert right == pytest.approx(len(test_part[0]) * exact_match(model, *test_part))
        assert re.search(rf"^{name} +short ", done.stdout, re.MULTILINE)
    assert max(bar.get_height() for bar in ax.containers[1]) > 0, "all wrong would prove nothing"


def test_accuracy_wants_dates_and_one_data_file(tiny, train, in_process, tmp_path):
    (tmp_path / "sums.txt").write_text("".join(f"{i:>2}+1 _{i + 1:<3}\n" for i in range(40)))
    done = train(tmp_path, "--data", "sums.txt", *TINY, "--quiet", "--out", "sums", "--models", "baseline")
    assert done.returncode == 0, done.stderr
    refused(in_process(tmp_path, "plot_attention.py", "--run", "sums", "--accuracy"), "no test question is a date")
    (tmp_path / "as_many.txt").write_text(tiny.read_text().translate(str.maketrans("12", "21")))
    for name, data in ("baseline", tiny), ("peeky", "as_many.txt"):
        assert train(tmp_path, "--data", data, *TINY, "--quiet", "--out", "two", "--models", name).returncode == 0
    (tmp_path / "two" / "before" / "baseline.npz").rename(tmp_path / "two" / "baseline.npz")
    refused(in_process(tmp_path, "plot_attention.py", "--run", "two", "--accuracy"), "trained on other data")
