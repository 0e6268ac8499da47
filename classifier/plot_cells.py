"""Cells with a word each, shaded by a value: lines of them on one Axes, columns as wide as their words.

Lengths are in points (1/72 inch). The unit of the Axes is a point across, and a line down.
"""

import functools
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from classifier.token_table import ink
from common.fonts import drawable, font_for
from common.plot_style import StyledFigure

SIZE, SMALLEST = 9.0, 6.0  # of the words
WIDEST = 84.0  # of the columns: longer words are drawn smaller, then cut
NARROWEST = 16.0
LABEL = 200.0  # the widest label at the left; a longer one is cut
LINE = 17.0
HINTED = 1.05  # letters fitted to whole dots are wider than drawn by the font's own measure, at 100 dots an inch
BESIDE = 6.0  # left free in a cell
PAGE = 15 * 72.0  # the longest line of a new figure
EDGE = "0.85"
TALLEST = 400.0  # inches: what matplotlib can write at 150 dots an inch


class Line(NamedTuple):
    """A label at the left, the words and values of the cells, the lines left free above, and a note below."""

    label: str
    words: list[str]
    values: np.ndarray
    gap: float = 0.0
    note: str = ""
    strong: bool = True


class Writing:
    """What has to do with glyphs: one family list for all texts of a picture, and how wide they are in it."""

    def __init__(self, texts: list[str]):
        self.font = font_for("".join({c for text in texts for c in text}))
        self.family = self.font.get_family() if self.font else None
        self.properties = self.font or FontProperties()
        self.show = functools.cache(lambda text: drawable(text, self.font))
        self.width = functools.cache(self._width)

    def _width(self, text: str) -> float:
        """Width in points at SIZE; the text as ``show`` gives it."""
        properties = self.properties.copy()
        properties.set_size(SIZE)
        return HINTED * text_to_path.get_text_width_height_descent(text, properties, ismath=False)[0]

    def fit(self, text: str, room: float, size: float = SIZE) -> tuple[str, float]:
        """The text and its size in points: smaller where the room is too narrow, then cut."""
        needed = self.width(text) / SIZE
        if needed * size <= room:
            return text, size
        smallest = min(size, SMALLEST)
        if needed * smallest <= room:
            return text, room / needed
        low, high = 0, len(text) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self.width(text[:middle] + "…") * smallest / SIZE <= room:
                low = middle
            else:
                high = middle - 1
        return text[:low] + "…", smallest

    def wrap(self, text: str, room: float) -> str:
        """The text on as many lines as it needs, broken at a space where there is one."""
        lines = []
        for rest in text.split("\n"):
            while self.width(rest) > room:
                end = next(i for i in range(1, len(rest) + 1) if i == len(rest) or self.width(rest[: i + 1]) > room)
                end = rest.rfind(" ", end // 2, end) + 1 or end  # words may stand without spaces
                lines.append(rest[:end].rstrip())
                rest = rest[end:]
            lines.append(rest)
        return "\n".join(lines)


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
    return PAGE if ax is None else ax.get_window_extent().width * 72 / ax.figure.dpi


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
    labels = [writing.fit(writing.show(line.label), LABEL)[0] for line in lines]
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
            _text(ax, middle, top + 0.5, shown, points, writing, color=ink(colours[column]), ha="center")
        if line.note:
            middle = top + (1.45 if line.words else 0.5)
            _text(ax, 2, middle, writing.show(line.note), size, writing, color="0.3", ha="left")

    ax.set_xlim(0, edges[-1])
    ax.set_ylim(bottom, 0)
    ax.set_yticks(np.array(tops) + 0.5, labels, family=writing.family, fontsize=size, parse_math=False)
    for tick, line in zip(ax.get_yticklabels(), lines, strict=True):
        tick.set_color("black" if line.strong else "0.4")
    ax.xaxis.tick_top()
    numbers = range(1, len(widths) + 1) if numbered else []
    ax.set_xticks([(edges[n - 1] + edges[n]) / 2 for n in numbers], map(str, numbers), fontsize=7, color="0.4")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    if heading:
        offset = (16 * numbered + 34 * (bar is not None) if own else 6 + 14 * numbered) + 4
        ax.set_title(heading, loc="left", fontsize=SIZE, family=writing.family, parse_math=False, pad=offset)
    if bar is not None:
        low, high = values.min(), values.max()  # masked, and so false below, where there are no words at all
        extend = {(False, False): "neither", (True, False): "min", (False, True): "max"}.get(
            (bool(low < 0), bool(high > vmax)), "both"
        )
        if own:
            ax.figure.colorbar(mesh, cax=bar_axes, orientation="horizontal", extend=extend)
            bar_axes.tick_params(labelsize=7, length=2)
            bar_axes.text(1.04, 0.5, bar, transform=bar_axes.transAxes, fontsize=8, va="center")
        else:
            ax.figure.colorbar(mesh, ax=ax, label=bar, pad=0.02, extend=extend)
    return ax


def _text(ax: plt.Axes, x: float, y: float, text: str, size: float, writing: Writing, **how) -> None:
    ax.text(x, y, text, fontsize=size, family=writing.family, va="center", parse_math=False, **how)


def _figure(left, width, height, bar, title, writing, numbered) -> tuple[plt.Axes, plt.Axes | None, str | None]:
    """A new figure around an Axes of that width and height; the Axes, those of its bar, and the title in its lines."""
    margin = 8.0
    across = max(left + width + margin, 330.0 if bar or title else 0.0)
    title = writing.wrap(writing.show(title), 0.97 * (across - left - margin)) if title else None
    above = margin + 16 * numbered + 34 * bar + (4 + SIZE * 1.35 * (title.count("\n") + 1) if title else 0)
    total = above + height + margin
    if total > TALLEST * 72:
        raise ValueError(f"classifier.plot: {total / 72:.0f} inches high, {TALLEST:.0f} are possible: draw fewer texts")
    figure = plt.figure(FigureClass=StyledFigure, figsize=(across / 72, total / 72))
    ax = figure.add_axes((left / across, margin / total, width / across, height / total))
    if not bar:
        return ax, None, title
    bottom = margin + height + 16 * numbered + 20
    return ax, figure.add_axes((left / across, bottom / total, 130 / across, 9 / total)), title
