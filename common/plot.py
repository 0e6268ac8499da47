"""Plots of the course of training.

Every function draws on ``ax``, or on a new figure if that is None, returns the Axes, and does not show them.
A new figure has our style (``support.plot_style``), whatever rcParams say; a given one keeps its own.
"""

import itertools
import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from common.columns import Column, Panel
from support.plot_style import in_our_style, subplots
from support.plot_text import Writing, new_figure, width_of_axes
from support.terminal import visible

# The chapter's markers, which tell its three curves apart without colour, and those of the classifiers' two curves.
MARKERS = {"baseline": "v", "peeky": "D", "attention": "o", "training": "o", "validation": "v"}
OTHERS = list(itertools.product(("-", "--", ":", "-."), "s^<>Pph8X*d"))  # lines and markers of other models
MARKED = 30  # the most markers per curve
NAME = 250.0  # points: the greatest width of a name in a legend; a wider one is cut
SMALL = 8.3  # points: font size in a legend above the axes


@in_our_style
def plot_columns(history: list[dict], columns: Sequence[Column], ax: Axes | None = None) -> Axes:
    """Draw one curve per column and model over the epochs, with the chapter's markers, legend and grid.

    history: rows as in history.csv, with ``epoch``, ``model`` if there are several, and values of the columns. A model
    without values in a column gets no curve for it; None is no value; a value that is not finite leaves a gap. The
    first panel has its scale on the left; each further one has its own scale on the right, and dashed curves.
    Raises ValueError for an empty history.
    Source: 『ゼロから作るDeep Learning 2』 8.3.2.
    """
    if not history:
        raise ValueError("plot_columns: expected at least one row, got none")
    panels = {column: column.panel or Panel("", column.csv) for column in columns}
    curves = {}
    for column in columns:
        for model in dict.fromkeys(row.get("model", "") for row in history):
            rows = [row for row in history if row.get("model", "") == model and row.get(column.csv) is not None]
            if rows:
                curves[column, model] = [row["epoch"] for row in rows], [row[column.csv] for row in rows]
    several = len({model for _, model in curves}) > 1
    names = [_name(column, model, several, len(columns) == 1) for column, model in curves]
    labels = [panel.label for panel in panels.values()]
    writing = Writing([*map(visible, [*names, *labels]), "…"], ax)
    if ax is None:
        _, ((ax,),) = new_figure("plot_columns", 6.4, 4.2)
    axes: dict[Panel, Axes] = {}
    for panel in dict.fromkeys(panels.values()):
        axes[panel] = at = ax.twinx() if axes else ax
        if len(axes) > 2:
            at.spines["right"].set_position(("outward", 55.0 * (len(axes) - 2)))
        at.set_ylabel(writing.show(panel.label))
    lines: list[Line2D] = []
    others = itertools.cycle(OTHERS)
    for (column, _), (epochs, values) in curves.items():
        name, panel = names[len(lines)], panels[column]
        style, marker = ("-", MARKERS[name]) if name in MARKERS else next(others)
        (line,) = axes[panel].plot(epochs, values, style, marker=marker, label=name)
        # hollow markers: curves that meet at 100% can still be told apart
        line.set(fillstyle="none", markersize=8, markevery=-(-len(epochs) // MARKED))
        if axes[panel] is not ax:  # its colours would start again
            line.set(linestyle="--", color=f"C{len(lines)}")
        lines.append(line)
    for panel, at in axes.items():
        if panel.from_zero:
            drawn = [v for (column, _), (_, values) in curves.items() if panels[column] == panel for v in values]
            finite = [0.0, *filter(math.isfinite, drawn)]
            low, top = min(finite), panel.top or max(finite)
            top = top if top > low else 1.0  # all values are 0, or no value is finite
            at.set_ylim(low - 0.05 * (top - low), top + 0.05 * (top - low))
    ax.set_xlabel("epochs")
    ax.set_xlim(0.5, max(row["epoch"] for row in history) + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True, min_n_ticks=1))
    ax.grid(True, alpha=0.4)
    # labels are passed explicitly, because legend leaves out those that begin with _
    shown = [writing.cut(writing.show(visible(name)), NAME, 10) for name in names]
    if len(axes) == 1:
        ax.legend(lines, shown, fontsize=10)
    else:  # above the axes: curves with a scale on the right would be drawn over the legend
        widths = [writing.width(name, SMALL) + 45 for name in shown] or [1.0]  # each with its line
        side_by_side = sum(widths) * ax.figure.dpi < 72 * ax.figure.bbox.width
        ncols = len(widths) if side_by_side else max(1, int(width_of_axes(ax) / max(widths)))
        ax.legend(
            lines, shown, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=ncols, frameon=False, fontsize=SMALL
        )
    writing.literal(*axes.values())
    return ax


def _name(column: Column, model: str, several_models: bool, one_column: bool) -> str:
    """Return the name that distinguishes a curve from the others in its picture."""
    if one_column and model:
        return model
    return f"{model}: {column.curve}" if several_models and model else column.curve


def plot_history(history: list[dict], value: str, ax: Axes | None = None, *, ylabel: str | None = None) -> Axes:
    """Draw one value over the epochs, one curve per model; see ``plot_columns``.

    history: rows with ``model``, ``epoch`` and ``value``.
    """
    return plot_columns(history, [Column(value, panel=Panel("", ylabel or value, from_zero=False))], ax)


@in_our_style
def plot_loss_list(
    loss_list: list[float],
    eval_interval: int | None,
    ylim: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the chapter's learning curve: the mean loss of each interval of ``eval_interval`` iterations.

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
