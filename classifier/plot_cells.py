"""Cells with a word each, shaded by a value: lines of them on one Axes, columns as wide as their words.

Lengths are in points (1/72 inch). The unit of the Axes is a point across, and a line down.
"""

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from classifier.token_table import ink
from support.plot_style import StyledFigure
from support.plot_text import SIZE, SMALLEST, Writing, expect_size, width_of_axes

WIDEST = 84.0  # of the columns: longer words are drawn smaller, then cut
NARROWEST = 16.0
LABEL = 300.0  # the widest label at the left; a longer one is cut
LINE = 17.0
BESIDE = 6.0  # left free in a cell
BESIDE_BAR = 180.0  # of the colour bar's name
PAGE = 15 * 72.0  # the longest line of a new figure
EDGE = "0.85"


class Line(NamedTuple):
    """A label at the left, the words and values of the cells, the lines left free above, and a note below."""

    label: str
    words: list[str]
    values: np.ndarray
    gap: float = 0.0
    note: str = ""
    strong: bool = True


def columns(widths: list[list[float]], limit: float, most: int) -> np.ndarray:
    """Widths of as many columns as the limit has room for, at most ``most``, of texts that are wrapped after them.

    widths: of the words, a list a text.
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
    """How long a line may be: what an Axes has, or a page."""
    return PAGE if ax is None else width_of_axes(ax)


def draw(
    ax: plt.Axes | None,
    lines: list[Line],
    widths: np.ndarray,
    writing: Writing,
    *,
    cmap: str,
    vmax: float,
    bar: str | None,
    title: str | None,
    numbered: bool,
) -> plt.Axes:
    """The lines, top to bottom; on a figure of the right size when ax is None.

    bar: label of the colour bar, None for none. numbered: numbers above the columns.
    """
    edges = np.concatenate(([0.0], widths.cumsum()))
    tops, bottom = [], 0.0
    for line in lines:
        tops.append(bottom + line.gap)
        bottom = tops[-1] + 1 + 0.9 * bool(line.note and line.words)
    labels = [writing.cut(writing.show(line.label), LABEL) for line in lines]
    bar_axes = None
    own = ax is None
    if own:
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
        low, high = values.min(), values.max()  # masked, and so false below, where there are no words at all
        extend = {(False, False): "neither", (True, False): "min", (False, True): "max"}.get(
            (bool(low < 0), bool(high > vmax)), "both"
        )
        # four numbers at most, each with its own exponent: one for all would stand among the columns' numbers
        places, written = MaxNLocator(3, steps=[1, 2, 2.5, 5, 10]), FuncFormatter(lambda value, _: f"{value:.3g}")
        how = {"extend": extend, "ticks": places, "format": written}
        if own:
            ax.figure.colorbar(mesh, cax=bar_axes, orientation="horizontal", **how)
            bar_axes.tick_params(labelsize=7, length=2)
            beside = 1.09 if extend in ("max", "both") else 1.04  # of the arrow
            name = writing.cut(writing.show(bar), BESIDE_BAR, 8)
            bar_axes.text(beside, 0.5, name, transform=bar_axes.transAxes, fontsize=8, va="center")
        else:
            bar_axes = ax.figure.colorbar(mesh, ax=ax, label=writing.show(bar), pad=0.02, **how).ax
        writing.literal(bar_axes)
    writing.literal(ax)
    return ax


def _figure(left, width, height, bar, title, writing, numbered) -> tuple[plt.Axes, plt.Axes | None, str | None]:
    """A new figure around an Axes of that width and height; the Axes, those of its bar, and the title in its lines."""
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
