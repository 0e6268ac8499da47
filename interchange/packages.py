"""Packages of other frameworks, imported where they are needed and not before."""

import importlib
from typing import Any

from support.install import COMMANDS


def require(name: str) -> Any:
    """Import the module ``name``, such as "h5py" or "onnx.helper". ImportError says how to install what is missing."""
    package = name.split(".")[0]
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != package:  # it is there, and lacks something itself
            raise
        raise ImportError(f"{package} is not installed; to install it: {COMMANDS[package]}") from None
