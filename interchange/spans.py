"""Where the numbers of arrays stand in a file, which is all that these formats differ in."""

import math
import os
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from interchange.arrays import Entry, ForeignFileError

TIED = 3  # names that may share bytes: the most that a model of ours has are two embeddings and a Linear
BFLOAT16 = np.dtype("V2")  # numpy has none: the upper half of a float32


class Span(NamedTuple):
    """An array that stands in a file from ``offset`` on, in one piece; dtype: as it is stored there."""

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool = False


def entries(path: str, spans: Mapping[str, Span], end: int | None = None) -> dict[str, Entry]:
    """Return what reads the spans, in the byte order of this machine; float16 and bfloat16 come as float32.

    end: where the part of the file ends that the spans are in; None for the file's. Raises ValueError for arrays that
    do not hold numbers, that are not within the file, or that share its bytes: all of them together take no more memory
    than the file, or twice as much if they are widened.
    """
    file_size, total = os.path.getsize(path) if end is None else end, 0
    for name, span in spans.items():
        if span.dtype.kind not in "biufc" and span.dtype != BFLOAT16:
            raise ValueError(f"{name} is {span.dtype}, expected numbers")
        if len(span.shape) > 32 or not all(0 <= n <= file_size for n in span.shape):
            raise ValueError(
                f"{name}: {str(span.shape)[:100]} is not the shape of an array in a file of {file_size} bytes"
            )
        size = math.prod(span.shape) * span.dtype.itemsize
        if not 0 <= span.offset <= file_size - size:
            raise ValueError(f"{size} bytes of {name} are declared, more than the file has from there on")
        total += size
    if total > file_size:
        raise ValueError(f"{total} bytes of arrays are declared, more than the {file_size} of the file")
    return {name: _entry(path, name, span) for name, span in spans.items()}


def _entry(path: str, name: str, span: Span) -> Entry:
    stored = span.dtype.newbyteorder("<").str if span.dtype == BFLOAT16 else span.dtype
    halved = span.dtype in (BFLOAT16, np.dtype(np.float16), np.dtype(">f2"))
    dtype = np.dtype(np.float32) if halved else span.dtype.newbyteorder("=")

    def fill(out: np.ndarray) -> None:
        direct = not (halved or span.fortran)
        raw = out if direct else np.empty(span.shape[::-1] if span.fortran else span.shape, stored)
        with open(path, "rb") as file:
            file.seek(span.offset)
            if file.readinto(raw.reshape(-1).view(np.uint8).data) != raw.nbytes:
                raise ForeignFileError(f"{path}: ends within {name}")
        if direct:
            if not span.dtype.isnative:
                out.byteswap(inplace=True)
        elif span.dtype == BFLOAT16:
            bits = out.view(np.uint32)
            bits[...] = raw.view("<u2")
            bits <<= 16
        else:
            out[...] = raw.T if span.fortran else raw

    return Entry(span.shape, dtype, fill)
