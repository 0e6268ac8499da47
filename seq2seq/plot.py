"""Pictures of seq2seq models: where a decoder looked, and how training went (``common.plot``).

Every function draws on ``ax``, or on a new figure when it is None, returns the Axes, and shows nothing.
A new figure is in our style (``common.plot_style``), whatever rcParams say; one that was handed in keeps its own.
"""

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np

from common.fonts import drawable, font_for
from common.plot import MARKERS, plot_history
from common.plot_style import in_our_style, subplots

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
    should be; characters that differ are labelled ``✗``, bold and red.
    Japanese labels are drawn in a font that has them (``common.fonts``).
    Raises ValueError when weights, labels and answer do not fit.
    Source: 『ゼロから作るDeep Learning 2』 8.3.3.
    """
    weights = np.asarray(attention_weights)
    wanted = len(output_labels), len(input_labels)
    if weights.shape != wanted:
        raise ValueError(f"plot_attention: weights of shape {wanted} wanted by the labels, got {weights.shape}")
    if answer is not None and len(answer) != wanted[0]:
        raise ValueError(f"plot_attention: an answer as long as the output, {wanted[0]}, wanted, got {len(answer)}")
    if ax is None:
        size = 2 + 0.3 * wanted[1], 1.4 + 0.3 * wanted[0]
        _, ax = subplots(figsize=size, layout="constrained")
    labels = [["␣" if c == " " else c for c in text] for text in (input_labels, output_labels)]
    wrong = [i for i, right in enumerate(answer or ()) if output_labels[i] != right]
    for i in wrong:
        labels[1][i] = f"{WRONG} {labels[1][i]}"
    font = font_for("".join([*labels[0], *labels[1], title or ""]))
    family = font.get_family() if font else None
    across, down = [[drawable(label, font) for label in side] for side in labels]
    mesh = ax.pcolor(weights, cmap=cmap, vmin=0.0, vmax=1.0)
    ax.set_xticks(np.arange(wanted[1]) + 0.5, across, family=family)
    ax.set_yticks(np.arange(wanted[0]) + 0.5, down, family=family)
    for i in wrong:
        ax.get_yticklabels()[i].set(color="#c00000", fontweight="bold")
    ax.tick_params(length=0)
    ax.invert_yaxis()
    ax.set_xlabel("input")
    ax.set_ylabel("output")
    if title is not None:
        ax.set_title(drawable(title, font), fontsize="medium", family=family, parse_math=False)
    if colorbar:
        ax.figure.colorbar(mesh, ax=ax, label="attention weight", pad=0.02)
    return ax


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

    axes: an Axes for each map; None for a new figure, with a title and a colour bar for all.
    Raises ValueError for no maps, or another number of axes; and as ``plot_attention``.
    """
    if not len(maps) or not (axes is None or np.size(axes) == len(maps)):
        given = "none" if axes is None else np.size(axes)
        raise ValueError(f"plot_attention_grid: maps, and an Axes for each, wanted, got {len(maps)}, {given}")
    figure = None
    if axes is None:
        columns = min(columns, len(maps))
        rows = -(-len(maps) // columns)
        across, down = (max(len(m[side]) for m in maps) for side in (1, 2))
        size = 0.9 + columns * (0.5 + 0.115 * across), 0.7 + rows * (0.5 + 0.13 * down)
        figure, grid = subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
        for ax in grid.flat[len(maps) :]:
            ax.remove()
        axes = grid.ravel()[: len(maps)]
    for one, ax in zip(maps, axes := np.ravel(axes), strict=True):
        plot_attention(*one[:3], ax, answer=one.answer, cmap=cmap, title=one.title, colorbar=False)
        ax.tick_params(labelsize=6.5, pad=1.5)
        ax.title.set_fontsize(8)
        ax.set(xlabel="", ylabel="")
    if figure is not None:
        figure.supxlabel("input", fontsize="small")
        figure.supylabel("output", fontsize="small")
        figure.colorbar(axes[0].collections[0], ax=list(axes), label="attention weight", pad=0.01, aspect=40)
        if title is not None:
            font = font_for(title)
            family = font.get_family() if font else None
            figure.suptitle(drawable(title, font), fontsize="medium", family=family, parse_math=False)
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
        maps.append(AttentionMap(map_, question, text, answer, f"epoch {epoch}: {text}{mark}"))
    title = question.rstrip() + (f"  (answer {answer})" if answer is not None else "")
    return plot_attention_grid(maps, axes, cmap=cmap, title=title)


@in_our_style
def plot_accuracies(accuracies: dict[str, dict[str, float]], ax: plt.Axes | None = None) -> plt.Axes:
    """Accuracy (0..1) of each model for each group of questions, as bars side by side, with per cent above them.

    accuracies: by model, then by group; a group's label may be several lines.
    Raises ValueError for no model, no group, or models with others.
    """
    groups = list(next(iter(accuracies.values()), ()))
    if not groups or any(of.keys() != set(groups) for of in accuracies.values()):
        raise ValueError(f"plot_accuracies: models with the same groups wanted, got {accuracies}")
    if ax is None:
        _, ax = subplots(figsize=(1.6 + len(groups) * max(0.7, 0.4 * len(accuracies)), 4.0), layout="constrained")
    width = 0.84 / len(accuracies)
    for i, (model, of) in enumerate(accuracies.items()):
        places = np.arange(len(groups)) + (i - (len(accuracies) - 1) / 2) * width
        shade = SHADES[i % len(SHADES)]
        bars = ax.bar(places, [of[g] for g in groups], width, label=model, color=shade, edgecolor="black", lw=0.6)
        # 100.0 is what has no error
        labels = [f"{100 if of[g] == 1 else min(100 * of[g], 99.9):.1f}" for g in groups]
        ax.bar_label(bars, labels, fontsize=7, padding=2)
    ax.set_xticks(range(len(groups)), groups)
    ax.set_ylim(0, 1.08)
    ax.set_ylabel("accuracy")
    ax.grid(True, axis="y", alpha=0.4)
    ax.set_axisbelow(True)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(accuracies), frameon=False)
    return ax


