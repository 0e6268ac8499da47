"""``Array``: the type of every array in a signature. Its shape stands in the docstring."""

from typing import Any, TypeAlias

from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
