"""The style of our pictures: matplotlib's defaults, whatever a matplotlibrc or rcParams say; they stay as they are."""

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
    """matplotlib's defaults for the block, after which rcParams are as before; and no word of its font search."""
    with _no_font_search(), matplotlib.style.context("default"):
        yield


class StyledFigure(Figure):
    """A figure in our style, whoever draws it: some rcParams are read not when a text or a line is made, but when it
    is drawn. What ``savefig`` itself takes from rcParams, as ``savefig.dpi``, is the business of who saves."""

    def set_layout_engine(self, layout=None, **options) -> None:
        """``savefig`` sets it to None, which takes it from rcParams."""
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
    """Decorator of a function that draws on its argument ``ax`` or ``axes``, or on a StyledFigure when that is None.

    A figure that was handed in keeps its owner's style, with rcParams as they are, so that labels go with the rest of
    it; but for ``text.usetex``: labels are data, which LaTeX would stumble over.
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
    """``support.fonts`` asks for fonts that may be missing, or have no bold: matplotlib need not say so."""
    logger = logging.getLogger("matplotlib.font_manager")
    logger.addFilter(_nothing)
    try:
        yield
    finally:
        logger.removeFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    return False
