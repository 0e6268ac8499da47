"""Read data files of at most MAX_BYTES."""

import os
from itertools import islice
from pathlib import Path

MAX_BYTES = 2**30  # in memory, the data takes about ten times as much
CHUNK = 2**20


def read_bytes(path: str | os.PathLike) -> bytes:
    """Read a whole file. Raises ValueError, before reading, when it has more than MAX_BYTES; OSError like open."""
    path = Path(path)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= MAX_BYTES:  # a pipe or a device reports 0 and may never end
            content = b"".join(islice(iter(lambda: file.read(CHUNK), b""), MAX_BYTES // CHUNK + 1))
            size = len(content)
    if size > MAX_BYTES:
        raise ValueError(f"{path}: expected a data file of at most {MAX_BYTES:,} bytes, got a larger one; divide it")
    return content


def read_text(path: str | os.PathLike, encoding: str | None = None) -> str:
    """Read the text of a file, with LF as line ends and without a byte order mark. encoding: None requires UTF-8.

    Raises like read_bytes; ValueError for an unknown encoding, and for bytes that are not in the encoding, with the
    line and the byte (from 0).
    """
    data, choice = read_bytes(path), "" if encoding is None else "; expected another encoding? --encoding names it"
    encoding = encoding or "UTF-8"
    try:
        text = data.decode(encoding)
    except LookupError:
        raise ValueError(f"{path}: expected the name of an encoding, got {encoding!r}") from None
    except UnicodeDecodeError as error:
        number = data[: error.start].decode(encoding, "replace").count("\n") + 1
        line = data[data.rfind(b"\n", 0, error.start) + 1 :].split(b"\n", 1)[0].rstrip(b"\r")
        found = f"not {encoding} ({error.reason}), byte {error.start} of the file: {shorten(line)}"
        raise ValueError(f"{path}:{number}: {found}{choice}") from None
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def shorten(text: str | bytes) -> str:
    """Quote a text for a message like Python's repr, cut after 60 characters."""
    return repr(text) if len(text) <= 60 else f"{text[:60]!r}..."
