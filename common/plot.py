"""Pictures of how training went.

Every function draws on ``ax``, or on a new figure when it is None, returns the Axes, and shows nothing.
"""

import matplotlib.pyplot as plt

# The chapter's markers, so that its three curves can be told apart without colour; and those of the classifiers' two.
MARKERS = {"baseline": "v", "peeky": "D", "attention": "o", "training": "o", "validation": "v"}


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
