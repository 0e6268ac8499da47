"""Model files: checkpoints that contain the model's arguments and can therefore rebuild it.

Each package of models has a table of their names; no other name in a file can select a class.
"""

import math
import os
import reprlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from operator import index
from typing import Any, TypeVar

import numpy

from common import checkpoint
from common.base_model import BaseModel
from common.layer import named_params
from common.np import np
from common.numeric_faults import finite_params
from common.util import to_gpu

Model = TypeVar("Model", bound=BaseModel)


def save(path: str | os.PathLike, model: BaseModel, models: Mapping[str, type[BaseModel]], facts: dict) -> None:
    """Write the model, its name in the table ``models``, its ``arguments``, and facts that JSON can hold.

    Raises ValueError for a model that is not in the table and for facts with a different ``model`` or ``arguments``,
    OSError when the file cannot be written.
    """
    names = {cls: name for name, cls in models.items()}
    if type(model) not in names:
        raise ValueError(f"save_model: expected {' or '.join(c.__name__ for c in names)}, got {type(model).__name__}")
    own = {"model": names[type(model)], "arguments": model.arguments}
    for name in own:
        if facts.get(name, own[name]) != own[name]:  # facts loaded from a file contain equal entries
            raise ValueError(f"save_model: {name!r} among the facts is the file's own; choose another name")
    model.save_params(path, facts | own)


def load(path: str | os.PathLike, models: Mapping[str, Callable[..., Model]]) -> tuple[Model, dict]:
    """Load a model, in the dtype it was saved in; return it with the facts that were saved with it.

    Raises OSError, or CheckpointError for a file that is damaged or whose model is not in the table ``models``.
    """
    arrays, facts = checkpoint.load(path)
    name: Any = facts.get("model")
    arguments: Any = facts.get("arguments")
    if not isinstance(name, str) or name not in models:
        raise checkpoint.CheckpointError(
            f"{path}: not a model file: expected one of {', '.join(models)}, got {reprlib.repr(name)}"
        )
    try:
        dtype = np.result_type(*arrays.values())
        if dtype.kind not in "fc":
            raise ValueError(f"weights of {dtype}")
        model = models[name](**arguments, rng=Zeros(dtype, (a.size for a in arrays.values())), dtype=dtype)
    except (TypeError, ValueError, OverflowError) as error:
        shown, reason = reprlib.repr(arguments), " ".join(str(error).split())[:300]  # both may quote the file
        raise checkpoint.CheckpointError(f"{path}: not a model file: {name} of {shown}: {reason}") from error
    checkpoint.assign(named_params(model), {name: to_gpu(a) for name, a in arrays.items()}, path)
    try:
        finite_params(model)
    except ValueError as error:
        raise checkpoint.CheckpointError(f"{path}: {error}") from error
    return model, facts


class Zeros:
    """A stand-in for the random generator of a model whose weights come from a file: it returns zeros.

    sizes: those of the arrays in the file, None for any. With them, no more is returned in total than the file holds:
    the model is then no larger than its file, whatever sizes its arguments claim. A model may reshape what it drew.
    Memory of zeros that are never written is not taken up.
    """

    def __init__(self, dtype, sizes: Iterable[int] | None = None):
        self.dtype = dtype
        self.left = None if sizes is None else Counter(sizes)

    def normal(self, mean: float, std: float, shape: tuple[int, ...]) -> numpy.ndarray:
        if self.left is not None:
            size = math.prod(map(index, shape))
            if not self.left[size]:
                raise ValueError(f"weights of shape {reprlib.repr(shape)} are not in the file, or not as many")
            self.left[size] -= 1
        return numpy.zeros(shape, dtype=self.dtype)

    def spawn(self, count: int) -> list[numpy.random.Generator]:
        return numpy.random.default_rng().spawn(count)
