"""Every picture of the project draws the text in its data literally, and draws extreme data whole or refuses it."""

import importlib
import inspect
import pkgutil

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest
from picture_tools import PICTURES, assert_whole, drawn, even

import classifier
import common
import seq2seq
from classifier.plot import plot_confusion, plot_token_table, plot_word_attention
from classifier.token_table import token_table
from common.plot import plot_history
from seq2seq.plot import AttentionMap, plot_accuracies, plot_attention, plot_attention_grid, plot_film, plot_measures
from support.terminal import visible

pytestmark = pytest.mark.filterwarnings("ignore:no installed font has")
TEX = ["$x$", "$", "\\alpha", "_{a}", "^", "$x", "$\\frac$"]
WITHOUT_DATA = ("seq2seq.plot.plot_measures", "common.plot.plot_loss_list")
STRANGE = ["שלום", "e\u0301\u0302", "\u0301", "", "a\nb\tc", " ", "\u202e", "\x1b[0m", "\U000f0000", "x" * 90]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_every_picture_is_in_the_table():
    found = set()
    for package in (common, seq2seq, classifier):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if ".plot" in module.name:
                for name, value in vars(importlib.import_module(module.name)).items():
                    if inspect.isfunction(value) and {"ax", "axes"} & set(inspect.signature(value).parameters):
                        found.add(f"{value.__module__}.{name}")
    helpers = {"room_across", "draw", "width_of_axes", "draw_map", "frame"}
    assert {name for name in found if name.split(".")[-1] not in helpers} == set(PICTURES)


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("given", [False, True])
def test_text_of_data_is_drawn_as_it_is_written(name, given):
    axes = PICTURES[name](TEX, *([plt.subplots(figsize=(12, 6))[1]] if given else []))
    texts = drawn(axes)
    assert not [text.get_text() for text in texts if text.get_parse_math() and set(text.get_text()) & set("$\\^_")]
    shown = {text.get_text().removeprefix("✗ ") for text in texts}
    wanted = set(TEX)
    if name == "seq2seq.plot.plot_film":
        wanted = {*"".join(TEX)} | {"epoch 1: $ ✗"} | ({f"{''.join(TEX)}  (answer ^)"} if not given else set())
    assert name in WITHOUT_DATA or wanted <= shown


@pytest.mark.parametrize("name", PICTURES)
def test_strange_texts_are_drawn_whole(name):
    axes = PICTURES[name](STRANGE)
    texts = drawn(axes)
    assert_whole(axes)
    if name not in (*WITHOUT_DATA, "seq2seq.plot.plot_film"):
        shown = {text.get_text().removeprefix("✗ ") for text in texts}
        assert {visible(token) for token in STRANGE[:-2] if token} <= shown
        assert any(text.startswith("xxxxx") for text in shown)


@pytest.mark.parametrize("name", PICTURES)
def test_one_of_everything_is_drawn_whole(name):
    axes = PICTURES[name](["a"])
    drawn(axes)
    assert_whole(axes)


MANY = {
    "a map of 400 tokens": lambda: plot_attention(even(2, 400), [f"w{k}" for k in range(400)], "ab", colorbar=False),
    "a text of 400": lambda: plot_word_attention([[f"w{k}" for k in range(400)]], even(1, 400)),
    "40 classes": lambda: plot_confusion(np.arange(1600).reshape(40, 40), [f"class {k}" for k in range(40)]),
    "1000 epochs": lambda: plot_history([{"model": "a", "epoch": e, "v": e} for e in range(1, 1001)], "v"),
    "all weights 0": lambda: plot_word_attention([["a", "b"]], [[0.0, 0.0]]),
    "a table of 0": lambda: plot_token_table(token_table(["a", "b"], [0.0, 0.0])),
    "no history of numbers": lambda: plot_history([{"model": "a", "epoch": 1, "v": np.nan}], "v"),
    "measures that are no numbers": lambda: plot_measures(
        [{"epoch": e, "alignment": np.nan, "pad_mass": np.nan, "entropy": v} for e, v in ((1, np.nan), (2, np.inf))]
    ),
}


@pytest.mark.parametrize("name", MANY)
def test_much_and_nothing_is_drawn_whole(name):
    axes = MANY[name]()
    drawn(axes)
    assert_whole(axes)


def test_a_gap_where_a_history_has_no_number():
    values = [1.0, np.nan, 3.0, np.inf, 5.0]
    ax = plot_history([{"model": "a", "epoch": e, "v": v} for e, v in enumerate(values, 1)], "v")
    drawn(ax)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), values)
    low, high = ax.get_ylim()
    assert low < 1 and 5 < high < 10


def test_many_curves_and_bars_are_told_apart_without_colour():
    names = [f"model {k}" for k in range(12)]
    ax = plot_history([{"model": m, "epoch": e, "v": e} for m in names for e in (1, 2)], "v")
    assert len({(line.get_linestyle(), line.get_marker()) for line in ax.lines}) == 12
    assert [text.get_text() for text in ax.get_legend().get_texts()] == names
    ax = plot_accuracies({name: {"short": 0.5} for name in names})
    drawn(ax)
    assert len({(bars[0].get_facecolor(), bars[0].get_hatch()) for bars in ax.containers}) == 12
    assert_whole(ax)


def test_a_long_curve_has_few_markers():
    ax = plot_history([{"model": "a", "epoch": e, "v": e} for e in range(1, 1001)], "v")
    assert 1000 / ax.lines[0].get_markevery() < 40


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: plot_attention([[np.nan, 1]], "ab", "c"), "finite weights, got nan at output 0, input 0"),
        (lambda: plot_attention_grid([AttentionMap([[0, np.inf]], "ab", "c")]), "got inf at output 0, input 1"),
        (lambda: plot_film(np.full((1, 1, 1), np.nan), "a", ["b"]), "got nan at output 0, input 0"),
        (lambda: plot_attention(np.zeros((0, 2)), "ab", ""), r"expected weights of shape \(0, 2\) .*, got \(0, 2\)"),
        (lambda: plot_attention(even(1, 1400), "a" * 1400, "c"), "at most 400 inches, got one 422 inches wide"),
        (lambda: plot_attention_grid([AttentionMap(even(1, 9999), "a" * 9999, "c")]), "inches wide; draw less"),
        (lambda: plot_confusion(np.eye(700, dtype=int), ["a"] * 700), "at most 400 inches, got one 436 inches wide"),
        (lambda: plot_word_attention([["a"]], [[np.nan]]), "got nan or inf in text 0"),
        (lambda: plot_accuracies({"a": {"b": np.nan}}), "shares of 0 to 1, got"),
        (lambda: plot_history([], "v"), "at least one row, got none"),
        (lambda: plot_measures([]), "at least one row, got none"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, message):
    before = plt.get_fignums()
    with pytest.raises(ValueError, match=message):
        call()
    assert plt.get_fignums() == before
