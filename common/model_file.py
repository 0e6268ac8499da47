"""Model files: a checkpoint that is enough to use the model, without the arguments it was trained with.

A package of models owns the table of their names; no other name from a file becomes a class.
"""

import os
import reprlib
from collections import Counter

import numpy

from common import checkpoint
from common.base_model import BaseModel
from common.layer import named_params
from common.np import np
from common.numeric_faults import finite_params
from common.util import to_gpu


def save(path: str | os.PathLike, model: BaseModel, models: dict[str, type], facts: dict) -> None:
    """Write the model, its name in the table ``models``, its ``arguments``, and facts that JSON can hold.

    Raises ValueError for a model that is not in the table and for another ``model`` or ``arguments`` among the facts,
    OSError when the file cannot be written.
    """
    names = {cls: name for name, cls in models.items()}
    if type(model) not in names:
        raise ValueError(f"save_model: {type(model).__name__} is none of {', '.join(c.__name__ for c in names)}")
    own = {"model": names[type(model)], "arguments": model.arguments}
    for name in own:
        if facts.get(name, own[name]) != own[name]:  # those of a file that was loaded are the same
            raise ValueError(f"save_model: {name!r} among the facts is the file's own; choose another name")
    model.save_params(path, facts | own)


def load(path: str | os.PathLike, models: dict[str, type]) -> tuple[BaseModel, dict]:
    """The model in the file, in the dtype it had, and the facts that were saved with it.

    Raises OSError, or CheckpointError for a file that is damaged or not of a model in the table ``models``.
    """
    arrays, facts = checkpoint.load(path)
    name, arguments = facts.get("model"), facts.get("arguments")
    if not isinstance(name, str) or name not in models:
        raise checkpoint.CheckpointError(
            f"{path}: not a model file: {reprlib.repr(name)} is none of {', '.join(models)}"
        )
    try:
        dtype = np.result_type(*arrays.values())
        if dtype.kind not in "fc":
            raise ValueError(f"weights of {dtype}")
        model = models[name](**arguments, rng=_Zeros(arrays, dtype), dtype=dtype)
    except (TypeError, ValueError) as error:
        shown, reason = reprlib.repr(arguments), " ".join(str(error).split())[:300]  # both may quote the file
        raise checkpoint.CheckpointError(f"{path}: not a model file: {name} of {shown}: {reason}") from error
    checkpoint.assign(named_params(model), {name: to_gpu(a) for name, a in arrays.items()}, path)
    try:
        finite_params(model)
    except ValueError as error:
        raise checkpoint.CheckpointError(f"{path}: {error}") from error
    return model, facts


class _Zeros:
    """Instead of a generator, where a file's weights will replace those drawn: zeros, in the shapes that the file has.

    So a model is no larger than its file, whatever sizes the arguments name.
    """

    def __init__(self, arrays: dict[str, numpy.ndarray], dtype: numpy.dtype):
        self.left, self.dtype = Counter(array.shape for array in arrays.values()), dtype

    def normal(self, mean: float, std: float, shape: tuple[int, ...]) -> numpy.ndarray:
        if not self.left[shape]:
            raise ValueError(f"weights of shape {reprlib.repr(shape)} are not in the file, or not as many")
        self.left[shape] -= 1
        return numpy.zeros(shape, dtype=self.dtype)

    def spawn(self, count: int) -> list[numpy.random.Generator]:
        return numpy.random.default_rng().spawn(count)
