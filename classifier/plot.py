"""Pictures of classifiers: the words they look at, and the classes they confuse.

Every function draws on ``ax``, or on a new figure when it is None, and returns the Axes without showing them. Japanese
texts are drawn in a font that has their characters (``support.fonts``). A new figure has our style
(``support.plot_style``), whatever rcParams say; an existing one keeps its own.
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from classifier.plot_cells import Line, columns, draw, room_across
from classifier.token_table import COLUMNS, TokenTable, ink
from common.functions import expect_mask
from support.array import Array
from support.plot_style import in_our_style
from support.plot_text import Writing, new_figure
from support.terminal import visible


@in_our_style
def plot_word_attention(
    tokens: list[list[str]],
    weights: Array | list[Array],
    ax: plt.Axes | None = None,
    *,
    mask: Array | None = None,
    labels: list[str] | None = None,
    cmap: str = "Blues",
    vmax: float | None = None,
    colorbar: bool = True,
    weight: str = "attention weight",
    max_columns: int = 24,
    max_lines: int = 8,
    title: str | None = None,
) -> plt.Axes:
    """Draw a batch of texts as a heat map: one row per text, one column per position, a word in each cell.

    tokens: the words of N texts. weights (N, T), or one array per text: the weights of its words, then zeros for
    padding; with mask (N, T), True where real, the words' weights stand where it is True. labels: one line per text,
    at the left (None numbers the texts). vmax: the weight of the darkest colour (None takes the batch's largest).
    weight: label of the colour bar.

    A text wider than ``max_columns`` or the space available continues below, in lines labelled with the number of
    words before them (``+24``). After ``max_lines``, a note says how many words are left out. A word wider than its
    cell is drawn smaller, then cut with ``…``.
    Raises ValueError when words, weights, labels and mask do not match, or a weight is not finite.
    """
    if not tokens or any(rows is not None and len(rows) != len(tokens) for rows in (weights, labels, mask)):
        given = ", ".join(str(None if rows is None else len(rows)) for rows in (tokens, weights, labels, mask))
        raise ValueError(f"plot_word_attention: expected as many weights, labels and masks as texts, got {given}")
    rows = [_real(n, words, weights[n], None if mask is None else mask[n]) for n, words in enumerate(tokens)]
    shown = [[visible(word) for word in words] for words in tokens]
    labels = [str(n) for n in range(1, len(tokens) + 1)] if labels is None else [visible(label) for label in labels]
    writing = Writing([*(word for words in shown for word in words), *labels, title or "", weight, "…"], ax)
    widths = [[writing.width(writing.show(word)) for word in words] for words in shown]
    across = columns(widths, room_across(ax), max_columns)
    wide = len(across)
    lines: list[Line] = []
    for label, words, row in zip(labels, shown, rows, strict=True):
        starts = range(0, max(len(words), 1), wide)[:max_lines]
        left_out = max(0, len(words) - len(starts) * wide)
        for start in starts:
            here = slice(start, min(start + wide, len(words)))
            note = "(no words)" if not words else ""
            if left_out and start == starts[-1]:
                note = f"… {left_out} more word{'s' if left_out > 1 else ''} left out"
            gap = 0.4 * bool(lines) * (start == 0)
            lines.append(Line(f"+{start}" if start else label, words[here], row[here], gap, note, start == 0))
    if vmax is None:
        vmax = max((row.max() for row in rows if row.size), default=0.0)
    return draw(
        ax,
        lines,
        across,
        writing,
        cmap=cmap,
        vmax=vmax if vmax > 0 else 1.0,
        bar=weight if colorbar else None,
        title=title,
        numbered=True,
    )


def _real(n: int, words: list[str], row: Array, real: Array | None) -> Array:
    """Select the weights of the words, without those of padding."""
    row = np.asarray(row, float)
    padding = row[len(words) :]
    if real is not None:
        real = np.asarray(real)
        expect_mask(f"plot_word_attention: text {n}", real, row.shape)
        row, padding = row[real], row[:0]
    row = row if len(row) == len(words) else row[: len(words)] if not padding.any() else row[:0]
    if len(row) != len(words):
        raise ValueError(
            f"plot_word_attention: text {n} has {len(words)} words, which do not match its weights; "
            "where padding stands before the words, pass mask (N, T), True where real"
        )
    if not np.isfinite(row).all():
        raise ValueError(f"plot_word_attention: expected finite weights, got nan or inf in text {n}")
    return row


@in_our_style
def plot_token_table(
    table: TokenTable,
    ax: plt.Axes | None = None,
    *,
    cmap: str = "Blues",
    max_columns: int = 24,
    title: str | None = None,
) -> plt.Axes:
    """Draw a token table: one column per token, with weight, rank, normalized and attention, shaded by normalized.

    A text with more tokens than ``max_columns``, or than fit side by side, continues in another block below.
    """
    rows = [[visible(token) for token in table.tokens], *table.columns()]
    writing = Writing([*rows[0], title or "", "…"], ax)
    widths = [max(writing.width(writing.show(cell)) for cell in column) for column in zip(*rows, strict=True)]
    across = columns([widths], room_across(ax), max_columns)
    lines = []
    for start in range(0, len(table.tokens), len(across)):
        block = slice(start, start + len(across))
        for name, row in zip(("token", *COLUMNS), rows, strict=True):
            gap = 0.6 * bool(start) * (name == "token")
            lines.append(Line(name, row[block], table.shade[block], gap, strong=name == "token"))
    return draw(ax, lines, across, writing, cmap=cmap, vmax=1.0, bar=None, title=title, numbered=False)


@in_our_style
def plot_confusion(matrix: Array, classes: list[str] | tuple[str, ...], ax: plt.Axes | None = None) -> plt.Axes:
    """Draw a confusion matrix: rows are the true classes, columns the predicted ones; each cell shows its count.

    matrix (K, K) int. A cell's colour is its share of the true class, which keeps rare classes readable.
    Raises ValueError when matrix and classes do not match, or a count is negative.
    """
    matrix, size = np.asarray(matrix), len(classes)
    if size == 0 or matrix.shape != (size, size) or matrix.dtype.kind not in "iu" or matrix.min() < 0:
        raise ValueError(
            f"plot_confusion: expected counts of shape {(size, size)} for these classes, "
            f"got {matrix.dtype} of shape {matrix.shape}"
            + (", some negative" if matrix.size and (matrix < 0).any() else "")
        )
    names = [visible(name) for name in classes]
    writing = Writing(names, ax)
    names = [writing.cut(writing.show(name), 225.0) for name in names]
    longest = max(map(writing.width, names)) / 72
    cell = max(0.62, 0.12 * len(str(matrix.max())) + 0.2)  # inches
    if ax is None:
        side = size * cell
        _, ((ax,),) = new_figure("plot_confusion", side + longest + 1.9, max(2.2, side + min(longest, 1) + 1.1))
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    mesh = ax.pcolor(shares, cmap="Blues", vmin=0.0, vmax=1.0, edgecolors="0.85", linewidth=0.5)
    for (true, predicted), count in np.ndenumerate(matrix):
        colour = ink(255 * np.array(mesh.to_rgba(shares[true, predicted])))
        # inside its cell: the layout need not measure it
        ax.text(predicted + 0.5, true + 0.5, str(count), ha="center", va="center", color=colour).set_in_layout(False)
    middles = np.arange(size) + 0.5
    slanted: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if longest > cell else {}
    ax.set_xticks(middles, names, fontsize=9, **slanted)
    ax.set_yticks(middles, names, fontsize=9)
    ax.tick_params(length=0)
    ax.set(xlim=(0, size), ylim=(size, 0), aspect="equal", xlabel="predicted class", ylabel="true class")
    ax.figure.colorbar(mesh, ax=ax, label="share of the true class", pad=0.02)
    writing.literal(ax)
    return ax
