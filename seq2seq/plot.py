"""Pictures of seq2seq models: where a decoder looked, and how training went.

Every function draws on ``ax``, or on a new figure when it is None, returns the Axes, and shows nothing.
"""

import matplotlib.pyplot as plt
import numpy as np

# The chapter's markers, so that the three curves can be told apart without colour.
MARKERS = {"baseline": "v", "peeky": "D", "attention": "o"}


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
    mesh = ax.pcolor(weights, cmap=cmap, vmin=0.0, vmax=1.0)
    ax.set_xticks(np.arange(wanted[1]) + 0.5, ["␣" if c == " " else c for c in input_labels])
    ax.set_yticks(np.arange(wanted[0]) + 0.5, ["␣" if c == " " else c for c in output_labels])
    ax.tick_params(length=0)
    ax.invert_yaxis()
    ax.set_xlabel("input")
    ax.set_ylabel("output")
    if title is not None:
        ax.set_title(title, fontsize="medium")
    if colorbar:
        ax.figure.colorbar(mesh, ax=ax, label="attention weight", pad=0.02)
    return ax


def plot_history(history: list[dict], value: str, ax: plt.Axes | None = None, *, ylabel: str | None = None) -> plt.Axes:
    """One curve a model over its epochs, with the chapter's markers, legend and grid.

    history: a dict a row with ``model``, ``epoch`` and ``value``.
    Source: 『ゼロから作るDeep Learning 2』 8.3.2.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    for model in dict.fromkeys(row["model"] for row in history):
        rows = [row for row in history if row["model"] == model]
        epochs, values = [row["epoch"] for row in rows], [row[value] for row in rows]
        # hollow, so that curves that meet at 100% can still be told apart
        ax.plot(epochs, values, marker=MARKERS.get(model, "s"), fillstyle="none", markersize=8, label=model)
    ax.set_xlabel("epochs")
    ax.set_ylabel(ylabel or value)
    ax.set_xlim(0.5, max(row["epoch"] for row in history) + 0.5)
    ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    ax.grid(True, alpha=0.4)
    ax.legend()
    return ax
