"""How large a page of HTML gets that runs a model, and what would make it smaller."""

from support.packed_weights import PRECISIONS

MEASURED = 1000  # questions or texts on which the loss by fewer bytes is measured
LARGE = 20e6  # bytes, above which a smaller page is suggested


def suggestion(page: bytes, precision: str) -> str | None:
    """Return a line that suggests types of weights for a smaller page, if this one is large and there are any."""
    smaller = PRECISIONS[PRECISIONS.index(precision) + 1 :]
    if len(page) <= LARGE or not smaller:
        return None
    return f"the page is large; smaller, with the loss stated on it: --weights {' or '.join(smaller)}"
