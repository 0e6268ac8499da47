"""Pictures of seq2seq models: where a decoder looked, and how training went (``common.plot``).

Every function draws on ``ax``, or on a new figure when it is None, returns the Axes, and shows nothing.
A new figure is in our style (``support.plot_style``), whatever rcParams say; one that was handed in keeps its own.
"""

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np

from common.plot import MARKERS, NAME, plot_columns, plot_history
from seq2seq.map_measures import COLUMNS
from support.plot_style import in_our_style
from support.plot_text import Writing, new_figure, width_of_axes
from support.terminal import visible

__all__ = [
    "MARKERS",
    "AttentionMap",
    "plot_accuracies",
    "plot_attention",
    "plot_attention_grid",
    "plot_film",
    "plot_history",
    "plot_measures",
]
WRONG, RIGHT = "✗", "✓"
SHADES = "#c6dbef", "#6baed6", "#08519c"  # from light to dark, without colour too
HATCHES = "", "//", "..", "xx"  # of the first three bars, the next three, ...
CELL = 0.3  # inches
TICKS, TITLE = 10.0, 10.0  # points: of letters
SMALL, SMALL_TITLE = 6.5, 8.0  # of small multiples
RED = "#c00000"
LABEL = 150.0  # points: the longest label of a row or column; a longer one is cut


class AttentionMap(NamedTuple):
    """What ``plot_attention`` draws: weights (T_dec, T_enc), labels, the right answer or None, a title or None."""

    weights: np.ndarray
    input_labels: str | list[str]
    output_labels: str | list[str]
    answer: str | list[str] | None = None
    title: str | None = None


@in_our_style
def plot_attention(
    attention_weights: np.ndarray,
    input_labels: str | list[str],
    output_labels: str | list[str],
    ax: plt.Axes | None = None,
    *,
    answer: str | list[str] | None = None,
    cmap: str = "Greys_r",
    title: str | None = None,
    colorbar: bool = True,
) -> plt.Axes:
    """Attention weights as a map: a column an input character, a row an output character, 0..1.

    attention_weights (T_dec, T_enc), in the order of the labels. A space is labelled ``␣``. answer: what the output
    should be; characters that differ are labelled ``✗``, red and in a frame.
    Japanese labels are drawn in a font that has them (``support.fonts``).
    Raises ValueError when weights, labels and answer do not fit, or a weight is not finite.
    Source: 『ゼロから作るDeep Learning 2』 8.3.3.
    """
    one = _checked(AttentionMap(attention_weights, input_labels, output_labels, answer, title))
    across, down = _labels(one)
    writing = Writing([*across, *down, title or "", "…"], ax)
    across, down, *longest = _fitted(across, down, writing, TICKS)
    title = None if title is None else writing.show(title)
    if ax is None:
        width = 2 + CELL * len(across) + max(0, longest[1] - CELL)
        height = 1.4 + CELL * len(down) + longest[0] * (longest[0] > CELL)
        if title is not None:
            width = max(width, 1.25 + _room(title, writing, TITLE, 6))
            title = writing.wrap(title, 72 * (width - 1.2), TITLE)
            height += TITLE / 55 * title.count("\n")
        _, ((ax,),) = new_figure("plot_attention", width, height)
    mesh = _draw(ax, one, across, down, longest[0], cmap, TICKS)
    ax.set_xlabel("input")
    ax.set_ylabel("output")
    if title is not None:
        ax.set_title(title, fontsize=TITLE)
    if colorbar:
        ax.figure.colorbar(mesh, ax=ax, label="attention weight", pad=0.02)
    writing.literal(ax)
    return ax


def _checked(one: AttentionMap) -> AttentionMap:
    """The map, its weights an array. Raises ValueError when its parts do not fit, or a weight is not finite."""
    weights, wanted = np.asarray(one.weights), (len(one.output_labels), len(one.input_labels))
    if weights.shape != wanted or 0 in wanted:
        raise ValueError(f"plot_attention: weights of shape {wanted} wanted by the labels, got {weights.shape}")
    if one.answer is not None and len(one.answer) != wanted[0]:
        raise ValueError(f"plot_attention: an answer as long as the output, {wanted[0]}, wanted, got {len(one.answer)}")
    if not np.isfinite(weights).all():
        i, t = np.argwhere(~np.isfinite(weights))[0]
        raise ValueError(f"plot_attention: expected finite weights, got {weights[i, t]} at output {i}, input {t}")
    return one._replace(weights=weights)


def _wrong(one: AttentionMap) -> list[int]:
    """The rows that differ from the answer."""
    return [i for i, right in enumerate(one.answer or ()) if one.output_labels[i] != right]


