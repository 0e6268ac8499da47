"""Checkpoints: files of named arrays and a manifest, the only format in which this project stores weights.

A file is an uncompressed zip that ``numpy.load`` can also read: ``manifest.json`` first, then one ``.npy`` per named
array, in C order. Nothing in it is ever executed: no pickles.

The manifest gives each array's shape, dtype and SHA-256; apart from the numbers themselves, every other byte of the
file follows from these. The reader therefore parses no zip: it checks that the file is what ``save`` writes, and
refuses anything else a zip could be (compressed, encrypted, overlapping, ...) without having to recognise it.
The zip records are in support/zip_records.py.
"""

import hashlib
import json
import math
import os
import re
import reprlib
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader

import numpy

from support import bounded_json, zip_records
from support.atomic_file import replacing

MANIFEST = "manifest.json"
FORMAT = 2
DTYPES = {numpy.dtype(order + kind).str for kind in "?bhilqBHILQefdgFDG" for order in "<>"}
FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029/\\:]")  # not in names: paths, control characters, line breaks
CHUNK = 2**20  # bytes to read and check at a time


class CheckpointError(ValueError):
    """The file is not a checkpoint, or does not fit the model."""


def save(path: str | os.PathLike, arrays: dict[str, numpy.ndarray], manifest: dict | None = None) -> None:
    """Write the arrays, in full precision, and the manifest (anything JSON can hold) to exactly ``path``.

    A temporary file in the same folder is renamed once it is complete; an earlier file stays until then. Equal contents
    give equal bytes. Raises OSError when it cannot be written, ValueError or TypeError for anything that could not be
    read back: arrays that do not hold numbers, names with / \\ : or control characters, names that ``numpy.load``
    cannot tell apart, a manifest with a key ``arrays`` or too large to read within the memory that ``load`` promises.
    """
    if "arrays" in (manifest or {}):
        raise ValueError("checkpoint.save: 'arrays' in the manifest is the format's own; choose another name")
    arrays = {name: numpy.asarray(array, order="C") for name, array in arrays.items()}
    members = [_Member(name, array.shape, array.dtype.str) for name, array in arrays.items()]
    files = {MANIFEST: f"the file's own {MANIFEST}"} | {m.file_name: repr(m.name) for m in members}
    for m in members:
        if m.name in files:  # numpy.load looks for a file of that name before an array
            raise ValueError(
                f"checkpoint.save: numpy.load could not tell the array {m.name!r} from {files[m.name]}; rename one"
            )
    described = {
        m.name: {"shape": m.shape, "dtype": m.dtype, "sha256": hashlib.sha256(_bytes(arrays[m.name])).hexdigest()}
        for m in members
    }
    whole = (manifest or {}) | {"format": FORMAT, "arrays": described}
    content = json.dumps(whole, ensure_ascii=False, default=_without_numpy).encode()
    _parse(content, sum(a.nbytes for a in arrays.values()))
    with replacing(path) as file:
        bodies = ((m.file_name, m.head, _bytes(arrays[m.name])) for m in members)
        zip_records.write(file, [(MANIFEST, b"", content), *bodies])


def load(path: str | os.PathLike) -> tuple[dict[str, numpy.ndarray], dict]:
    """Read ``(arrays, manifest)``.

    The file's structure is checked before any array is allocated, and each array before the next one; peak memory is
    twice the file's size plus 32 MB. Raises OSError when the file cannot be read, CheckpointError with the reason when
    it is not a checkpoint.
    """
    with _checked(path) as (file, manifest, members):
        return {member.name: _array(file, member, *place) for member, *place in members}, manifest


def read_manifest(path: str | os.PathLike) -> dict:
    """Read only the manifest, and check everything in the file except the arrays' numbers.

    Raises the same errors as ``load``.
    """
    with _checked(path) as (_, manifest, _):
        return manifest


def assign(params: dict[str, numpy.ndarray], arrays: dict[str, numpy.ndarray], path: str | os.PathLike) -> None:
    """Copy the arrays into the parameters of the same names, in place: all of them, or none.

    Raises a CheckpointError that lists names that are missing, left over, or of another shape or kind of number.
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
        more = [f"and {len(faults) - 20} more"] if len(faults) > 20 else []
        raise CheckpointError(f"{path}: does not fit the model: {'; '.join(faults[:20] + more)}")
    for name, param in params.items():
        param[...] = arrays[name]


def _without_numpy(value):
    if isinstance(value, (numpy.ndarray, numpy.generic)):
        return value.tolist()
    raise TypeError(f"checkpoint.save: {type(value).__name__} in the manifest, which JSON cannot hold")


# Reading


@contextmanager
def _checked(path: str | os.PathLike) -> Iterator[tuple[BufferedReader, dict, list[tuple["_Member", int, int]]]]:
    """Open and check the file; yield it with its manifest and its members, each with its checksum and offset.

    The arrays' numbers are not checked yet. Any error, here or in the block, becomes a CheckpointError.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would wait forever, a device never end
        raise CheckpointError(f"{path}: not a checkpoint: a folder, a pipe or a device")
    with open(path, "rb") as file:
        if file.read(1) == b"\x80":
            raise CheckpointError(
                f"{path}: a pickled file is refused, because reading one can run any code; the book's pickled "
                "weights cannot be used: train again and save with save_params, which writes .npz"
            )
        file.seek(0)
        try:
            yield file, *_check(file, os.fstat(file.fileno()).st_size)
        except ValueError as error:
            raise CheckpointError(f"{path}: not a checkpoint, or a damaged one: {error}") from error


