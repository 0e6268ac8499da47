"""Files of named arrays and a manifest: the one format in which this project keeps weights.

A file is an uncompressed zip that ``numpy.load`` can read too: ``manifest.json`` first, then one ``.npy`` a named
array, in C order. Nothing in it is ever executed: no pickles.

The manifest says each array's shape, dtype and SHA-256, and from these every other byte of the file follows but the
numbers themselves. So the reader takes no zip apart: it asks whether the file is what ``save`` writes, and refuses
whatever else a zip could be (compressed, encrypted, overlapping, ...) without knowing it.
Zip records: PKWARE's APPNOTE 6.3.10, 4.3.7 to 4.3.16, with 64-bit sizes in files of any size.
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
from typing import BinaryIO

import numpy

from support.atomic_file import replacing

MANIFEST = "manifest.json"
FORMAT = 2
DTYPES = {numpy.dtype(kind).newbyteorder(order).str for kind in "?bhilqBHILQefdgFDG" for order in "<>"}
FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029/\\:]")  # in names: paths, and what would break a line
CHUNK = 2**20  # bytes that are read and checked at a time


class CheckpointError(ValueError):
    """A file that is no checkpoint of ours, or not one for this model."""


def save(path: str | os.PathLike, arrays: dict[str, numpy.ndarray], manifest: dict | None = None) -> None:
    """Write the arrays, full precision, and the manifest (what JSON can hold) to exactly ``path``.

    The file is written beside its place and renamed when it is whole, so a file that was there before stays
    until then. Equal contents give equal bytes. Raises OSError when it cannot be written, ValueError or TypeError for
    what could not be read back: arrays that are not of numbers, names with / \\ : or control characters or that
    ``numpy.load`` cannot tell apart, a manifest with ``arrays`` in it or too large to be read within the memory that
    ``load`` promises.
    """
    if "arrays" in (manifest or {}):
        raise ValueError("checkpoint.save: 'arrays' in the manifest is the format's own; choose another name")
    arrays = {name: numpy.asarray(array, order="C") for name, array in arrays.items()}
    members = [_Member(name, array.shape, array.dtype.str) for name, array in arrays.items()]
    files = {MANIFEST: f"the file's own {MANIFEST}"} | {m.file_name: repr(m.name) for m in members}
    for m in members:
        if m.name in files:  # numpy.load takes the name of a file before the name of an array
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
        directory, offset = [], 0
        bodies = [(MANIFEST, b"", content), *((m.file_name, m.head, _bytes(arrays[m.name])) for m in members)]
        for name, head, body in bodies:
            crc, size = zlib.crc32(body, zlib.crc32(head)), len(head) + len(body)
            local = _local(name, crc, size)
            file.write(local + head)
            file.write(body)
            directory.append(_entry(name, crc, size, offset))
            offset += len(local) + size
        file.write(_end(directory, offset))


def load(path: str | os.PathLike) -> tuple[dict[str, numpy.ndarray], dict]:
    """Read ``(arrays, manifest)``.

    The file is checked before memory is taken for an array, each array before the next; the most memory at any time is
    twice the file's size and 32 MB. Raises OSError when the file cannot be read, CheckpointError when it is not
    a checkpoint, with the reason.
    """
    with _checked(path) as (file, manifest, members):
        return {member.name: _array(file, member, *place) for member, *place in members}, manifest


def read_manifest(path: str | os.PathLike) -> dict:
    """The manifest alone, of a file that is whole as far as can be told without reading the arrays' numbers.

    Raises as ``load`` does.
    """
    with _checked(path) as (_, manifest, _):
        return manifest


def assign(params: dict[str, numpy.ndarray], arrays: dict[str, numpy.ndarray], path: str | os.PathLike) -> None:
    """Copy the arrays into the parameters of the same names, in place: all of them, or none.

    Raises CheckpointError that lists the names that are missing, left over, of another shape or kind of number.
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
def _checked(path: str | os.PathLike) -> Iterator[tuple[BinaryIO, dict, list[tuple["_Member", int, int]]]]:
    """The open file, its manifest, and its members (checksum and place of each), checked but for the arrays' numbers.

    Whatever is wrong, here or in the block, is one CheckpointError.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would wait for ever, a device never end
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
        except (ValueError, RecursionError) as error:
            raise CheckpointError(f"{path}: not a checkpoint, or a damaged one: {error}") from error


def _check(file: BinaryIO, file_size: int) -> tuple[dict, list[tuple["_Member", int, int]]]:
    local = _read(file, len(_local(MANIFEST, 0, 0)))
    (crc,), (size,) = struct.unpack_from("<L", local, 14), struct.unpack_from("<Q", local, len(local) - 8)
    if local != _local(MANIFEST, crc, size):
        raise ValueError(f"no {MANIFEST} at its start; of an earlier version, without checksums? Then train again")
    if size > file_size:
        raise ValueError(f"a {MANIFEST} of {size} bytes is promised, more than the file has")
    content = _read(file, size)
    if zlib.crc32(content) != crc:
        raise ValueError(f"the checksum of {MANIFEST} does not fit")
    manifest = _parse(content, file_size)
    members, offset = [], len(local) + size
    directory = [_entry(MANIFEST, crc, size, 0)]
    for name, entry in manifest.pop("arrays").items():
        if not isinstance(entry, dict) or entry.keys() != {"shape", "dtype", "sha256"}:
            raise ValueError(f"shape, dtype and sha256 wanted of {name!r}")
        member = _Member(name, **entry)
        if member.nbytes > file_size:
            raise ValueError(f"{reprlib.repr(member.nbytes)} bytes of {name!r} are promised, more than the file has")
        expected = _local(member.file_name, 0, member.size) + member.head
        file.seek(offset)
        (crc,) = struct.unpack_from("<L", found := _read(file, len(expected)), 14)
        if found != _local(member.file_name, crc, member.size) + member.head:
            raise ValueError(f"{name!r} does not follow as {MANIFEST} promises")
        directory.append(_entry(member.file_name, crc, member.size, offset))
        members.append((member, crc, offset + len(expected)))
        offset += len(expected) + member.nbytes
    end = _end(directory, offset)
    file.seek(offset)
    if offset + len(end) != file_size or _read(file, len(end)) != end:
        raise ValueError("what follows the arrays is not their directory")
    return manifest, members


def _array(file: BinaryIO, member: "_Member", crc: int, offset: int) -> numpy.ndarray:
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


def _read(file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    if len(content) < size:
        raise ValueError("it ends too early")
    return content


def _parse(content: bytes, size: int) -> dict:
    """The manifest of a file of at least ``size`` bytes. Raises ValueError, or RecursionError for lists in lists in ...

    A few bytes of JSON can become a hundred in memory, so what they may become is bounded before they are parsed.
    """
    width = 3 if content.isascii() and b"\\u" not in content else 9  # one wide character makes all those beside it wide
    cost = width * len(content) + 72 * content.count(b",") + 130 * sum(map(content.count, (b":", b"{", b"[")))
    if cost > size + 28 * 2**20:
        raise ValueError(
            f"a {MANIFEST} of {len(content)} bytes, that could take {cost} in memory, is too large; fewer words in it"
        )
    manifest = json.loads(content.decode(), object_pairs_hook=_unique)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ValueError(f"of another format; format {FORMAT} wanted")
    if not isinstance(manifest.get("arrays"), dict):
        raise ValueError(f"no arrays in its {MANIFEST}")
    return manifest


def _unique(pairs: list[tuple[str, object]]) -> dict:
    if len(values := dict(pairs)) < len(pairs):
        raise ValueError(f"a name stands twice in {MANIFEST}")
    return values


# The records of the file, each the bytes that follow from what it describes


@dataclass(frozen=True)
class _Member:
    """An array as the manifest describes it. Raises ValueError for what cannot be an array of ours."""

    name: str
    shape: list[int] | tuple[int, ...]
    dtype: str
    sha256: str = ""

    def __post_init__(self):
        name, dtype = reprlib.repr(self.name), reprlib.repr(self.dtype)
        if not isinstance(self.name, str) or not 0 < len(self.name.encode()) <= 1000 or FORBIDDEN.search(self.name):
            raise ValueError(f"{name}: a name of 1 to 1000 bytes wanted, without / \\ : and control characters")
        if not isinstance(self.dtype, str) or self.dtype not in DTYPES:
            raise ValueError(f"{name}: bool, integers, floats or complex wanted, got dtype {dtype}")
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
        """What stands before the numbers. Source: numpy.lib.format, version 1.0."""
        text = f"{{'descr': '{self.dtype}', 'fortran_order': False, 'shape': {tuple(self.shape)}, }}".encode()
        text += b" " * (-(11 + len(text)) % 64) + b"\n"
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text

    @property
    def size(self) -> int:
        return len(self.head) + self.nbytes


def _bytes(array: numpy.ndarray) -> numpy.ndarray:
    return array.reshape(-1).view(numpy.uint8)


# 4.5: the least version with 64-bit sizes; 0x800: the name is UTF-8; 0: stored; 0x21: the first day of 1980
COMMON = 45, 0x800, 0, 0, 0x21


def _local(name: str, crc: int, size: int) -> bytes:
    """What stands before a member."""
    encoded, extra = name.encode(), struct.pack("<2H2Q", 1, 16, size, size)
    sizes = 2**32 - 1, 2**32 - 1, len(encoded), len(extra)
    return struct.pack("<4s5H3L2H", b"PK\3\4", *COMMON, crc, *sizes) + encoded + extra


def _entry(name: str, crc: int, size: int, offset: int) -> bytes:
    """A member's place in the directory."""
    encoded, extra = name.encode(), struct.pack("<2H3Q", 1, 24, size, size, offset)
    sizes = 2**32 - 1, 2**32 - 1, len(encoded), len(extra)
    unix, readable = 3 << 8 | 45, 0o100644 << 16
    fixed = struct.pack("<4s6H3L5H2L", b"PK\1\2", unix, *COMMON, crc, *sizes, 0, 0, 0, readable, 2**32 - 1)
    return fixed + encoded + extra


def _end(entries: list[bytes], offset: int) -> bytes:
    """The directory, which begins at ``offset``, and the records that say where it is."""
    directory, n = b"".join(entries), len(entries)
    end = offset + len(directory)
    sizes = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, n, n, len(directory), offset)
    place = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    return directory + sizes + place + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *[2**16 - 1] * 2, *[2**32 - 1] * 2, 0)