def _labels(one: AttentionMap) -> tuple[list[str], list[str]]:
    """What stands at the columns and at the rows."""
    across, down = [[visible(token) for token in labels] for labels in (one.input_labels, one.output_labels)]
    for i in _wrong(one):
        down[i] = f"{WRONG} {down[i]}"
    return across, down


def _fitted(across: list[str], down: list[str], writing: Writing, size: float) -> tuple:
    """The labels as they are drawn, and the widths in inches of the longest of each side."""
    sides = [[writing.cut(writing.show(label), LABEL, size) for label in side] for side in (across, down)]
    return *sides, *(max(writing.width(label, size) for label in side) / 72 for side in sides)


def _room(title: str, writing: Writing, size: float, most: float) -> float:
    """Inches for a title: its own line, or ``most``, or what two lines need."""
    widest = max(writing.width(line, size) for line in title.split("\n")) / 72
    return min(widest, max(most, 0.6 * widest))


def _draw(ax: plt.Axes, one: AttentionMap, across: list[str], down: list[str], longest: float, cmap: str, size: float):
    """The cells and their labels, those of the columns upright where they are too long; returns the mesh."""
    mesh = ax.pcolor(one.weights, cmap=cmap, vmin=0.0, vmax=1.0)
    ax.set_xticks(np.arange(len(across)) + 0.5, across)
    ax.set_yticks(np.arange(len(down)) + 0.5, down)
    for i in _wrong(one):  # in a frame: a font may have no bold, and a picture no colours
        frame = dict(boxstyle="square,pad=0.12", facecolor="none", edgecolor=RED, linewidth=0.08 * size)
        ax.get_yticklabels()[i].set(color=RED, bbox=frame)
    ax.tick_params(length=0, labelsize=size)
    ax.tick_params("x", rotation=90 * (longest > size / TICKS * CELL))
    ax.invert_yaxis()
    return mesh


