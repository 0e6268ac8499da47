"""Pictures of seq2seq models: where the decoder looks, and how training went (``common.plot``).

Every function draws on ``ax``, or on a new figure when it is None, and returns the Axes without showing them.
A new figure has our style (``support.plot_style``), whatever rcParams say; an existing one keeps its own.
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from common.plot import MARKERS, NAME, plot_columns, plot_history
from seq2seq.map_measures import COLUMNS
from seq2seq.plot_parts import (
    CELL,
    FLAT,
    NARROW,
    RIGHT,
    SMALL,
    SMALL_TITLE,
    TICKS,
    TITLE,
    WRONG,
    AttentionMap,
    checked,
    draw_map,
    fitted_labels,
    frame,
    labels_of,
    room_of,
)
from support.array import Array
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
SHADES = "#c6dbef", "#6baed6", "#08519c"  # from light to dark, also when printed in grey
HATCHES = "", "//", "..", "xx"  # for the first three bars, the next three, ...


@in_our_style
def plot_attention(
    attention_weights: Array,
    input_labels: str | list[str],
    output_labels: str | list[str],
    ax: plt.Axes | None = None,
    *,
    answer: str | list[str] | None = None,
    cmap: str = "Greys_r",
    title: str | None = None,
    colorbar: bool = True,
) -> plt.Axes:
    """Draw attention weights, 0..1, as a map: one column per input character, one row per output character.

    attention_weights (T_dec, T_enc), in the order of the labels. A space is labelled ``␣``. answer: the correct
    output; characters that differ from it are marked ``✗``, red and framed.
    Japanese labels are drawn in a font that has their characters (``support.fonts``).
    Raises ValueError when weights, labels and answer do not match, or a weight is not finite.
    Source: 『ゼロから作るDeep Learning 2』 8.3.3.
    """
    one = checked(AttentionMap(attention_weights, input_labels, output_labels, answer, title))
    across, down = labels_of(one)
    writing = Writing([*across, *down, title or "", "…"], ax)
    across, down, *longest = fitted_labels(across, down, writing, TICKS)
    title = None if title is None else writing.show(title)
    if ax is None:
        width = 2 + CELL * len(across) + max(0, longest[1] - CELL)
        height = 1.4 + CELL * len(down) + longest[0] * (longest[0] > CELL)
        if title is not None:
            width = max(width, 1.25 + room_of(title, writing, TITLE, 6))
            title = writing.wrap(title, 72 * (width - 1.2), TITLE)
            height += TITLE / 55 * title.count("\n")
        _, ((ax,),) = new_figure("plot_attention", width, height)
    mesh = draw_map(ax, one, across, down, longest[0], cmap, TICKS)
    ax.set_xlabel("input")
    ax.set_ylabel("output")
    if title is not None:
        ax.set_title(title, fontsize=TITLE)
    if colorbar:
        ax.figure.colorbar(mesh, ax=ax, label="attention weight", pad=0.02)
    writing.literal(ax)
    return ax


@in_our_style
def plot_attention_grid(
    maps: list[AttentionMap],
    axes: Array | None = None,
    *,
    columns: int = 3,
    cmap: str = "Greys_r",
    title: str | None = None,
) -> Array:
    """Draw several maps as small multiples, in rows of ``columns``; return their Axes (len(maps),).

    axes: one Axes per map; None makes a new figure, with one title and one colour bar. A map's own title wraps where
    it is wider than the map.
    Raises ValueError for an empty list, more or fewer axes than maps, and whenever ``plot_attention`` does.
    """
    if not len(maps) or not (axes is None or np.size(axes) == len(maps)):
        got = "none" if axes is None else np.size(axes)
        raise ValueError(f"plot_attention_grid: expected maps, and one Axes for each, got {len(maps)}, {got}")
    maps = [checked(one) for one in maps]
    labels = [labels_of(one) for one in maps]
    shown = [label for sides in labels for side in sides for label in side]
    given = None if axes is None else np.ravel(axes)[0]
    writing = Writing([*shown, *(one.title or "" for one in maps), title or "", "…"], given)
    fitted = [fitted_labels(*sides, writing, SMALL) for sides in labels]
    titles = [writing.show(one.title or "") for one in maps]
    figure = None
    if axes is None:
        columns = min(columns, len(maps))
        rows = -(-len(maps) // columns)
        wide = max(NARROW * len(across) + longest for across, _, _, longest in fitted)
        wide = max(wide, *(0.05 + room_of(text, writing, SMALL_TITLE, 2.5) for text in titles))
        titles = [writing.wrap(text, 72 * wide, SMALL_TITLE) for text in titles]
        lines = [max(text.count("\n") for text in titles[k : k + columns]) for k in range(0, len(maps), columns)]
        high = max(FLAT * len(down) + longest * (longest > NARROW) for _, down, longest, _ in fitted)
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
        draw_map(ax, one, across, down, longest, cmap, SMALL)
        ax.tick_params(pad=1.5)
        ax.set_title(text if figure else writing.wrap(text, width_of_axes(ax), SMALL_TITLE), fontsize=SMALL_TITLE)
        writing.literal(ax)
    if figure is not None:
        frame(figure, axes, writing, ("input", "output"), title)
    return axes


@in_our_style
def plot_film(
    weights: Array,
    question: str,
    written: list[str],
    answer: str | None = None,
    axes: Array | None = None,
    *,
    epochs: list[int] | None = None,
    cmap: str = "Greys_r",
) -> Array:
    """Draw the map of one question after each epoch, one panel per epoch, titled with the model's answer then.

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
    """Draw each model's accuracy (0..1) on each group of questions as bars, labelled in per cent.

    accuracies: by model, then by group; a group's label may have several lines.
    Raises ValueError for an empty dict, models with different groups, and a share that is nan or outside 0..1.
    """
    groups = list(next(iter(accuracies.values()), ()))
    if not groups or any(of.keys() != set(groups) for of in accuracies.values()):
        raise ValueError(f"plot_accuracies: expected models with the same groups, got {accuracies}")
    if not all(0 <= share <= 1 for of in accuracies.values() for share in of.values()):
        raise ValueError(f"plot_accuracies: expected shares of 0 to 1, got {accuracies}")
    writing = Writing([*map(visible, accuracies), *groups, "…"], ax)
    names = [writing.cut(writing.show(visible(name)), NAME, TICKS) for name in accuracies]
    longest = max(writing.width(name, TICKS) for name in names) + 45  # plus its colour patch
    each = 0.4 * len(accuracies)
    if ax is None:
        widest = max(writing.width(line, TICKS) for group in groups for line in writing.show(group).split("\n")) / 72
        width = 1.6 + max(longest / 72 - 1, len(groups) * max(0.7, each, widest + 0.1))
        _, ((ax,),) = new_figure("plot_accuracies", width, 4.0 + 0.2 * (len(names) // 6))
    width = 0.84 / len(accuracies)
    for i, (model, of) in enumerate(accuracies.items()):
        places = np.arange(len(groups)) + (i - (len(accuracies) - 1) / 2) * width
        shade, hatch = SHADES[i % len(SHADES)], HATCHES[i // len(SHADES) % len(HATCHES)]
        how: dict[str, Any] = dict(label=model, color=shade, edgecolor="black", lw=0.6, hatch=hatch)
        bars = ax.bar(places, [of[g] for g in groups], width, **how)
        # 100.0 only without a single error
        labels = [f"{100 if of[g] == 1 else min(100 * of[g], 99.9):.1f}" for g in groups]
        ax.bar_label(bars, labels, fontsize=7, padding=2)
    ax.set_xticks(range(len(groups)), map(writing.show, groups))
    ax.set_ylim(0, 1.08)
    ax.set_ylabel("accuracy")
    ax.grid(True, axis="y", alpha=0.4)
    ax.set_axisbelow(True)
    room = int(width_of_axes(ax) / longest)
    place: dict[str, Any] = dict(loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False, fontsize=TICKS)
    ax.legend(ax.containers, names, ncols=min(len(names), max(1, room)), **place)
    writing.literal(ax)
    return ax


def plot_measures(history: list[dict], ax: plt.Axes | None = None) -> plt.Axes:
    """Draw the measures of the attention maps over the epochs: shares of the weight on the left, entropy on the right.

    history: one row per epoch, and per ``model`` where there are several, with ``epoch`` and the measures of
    ``seq2seq.map_measures`` that are known. Raises ValueError for no row.
    """
    return plot_columns(history, [column for column in COLUMNS if column.panel], ax)
