"""Pictures of seq2seq models: where a decoder looked, and how training went (``common.plot``).

Every function draws on ``ax``, or on a new figure when it is None, returns the Axes, and shows nothing.
"""

import matplotlib.pyplot as plt
import numpy as np

from common.fonts import drawable, font_for
from common.plot import MARKERS, plot_history

__all__ = ["MARKERS", "plot_attention", "plot_history", "plot_measures"]


def plot_attention(
    attention_weights: np.ndarray,
    input_labels: str | list[str],
    output_labels: str | list[str],
    ax: plt.Axes | None = None,
    *,
    cmap: str = "Greys_r",
    title: str | None = None,
    colorbar: bool = True,
) -> plt.Axes:
    """Attention weights as a map: a column an input character, a row an output character, 0..1.

    attention_weights (T_dec, T_enc), in the order of the labels. A space is labelled ``␣``.
    Japanese labels are drawn in a font that has them (``common.fonts``).
    Raises ValueError when weights and labels do not fit.
    Source: 『ゼロから作るDeep Learning 2』 8.3.3.
    """
    weights = np.asarray(attention_weights)
    wanted = len(output_labels), len(input_labels)
    if weights.shape != wanted:
        raise ValueError(f"plot_attention: weights of shape {wanted} wanted by the labels, got {weights.shape}")
    if ax is None:
        size = 2 + 0.3 * wanted[1], 1.4 + 0.3 * wanted[0]
        _, ax = plt.subplots(figsize=size, layout="constrained")
    labels = [["␣" if c == " " else c for c in text] for text in (input_labels, output_labels)]
    font = font_for("".join([*labels[0], *labels[1], title or ""]))
    family = font.get_family() if font else None
    across, down = [[drawable(label, font) for label in side] for side in labels]
    mesh = ax.pcolor(weights, cmap=cmap, vmin=0.0, vmax=1.0)
    ax.set_xticks(np.arange(wanted[1]) + 0.5, across, family=family)
    ax.set_yticks(np.arange(wanted[0]) + 0.5, down, family=family)
    ax.tick_params(length=0)
    ax.invert_yaxis()
    ax.set_xlabel("input")
    ax.set_ylabel("output")
    if title is not None:
        ax.set_title(drawable(title, font), fontsize="medium", family=family, parse_math=False)
    if colorbar:
        ax.figure.colorbar(mesh, ax=ax, label="attention weight", pad=0.02)
    return ax


def plot_measures(history: list[dict], ax: plt.Axes | None = None) -> plt.Axes:
    """Measures of a model's maps over its epochs: shares of the weight at the left, entropy at the right.

    history: a dict a row with ``epoch``, ``pad_mass``, ``entropy``, and ``alignment`` where the truth is known
    (``seq2seq.map_measures``).
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    epochs, right = [row["epoch"] for row in history], ax.twinx()
    for name, label, axes, style in (
        ("alignment", "alignment: on the right characters", ax, "C0o-"),
        ("pad_mass", "pad mass: on padding", ax, "C3v-"),
        ("entropy", "entropy", right, "C7s--"),
    ):
        if name in history[0]:
            values = [row[name] for row in history]
            axes.plot(epochs, values, style, fillstyle="none", markersize=8, label=label)
    ax.set_xlabel("epochs")
    ax.set_ylabel("share of the attention")
    ax.set_ylim(-0.05, 1.05)
    right.set_ylabel("entropy [nats]")
    right.set_ylim(0, None)
    ax.set_xlim(0.5, max(epochs) + 0.5)
    ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    ax.grid(True, alpha=0.4)
    ax.legend(handles=[*ax.lines, *right.lines], fontsize="small")
    return ax
