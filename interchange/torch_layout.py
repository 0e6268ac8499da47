"""PyTorch: names, shapes and gate orders of the modules that our models correspond to."""

from collections.abc import Callable
from typing import Any

from interchange.rows import Plan, Row

PLANS: dict[str, Callable[..., Plan]] = {}


def rows_of(model: Any) -> list[Row]:
    """Return the rows of a model of ours, with the names that ``to_arrays`` writes."""
    raise NotImplementedError
