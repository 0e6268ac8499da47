"""Files of models for other frameworks: the names, layouts and gate orders there, and with them all that we know."""

import io
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from common.numeric_faults import finite_params
from interchange.description import KEY, describe, ids_of
from interchange.models import to_arrays
from interchange.onnx_file import write
from interchange.packages import require
from support.atomic_file import replacing


def export_model(path: str | os.PathLike, model: Any, facts: Mapping[str, Any]) -> None:
    """Write a model of ours for another framework; the ending of the path says which.

    ``.onnx``: a graph that onnxruntime and others run. ``.safetensors``: the weights, under the names of PyTorch's
    modules. ``.weights.h5``: the weights, in the layout of Keras 3. facts: what else it takes to use the model, as
    JSON holds it, such as vocabulary and classes; the file keeps it, and ``to_model`` then needs no options.
    Raises ValueError for another ending, for a model that has no counterpart there, and for a weight that is not
    finite, ImportError for a package that is missing, OSError when the file cannot be written.
    """
    writer = writer_of(path)
    finite_params(model)
    writer(path, model, facts)


def writer_of(path: str | os.PathLike) -> Callable[..., None]:
    """Return what writes a file of this ending. Raises ValueError for one that nothing writes."""
    name = os.path.basename(path)
    for ending, writer in WRITERS.items():
        if name.endswith(ending) and name != ending:
            return writer
    reason = ": Keras 3 takes an .h5 with another ending for the layout of Keras 2" if name.endswith(".h5") else ""
    raise ValueError(f"{os.fspath(path)}: expected a name that ends in {', '.join(WRITERS)}{reason}")


def write_safetensors(path: str | os.PathLike, model: Any, facts: Mapping[str, Any]) -> None:
    """Write the weights under the names of PyTorch's modules; ``safetensors.torch.load_file`` reads them."""
    arrays = _arrays(model, "torch", facts)  # C-ordered: safetensors 0.8.0 writes others wrong, and says nothing
    safetensors = require("safetensors.numpy")
    content = safetensors.save(arrays, {KEY: describe(model, facts)})
    with replacing(path) as file:
        file.write(content)


def write_weights_h5(path: str | os.PathLike, model: Any, facts: Mapping[str, Any]) -> None:
    """Write the weights as ``keras.Model.save_weights`` does; ``load_weights`` of such a model reads them."""
    arrays = _arrays(model, "keras", facts)  # what does not fit is said before what is not installed
    h5py, content = require("h5py"), io.BytesIO()
    with h5py.File(content, "w") as file:
        for name, array in arrays.items():
            file[name] = array
            group = file[name].parent
            group.attrs["name"] = group.name.split("/")[-2]
        file.attrs[KEY] = describe(model, facts)  # which Keras passes over
    with replacing(path) as file:
        file.write(content.getbuffer())


def _arrays(model: Any, framework: str, facts: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the arrays, with the ids of padding and unknown words that the file had from which the run came."""
    padding_id, unknown_id = ids_of(facts)
    return to_arrays(model, framework, padding_id=padding_id, unknown_id=unknown_id)


WRITERS = {".onnx": write, ".safetensors": write_safetensors, ".weights.h5": write_weights_h5}
