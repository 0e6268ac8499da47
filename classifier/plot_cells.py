"""Draw lines of cells on one Axes: a word in each cell, shaded by its value, in columns as wide as their words.

Lengths are in points (1/72 inch). The units of the Axes are one point across and one line down.
"""

from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from classifier.token_table import ink
from support.array import Array
from support.plot_style import StyledFigure
from support.plot_text import SIZE, SMALLEST, Writing, expect_size, width_of_axes

WIDEST, NARROWEST = 84.0, 16.0  # column widths; wider words are drawn smaller, then cut
LABEL = 300.0  # widest label at the left; a wider one is cut
LINE = 17.0  # height of a line
BESIDE = 6.0  # width of a cell that its word leaves free
BESIDE_BAR = 180.0  # widest label of the colour bar
PAGE = 15 * 72.0  # the longest line of a new figure
EDGE = "0.85"


class Line(NamedTuple):
    """A label at the left, the words and values of the cells, the free space above in lines, and a note below."""

    label: str
    words: list[str]
    values: Array
    gap: float = 0.0
    note: str = ""
    strong: bool = True


def columns(widths: list[list[float]], limit: float, most: int) -> Array:
    """Choose the widths of as many columns as fit into ``limit``, at most ``most``; texts wrap after the last.

    widths: one list per text, with the width of each word.
    """
    longest = max([1, *map(len, widths)])
    for count in range(min(most, longest), 0, -1):
        needed = np.full(count, NARROWEST)
        for text in widths:
            for start in range(0, len(text), count):
                line = np.array(text[start : start + count]) + BESIDE
                needed[: len(line)] = np.maximum(needed[: len(line)], line)
        needed = np.minimum(needed, WIDEST)
        if needed.sum() <= limit:
            break
    return needed


def room_across(ax: plt.Axes | None) -> float:
    """Longest possible line: the width of the Axes, or that of a page."""
    return PAGE if ax is None else width_of_axes(ax)


def draw(
    ax: plt.Axes | None,
    lines: list[Line],
    widths: Array,
    writing: Writing,
    *,
    cmap: str,
    vmax: float,
    bar: str | None,
    title: str | None,
    numbered: bool,
) -> plt.Axes:
    """Draw the lines from top to bottom, on a new figure of the right size when ax is None.

    bar: label of the colour bar, or None to omit it. numbered: whether columns have numbers above.
    """
    edges = np.concatenate(([0.0], widths.cumsum()))
    tops, bottom = [], 0.0
    for line in lines:
        tops.append(bottom + line.gap)
        bottom = tops[-1] + 1 + 0.9 * bool(line.note and line.words)
    labels = [writing.cut(writing.show(line.label), LABEL) for line in lines]
    bar_axes = None
    own = ax is None
    if ax is None:
        left = max(map(writing.width, labels), default=0) + 14
        ax, bar_axes, heading = _figure(left, edges[-1], bottom * LINE, bar is not None, title, writing, numbered)
    else:
        heading = writing.show(title) if title else None
    scale = room_across(ax) / edges[-1]
    line_height = ax.get_window_extent().height * 72 / ax.figure.dpi / bottom
    size = min(SIZE, max(SMALLEST, min(SIZE * scale, line_height / 1.5)))

    y = np.unique([*tops, *(top + 1 for top in tops)])
    values = np.ma.array(np.zeros((len(y) - 1, len(widths))), mask=True)
    for line, top in zip(lines, tops, strict=True):
        values[np.searchsorted(y, top), : len(line.values)] = line.values
    mesh = ax.pcolor(edges, y, values, cmap=cmap, vmin=0.0, vmax=vmax, edgecolors=EDGE, linewidth=0.5)
    for line, top in zip(lines, tops, strict=True):
        colours = mesh.to_rgba(line.values) * 255
        for column, word in enumerate(line.words):
            room = (widths[column] - BESIDE / 2) * scale
            shown, points = writing.fit(writing.show(word), room, size)
            middle = (edges[column] + edges[column + 1]) / 2
            ax.text(middle, top + 0.5, shown, fontsize=points, color=ink(colours[column]), ha="center", va="center")
        if line.note:
            middle = top + (1.45 if line.words else 0.5)
            ax.text(2, middle, writing.show(line.note), fontsize=size, color="0.3", va="center")

    ax.set_xlim(0, edges[-1])
    ax.set_ylim(bottom, 0)
    ax.set_yticks(np.array(tops) + 0.5, labels, fontsize=size)
    for tick, line in zip(ax.get_yticklabels(), lines, strict=True):
        tick.set_color("black" if line.strong else "0.4")
    ax.xaxis.tick_top()
    numbers = range(1, len(widths) + 1) if numbered else []
    ax.set_xticks([(edges[n - 1] + edges[n]) / 2 for n in numbers], map(str, numbers), fontsize=7, color="0.4")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    if heading:
        offset = (16 * numbered + 34 * (bar is not None) if own else 6 + 14 * numbered) + 4
        ax.set_title(heading, loc="left", fontsize=SIZE, pad=offset)
    if bar is not None:
        low, high = values.min(), values.max()  # masked without any words: both comparisons below are then false
        extend = {(False, False): "neither", (True, False): "min", (False, True): "max"}.get(
            (bool(low < 0), bool(high > vmax)), "both"
        )
        # at most four numbers, each with its own exponent: a shared one would stand among the columns' numbers
        places, written = MaxNLocator(3, steps=[1, 2, 2.5, 5, 10]), FuncFormatter(lambda value, _: f"{value:.3g}")
        how: dict[str, Any] = {"extend": extend, "ticks": places, "format": written}
        if bar_axes is not None:
            ax.figure.colorbar(mesh, cax=bar_axes, orientation="horizontal", **how)
            bar_axes.tick_params(labelsize=7, length=2)
            beside = 1.09 if extend in ("max", "both") else 1.04  # to the right of the arrow
            name = writing.cut(writing.show(bar), BESIDE_BAR, 8)
            bar_axes.text(beside, 0.5, name, transform=bar_axes.transAxes, fontsize=8, va="center")
        else:
            bar_axes = ax.figure.colorbar(mesh, ax=ax, label=writing.show(bar), pad=0.02, **how).ax
        writing.literal(bar_axes)
    writing.literal(ax)
    return ax


def _figure(left, width, height, bar, title, writing, numbered) -> tuple[plt.Axes, plt.Axes | None, str | None]:
    """Make a figure around Axes of that width and height; return the Axes, the bar's, and the wrapped title."""
    margin = 8.0
    across = max(left + width + margin, 330.0 if bar or title else 0.0)
    title = writing.wrap(writing.show(title), 0.97 * (across - left - margin)) if title else None
    above = margin + 16 * numbered + 34 * bar + (4 + SIZE * 1.35 * (title.count("\n") + 1) if title else 0)
    total = above + height + margin
    expect_size("classifier.plot", across / 72, total / 72)
    figure = plt.figure(FigureClass=StyledFigure, figsize=(across / 72, total / 72))
    ax = figure.add_axes((left / across, margin / total, width / across, height / total))
    if not bar:
        return ax, None, title
    bottom = margin + height + 16 * numbered + 20
    return ax, figure.add_axes((left / across, bottom / total, 130 / across, 9 / total)), title
