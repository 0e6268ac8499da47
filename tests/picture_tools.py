"""Pictures, as drawn: their texts, what runs into what, and whether anything is cut off."""

import numpy as np
from matplotlib.text import Text


def even(rows: int, columns: int) -> np.ndarray:
    return np.full((rows, columns), 1 / columns)


def drawn(axes) -> list[Text]:
    """The texts of a figure that has just been drawn."""
    figure = np.ravel(axes)[0].figure
    figure.draw_without_rendering()
    return [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]


def assert_whole(axes) -> None:
    """Nothing of the figure is cut off at its edges."""
    figure = np.ravel(axes)[0].figure
    box, whole = figure.get_tightbbox(), figure.bbox_inches
    assert whole.x0 - 0.02 <= box.x0 and box.x1 <= whole.x1 + 0.02, (box, whole)
    assert whole.y0 - 0.02 <= box.y0 and box.y1 <= whole.y1 + 0.02, (box, whole)


def overlapping(texts: list[Text]) -> list[str]:
    """Pairs of texts that run into each other."""
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    return [
        f"{one} | {other}"
        for k, (one, box) in enumerate(boxes)
        for other, another in boxes[:k]
        if box.overlaps(another)
    ]
