"""Pictures of the scripts: in files, by a backend that every machine has, or in a window where one can be opened."""

import os
from pathlib import Path

from support import entry
from support.atomic_file import replacing


def to_files() -> None:
    """Draw to files only, whichever backend MPLBACKEND or a matplotlibrc names; to be called before anything draws.

    A notebook's MPLBACKEND is of the notebook's environment: where that backend is missing, matplotlib cannot even be
    imported.
    """
    os.environ["MPLBACKEND"] = "Agg"
    os.environ["MATPLOTLIBRC"] = os.devnull  # one that is broken would stop the import
    import matplotlib

    matplotlib.use("Agg")


def to_windows() -> None:
    """Draw to windows, by the backend of MPLBACKEND if that can open one, else by matplotlib's choice, with a line
    that says so. Raises ValueError when no window can be opened."""
    wanted = os.environ.pop("MPLBACKEND", None)
    import matplotlib
    import matplotlib.pyplot as plt

    if not (wanted and _opens(wanted)):
        if not _opens(matplotlib.rcParamsOrig["backend"]):  # a matplotlibrc's, or whichever works
            raise ValueError("--show: no window can be opened here; use --save FILE")
        if wanted:
            entry.say(f"MPLBACKEND={wanted} cannot open a window here; {plt.get_backend()} does")


def _opens(backend: str) -> bool:
    """Whether this backend can be loaded and opens windows; it then is the one in use."""
    import matplotlib.pyplot as plt

    try:
        plt.switch_backend(backend)
        canvas = plt.figure().canvas
        plt.close(canvas.figure)
    except (ImportError, ValueError):  # not installed, unknown, or no display
        return False
    return canvas.required_interactive_framework is not None or plt.get_backend().lower() == "webagg"


def save_figure(path: Path, figure, *, close: bool = True) -> None:
    """Write the figure, in the format of the suffix, and close it."""
    import matplotlib.pyplot as plt

    from support.plot_style import our_style

    with our_style(), replacing(path) as file:
        figure.savefig(file, format=path.suffix[1:].lower(), dpi=150)
    if close:
        plt.close(figure)
