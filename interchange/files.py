"""Read the files in which PyTorch, Keras and others keep weights; nothing in a file is ever executed."""

import os

from interchange.arrays import Arrays


def read_arrays(path: str | os.PathLike) -> Arrays:
    """Return the arrays in a ``.safetensors``, ``.pt``, ``.pth``, ``.h5``, ``.weights.h5``, ``.keras`` or ``.npz``."""
    raise NotImplementedError
