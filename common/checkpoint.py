"""Files of named arrays and a manifest: the one format in which this project keeps weights.

A file is an uncompressed zip that ``numpy.load`` can read too: ``manifest.json`` first, then one ``.npy`` a
named array. Nothing in it is ever executed: no pickles.
"""

import json
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy

MANIFEST = "manifest.json"
FORMAT = 1
# what zipfile, json and numpy raise for a file that is not as it should be
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, ArithmeticError, EOFError, LookupError, MemoryError)
DAMAGE += (OSError, RuntimeError, ValueError)


class CheckpointError(ValueError):
    """A file that is no checkpoint of ours, or not one for this model."""


def save(path: str | os.PathLike, arrays: dict[str, numpy.ndarray], manifest: dict | None = None) -> None:
    """Write the arrays, full precision, and the manifest (what JSON can hold) to exactly ``path``.

    The file is written beside its place and renamed when it is whole, so a file that was there before stays
    until then. Equal contents give equal bytes. Raises OSError when it cannot be written.
    """
    content = json.dumps((manifest or {}) | {"format": FORMAT}, ensure_ascii=False, indent=1)
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_member(MANIFEST), content)
        for name, array in arrays.items():
            with archive.open(_member(f"{name}.npy"), "w", force_zip64=True) as member:
                numpy.lib.format.write_array(member, numpy.asarray(array), allow_pickle=False)


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """A binary file that takes the place of ``path`` when the block ends well, and leaves no trace otherwise."""
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def load(path: str | os.PathLike) -> tuple[dict[str, numpy.ndarray], dict]:
    """Read ``(arrays, manifest)``.

    Raises OSError when the file cannot be opened, CheckpointError when it is not a checkpoint, with the reason.
    """
    with open(path, "rb") as file:
        if file.read(1) == b"\x80":
            raise CheckpointError(
                f"{path}: a pickled file is refused, because reading one can run any code; the book's pickled "
                "weights cannot be used: train again and save with save_params, which writes .npz"
            )
        file.seek(0)
        try:
            with zipfile.ZipFile(file) as archive:
                names = archive.namelist()
                if MANIFEST not in names:
                    raise ValueError(f"it has no {MANIFEST}")
                manifest = json.loads(archive.read(MANIFEST))
                arrays = {}
                for name in names:
                    if name.endswith(".npy"):
                        with archive.open(name) as member:
                            arrays[name.removesuffix(".npy")] = numpy.lib.format.read_array(member, allow_pickle=False)
        except DAMAGE as error:
            raise CheckpointError(f"{path}: not a checkpoint, or a damaged one: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise CheckpointError(f"{path}: a checkpoint of another format; format {FORMAT} wanted")
    return arrays, manifest


def assign(params: dict[str, numpy.ndarray], arrays: dict[str, numpy.ndarray], path: str | os.PathLike) -> None:
    """Copy the arrays into the parameters of the same names, in place: all of them, or none.

    Raises CheckpointError that lists every name that is missing, left over, of another shape or kind of number.
    """
    faults = [f"missing {name} {params[name].shape}" for name in params if name not in arrays]
    faults += [f"left over {name} {arrays[name].shape}" for name in arrays if name not in params]
    faults += [
        f"{name} is {arrays[name].shape}, the model's {params[name].shape}"
        for name in params
        if name in arrays and arrays[name].shape != params[name].shape
    ]
    faults += [
        f"{name} is {arrays[name].dtype}, the model's {param.dtype}"
        for name, param in params.items()
        if name in arrays and not numpy.can_cast(arrays[name].dtype, param.dtype, "same_kind")
    ]
    if faults:
        raise CheckpointError(f"{path}: does not fit the model: {'; '.join(faults)}")
    for name, param in params.items():
        param[...] = arrays[name]


def _member(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
