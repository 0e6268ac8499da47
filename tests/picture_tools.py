"""Every picture of the project; and what to ask of a drawn one: its texts, overlaps, and whether it is whole."""

from contextlib import contextmanager

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text

from classifier.plot import plot_confusion, plot_token_table, plot_word_attention
from classifier.token_table import token_table
from common.columns import Column, Panel
from common.plot import plot_columns, plot_history, plot_loss_list
from seq2seq.plot import AttentionMap, plot_accuracies, plot_attention, plot_attention_grid, plot_film, plot_measures
from seq2seq.plot_heads import plot_heads


def even(rows: int, columns: int) -> np.ndarray:
    return np.full((rows, columns), 1 / columns)


def maps(t: list[str]) -> list[AttentionMap]:
    return [AttentionMap(even(len(t), len(t)), t, t, [*t[1:], t[0]], title) for title in t[:4]]


def film(t: list[str], axes=None):
    text = "".join(t)
    return plot_film(even(1, len(text))[None], text, ["$"], "^", axes)


@contextmanager
def nothing_else_touched(monkeypatch):
    """Fail when the block shows a window, changes rcParams, or draws on another figure; then close all figures."""
    monkeypatch.setattr(plt, "show", lambda *args, **kwargs: pytest.fail("plt.show was called"))
    other, other_ax = plt.subplots()
    settings = dict(matplotlib.rcParams)
    yield
    assert dict(matplotlib.rcParams) == settings
    assert not other_ax.has_data() and other.axes == [other_ax] and not other_ax.texts and not other_ax.get_title()
    plt.close("all")


# the function -> a call with texts t, on given Axes or none; t stands somewhere in the picture
PICTURES = {
    "common.plot.plot_columns": lambda t, ax=None: plot_columns(
        [{"epoch": e, **dict.fromkeys(t, e)} for e in (1, 2)],
        [Column(c, panel=Panel("p", t[0], top=1 if c == t[0] else None)) for c in t],
        ax,
    ),
    "common.plot.plot_history": lambda t, ax=None: plot_history(
        [{"model": m, "epoch": e, t[0]: e} for m in t for e in (1, 2)], t[0], ax
    ),
    "common.plot.plot_loss_list": lambda t, ax=None: plot_loss_list([2.0, 1.0, -0.5], 20, None, ax),
    "seq2seq.plot.plot_attention": lambda t, ax=None: plot_attention(
        even(len(t), len(t)), t, t, ax, title=t[0], answer=[*t[1:], t[0]]
    ),
    "seq2seq.plot.plot_attention_grid": lambda t, ax=None: plot_attention_grid(
        maps(t)[: 4 if ax is None else 1], ax, title=t[0]
    ),
    "seq2seq.plot.plot_film": film,
    "seq2seq.plot_heads.plot_heads": lambda t, ax=None: plot_heads(
        np.tile(even(len(t), len(t)), (1, 1, 1, 1) if ax is not None else (2, 5, 1, 1)),
        *(t, t, ax),
        answer=[*t[1:], t[0]],
        names=(t[0], t[-1]),
        title=t[0],
    ),
    "seq2seq.plot.plot_accuracies": lambda t, ax=None: plot_accuracies({m: dict.fromkeys(t, 0.5) for m in t}, ax),
    "seq2seq.plot.plot_measures": lambda t, ax=None: plot_measures(
        [{"epoch": e, "alignment": 0.1, "pad_mass": 0.2, "entropy": 3.0} for e in (1, 2)], ax
    ),
    "classifier.plot.plot_word_attention": lambda t, ax=None: plot_word_attention(
        [t] * len(t), even(len(t), len(t)), ax, labels=t, title=t[0], weight=t[-1]
    ),
    "classifier.plot.plot_token_table": lambda t, ax=None: plot_token_table(
        token_table(t, even(1, len(t))[0]), ax, title=t[0]
    ),
    "classifier.plot.plot_confusion": lambda t, ax=None: plot_confusion(np.eye(len(t), dtype=int), t, ax),
}


def drawn(axes) -> list[Text]:
    """The texts of a figure that has just been drawn."""
    figure = np.ravel(axes)[0].figure
    figure.draw_without_rendering()
    return [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]


def assert_whole(axes) -> None:
    """Assert that nothing is cut off at the edges of the figure."""
    figure = np.ravel(axes)[0].figure
    box, whole = figure.get_tightbbox(), figure.bbox_inches
    assert whole.x0 - 0.02 <= box.x0 and box.x1 <= whole.x1 + 0.02, (box, whole)
    assert whole.y0 - 0.02 <= box.y0 and box.y1 <= whole.y1 + 0.02, (box, whole)


def overlapping(texts: list[Text]) -> list[str]:
    """Pairs of texts that overlap."""
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    return [
        f"{one} | {other}"
        for k, (one, box) in enumerate(boxes)
        for other, another in boxes[:k]
        if box.overlaps(another)
    ]
