"""Pictures of classifiers: which words they looked at, and which classes they take for which.

Every function draws on ``ax``, or on a new figure when it is None, returns the Axes, and shows nothing. Texts in
Japanese are drawn in a font that has them (``support.fonts``). A new figure is in our style (``support.plot_style``),
whatever rcParams say; one that was handed in keeps its own.
"""

import matplotlib.pyplot as plt
import numpy as np

from classifier.plot_cells import Line, columns, draw, room_across
from classifier.token_table import COLUMNS, TokenTable, ink
from common.functions import expect_mask
from support.plot_style import in_our_style
from support.plot_text import Writing, new_figure
from support.terminal import visible


@in_our_style
def plot_word_attention(
    tokens: list[list[str]],
    weights: np.ndarray | list[np.ndarray],
    ax: plt.Axes | None = None,
    *,
    mask: np.ndarray | None = None,
    labels: list[str] | None = None,
    cmap: str = "Blues",
    vmax: float | None = None,
    colorbar: bool = True,
    weight: str = "attention weight",
    max_columns: int = 24,
    max_lines: int = 8,
    title: str | None = None,
) -> plt.Axes:
    """Heat map of a batch of texts: a row a text, a column a position, each cell holding its word.

    tokens: the words of N texts. weights (N, T), or a row a text: those of the words first, then zeros for padding;
    with mask (N, T), True where real, those of the words are where it is True. labels: a line a text, at the left
    (the texts' numbers when None). vmax: the weight of the darkest colour (the largest of the batch when None).
    weight: what the weights are, beside the colour bar.

    A text longer than ``max_columns``, or than there is room for, goes on below itself, in lines labelled by the
    number of words before (``+24``); a text of more than ``max_lines`` is cut, and a note says how many words
    are left out. A word wider than its cell is drawn smaller, then cut with ``…``.
    Raises ValueError when words, weights and labels do not fit, or a weight is not finite.
    """
    if not tokens or any(rows is not None and len(rows) != len(tokens) for rows in (weights, labels, mask)):
        given = ", ".join(str(None if rows is None else len(rows)) for rows in (tokens, weights, labels, mask))
        raise ValueError(f"plot_word_attention: as many texts, rows of weights, labels and masks wanted, got {given}")
    rows = [_real(n, words, weights[n], None if mask is None else mask[n]) for n, words in enumerate(tokens)]
    shown = [[visible(word) for word in words] for words in tokens]
    labels = [str(n) for n in range(1, len(tokens) + 1)] if labels is None else [visible(label) for label in labels]
    writing = Writing([*(word for words in shown for word in words), *labels, title or "", weight, "…"], ax)
    widths = [[writing.width(writing.show(word)) for word in words] for words in shown]
    widths = columns(widths, room_across(ax), max_columns)
    wide, lines = len(widths), []
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
        widths,
        writing,
        cmap=cmap,
        vmax=vmax if vmax > 0 else 1.0,
        bar=weight if colorbar else None,
        title=title,
        numbered=True,
    )


def _real(n: int, words: list[str], row: np.ndarray, real: np.ndarray | None) -> np.ndarray:
    """The weights of the words alone."""
    row = np.asarray(row, float)
    padding = row[len(words) :]
    if real is not None:
        real = np.asarray(real)
        expect_mask(f"plot_word_attention: text {n}", real, row.shape)
        row, padding = row[real], row[:0]
    row = row if len(row) == len(words) else row[: len(words)] if not padding.any() else row[:0]
    if len(row) != len(words):
        raise ValueError(
            f"plot_word_attention: text {n} has {len(words)} words, which do not fit its weights; "
            "where padding stands before the words, give mask (N, T), True where real"
        )
    if not np.isfinite(row).all():
        raise ValueError(f"plot_word_attention: finite weights wanted, text {n} has nan or inf")
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
    """The table of a text: a column a token, with its weight, rank, normalized and attention, in Blues by normalized.

    A text with more tokens than there is room for, or than ``max_columns``, goes on in a further block below.
    """
    rows = [[visible(token) for token in table.tokens], *table.columns()]
    writing = Writing([*rows[0], title or "", "…"], ax)
    widths = [max(writing.width(writing.show(cell)) for cell in column) for column in zip(*rows, strict=True)]
    widths = columns([widths], room_across(ax), max_columns)
    lines = []
    for start in range(0, len(table.tokens), len(widths)):
        block = slice(start, start + len(widths))
        for name, row in zip(("token", *COLUMNS), rows, strict=True):
            gap = 0.6 * bool(start) * (name == "token")
            lines.append(Line(name, row[block], table.shade[block], gap, strong=name == "token"))
    return draw(ax, lines, widths, writing, cmap=cmap, vmax=1.0, bar=None, title=title, numbered=False)


@in_our_style
def plot_confusion(matrix: np.ndarray, classes: list[str] | tuple[str, ...], ax: plt.Axes | None = None) -> plt.Axes:
    """Confusion matrix: rows are the true classes, columns the predicted ones; each cell holds its count.

    matrix (K, K) int. A cell's colour is its share of the true class, so that rare classes can be read, too.
    Raises ValueError when matrix and classes do not fit, or a count is negative.
    """
    matrix, size = np.asarray(matrix), len(classes)
    if size == 0 or matrix.shape != (size, size) or matrix.dtype.kind not in "iu" or matrix.min() < 0:
        raise ValueError(
            f"plot_confusion: counts of shape {(size, size)} wanted by the classes, "
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
        # inside its cell, so the layout need not measure it
        ax.text(predicted + 0.5, true + 0.5, str(count), ha="center", va="center", color=colour).set_in_layout(False)
    middles = np.arange(size) + 0.5
    slanted = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if longest > cell else {}
    ax.set_xticks(middles, names, fontsize=9, **slanted)
    ax.set_yticks(middles, names, fontsize=9)
    ax.tick_params(length=0)
    ax.set(xlim=(0, size), ylim=(size, 0), aspect="equal", xlabel="predicted class", ylabel="true class")
    ax.figure.colorbar(mesh, ax=ax, label="share of the true class", pad=0.02)
    writing.literal(ax)
    return ax
