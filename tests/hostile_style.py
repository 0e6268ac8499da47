"""What a matplotlibrc may say, for tests that it changes nothing; and pictures of every plot function."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from classifier.plot import plot_confusion, plot_token_table, plot_word_attention
from classifier.token_table import token_table
from common.plot import plot_history, plot_loss_list
from seq2seq.plot import AttentionMap, plot_accuracies, plot_attention, plot_attention_grid, plot_film, plot_measures

HOSTILE = {
    "text.usetex": "True",  # there need not be a LaTeX, and if there is, it stumbles over labels
    "text.parse_math": "False",
    "font.family": "NoSuchFont, cursive",
    "font.sans-serif": "NoSuchFont",
    "font.size": "23",
    "mathtext.fontset": "cm",
    "figure.autolayout": "True",
    "figure.dpi": "33",
    "figure.facecolor": "black",
    "savefig.bbox": "tight",
    "savefig.dpi": "33",
    "savefig.transparent": "True",
    "savefig.facecolor": "red",
    "savefig.format": "pdf",
    "axes.facecolor": "black",
    "axes.grid": "True",
    "axes.prop_cycle": "cycler('color', ['k', 'w'])",
    "axes.spines.top": "False",
    "axes.labelcolor": "white",
    "axes.titlesize": "40",
    "axes.unicode_minus": "False",
    "axes.formatter.use_locale": "True",
    "axes.formatter.limits": "0, 0",
    "text.color": "white",
    "xtick.color": "white",
    "xtick.labelsize": "30",
    "ytick.color": "white",
    "ytick.minor.visible": "True",
    "legend.frameon": "False",
    "lines.linewidth": "9",
    "image.cmap": "jet",
    "svg.fonttype": "none",
    "pdf.fonttype": "42",
    "interactive": "True",
}
BROKEN = "backend: no_such_backend\nno.such.key: 1\nlines.linewidth: thick\nno colon\n"

WEIGHTS = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]])
HISTORY = [
    {"model": "peeky", "epoch": epoch, "loss": -0.1 * epoch, "pad_mass": 0.1, "entropy": 2.0 - epoch, "alignment": 0.5}
    for epoch in (1, 2)
]
PICTURES: dict[str, Callable] = {  # each takes an Axes, or None, and returns one
    "plot_history": lambda ax: plot_history(HISTORY, "loss", ax),
    "plot_loss_list": lambda ax: plot_loss_list([2.0, 1.0, -0.5], 20, None, ax),
    "plot_attention": lambda ax: plot_attention(WEIGHTS, "a $", "x_", ax, answer="xy", title="a_b → \\frac"),
    "plot_attention_grid": lambda ax: plot_attention_grid([AttentionMap(WEIGHTS, "a $", "x_", "xy", "a_b")], ax)[0],
    "plot_film": lambda ax: plot_film(np.array([WEIGHTS]), "a $", ["x_"], "xy", ax)[0],
    "plot_accuracies": lambda ax: plot_accuracies({"peeky": {"a_b": 0.5, "a%": 1.0}}, ax),
    "plot_measures": lambda ax: plot_measures(HISTORY, ax),
    "plot_word_attention": lambda ax: plot_word_attention([["a_", "b", "%"]], [[0.5, -0.3, 0.2]], ax, title="{"),
    "plot_token_table": lambda ax: plot_token_table(token_table(["a_", "b"], np.array([0.5, 0.3])), ax, title="#"),
    "plot_confusion": lambda ax: plot_confusion(np.array([[3, 1], [0, 2]]), ["neg_", "pos"], ax),
}


def write_matplotlibrc(path: Path) -> None:
    """Settings that would spoil each picture, lines that are none, and a backend that is not there."""
    path.write_text("".join(f"{name}: {value}\n" for name, value in HOSTILE.items()) + BROKEN, encoding="utf-8")
