"""Table of a text's tokens and their weights: for the terminal, as CSV, and as an HTML page.

This module needs neither matplotlib nor a font; ``classifier.plot.plot_token_table`` draws the same table as a picture.
"""

import csv
import html
import io
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from common.faithfulness import mean_ranks
from support.array import Array
from support.content_policy import source_of
from support.terminal import columns_that_fit, cut, rjust, visible, width_of

# ColorBrewer's nine Blues, between which matplotlib's map of that name interpolates.
BLUES = ("f7fbff", "deebf7", "c6dbef", "9ecae1", "6baed6", "4292c6", "2171b5", "08519c", "08306b")
SHADES = 12
COLUMNS = ("weight", "rank", "normalized", "attention")


class TokenTable(NamedTuple):
    """One row per token: weight; rank, 1 for the largest, ties sharing their mean rank; normalized,
    max(weight - mean, 0); attention, whether normalized is above 0. The arrays are (T,)."""

    tokens: list[str]
    weight: Array
    rank: Array
    normalized: Array
    attention: Array

    @property
    def shade(self) -> Array:
        """How dark to draw each token, 0..1: normalized, divided by its largest."""
        return self.normalized / (self.normalized.max() or 1.0)

    def columns(self) -> list[list[str]]:
        """Format weight, rank, normalized and attention for display."""
        rank, attention = [f"{r:g}" for r in self.rank], ["yes" if a else "no" for a in self.attention]
        return [numbers(self.weight), rank, numbers(self.normalized), attention]


def token_table(tokens: list[str], weight: Array) -> TokenTable:
    """Build the table of one text from its tokens and their weights (T,), of any size and sign.

    Raises ValueError for an empty text, more or fewer weights than tokens, and a weight that is not finite.
    """
    weight = np.array(weight, float)
    if not tokens or weight.shape != (len(tokens),):
        raise ValueError(
            f"token_table: expected tokens and a weight for each, got {len(tokens)} and shape {weight.shape}"
        )
    if not np.isfinite(weight).all():
        raise ValueError("token_table: expected finite weights, got nan or inf")
    rank = mean_ranks(-weight)
    # rounding must not move the mean of equal weights away from them
    mean = np.clip(weight.mean(), weight.min(), weight.max())
    normalized = np.maximum(weight - mean, 0.0)
    return TokenTable(list(tokens), weight, rank, normalized, normalized > 0)


def numbers(values: Array) -> list[str]:
    """Format values with four decimals, and with up to eight where even the largest is small, as in a long text.

    Where eight decimals would show fewer than three digits of the largest, all values get a power of ten; values from
    1000 up are rounded to three digits.
    """
    largest = float(abs(values).max())
    decimals = max(4, 2 - math.floor(math.log10(largest))) if largest > 0 else 4
    if decimals > 8:
        return [f"{value:.2e}" if value else "0" for value in values]
    return [f"{value:.{decimals}f}" if abs(value) < 1000 else f"{value:.3g}" for value in values]


def rgb(shade: float) -> tuple[int, int, int]:
    """Colour of a shade 0..1 in the map Blues."""
    stops = np.array([list(bytes.fromhex(stop)) for stop in BLUES])
    position = np.linspace(0, 1, len(stops))
    red, green, blue = (int(np.interp(shade, position, stops[:, channel]).round()) for channel in range(3))
    return red, green, blue


