"""``.safetensors``: a header in JSON, then bytes. The package checks it; we read the numbers, which it would map."""

import math
import os
from typing import Any

import numpy as np

from interchange.arrays import Arrays
from interchange.packages import require
from interchange.spans import BFLOAT16, TIED, Span, entries
from support import bounded_json

DTYPES: dict[str, Any] = {
    "BOOL": "?", "I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8", "U8": "u1", "U16": "<u2", "U32": "<u4",
    "U64": "<u8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8", "BF16": BFLOAT16,
}  # fmt: skip
HEADER = 28 * 2**20  # bytes that a header may take in memory, besides the size of the file


def read(path: str) -> Arrays:
    """Return the arrays, in the order of the file, and its ``__metadata__``. ValueError for all else."""
    package, size = require("safetensors"), os.path.getsize(path)
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > size - 8:
            raise ValueError(f"a header of {length} bytes is declared, more than the file has")
        header = bounded_json.loads(file.read(length), "header", size + HEADER)
    try:
        with package.safe_open(path, framework="np"):  # checks names, shapes and sizes; and that no bytes are shared
            pass
    except (package.SafetensorError, OSError) as error:
        raise ValueError(str(error)) from error
    metadata = header.pop("__metadata__", None)
    for name, tensor in header.items():
        if tensor["dtype"] not in DTYPES:
            raise ValueError(f"{name} is {tensor['dtype']}, which numpy has not; save it as float32")
    spans = {
        name: Span(8 + length + tensor["data_offsets"][0], tuple(tensor["shape"]), np.dtype(DTYPES[tensor["dtype"]]))
        for name, tensor in sorted(header.items(), key=lambda item: item[1]["data_offsets"])
    }
    found = entries(path, spans)
    # safetensors.torch.save_model stores tied weights once, and says so here
    found |= {name: found[kept] for name, kept in (metadata or {}).items() if kept in spans and name not in spans}
    total = sum(math.prod(entry.shape) * entry.dtype.itemsize for entry in found.values())
    if total > 2 * TIED * size:  # bfloat16 and float16 come twice as large
        raise ValueError(f"{total} bytes of arrays are declared, more than {2 * TIED} times the file")
    return Arrays(path, found, metadata=metadata)
