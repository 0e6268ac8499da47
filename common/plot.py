"""Pictures of how training went.

Every function draws on ``ax``, or on a new figure when it is None, returns the Axes, and shows nothing.
A new figure is in our style (``support.plot_style``), whatever rcParams say; one that was handed in keeps its own.
"""

import itertools

import matplotlib.pyplot as plt

from support.plot_style import in_our_style, subplots
from support.plot_text import Writing, new_figure
from support.terminal import visible

# The chapter's markers, so that its three curves can be told apart without colour; and those of the classifiers' two.
MARKERS = {"baseline": "v", "peeky": "D", "attention": "o", "training": "o", "validation": "v"}
OTHERS = list(itertools.product(("-", "--", ":", "-."), "s^<>Pph8X*d"))  # lines and markers of other models
MARKED = 30  # the most markers of a curve
NAME = 200.0  # points: the longest name in a legend; a longer one is cut


@in_our_style
def plot_history(history: list[dict], value: str, ax: plt.Axes | None = None, *, ylabel: str | None = None) -> plt.Axes:
    """One curve a model over its epochs, with the chapter's markers, legend and grid.

    history: a dict a row with ``model``, ``epoch`` and ``value``; a value that is no number leaves a gap.
    Raises ValueError for no row.
    Source: 『ゼロから作るDeep Learning 2』 8.3.2.
    """
    if not history:
        raise ValueError("plot_history: expected a row at least, got none")
    models = list(dict.fromkeys(row["model"] for row in history))
    writing = Writing([*map(visible, models), ylabel or value, "…"], ax)
    if ax is None:
        _, ((ax,),) = new_figure("plot_history", 6.4, 4.2)
    others = itertools.cycle(OTHERS)
    for model in models:
        rows = [row for row in history if row["model"] == model]
        epochs, values = [row["epoch"] for row in rows], [row[value] for row in rows]
        line, marker = ("-", MARKERS[model]) if model in MARKERS else next(others)
        # hollow, so that curves that meet at 100% can still be told apart
        how = dict(fillstyle="none", markersize=8, markevery=-(-len(rows) // MARKED))
        ax.plot(epochs, values, line, marker=marker, label=model, **how)
    ax.set_xlabel("epochs")
    ax.set_ylabel(writing.show(ylabel or value))
    ax.set_xlim(0.5, max(row["epoch"] for row in history) + 0.5)
    ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    ax.grid(True, alpha=0.4)
    # the labels are given: it would leave out those that begin with _
    names = [writing.cut(writing.show(visible(model)), NAME, 10) for model in models]
    ax.legend(ax.lines[-len(models) :], names, fontsize=10)
    writing.literal(ax)
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
