"""A model as a page has it: with weights in fewer bytes, see ``support.packed_weights``."""

from copy import deepcopy
from typing import TypeVar

from common.base_model import BaseModel
from common.np import np
from common.util import to_cpu
from support.packed_weights import as_packed

Model = TypeVar("Model", bound=BaseModel)


def as_in_page(model: Model, precision: str) -> Model:
    """Return a copy of the model with the weights that its page has. precision: of ``PRECISIONS``."""
    other = deepcopy(model)
    for p in other.params:
        p[...] = np.asarray(as_packed(to_cpu(p), precision))
    return other
