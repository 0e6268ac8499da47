"""Reading data files, none of them larger than MAX_BYTES."""

import os
from itertools import islice
from pathlib import Path

MAX_BYTES = 2**30  # what is read takes about ten times as much in memory
CHUNK = 2**20


def read_bytes(path: str | os.PathLike) -> bytes:
    """The content of a file. Raises ValueError for one of more than MAX_BYTES, before it is read; OSError as open."""
    path = Path(path)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= MAX_BYTES:  # a pipe or a device has none, and may never end
            content = b"".join(islice(iter(lambda: file.read(CHUNK), b""), MAX_BYTES // CHUNK + 1))
            size = len(content)
    if size > MAX_BYTES:
        raise ValueError(f"{path}: too large, a data file of at most {MAX_BYTES:,} bytes wanted; divide it")
    return content
