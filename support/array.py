"""``Array``: the type of every array in a signature. The docstring gives its shape."""

from typing import Any, TypeAlias

from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
