"""``.npz``: an uncompressed zip of ``.npy`` files. No pickle in one is ever read."""

import io
import math

import numpy as np

from interchange.arrays import Arrays
from interchange.spans import Span, entries
from interchange.zip_members import Member

LONGEST = 1000  # bytes of a header, with magic and padding; that of an array of numbers has 128


def read(path: str, members: dict[str, Member]) -> Arrays:
    """Return the arrays, by their names without ``.npy``. ValueError for all else."""
    spans = {}
    with open(path, "rb") as file:
        for name, member in members.items():
            if not name.endswith(".npy"):
                raise ValueError(f"{name!r} is no array; expected members that end in .npy")
            file.seek(member.offset)
            spans[name[:-4]] = _span(file.read(min(LONGEST, member.size)), name[:-4], member)
    return Arrays(path, entries(path, spans))


def _span(start: bytes, name: str, member: Member) -> Span:
    header = io.BytesIO(start)
    try:
        version = np.lib.format.read_magic(header)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, fortran, dtype = readers[version](header)
    except Exception as error:  # the header is parsed as Python, where much can happen
        raise ValueError(f"{name}: not the header of an array: {' '.join(str(error).split())[:200]}") from error
    if dtype.hasobject:
        raise ValueError(f"{name} holds pickled objects, which are refused, because reading one can run any code")
    size = header.tell() + math.prod(shape) * dtype.itemsize
    if size != member.size:
        raise ValueError(f"{name}: expected {size} bytes for {dtype} {str(shape)[:100]}, got {member.size}")
    return Span(member.offset + header.tell(), shape, dtype, fortran)