def _check(file: BufferedReader, file_size: int) -> tuple[dict, list[tuple["_Member", int, int]]]:
    local = _read(file, len(zip_records.header(MANIFEST, 0, 0)))
    crc, size = zip_records.crc_and_size(local)
    if local != zip_records.header(MANIFEST, crc, size):
        raise ValueError(
            f"no {MANIFEST} at its start; is it from an earlier version, without checksums? Then train again"
        )
    if size > file_size:
        raise ValueError(f"a {MANIFEST} of {size} bytes is declared, more than the file has")
    content = _read(file, size)
    if zlib.crc32(content) != crc:
        raise ValueError(f"the checksum of {MANIFEST} does not fit")
    manifest = _parse(content, file_size)
    members, offset = [], len(local) + size
    entries = [zip_records.entry(MANIFEST, crc, size, 0)]
    for name, described in manifest.pop("arrays").items():
        if not isinstance(described, dict) or described.keys() != {"shape", "dtype", "sha256"}:
            raise ValueError(f"{name!r}: expected shape, dtype and sha256")
        member = _Member(name, **described)
        if member.nbytes > file_size:
            raise ValueError(f"{reprlib.repr(member.nbytes)} bytes of {name!r} are declared, more than the file has")
        file.seek(offset)
        local = _read(file, len(zip_records.header(member.file_name, 0, 0)))
        crc, _ = zip_records.crc_and_size(local)
        head = _read(file, len(member.head))
        if (local, head) != (zip_records.header(member.file_name, crc, member.size), member.head):
            raise ValueError(f"{name!r} does not follow as {MANIFEST} says")
        entries.append(zip_records.entry(member.file_name, crc, member.size, offset))
        members.append((member, crc, offset + len(local) + len(head)))
        offset += len(local) + member.size
    end = zip_records.directory(entries, offset)
    file.seek(offset)
    if offset + len(end) != file_size or _read(file, len(end)) != end:
        raise ValueError("the arrays are not followed by their directory")
    return manifest, members


def _array(file: BufferedReader, member: "_Member", crc: int, offset: int) -> numpy.ndarray:
    array = numpy.empty(member.shape, dtype=member.dtype)
    body, sha256, found = _bytes(array), hashlib.sha256(), zlib.crc32(member.head)
    file.seek(offset)
    for start in range(0, len(body), CHUNK):
        part = body[start : start + CHUNK]
        if file.readinto(part) != len(part):
            raise ValueError(f"it ends within {member.name!r}")
        sha256.update(part)
        found = zlib.crc32(part, found)
    if sha256.hexdigest() != member.sha256 or found != crc:
        raise ValueError(f"the checksum of {member.name!r} does not fit")
    return array


def _read(file: BufferedReader, size: int) -> bytes:
    content = file.read(size)
    if len(content) < size:
        raise ValueError("it ends too early")
    return content


def _parse(content: bytes, size: int) -> dict:
    """Parse the manifest of a file of at least ``size`` bytes. Raises ValueError."""
    manifest = bounded_json.loads(content, MANIFEST, size + 28 * 2**20)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ValueError(f"it has another format; expected format {FORMAT}")
    if not isinstance(manifest.get("arrays"), dict):
        raise ValueError(f"no arrays in its {MANIFEST}")
    return manifest


@dataclass(frozen=True)
class _Member:
    """An array as described in the manifest. Raises ValueError for a description that ``save`` never writes."""

    name: str
    shape: list[int] | tuple[int, ...]
    dtype: str
    sha256: str = ""

    def __post_init__(self):
        name, dtype = reprlib.repr(self.name), reprlib.repr(self.dtype)
        if not isinstance(self.name, str) or not 0 < len(self.name.encode()) <= 1000 or FORBIDDEN.search(self.name):
            raise ValueError(f"{name}: expected a name of 1 to 1000 bytes, without / \\ : and control characters")
        if not isinstance(self.dtype, str) or self.dtype not in DTYPES:
            raise ValueError(f"{name}: expected bool, integers, floats or complex, got dtype {dtype}")
        shape = self.shape if isinstance(self.shape, (list, tuple)) else [None]
        if len(shape) > 64 or not all(type(n) is int and 0 <= n < 2**63 for n in shape):
            raise ValueError(f"{name}: {reprlib.repr(self.shape)} is not the shape of an array")

    @property
    def file_name(self) -> str:
        return f"{self.name}.npy"

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * numpy.dtype(self.dtype).itemsize

    @property
    def head(self) -> bytes:
        """The header of the .npy file, before the numbers. Source: numpy.lib.format, version 1.0."""
        text = f"{{'descr': '{self.dtype}', 'fortran_order': False, 'shape': {tuple(self.shape)}, }}".encode()
        text += b" " * (-(11 + len(text)) % 64) + b"\n"
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text

    @property
    def size(self) -> int:
        return len(self.head) + self.nbytes


def _bytes(array: numpy.ndarray) -> memoryview:
    return array.reshape(-1).view(numpy.uint8).data
