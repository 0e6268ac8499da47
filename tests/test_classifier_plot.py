"""Pictures of classifiers: each cell shows its word, words fit and are legible, and nothing else is touched."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest
from font_tools import forget, install, make, only_matplotlibs_own
from picture_tools import nothing_else_touched

from classifier import plot_cells
from classifier.plot import plot_confusion, plot_token_table, plot_word_attention
from classifier.token_table import luminance, to_html, token_table
from common.plot import MARKERS, plot_history
from seq2seq import plot as seq2seq_plot
from support import plot_text

RNG = np.random.default_rng(0)
WORDS = "a beautifully acted , quietly moving film that never once raises its voice and says everything".split()
JAPANESE = ["京都", "で", "抹茶", "パフェ"]


@pytest.fixture(autouse=True)
def nothing_shown_or_changed(monkeypatch):
    with nothing_else_touched(monkeypatch):
        yield
    monkeypatch.undo()
    forget()


@pytest.fixture
def japanese_font(tmp_path, monkeypatch):
    only_matplotlibs_own(monkeypatch)
    install(make(tmp_path / "font.ttf", "Tests", "".join(sorted({*"".join(JAPANESE), *"グルメ携帯電話スポーツ"}))))


def words(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def long(count: int) -> list[str]:
    return [WORDS[k % len(WORDS)] for k in range(count)]


def even(*lengths: int) -> list[np.ndarray]:
    return [np.full(length, 1 / length) for length in lengths]


def cells(ax) -> np.ndarray:
    """Left, right, top, bottom of each cell that was drawn."""
    (mesh,) = ax.collections
    corners = [path.vertices for path in mesh.get_paths()]
    return np.array([(*np.sort(c[:, 0])[[0, -1]], *np.sort(c[:, 1])[[0, -1]]) for c in corners])


def cell_of(ax, text) -> int:
    """Number of the cell that contains the middle of a text."""
    return among(cells(ax), text)


def among(all_cells: np.ndarray, text) -> int:
    x, y = text.get_position()
    left, right, top, bottom = all_cells.T
    (number,) = np.flatnonzero((left < x) & (x < right) & (top < y) & (y < bottom))
    return int(number)


def assert_words_fit(ax) -> None:
    ax.figure.canvas.draw()
    all_cells = cells(ax)
    left, right, top, bottom = all_cells.T
    for text in ax.texts:
        number, box = among(all_cells, text), text.get_window_extent().transformed(ax.transData.inverted())
        assert left[number] <= box.x0 and box.x1 <= right[number], text.get_text()
        assert top[number] - 0.01 <= min(box.y0, box.y1) and max(box.y0, box.y1) <= bottom[number] + 0.01


def assert_legible(ax) -> None:
    """Each word contrasts at least 4.5:1 with its own cell, and no letter is below the smallest size."""
    ax.figure.canvas.draw()
    colours, all_cells = ax.collections[0].get_facecolor(), cells(ax)
    for text in ax.texts:
        one, other = colours[among(all_cells, text)][:3], matplotlib.colors.to_rgb(text.get_color())
        low, high = sorted(luminance(np.array(c) * 255) + 0.05 for c in (one, other))
        assert high / low >= 4.5, (text.get_text(), one, other)
        assert text.get_fontsize() >= plot_cells.SMALLEST


def assert_nothing_is_cut_off(figure) -> None:
    figure.canvas.draw()
    box, whole = figure.get_tightbbox(), figure.bbox_inches
    assert whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1


def test_each_cell_holds_its_word_and_weight():
    tokens, weights = [["a", "film", "!"], ["京", "é"][1:]], [np.array([0.1, 0.7, 0.2]), np.array([1.0])]
    ax = plot_word_attention(tokens, weights, labels=["neg → pos 0.83", "pos → pos 0.97"], title="$5 and $6")
    assert words(ax) == ["a", "film", "!", "é"]
    (mesh,) = ax.collections
    ax.figure.canvas.draw()
    drawn = mesh.get_facecolor()
    assert [cell_of(ax, text) for text in ax.texts] == [0, 1, 2, 3], "cells of padding are not drawn"
    np.testing.assert_allclose(drawn, plt.get_cmap("Blues")([0.1, 0.7, 0.2, 1.0]))
    assert mesh.get_clim() == (0, 1)
    rows = [text.get_position()[1] for text in ax.texts]
    assert rows[0] == rows[1] == rows[2] < rows[3] and ax.yaxis_inverted()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["neg → pos 0.83", "pos → pos 0.97"]
    assert list(ax.get_yticks()) == [rows[0], rows[3]]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2", "3"]
    assert ax.get_title(loc="left") == "$5 and $6"
    assert len(ax.figure.axes) == 2
    assert_words_fit(ax)
    assert_legible(ax)
    assert_nothing_is_cut_off(ax.figure)


def test_padding_after_or_before_the_words():
    words_of, weights = [["a", "b", "c"], ["d"]], np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])
    after = plot_word_attention(words_of, weights).collections[0].get_array().compressed()
    mask = np.array([[True] * 3, [False, False, True]])
    before = plot_word_attention(words_of, [[0.2, 0.3, 0.5], [0, 0, 1]], mask=mask).collections[0].get_array()
    assert after.tolist() == before.compressed().tolist() == [0.2, 0.3, 0.5, 1.0]
    with pytest.raises(ValueError, match=r"text 1 has 1 words.*mask"):
        plot_word_attention(words_of, np.array([[0.2, 0.3, 0.5], [0, 0, 1]]))


def test_the_scale_reaches_to_the_largest_weight_or_to_what_is_asked():
    assert plot_word_attention([["a", "b"]], [[0.125, 0.25]]).collections[0].get_clim() == (0, 0.25)
    assert plot_word_attention([["a", "b"]], [[0, 0]]).collections[0].get_clim() == (0, 1)
    ax = plot_word_attention([["a", "b"]], [[0.1, 0.25]], vmax=0.5, cmap="Greys", colorbar=False)
    assert ax.collections[0].get_clim() == (0, 0.5) and ax.collections[0].get_cmap().name == "Greys"
    assert ax.figure.axes == [ax]


def test_a_long_text_goes_on_below_itself():
    tokens = [long(60), long(3)]
    ax = plot_word_attention(tokens, even(60, 3), max_columns=8)
    assert words(ax) == tokens[0] + tokens[1]
    left, _, top, _ = cells(ax).T
    assert (left[:8] < left[1:9])[:7].all() and left[8] == left[0]
    lines = np.unique(top)
    assert [(top == line).sum() for line in lines] == [8] * 7 + [4, 3]
    gaps = np.diff(lines) - 1
    assert (np.abs(gaps[:-1]) < 1e-9).all() and gaps[-1] > 0.2, "lines of one text stand together"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1", *(f"+{8 * k}" for k in range(1, 8)), "2"]
    assert_words_fit(ax)
    assert_nothing_is_cut_off(ax.figure)


def test_a_text_beyond_the_lines_is_cut_and_says_so():
    ax = plot_word_attention([long(60), long(1), []], [*even(60, 1), np.zeros(0)], max_columns=8, max_lines=2)
    assert words(ax) == [*long(16), "… 44 more words left out", *long(1), "(no words)"]
    assert words(plot_word_attention([long(17)], even(17), max_columns=8, max_lines=2))[-1] == "… 1 more word left out"
    assert words(plot_word_attention([long(16)], even(16), max_columns=8, max_lines=2)) == long(16)
    assert_nothing_is_cut_off(ax.figure)


def test_a_word_wider_than_its_cell_is_cut_with_a_mark():
    tokens = ["notwithstandingly-overextended", "x" * 200, "a"]
    ax = plot_word_attention([tokens], [[0.1, 0.1, 0.8]])
    shown = words(ax)
    assert shown[0][:-1] == tokens[0][: len(shown[0]) - 1] and shown[1].endswith("x…") and shown[2] == "a"
    assert_words_fit(ax)
    assert_legible(ax)


def test_no_more_of_a_word_is_cut_than_has_to_be():
    writing = plot_cells.Writing([])
    assert writing.fit("abc", 100) == ("abc", plot_cells.SIZE)
    room = writing.width("abc") * 7.5 / plot_cells.SIZE
    shown, size = writing.fit("abc", room)
    assert shown == "abc" and plot_cells.SMALLEST < size < plot_cells.SIZE and writing.width("abc", size) <= room
    for room in (10, 33, 61):
        shown, size = writing.fit("iwlmiwlmiwlmiwlmiwlmiwlm", room)
        longer = "iwlmiwlmiwlmiwlmiwlmiwlm"[: len(shown)] + "…"
        assert size == plot_cells.SMALLEST and shown.endswith("…")
        assert writing.width(shown, size) <= room < writing.width(longer, size)


def test_words_are_drawn_as_they_are():
    tokens = ["$x", "$", "$\\frac$", "a\nb", " ", "\x1b[0m", "{"]
    ax = plot_word_attention([tokens], even(7), title="$\\nonsense$ {")
    assert words(ax) == ["$x", "$", "$\\frac$", "a\\nb", "␣", "\\x1b[0m", "{"]
    ax.figure.canvas.draw()


def test_the_figure_grows_with_the_texts():
    def size(tokens):
        return plot_word_attention(tokens, even(*map(len, tokens))).figure.get_size_inches()

    short, wide, high = size([long(6)]), size([long(14)]), size([long(6)] * 32)
    assert wide[0] > short[0] and wide[1] == short[1]
    assert high[1] > 5 * short[1] and high[0] == pytest.approx(short[0], rel=0.05)
    assert size([long(400)])[0] < 20


@pytest.mark.parametrize("width, count", [(7, 20), (4, 60)])
def test_an_axes_that_is_given_is_kept_to(width, count):
    figure, (ax, other) = plt.subplots(2, 1, figsize=(width, 9))
    weights = RNG.dirichlet(np.ones(count))
    assert plot_word_attention([long(count)], [weights], ax, colorbar=False, max_lines=99) is ax
    assert not other.has_data() and figure.axes == [ax, other]
    assert_words_fit(ax)
    assert_legible(ax)


def test_words_can_be_read_on_every_shade():
    ax = plot_word_attention([["word"] * 64] * 2, np.linspace(0, 1, 128).reshape(2, 64))
    assert len(ax.texts) == 128 and {text.get_color() for text in ax.texts} == {"#000000", "#ffffff"}
    assert_legible(ax)


@pytest.mark.parametrize(
    "tokens, weights, labels, message",
    [
        ([], [], None, "got 0, 0, None, None"),
        ([["a"]], [[1.0], [1.0]], None, "got 1, 2, None, None"),
        ([["a"]], [[1.0]], ["x", "y"], "got 1, 1, 2, None"),
        ([["a", "b"]], [[1.0]], None, "text 0 has 2 words"),
        ([["a"], ["b"]], [[1.0], [np.nan]], None, "got nan or inf in text 1"),
    ],
)
def test_what_does_not_fit_is_refused(tokens, weights, labels, message):
    before = plt.get_fignums()
    with pytest.raises(ValueError, match=message):
        plot_word_attention(tokens, weights, labels=labels)
    assert plt.get_fignums() == before


def test_a_picture_that_could_not_be_written_is_refused(monkeypatch):
    monkeypatch.setattr(plot_text, "TALLEST", 10)
    before = plt.get_fignums()
    with pytest.raises(ValueError, match=r"at most 10 inches, got one \d+ inches high; draw less at a time"):
        plot_word_attention([["a"]] * 40, np.ones((40, 1)))
    assert plt.get_fignums() == before


def test_japanese_is_drawn_in_a_font_that_has_it(japanese_font, tmp_path):
    ax = plot_word_attention([JAPANESE, ["a"]], even(4, 1), labels=["グルメ", "→"], title="京都")
    assert words(ax) == [*JAPANESE, "a"]
    assert all("Tests" in text.get_fontfamily() for text in [*ax.texts, *ax.get_yticklabels()])
    assert_words_fit(ax)
    ax.figure.savefig(tmp_path / "out.png")
    plot_token_table(token_table(JAPANESE, even(4)[0]), title="京都").figure.savefig(tmp_path / "out.png")
    names = ("グルメ", "携帯電話")
    ax = plot_confusion(np.eye(2, dtype=int), names)
    assert [label.get_text() for label in ax.get_xticklabels()] == [*names]
    ax.figure.savefig(tmp_path / "out.png")


def test_without_a_font_one_warning_for_all_pictures_and_html_as_ever(monkeypatch, tmp_path):
    only_matplotlibs_own(monkeypatch)
    table = token_table(JAPANESE, even(4)[0])
    with pytest.warns(UserWarning) as caught:
        for ax in (
            plot_word_attention([JAPANESE], even(4), labels=["京都"]),
            plot_token_table(table),
            plot_confusion(np.eye(2, dtype=int), ["京都", "抹茶"]),
        ):
            ax.figure.savefig(tmp_path / "out.png")
    assert ["pip install matplotlib-fontja" in str(warning.message) for warning in caught] == [True]
    assert "抹茶" in to_html(table, "京都")


def test_token_table_has_a_row_a_figure_and_shades_by_normalized():
    table = token_table(["a", "film", "!"], [0.6, 0.3, 0.1])
    ax = plot_token_table(table, title="input: a|film|!")
    figures = "0.6000 0.3000 0.1000 1 2 3 0.2667 0.0000 0.0000 yes no no"
    assert words(ax) == ["a", "film", "!", *figures.split()]
    rows = ["token", "weight", "rank", "normalized", "attention"]
    assert [label.get_text() for label in ax.get_yticklabels()] == rows
    np.testing.assert_allclose(ax.collections[0].get_array(), np.tile(table.shade, (5, 1)))
    assert ax.get_title(loc="left") == "input: a|film|!"
    assert_words_fit(ax)
    assert_legible(ax)
    assert_nothing_is_cut_off(ax.figure)


def test_a_long_table_runs_over_blocks():
    table = token_table(long(22), RNG.random(22))
    ax = plot_token_table(table, max_columns=6, title=" ".join(long(40)) + "x" * 150)
    assert len(ax.get_yticks()) == 20 and len(ax.texts) == 110
    blocks = [words(ax)[k : k + 30] for k in range(0, 110, 30)]
    rows = [[block[k : k + len(block) // 5] for k in range(0, len(block), len(block) // 5)] for block in blocks]
    assert [token for row in rows for token in row[0]] == table.tokens
    assert [int(rank) for row in rows for rank in row[2]] == table.rank.astype(int).tolist()
    assert_words_fit(ax)
    assert_nothing_is_cut_off(ax.figure)


def test_confusion_counts_stand_in_rows_of_the_true_class():
    matrix = np.array([[90, 10, 0], [1, 1, 2], [0, 0, 0]])
    ax = plot_confusion(matrix, ["a", "b", "c"])
    at = {(int(y), int(x)): text.get_text() for text in ax.texts for x, y in [text.get_position()]}
    assert at == {index: str(count) for index, count in np.ndenumerate(matrix)}
    assert ax.yaxis_inverted() and (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
    shares = np.asarray(ax.collections[0].get_array())
    np.testing.assert_allclose(shares, [[0.9, 0.1, 0], [0.25, 0.25, 0.5], [0, 0, 0]])
    assert_legible(ax)


def test_confusion_of_long_names_and_large_counts():
    ax = plot_confusion(np.full((5, 5), 10**7), [f"a rather long name {k}" for k in range(5)])
    assert_words_fit(ax)
    assert_nothing_is_cut_off(ax.figure)


@pytest.mark.parametrize("matrix", [np.eye(3, dtype=int), np.eye(2), [[1, -1], [0, 0]], np.zeros((0, 0), int)])
def test_a_matrix_that_does_not_fit_its_classes_is_refused(matrix):
    before = plt.get_fignums()
    with pytest.raises(ValueError, match=r"plot_confusion: expected counts of shape \(2, 2\)"):
        plot_confusion(matrix, ["a", "b"])
    assert plt.get_fignums() == before


def test_curves_of_training_and_validation():
    history = [{"model": m, "epoch": e, "acc": e / 9} for m in ("training", "validation") for e in (1, 2)]
    ax = plot_history(history, "acc")
    assert [line.get_marker() for line in ax.lines] == [MARKERS["training"], MARKERS["validation"]]
    assert MARKERS["training"] != MARKERS["validation"]
    assert seq2seq_plot.plot_history is plot_history and seq2seq_plot.MARKERS is MARKERS
