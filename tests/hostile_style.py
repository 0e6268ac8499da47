"""Hostile matplotlibrc settings, for tests that they change nothing."""

from pathlib import Path

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


def write_matplotlibrc(path: Path) -> None:
    """Settings that would spoil each picture, lines that are not settings, and a backend that does not exist."""
    path.write_text("".join(f"{name}: {value}\n" for name, value in HOSTILE.items()) + BROKEN, encoding="utf-8")
