"""Base class of the models: saves and loads their parameters by name."""

import os

from common import checkpoint
from common.layer import named_params
from common.np import np
from common.numeric_faults import finite_params
from common.util import to_cpu, to_gpu
from support.array import Array

__all__ = ["BaseModel", "np"]


class BaseModel:
    """A model: ``params`` and ``grads``; the subclass adds ``forward(...) -> loss`` and ``backward``.

    A subclass may fill ``params`` and ``grads`` in its own ``__init__`` without calling this one.
    Source: 『ゼロから作るDeep Learning 2』, common/base_model.py.
    """

    arguments: dict  # of __init__, in models that can be saved to a model file

    def __init__(self):
        self.params: list[Array] = []
        self.grads: list[Array] = []

    def save_params(self, file_name: str | os.PathLike | None = None, manifest: dict | None = None) -> None:
        """Write the parameters to exactly ``file_name``, or to ``<class name>.npz`` in the working folder.

        manifest: facts to store with them, anything JSON can hold. Raises ValueError and writes nothing when a
        parameter is not finite.
        """
        arrays = {name: to_cpu(p) for name, p in finite_params(self).items()}
        checkpoint.save(file_name or self._default_name(), arrays, manifest)

    def load_params(self, file_name: str | os.PathLike | None = None) -> dict:
        """Fill the parameters from a file that ``save_params`` wrote; return its manifest.

        Raises OSError, or a CheckpointError that lists every name that does not fit; either way no parameter changes.
        """
        file_name = file_name or self._default_name()
        arrays, manifest = checkpoint.load(file_name)
        checkpoint.assign(named_params(self), {name: to_gpu(a) for name, a in arrays.items()}, file_name)
        return manifest

    def _default_name(self) -> str:
        return f"{type(self).__name__}.npz"
