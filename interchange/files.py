"""Read the files in which PyTorch, Keras and others keep weights; nothing in a file is ever executed."""

import os
import stat

from interchange import keras_file, npz_file, safetensors_file, torch_file
from interchange.arrays import Arrays, ForeignFileError
from interchange.zip_members import check_stored, members


def read_arrays(path: str | os.PathLike) -> Arrays:
    """Return the arrays in a ``.safetensors``, ``.pt``, ``.pth``, ``.h5``, ``.weights.h5``, ``.keras`` or ``.npz``.

    The format is told by the content. Half-precision numbers come as float32, and all in the byte order of this
    machine. No more memory is taken than the arrays that are asked for, and what describes them; reading one may still
    end in a ForeignFileError, if the file has changed. Raises OSError when the file cannot be read, ForeignFileError
    with the reason when it is damaged or another kind of file, ImportError for a package that is missing.
    """
    place = os.fsdecode(path)
    if not stat.S_ISREG(os.stat(place).st_mode):  # a pipe would wait forever, a device never end
        raise ForeignFileError(f"{place}: expected a file of weights, got a folder, a pipe or a device")
    try:
        arrays = _read(place)
        if not arrays and not arrays.optimizer:
            raise ValueError("no arrays are in it")
        return arrays
    except ForeignFileError:
        raise
    except ValueError as error:
        raise ForeignFileError(f"{place}: {error}") from error


def _read(path: str) -> Arrays:
    if path.lower().endswith(".onnx"):
        raise ValueError("an ONNX graph cannot be imported; the .safetensors of the same model can")
    with open(path, "rb") as file:
        start = file.read(max(16, len(torch_file.MAGIC)))
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return keras_file.read(path)
    if start.startswith(b"PK"):
        return _read_zip(path)
    if start.startswith(torch_file.MAGIC):
        return torch_file.read(path, None)
    if start[8:9] == b"{":
        return safetensors_file.read(path)
    if start.startswith(b"\x80"):
        raise ValueError("a pickled file is refused, because reading one can run any code")
    if start.startswith(b"{"):
        raise ValueError(
            "a text of JSON, and no weights; if it lists their shards, as Keras's .weights.json does, save them in one "
            "file: save_weights without max_shard_size"
        )
    what = "an empty file" if not start else f"one that begins with {start[:8]!r}"
    raise ValueError(f"expected a .safetensors, .pt, .h5, .keras or .npz, got {what}")


def _read_zip(path: str) -> Arrays:
    found = members(path)
    if "manifest.json" in found:
        raise ValueError("a file of this project's own, which its scripts take as it is: see --run")
    if any(name.endswith("/constants.pkl") for name in found):
        raise ValueError("a TorchScript archive, which holds code; save torch.jit.load(FILE).state_dict() instead")
    check_stored(found)
    if {keras_file.WEIGHTS, keras_file.CONFIG} <= found.keys():
        return keras_file.read_zip(path, found)
    if any(name.endswith("/data.pkl") for name in found):
        return torch_file.read(path, found)
    return npz_file.read(path, found)