@in_our_style
def plot_attention_grid(
    maps: list[AttentionMap],
    axes: np.ndarray | None = None,
    *,
    columns: int = 3,
    cmap: str = "Greys_r",
    title: str | None = None,
) -> np.ndarray:
    """Several maps as small multiples, in rows of ``columns``; returns their Axes (len(maps),).

    axes: an Axes for each map; None for a new figure, with a title and a colour bar for all. A map's own title goes on
    below itself where it is wider than the map.
    Raises ValueError for no maps, or another number of axes; and as ``plot_attention``.
    """
    if not len(maps) or not (axes is None or np.size(axes) == len(maps)):
        given = "none" if axes is None else np.size(axes)
        raise ValueError(f"plot_attention_grid: maps, and an Axes for each, wanted, got {len(maps)}, {given}")
    maps = [_checked(one) for one in maps]
    labels = [_labels(one) for one in maps]
    shown = [label for sides in labels for side in sides for label in side]
    given = None if axes is None else np.ravel(axes)[0]
    writing = Writing([*shown, *(one.title or "" for one in maps), title or "", "…"], given)
    fitted = [_fitted(*sides, writing, SMALL) for sides in labels]
    titles = [writing.show(one.title or "") for one in maps]
    figure = None
    if axes is None:
        columns = min(columns, len(maps))
        rows = -(-len(maps) // columns)
        wide = max(0.115 * len(across) + longest for across, _, _, longest in fitted)
        wide = max(wide, *(0.05 + _room(text, writing, SMALL_TITLE, 2.5) for text in titles))
        titles = [writing.wrap(text, 72 * wide, SMALL_TITLE) for text in titles]
        lines = [max(text.count("\n") for text in titles[k : k + columns]) for k in range(0, len(maps), columns)]
        high = max(0.13 * len(down) + longest * (longest > 0.115) for _, down, longest, _ in fitted)
        figure, grid = new_figure(
            "plot_attention_grid",
            1.1 + columns * (0.5 + wide),
            0.7 + rows * (0.5 + high) + SMALL_TITLE / 55 * sum(lines),
            rows,
            columns,
        )
        for ax in grid.flat[len(maps) :]:
            ax.remove()
        axes = grid.ravel()[: len(maps)]
    for one, text, (across, down, longest, _), ax in zip(maps, titles, fitted, axes := np.ravel(axes), strict=True):
        _draw(ax, one, across, down, longest, cmap, SMALL)
        ax.tick_params(pad=1.5)
        ax.set_title(text if figure else writing.wrap(text, width_of_axes(ax), SMALL_TITLE), fontsize=SMALL_TITLE)
        writing.literal(ax)
    if figure is not None:
        figure.supxlabel("input", fontsize="small")
        figure.supylabel("output", fontsize="small")
        high = figure.get_figheight()
        bar = figure.colorbar(axes[0].collections[0], ax=list(axes), pad=0.01, aspect=max(40, 8 * high))
        bar.set_label("attention weight")
        if title is not None:
            room = 72 * (figure.get_figwidth() - 0.2)
            figure.suptitle(writing.wrap(writing.show(title), room, TITLE), fontsize=TITLE)
        writing.literal(figure)
    return axes


@in_our_style
def plot_film(
    weights: np.ndarray,
    question: str,
    written: list[str],
    answer: str | None = None,
    axes: np.ndarray | None = None,
    *,
    epochs: list[int] | None = None,
    cmap: str = "Greys_r",
) -> np.ndarray:
    """One question's map from epoch to epoch, a panel an epoch, over each what the model then wrote.

    weights (E, T_dec, T_enc), written E answers, epochs their numbers (default 1 .. E): as ``seq2seq.kept_maps``.
    Returns and raises as ``plot_attention_grid``.
    """
    maps = []
    for epoch, map_, text in zip(epochs or range(1, len(weights) + 1), weights, written, strict=True):
        mark = "" if answer is None else f" {RIGHT if text == answer else WRONG}"
        maps.append(AttentionMap(map_, question, text, answer, f"epoch {epoch}: {visible(text)}{mark}"))
    title = visible(question.rstrip()) + (f"  (answer {visible(answer)})" if answer is not None else "")
    return plot_attention_grid(maps, axes, cmap=cmap, title=title)


@in_our_style
def plot_accuracies(accuracies: dict[str, dict[str, float]], ax: plt.Axes | None = None) -> plt.Axes:
    """Accuracy (0..1) of each model for each group of questions, as bars side by side, with per cent above them.

    accuracies: by model, then by group; a group's label may be several lines.
    Raises ValueError for no model, no group, models with others, or a share that is nan or outside 0..1.
    """
    groups = list(next(iter(accuracies.values()), ()))
    if not groups or any(of.keys() != set(groups) for of in accuracies.values()):
        raise ValueError(f"plot_accuracies: models with the same groups wanted, got {accuracies}")
    if not all(0 <= share <= 1 for of in accuracies.values() for share in of.values()):
        raise ValueError(f"plot_accuracies: expected shares of 0 to 1, got {accuracies}")
    writing = Writing([*map(visible, accuracies), *groups, "…"], ax)
    names = [writing.cut(writing.show(visible(name)), NAME, TICKS) for name in accuracies]
    longest = max(writing.width(name, TICKS) for name in names) + 45  # and its patch
    each = 0.4 * len(accuracies)
    if ax is None:
        widest = max(writing.width(line, TICKS) for group in groups for line in writing.show(group).split("\n")) / 72
        width = 1.6 + max(longest / 72 - 1, len(groups) * max(0.7, each, widest + 0.1))
        _, ((ax,),) = new_figure("plot_accuracies", width, 4.0 + 0.2 * (len(names) // 6))
    width = 0.84 / len(accuracies)
    for i, (model, of) in enumerate(accuracies.items()):
        places = np.arange(len(groups)) + (i - (len(accuracies) - 1) / 2) * width
        shade, hatch = SHADES[i % len(SHADES)], HATCHES[i // len(SHADES) % len(HATCHES)]
        how = dict(label=model, color=shade, edgecolor="black", lw=0.6, hatch=hatch)
        bars = ax.bar(places, [of[g] for g in groups], width, **how)
        # 100.0 is what has no error
        labels = [f"{100 if of[g] == 1 else min(100 * of[g], 99.9):.1f}" for g in groups]
        ax.bar_label(bars, labels, fontsize=7, padding=2)
    ax.set_xticks(range(len(groups)), map(writing.show, groups))
    ax.set_ylim(0, 1.08)
    ax.set_ylabel("accuracy")
    ax.grid(True, axis="y", alpha=0.4)
    ax.set_axisbelow(True)
    room = int(width_of_axes(ax) / longest)
    place = dict(loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False, fontsize=TICKS)
    ax.legend(ax.containers, names, ncols=min(len(names), max(1, room)), **place)
    writing.literal(ax)
    return ax


def plot_measures(history: list[dict], ax: plt.Axes | None = None) -> plt.Axes:
    """Measures of the attention maps over the epochs: shares of the weight at the left, entropy at the right.

    history: one row per epoch, and per ``model`` where there are several, with ``epoch`` and the measures of
    ``seq2seq.map_measures`` that are known. Raises ValueError for no row.
    """
    return plot_columns(history, [column for column in COLUMNS if column.panel], ax)
