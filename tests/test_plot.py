"""Pictures: what is drawn on the Axes, and what is left alone."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest
from picture_tools import nothing_else_touched

from seq2seq.plot import plot_attention, plot_history, plot_measures

WEIGHTS = np.random.default_rng(0).dirichlet(np.ones(5), size=3)
HISTORY = [
    {"model": model, "epoch": epoch, "test_accuracy": accuracy}
    for epoch, accuracies in enumerate([(0.0, 0.1, 0.2), (0.1, 0.6, 0.9)], 1)
    for model, accuracy in zip(("baseline", "peeky", "attention"), accuracies, strict=True)
]


@pytest.fixture(autouse=True)
def nothing_shown_or_changed(monkeypatch):
    with nothing_else_touched(monkeypatch):
        yield


def labels(ticks) -> str:
    return "".join(tick.get_text() for tick in ticks)


def test_attention_map_holds_the_weights_as_they_are():
    figure, (left, ax) = plt.subplots(1, 2)
    assert plot_attention(WEIGHTS, "abc d", "xy-", ax, cmap="Blues", title="a question") is ax
    assert not left.has_data()
    (mesh,) = ax.collections
    np.testing.assert_array_equal(np.asarray(mesh.get_array()).reshape(3, 5), WEIGHTS)
    assert mesh.get_clim() == (0, 1) and mesh.get_cmap().name == "Blues"
    corners = [path.vertices[:4] for path in mesh.get_paths()]
    assert (corners[1].min(), *corners[1].max(axis=0)) == (0, 2, 1), "the second cell is one to the right"
    assert ax.get_title() == "a question"
    assert figure.axes[-1].get_ylim() == (0, 1), "the colour bar's range"
    assert len(figure.axes) == 3


def test_attention_map_reads_left_to_right_and_top_to_bottom():
    ax = plot_attention(WEIGHTS, "abc d", list("xy-"))
    assert labels(ax.get_xticklabels()) == "abc␣d"
    assert labels(ax.get_yticklabels()) == "xy-"
    assert ax.get_xlim() == (0, 5) and list(ax.get_xticks()) == [0.5, 1.5, 2.5, 3.5, 4.5]
    assert ax.get_ylim() == (3, 0), "the first row is at the top"
    assert list(ax.get_yticks()) == [0.5, 1.5, 2.5]


def test_attention_map_without_colour_bar_adds_no_axes():
    ax = plot_attention(WEIGHTS, "abcde", "xyz", colorbar=False)
    assert ax.figure.axes == [ax]


@pytest.mark.parametrize("weights", [WEIGHTS.T, WEIGHTS[:2], WEIGHTS[None], WEIGHTS[0]])
def test_labels_that_do_not_fit_are_refused(weights):
    before = plt.get_fignums()
    with pytest.raises(
        ValueError, match=r"expected weights of shape \(3, 5\) .*got " + str(weights.shape).replace("(", r"\(")[:-1]
    ):
        plot_attention(weights, "abcde", "xyz")
    assert plt.get_fignums() == before


def test_history_has_the_chapters_markers_legend_and_grid():
    _, ax = plt.subplots()
    assert plot_history(HISTORY, "test_accuracy", ax, ylabel="accuracy") is ax
    curves = {line.get_label(): line for line in ax.lines}
    markers = {name: curve.get_marker() for name, curve in curves.items()}
    assert markers == {"baseline": "v", "peeky": "D", "attention": "o"}
    for name, curve in curves.items():
        assert list(curve.get_xdata()) == [1, 2]
        assert list(curve.get_ydata()) == [row["test_accuracy"] for row in HISTORY if row["model"] == name]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(curves)
    assert all(line.get_visible() for line in ax.get_xgridlines() + ax.get_ygridlines())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epochs", "accuracy")


def test_history_on_a_figure_of_its_own_and_of_a_single_epoch():
    ax = plot_history(HISTORY[:3], "test_accuracy")
    assert [len(line.get_xdata()) for line in ax.lines] == [1, 1, 1]
    assert all(tick == int(tick) for tick in ax.get_xticks()), "there is no half epoch"
    assert ax.get_ylabel() == "test_accuracy"


def test_measures_are_curves_of_shares_and_entropy():
    history = [{"epoch": e, "alignment": 0.1 * e, "pad_mass": 1 - 0.1 * e, "entropy": 3.0 - e} for e in (1, 2, 3)]
    figure, (left, ax) = plt.subplots(1, 2)
    assert plot_measures(history, ax) is ax and not left.has_data()
    (right,) = set(figure.axes) - {left, ax}
    assert (ax.get_ylabel(), right.get_ylabel()) == ("share of the attention", "entropy [nats]")
    drawn = {line.get_label().partition(":")[0]: line for line in (*ax.lines, *right.lines)}
    for name, curve in (("alignment", "alignment"), ("pad_mass", "pad mass"), ("entropy", "entropy")):
        np.testing.assert_array_equal(drawn[curve].get_ydata(), [row[name] for row in history])
        assert drawn[curve].axes is (right if name == "entropy" else ax)
    assert len(ax.get_legend().get_texts()) == 3
    assert ax.get_ylim() == (-0.05, 1.05) and right.get_ylim() == pytest.approx((-0.1, 2.1)), "no marker is cut"


def test_measures_without_truth_have_no_curve_of_alignment():
    ax = plot_measures([{"epoch": 1, "pad_mass": 0.5, "entropy": 1.0}])
    assert [line.get_label() for line in ax.lines] == ["pad mass: on padding"]


def test_measures_of_some_epochs_are_drawn_at_those():
    first, second = ({"epoch": e, "pad_mass": 0.5, "entropy": 1.0} for e in (1, 2))
    ax = plot_measures([first, second | {"alignment": 0.7}])
    assert [(line.get_label()[:3], list(line.get_xdata())) for line in ax.lines] == [("ali", [2]), ("pad", [1, 2])]


def test_the_legend_of_measures_hides_no_curve_and_is_whole():
    ax = plot_measures([{"epoch": 1, "alignment": 1.0, "pad_mass": 1.0, "entropy": 3.0}])
    ax.figure.draw_without_rendering()
    legend = ax.get_legend().get_window_extent()
    assert legend.y0 >= ax.get_window_extent().y1 - 5 and legend.y1 <= ax.figure.bbox.y1
    assert ax.figure.bbox.x0 <= legend.x0 and legend.x1 <= ax.figure.bbox.x1
