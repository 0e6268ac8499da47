"""Text in pictures: drawn literally, in a font that has its characters, and measured beforehand.

Text widths are in points (1/72 inch).
"""

import functools

import matplotlib.pyplot as plt
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.textpath import text_to_path

from support.fonts import drawable, font_for
from support.plot_style import subplots
from support.terminal import visible

SIZE, SMALLEST = 9.0, 6.0  # font sizes
SAVED = 150  # dots per inch of the files that the scripts write
TALLEST = 400.0  # inches, at that many dots; matplotlib's own limit is 2^23 dots


class TooLarge(ValueError):
    """The picture is too large to write."""


class Writing:
    """The text of a picture: one list of font families for all its strings, and their widths.

    ax: the Axes that will hold the texts; None for a new figure.
    """

    def __init__(self, texts: list[str], ax: plt.Axes | None = None):
        self.font = font_for("".join({c for text in texts for c in _escaped(text)}))
        self.family = self.font.get_family() if self.font else None
        self.dpis = {SAVED, rcParams["figure.dpi"] if ax is None else ax.figure.dpi}
        self.show = functools.cache(lambda text: drawable(_escaped(text), self.font))
        self._measured = functools.cache(self._measure)

    def width(self, text: str, size: float = SIZE) -> float:
        """Return the largest width of one line, as ``show`` gives it: at any of the resolutions, or as outlines.

        SVG and PDF hold outlines. In a bitmap, letters are fitted to whole dots, which makes a line wider or narrower
        than its outlines, out of proportion to its size.
        """
        return self._measured(text, round(size, 2))

    def _measure(self, text: str, size: float) -> float:
        properties = self.font.copy() if self.font else FontProperties()
        properties.set_size(size)
        outlines, *_ = text_to_path.get_text_width_height_descent(text, properties, False)
        dots = (_renderer(dpi).get_text_width_height_descent(text, properties, False)[0] / dpi for dpi in self.dpis)
        return max(outlines, 72 * max(dots))

    def fit(self, text: str, room: float, size: float = SIZE) -> tuple[str, float]:
        """Return the text and its size: the size is reduced if the room is too narrow, then the text is cut."""
        smallest = min(size, SMALLEST)
        while (needed := self.width(text, size)) > room:
            if size == smallest:
                return self.cut(text, room, size), size
            size = max(smallest, min(size - 0.25, size * room / needed))
        return text, size

    def cut(self, text: str, room: float, size: float = SIZE) -> str:
        """Return as much of the text as fits into the room, with ``…`` for the rest."""
        if self.width(text, size) <= room:
            return text
        return text[: self._most(text, room, size, "…")] + "…"

    def wrap(self, text: str, room: float, size: float = SIZE) -> str:
        """Break the text into as many lines as it needs, at a space where possible."""
        lines = []
        for rest in text.split("\n"):
            while self.width(rest, size) > room and len(rest) > 1:
                end = max(1, self._most(rest, room, size))
                end = rest.rfind(" ", end // 2, end + 1) + 1 or end  # Japanese has no spaces
                lines.append(rest[:end].rstrip())
                rest = rest[end:]
            lines.append(rest)
        return "\n".join(lines)

    def _most(self, text: str, room: float, size: float, mark: str = "") -> int:
        """Count the characters that fit with the mark after them; the whole text must be too wide."""
        low, high = 0, len(text) - 1
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.width(text[:middle] + mark, size) <= room else (low, middle - 1)
        return low

    def literal(self, *artists: Artist) -> None:
        """Draw every text in these artists literally, without mathematics after ``$``, in the picture's fonts."""
        for text in {text for artist in artists for text in artist.findobj(Text) if text.get_text()}:
            text.set_parse_math(False)
            if self.family:
                text.set_fontfamily(self.family)


@functools.cache
def _renderer(dpi: float) -> RendererAgg:
    return RendererAgg(1, 1, dpi)


def _escaped(text: str) -> str:
    """Return the text with invisible characters escaped, line by line."""
    return "\n".join(visible(line) if line.strip() else line for line in text.split("\n"))


def new_figure(name: str, width: float, height: float, rows: int = 1, columns: int = 1):
    """Create a figure of that size in inches, laid out without overlap; return it and an array of its Axes.

    Raises TooLarge, a ValueError, if it could not be written; the message begins with ``name``, the caller.
    """
    expect_size(name, width, height)
    return subplots(rows, columns, figsize=(width, height), squeeze=False, layout="constrained")


def expect_size(name: str, width: float, height: float) -> None:
    """Raise TooLarge if a figure of that size in inches could not be written."""
    for what, inches in (("wide", width), ("high", height)):
        if inches > TALLEST:
            raise TooLarge(
                f"{name}: expected a picture of at most {TALLEST:.0f} inches, got one {inches:.0f} inches {what}; "
                "draw less at a time"
            )


def width_of_axes(ax: plt.Axes) -> float:
    """Return the width of the Axes in the current layout."""
    return ax.get_window_extent().width * 72 / ax.figure.dpi
