"""Pictures of how training went.

Every function draws on ``ax``, or on a new figure when it is None, returns the Axes, and shows nothing.
A new figure is in our style (``common.plot_style``), whatever rcParams say; one that was handed in keeps its own.
"""

import matplotlib.pyplot as plt

from common.plot_style import in_our_style, subplots

# The chapter's markers, so that its three curves can be told apart without colour; and those of the classifiers' two.
MARKERS = {"baseline": "v", "peeky": "D", "attention": "o", "training": "o", "validation": "v"}


@in_our_style
def plot_history(history: list[dict], value: str, ax: plt.Axes | None = None, *, ylabel: str | None = None) -> plt.Axes:
    """One curve a model over its epochs, with the chapter's markers, legend and grid.

    history: a dict a row with ``model``, ``epoch`` and ``value``.
    Source: 『ゼロから作るDeep Learning 2』 8.3.2.
    """
    if ax is None:
        _, ax = subplots(figsize=(6.4, 4.2), layout="constrained")
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


@in_our_style
def plot_loss_list(
    loss_list: list[float],
    eval_interval: int | None,
    ylim: tuple[float, float] | None = None,
    ax: plt.Axes | None = None,
) -> plt.Axes:
    """The chapter's picture of a training: the mean loss of each interval of ``eval_interval`` iterations.

    Source: 『ゼロから作るDeep Learning 2』 1.4.4.
    """
    if ax is None:
        _, ax = subplots()
    ax.plot(range(len(loss_list)), loss_list, label="train")
    ax.set_xlabel(f"iterations (x {eval_interval})" if eval_interval else "iterations")
    ax.set_ylabel("loss")
    if ylim is not None:
        ax.set_ylim(*ylim)
    return ax
