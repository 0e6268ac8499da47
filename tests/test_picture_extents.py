"""Text in pictures takes the space measured for it: titles, numbers and words neither overlap nor are cut off."""

import string

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest
from font_tools import forget, install, make, only_matplotlibs_own
from matplotlib.textpath import TextPath
from picture_tools import assert_whole, drawn, even, overlapping

from classifier.plot import plot_word_attention
from seq2seq.plot import AttentionMap, plot_attention, plot_attention_grid
from support.plot_text import SAVED, SMALLEST, Writing

ERA, DATE = "昭和四十七年", "Thursday, September 21, 1972"
SHORT = "1/1/70"


@pytest.fixture(autouse=True)
def fonts(tmp_path, monkeypatch):
    """Provide a Japanese font, one em per character, as on a machine that has one; close all figures afterwards."""
    only_matplotlibs_own(monkeypatch)
    install(make(tmp_path / "font.ttf", "Tests", "".join(sorted({*ERA, *"五月一日ｶﾅ"}))))
    yield
    plt.close("all")
    monkeypatch.undo()
    forget()


@pytest.mark.parametrize(
    "question, title, count", [(ERA, ERA + "五月一日 → 1972-05-01 ✗", 5), (SHORT, DATE, 2), ("a", "W" * 200, 2)]
)
def test_titles_of_a_grid_stand_apart(question, title, count):
    one = AttentionMap(even(10, len(question)), question, "1972-05-01", "1972-05-02", title)
    axes = plot_attention_grid([one] * count, title="weights under the given answer")
    for dpi in (100, 150):
        axes[0].figure.set_dpi(dpi)
        drawn(axes)
        assert not overlapping([*(ax.title for ax in axes), axes[0].figure._suptitle])
        assert_whole(axes)
    assert "".join(axes[0].get_title().split()) == "".join(title.split())


@pytest.mark.parametrize("title", ["a → 1972-05-01  (answer 1972-05-02, wrong)", ERA * 30, "b\n" + "W" * 60])
def test_the_title_of_a_map_is_whole(title):
    ax = plot_attention(even(2, 1), "a", "bc", title=title)
    for dpi in (100, 150):
        ax.figure.set_dpi(dpi)
        drawn(ax)
        assert_whole(ax)
    assert "".join(ax.get_title().split()) == "".join(title.split())


@pytest.mark.parametrize("largest", [1, 0.3, 1.4e-2, 1e-3, 1e-9, 123456.0])
@pytest.mark.parametrize("given", [False, True])
def test_the_numbers_of_a_colour_bar_stand_apart(largest, given):
    ax = plt.subplots(figsize=(6, 2))[1] if given else None
    weights = np.array([[-1.0, 0.5, 1.0]]) * largest if largest == 123456.0 else np.array([[0, 0.5, 1]]) * largest
    ax = plot_word_attention([["a", "b", "c"]], weights, ax, vmax=0.9 * largest if largest == 123456.0 else None)
    bar, axis = ax.figure.axes[-1], "yaxis" if given else "xaxis"
    for dpi in (100, 150):
        ax.figure.set_dpi(dpi)
        texts = drawn(ax)
        axis_ = getattr(bar, axis)
        numbers = [label for label in axis_.get_ticklabels() if label in texts]
        low, high = sorted(axis_.get_view_interval())
        numbers = [n for n, at in zip(numbers, axis_.get_majorticklocs(), strict=False) if low <= at <= high]
        assert 2 <= len(numbers) <= 4 and not axis_.get_offset_text().get_text()
        assert all(float(label.get_text()) <= 1.01 * largest for label in numbers)
        assert not overlapping([*ax.get_xticklabels(), *numbers, *bar.texts])


WORDS = ["AVAVA", "iiiii", "lllll", "Tototo", "fi ffl", "ｶﾅｶﾅ", "e\u0301", "0.1234", "a", "il" * 40]


@pytest.mark.parametrize("size", [9.0, 7.3, SMALLEST])
def test_words_are_drawn_no_wider_than_measured(size):
    figure = plt.figure(dpi=100)
    writing = Writing(WORDS)
    texts = [figure.text(0, 0, word, fontsize=size, family=writing.family) for word in WORDS]
    for dpi in (100, SAVED):
        figure.set_dpi(dpi)
        for text in texts:
            word, box = text.get_text(), text.get_window_extent(figure.canvas.get_renderer())
            drawn_width = box.width * 72 / dpi
            assert drawn_width <= writing.width(word, size) + 0.01 < 1.4 * drawn_width, word


@pytest.mark.parametrize("size", [9.0, 7.3, SMALLEST])
def test_outlines_are_no_wider_than_measured(size):
    words = [*WORDS, *(letter * 8 for letter in string.printable[:94] if letter != "$")]  # TextPath's mathematics
    writing = Writing(words)
    for word in words:
        outlines = TextPath((0, 0), word, size=size, prop=writing.font).get_extents()
        assert outlines.width <= writing.width(word, size) + 0.1, word


def test_words_that_were_made_to_fit_stay_in_their_cells():
    words = [word * k for word in ("il", "lt", "AV", "ｶﾅ") for k in (1, 3, 10, 20, 40)]
    ax = plot_word_attention([words], even(1, len(words)))
    (mesh,) = ax.collections
    edges = [np.sort(path.vertices[:, 0])[[0, -1]] for path in mesh.get_paths()]
    for dpi in (100, SAVED):
        ax.figure.set_dpi(dpi)
        drawn(ax)
        for text in ax.texts:
            box = text.get_window_extent().transformed(ax.transData.inverted())
            (left, right), *_ = [edge for edge in edges if edge[0] < text.get_position()[0] < edge[1]]
            assert left <= box.x0 and box.x1 <= right, text.get_text()


def test_a_text_is_cut_and_wrapped_to_its_room():
    writing = Writing([])
    for text in ("word " * 30, "il" * 100, "W" * 60, "one\ntwo " + "W" * 40):
        lines = writing.wrap(text, 100)
        assert "".join(lines.split()) == "".join(text.split())
        assert all(writing.width(line) <= 100 for line in lines.split("\n"))
    assert writing.wrap("ab", 0.1) == "a\nb", "a character at least"
    cut = writing.cut("W" * 60, 100)
    assert cut.endswith("W…") and writing.width(cut) <= 100 < writing.width(cut.replace("…", "W…"))
    assert writing.cut("W", 100) == "W" and writing.cut("WW", 0.1) == "…"