@in_our_style
def plot_measures(history: list[dict], ax: plt.Axes | None = None) -> plt.Axes:
    """Measures of a model's maps over its epochs: shares of the weight at the left, entropy at the right.

    history: a dict a row with ``epoch``, ``pad_mass``, ``entropy``, and ``alignment`` where the truth is known
    (``seq2seq.map_measures``).
    """
    if ax is None:
        _, ax = subplots(figsize=(6.4, 4.2), layout="constrained")
    right = ax.twinx()
    for name, label, axes, style in (
        ("alignment", "alignment: on the right characters", ax, "C0o-"),
        ("pad_mass", "pad mass: on padding", ax, "C3v-"),
        ("entropy", "entropy", right, "C7s--"),
    ):
        rows = [row for row in history if name in row]
        if rows:
            values = [row[name] for row in rows]
            axes.plot([row["epoch"] for row in rows], values, style, fillstyle="none", markersize=8, label=label)
    ax.set_xlabel("epochs")
    ax.set_ylabel("share of the attention")
    ax.set_ylim(-0.05, 1.05)
    right.set_ylabel("entropy [nats]")
    highest = max(row["entropy"] for row in history) or 1
    right.set_ylim(-0.05 * highest, 1.05 * highest)
    ax.set_xlim(0.5, max(row["epoch"] for row in history) + 0.5)
    ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    ax.grid(True, alpha=0.4)
    # above the axes: the entropy's curve would be drawn over a legend on them
    handles = [*ax.lines, *right.lines]
    place = dict(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(handles), frameon=False)
    ax.legend(handles=handles, fontsize="small", **place)
    return ax