def luminance(colour: Sequence[float] | Array) -> float:
    """Relative luminance of an sRGB colour, 0..255 per channel. Source: WCAG 2.2."""
    channels = np.asarray(colour[:3]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def ink(colour: Sequence[float] | Array) -> str:
    """Black or white, whichever contrasts more with the colour: the ratio is at least 4.58:1."""
    light = luminance(colour)
    return "#000000" if (light + 0.05) / 0.05 > 1.05 / (light + 0.05) else "#ffffff"


def to_text(table: TokenTable, colour: bool = False, width: int = 80) -> str:
    """Format the table for a terminal: one column per token, in blocks of as many columns as fit into ``width``.

    colour: whether to shade each token by ``normalized``, with the terminal's 24-bit colours.
    """
    head = max(map(len, COLUMNS))
    room = max(width - head - 1, 8)
    tokens = [cut(visible(token), room) for token in table.tokens]
    rows = [tokens, *table.columns()]
    widths = [max(map(width_of, column)) for column in zip(*rows, strict=True)]
    lines: list[str] = []
    for here in columns_that_fit(widths, room, gap=1):
        if lines:
            lines.append("")
        for name, row in zip(("token", *COLUMNS), rows, strict=True):
            cells = [rjust(row[t], widths[t]) for t in here]
            if colour and row is tokens:
                cells = [_on_shade(cell, table.shade[t]) for t, cell in zip(here, cells, strict=True)]
            lines.append(f"{name:<{head}} " + " ".join(cells))
    return "\n".join(lines) + "\n"


def _on_shade(text: str, shade: float) -> str:
    background, foreground = rgb(shade), (0, 0, 0) if ink(rgb(shade)) == "#000000" else (255, 255, 255)
    codes = ";".join(map(str, (48, 2, *background, 38, 2, *foreground)))
    return f"\x1b[{codes}m{text}\x1b[0m"


def to_csv(table: TokenTable) -> str:
    """Format the table as CSV: a header, one row per token, numbers in full precision, tokens unchanged."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(["token", *COLUMNS])
    for token, *values in zip(*table, strict=True):
        writer.writerow([token, *(value.item() for value in values)])
    return text.getvalue()


def to_html(
    tables: TokenTable | Iterable[tuple[list[str], TokenTable]], title: str, *, lang: str = "ja", note: str = ""
) -> str:
    """Format one table, or several under their header lines, as a self-contained HTML file.

    tables: a table, or pairs of header lines and a table. lang: language of the texts, which decides how kanji are
    drawn. note: a line under the title. The page runs no script and loads nothing, which its Content-Security-Policy
    enforces; texts are escaped.
    """
    pairs = [([], tables)] if isinstance(tables, TokenTable) else tables
    style = _style()
    policy = f"default-src 'none'; style-src {source_of(style)}"
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escaped(title)}</title>",
        f"<style>{style}</style>",
        "</head>",
        "<body>",
        f"<h1>{escaped(title)}</h1>",
        *([f"<p>{escaped(note)}</p>"] if note else []),
    ]
    for header, table in pairs:
        looks = [f'class="s{round(shade * (SHADES - 1))}"' for shade in table.shade]
        lines += _section(header, table, html.escape(lang), looks)
    return "\n".join([*lines, "</body>", "</html>"]) + "\n"


def to_html_part(header: list[str], table: TokenTable, *, lang: str = "ja") -> str:
    """Format the table under its header lines as HTML for a page with its own style, such as a notebook."""
    return "\n".join(_section(header, table, html.escape(lang), [shaded(shade) for shade in table.shade])) + "\n"


def shaded(shade: float) -> str:
    """Attribute that colours an HTML element in a shade 0..1 of Blues."""
    colour = rgb(shade)
    return f'style="background:#{bytes(colour).hex()};color:{ink(colour)}"'


def _section(header: list[str], table: TokenTable, lang: str, looks: list[str]) -> list[str]:
    """Format one table. looks: the attribute that shades the elements of each token."""
    tokens = [f"<bdi>{escaped(token)}</bdi>" for token in table.tokens]
    text = " ".join(f"<span {look}>{token}</span>" for look, token in zip(looks, tokens, strict=True))
    lines = ["<section>", *(f'<p lang="{lang}">{escaped(line)}</p>' for line in header)]
    lines += [f'<p class="text" lang="{lang}">{text}</p>', "<table>"]
    lines += ["<thead><tr>" + "".join(f'<th scope="col">{name}</th>' for name in ("token", *COLUMNS)) + "</tr></thead>"]
    lines += ["<tbody>"]
    for look, token, *cells in zip(looks, tokens, *table.columns(), strict=True):
        numbers = "".join(f"<td>{cell}</td>" for cell in cells)
        lines.append(f'<tr><th scope="row" {look} lang="{lang}">{token}</th>{numbers}</tr>')
    return [*lines, "</tbody>", "</table>", "</section>"]


def escaped(text: str) -> str:
    """Escape the text for HTML, with invisible characters written out."""
    return html.escape(visible(text))


def _style() -> str:
    """CSS of the page: shades get darker with the weight on a light page, lighter on a dark one."""
    colours = [rgb(shade) for shade in np.linspace(0, 1, SHADES)]
    rules = [
        [f".s{k}{{background:#{bytes(colour).hex()};color:{ink(colour)}}}" for k, colour in enumerate(scheme)]
        for scheme in (colours, colours[::-1])
    ]
    return "\n".join(
        [
            ":root{color-scheme:light dark}",
            "body{font:16px/1.5 system-ui,sans-serif;margin:1rem auto;max-width:60rem;padding:0 .75rem;"
            "background:#ffffff;color:#111111;overflow-wrap:anywhere}",
            "h1{font-size:1.25rem}p{margin:.25rem 0}section{margin:1.5rem 0}",
            ".text span{display:inline-block;max-width:100%;box-sizing:border-box;padding:0 .3rem;margin:.1rem 0;"
            "border-radius:.2rem}",
            "table{border-collapse:collapse;font-size:.875rem}",
            "th,td{padding:.2rem .45rem;text-align:right;font-variant-numeric:tabular-nums;border:1px solid #767676}",
            "thead th,td{overflow-wrap:normal}th:first-child{text-align:left;min-width:4em}tbody th{font-weight:600}",
            "@media (max-width:30rem){table{font-size:.75rem}th,td{padding:.2rem .25rem}}",
            *rules[0],
            "@media (prefers-color-scheme:dark){",
            "body{background:#101418;color:#eeeeee}",
            *rules[1],
            "}",
        ]
    )
