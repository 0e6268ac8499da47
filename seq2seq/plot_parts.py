"""What pictures of attention maps have in common: the cells of a map, and its labels, cut to what is drawn."""

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np

from support.array import Array
from support.plot_text import Writing
from support.terminal import visible

WRONG, RIGHT = "✗", "✓"
CELL = 0.3  # inches
TICKS, TITLE = 10.0, 10.0  # font sizes in points
SMALL, SMALL_TITLE = 6.5, 8.0  # font sizes of small multiples
RED = "#c00000"
NARROW, FLAT = 0.115, 0.13  # inches: a cell of small multiples
LABEL = 150.0  # points: the widest label of a row or column; a wider one is cut


class AttentionMap(NamedTuple):
    """What ``plot_attention`` draws: weights (T_dec, T_enc), labels, the right answer or None, a title or None."""

    weights: Array
    input_labels: str | list[str]
    output_labels: str | list[str]
    answer: str | list[str] | None = None
    title: str | None = None


def checked(one: AttentionMap) -> AttentionMap:
    """Make the weights an array. Raises ValueError when the parts do not match, or a weight is not finite."""
    weights, shape = np.asarray(one.weights), (len(one.output_labels), len(one.input_labels))
    if weights.shape != shape or 0 in shape:
        raise ValueError(f"plot_attention: expected weights of shape {shape} for these labels, got {weights.shape}")
    if one.answer is not None and len(one.answer) != shape[0]:
        raise ValueError(f"plot_attention: expected an answer as long as the output, {shape[0]}, got {len(one.answer)}")
    if not np.isfinite(weights).all():
        i, t = np.argwhere(~np.isfinite(weights))[0]
        raise ValueError(f"plot_attention: expected finite weights, got {weights[i, t]} at output {i}, input {t}")
    return one._replace(weights=weights)


def wrong_rows(one: AttentionMap) -> list[int]:
    """Rows that differ from the answer."""
    return [i for i, right in enumerate(one.answer or ()) if one.output_labels[i] != right]


def labels_of(one: AttentionMap) -> tuple[list[str], list[str]]:
    """Labels of the columns and of the rows."""
    across, down = [[visible(token) for token in labels] for labels in (one.input_labels, one.output_labels)]
    for i in wrong_rows(one):
        down[i] = f"{WRONG} {down[i]}"
    return across, down


def fitted_labels(across: list[str], down: list[str], writing: Writing, size: float) -> tuple:
    """Cut the labels to what is drawn; also return the width in inches of the widest on each side."""
    sides = [[writing.cut(writing.show(label), LABEL, size) for label in side] for side in (across, down)]
    return *sides, *(max(writing.width(label, size) for label in side) / 72 for side in sides)


def room_of(title: str, writing: Writing, size: float, most: float) -> float:
    """Width of a title in inches: its own, but at most ``most`` unless two lines need more."""
    widest = max(writing.width(line, size) for line in title.split("\n")) / 72
    return min(widest, max(most, 0.6 * widest))


def draw_map(
    ax: plt.Axes, one: AttentionMap, across: list[str], down: list[str], longest: float, cmap: str, size: float
):
    """Draw the cells and their labels, rotating those of the columns where they are too wide; return the mesh."""
    mesh = ax.pcolor(one.weights, cmap=cmap, vmin=0.0, vmax=1.0)
    ax.set_xticks(np.arange(len(across)) + 0.5, across)
    ax.set_yticks(np.arange(len(down)) + 0.5, down)
    for i in wrong_rows(one):  # framed: a font may lack bold, and a picture colours
        frame = dict(boxstyle="square,pad=0.12", facecolor="none", edgecolor=RED, linewidth=0.08 * size)
        ax.get_yticklabels()[i].set(color=RED, bbox=frame)
    ax.tick_params(length=0, labelsize=size)
    ax.tick_params("x", rotation=90 * (longest > size / TICKS * CELL))
    ax.invert_yaxis()
    return mesh


def frame(figure, axes: Array, writing: Writing, names: tuple[str, str], title: str | None) -> None:
    """Add what a new figure of small multiples has once: the names of its axes, a colour bar, and perhaps a title."""
    figure.supxlabel(names[0], fontsize="small")
    figure.supylabel(names[1], fontsize="small")
    # panchor: else a map of square cells stands at the bar, not in the middle
    thin = max(40, 8 * figure.get_figheight())
    bar = figure.colorbar(axes[0].collections[0], ax=list(axes), pad=0.01, aspect=thin, panchor=False)
    bar.set_label("attention weight")
    if title is not None:
        room = 72 * (figure.get_figwidth() - 0.2)
        figure.suptitle(writing.wrap(writing.show(title), room, TITLE), fontsize=TITLE)
    writing.literal(figure)
