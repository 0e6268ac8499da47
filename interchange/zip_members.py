"""Uncompressed zip archives: where each member stands, so that arrays can be read from there."""

import io
import os
import struct
import zipfile
from typing import NamedTuple

LARGEST_READ = 2**22  # bytes of a directory; each entry takes at least 46, and about 700 in memory


class Member(NamedTuple):
    """The contents of a member: where they stand in the file, their size in bytes, and whether as they are."""

    offset: int
    size: int
    stored: bool = True


class _Reader(io.FileIO):
    """A file that refuses to return more than a directory may have: its size is declared in the file."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            size = LARGEST_READ  # the end of the file, where a directory is looked for
        if size > LARGEST_READ:
            raise ValueError(f"a directory of {size} bytes is declared, too large for a zip of weights")
        return super().read(size) or b""


def members(path: str) -> dict[str, Member]:
    """Return the members by name. ValueError for a damaged zip, and for a name that occurs twice."""
    found: dict[str, Member] = {}
    size = os.path.getsize(path)
    with _Reader(path) as file, _open(file) as archive:
        for info in archive.infolist():
            name = info.filename
            if name in found:
                raise ValueError(f"{name!r} occurs twice")
            file.seek(min(max(0, info.header_offset), size))
            local = file.read(30)
            if info.header_offset < 0 or len(local) < 30 or local[:4] != b"PK\3\4":
                raise ValueError(f"{name!r} is not where the directory says")
            offset = info.header_offset + 30 + sum(struct.unpack_from("<2H", local, 26))
            if offset + info.compress_size > size:
                raise ValueError(
                    f"{info.file_size} bytes of {name!r} are declared, more than the file has from there on"
                )
            stored = info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1
            found[name] = Member(offset, info.file_size, stored and info.compress_size == info.file_size)
    return found


def check_stored(found: dict[str, Member]) -> None:
    """Raise ValueError if a member is compressed: it could become any size."""
    for name, member in found.items():
        if not member.stored:
            raise ValueError(
                f"{name!r} is compressed or encrypted; expected a zip as numpy.savez, torch.save and Keras write it"
            )


def _open(file: _Reader) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)  # NotImplementedError is its word for a kind of zip that it does not read
    except (zipfile.BadZipFile, NotImplementedError, OSError, struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"a damaged zip: {error}") from error


def read(path: str, member: Member) -> bytes:
    """Return the contents of a member."""
    with open(path, "rb") as file:
        file.seek(member.offset)
        return file.read(member.size)
