"""The style of the pictures: matplotlib's defaults, whatever a matplotlibrc or rcParams say; those are not changed."""

import functools
import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import matplotlib
import matplotlib.pyplot as plt
import matplotlib.style
from matplotlib.figure import Figure


@contextmanager
def our_style() -> Iterator[None]:
    """Use matplotlib's defaults in the block and restore rcParams after it; silence the font search."""
    with _no_font_search(), matplotlib.style.context("default"):
        yield


class StyledFigure(Figure):
    """A figure that keeps our style, whatever code draws it: some rcParams are read only when a text or line is drawn.

    Settings of ``savefig`` itself, such as ``savefig.dpi``, are left to the caller of ``savefig``.
    """

    def set_layout_engine(self, layout=None, **options) -> None:
        """Set the engine; ``savefig`` passes None, which takes it from rcParams."""
        with our_style():
            super().set_layout_engine(layout, **options)

    def draw(self, renderer) -> None:
        with our_style():
            super().draw(renderer)

    def get_tightbbox(self, *args, **options):
        with our_style():
            return super().get_tightbbox(*args, **options)


subplots = functools.partial(plt.subplots, FigureClass=StyledFigure)


def in_our_style(plot: Callable) -> Callable:
    """Decorate a function that draws on its argument ``ax`` or ``axes``, or on a StyledFigure when that is None.

    The caller's figure keeps the caller's style and rcParams, so that labels match the rest of it. Only
    ``text.usetex`` is turned off: labels are data, which LaTeX cannot always typeset.
    """
    signature = inspect.signature(plot)

    @functools.wraps(plot)
    def styled(*args, **kwargs):
        given = signature.bind(*args, **kwargs).arguments
        own = given.get("ax") is None and given.get("axes") is None
        with our_style() if own else _without_latex():
            return plot(*args, **kwargs)

    return styled


@contextmanager
def _without_latex() -> Iterator[None]:
    with _no_font_search(), matplotlib.rc_context({"text.usetex": False}):
        yield


@contextmanager
def _no_font_search() -> Iterator[None]:
    """Silence matplotlib about fonts that are missing or have no bold: ``support.fonts`` looks up many."""
    logger = logging.getLogger("matplotlib.font_manager")
    logger.addFilter(_nothing)
    try:
        yield
    finally:
        logger.removeFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    return False
