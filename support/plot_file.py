"""Output of the scripts' pictures: to files, with a backend that every machine has, or to a window if one can open."""

import os
from pathlib import Path

from support import entry
from support.atomic_file import replacing


def to_files() -> None:
    """Draw only to files, whichever backend MPLBACKEND or a matplotlibrc names; call this before drawing anything.

    A notebook sets MPLBACKEND for its own environment: if that backend is missing elsewhere, matplotlib cannot even be
    imported.
    """
    os.environ["MPLBACKEND"] = "Agg"
    os.environ["MATPLOTLIBRC"] = os.devnull  # a broken one would stop the import
    import matplotlib

    matplotlib.use("Agg")


def to_windows() -> None:
    """Draw to windows, with the backend of MPLBACKEND if it can open one, else with matplotlib's choice and a message.

    Raises ValueError when no window can be opened.
    """
    asked = os.environ.pop("MPLBACKEND", None)
    import matplotlib
    import matplotlib.pyplot as plt

    if not (asked and _opens(asked)):
        if not _opens(matplotlib.rcParamsOrig["backend"]):  # the matplotlibrc's, or whichever works
            raise ValueError("--show: no window can be opened here; use --save FILE")
        if asked:
            entry.say(f"MPLBACKEND={asked} cannot open a window here; {plt.get_backend()} does")


def _opens(backend: str) -> bool:
    """Tell whether this backend loads and opens windows; if it does, it is now in use."""
    import matplotlib.pyplot as plt

    try:
        plt.switch_backend(backend)
        canvas = plt.figure().canvas
        plt.close(canvas.figure)
    except (ImportError, ValueError):  # not installed, unknown, or no display
        return False
    return canvas.required_interactive_framework is not None or plt.get_backend().lower() == "webagg"


def save_figure(path: Path, figure, *, close: bool = True) -> None:
    """Write the figure in the format of the suffix, then close it."""
    import matplotlib.pyplot as plt

    from support.plot_style import our_style

    with our_style(), replacing(path) as file:
        figure.savefig(file, format=path.suffix[1:].lower(), dpi=150)
    if close:
        plt.close(figure)
