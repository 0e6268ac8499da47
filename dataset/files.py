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


def read_text(path: Path, encoding: str) -> str:
    """The text of a file, its line ends LF, without a byte order mark.

    Raises as read_bytes, and ValueError with the line and the byte (from 0) that is not in the encoding.
    """
    data = read_bytes(path)
    try:
        text = data.decode(encoding)
    except LookupError:
        raise ValueError(f"{path}: the name of an encoding wanted, got {encoding!r}") from None
    except UnicodeDecodeError as error:
        line = data[: error.start].decode(encoding, "replace").count("\n") + 1
        place = f"byte {error.start} of the file"
        raise ValueError(f"{path}:{line}: not {encoding} ({error.reason}), {place}") from None
    return text.removeprefix("\ufeff").replace("\r\n", "\n")
