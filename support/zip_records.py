"""Records of an uncompressed zip archive, built from the names, checksums, sizes and offsets they describe.

Sizes are always 64-bit, whatever the size of the file, so that nothing else varies.
Source: PKWARE's APPNOTE 6.3.10, 4.3.7 to 4.3.16.
"""

import struct
import zlib
from collections.abc import Iterable
from typing import BinaryIO

# 4.5: the first version with 64-bit sizes; 0x800: the name is UTF-8; 0: stored; 0x21: the first day of 1980
COMMON = 45, 0x800, 0, 0, 0x21


def write(file: BinaryIO, members: Iterable[tuple[str, bytes, bytes | memoryview]]) -> None:
    """Write an archive of members (name, head, body); the contents of each are its head and its body."""
    entries, offset = [], 0
    for name, head, body in members:
        crc, size = zlib.crc32(body, zlib.crc32(head)), len(head) + len(body)
        local = header(name, crc, size)
        file.write(local + head)
        file.write(body)
        entries.append(entry(name, crc, size, offset))
        offset += len(local) + size
    file.write(directory(entries, offset))


def header(name: str, crc: int, size: int) -> bytes:
    """Return the local file header, which precedes a member's contents."""
    encoded, extra = name.encode(), struct.pack("<2H2Q", 1, 16, size, size)
    sizes = 2**32 - 1, 2**32 - 1, len(encoded), len(extra)
    return struct.pack("<4s5H3L2H", b"PK\3\4", *COMMON, crc, *sizes) + encoded + extra


def crc_and_size(local: bytes) -> tuple[int, int]:
    """Read the checksum and the size from the bytes that ``header`` returned."""
    (crc,), (size,) = struct.unpack_from("<L", local, 14), struct.unpack_from("<Q", local, len(local) - 8)
    return crc, size


def entry(name: str, crc: int, size: int, offset: int) -> bytes:
    """Return a member's entry in the central directory; offset: where its header begins."""
    encoded, extra = name.encode(), struct.pack("<2H3Q", 1, 24, size, size, offset)
    sizes = 2**32 - 1, 2**32 - 1, len(encoded), len(extra)
    unix, readable = 3 << 8 | 45, 0o100644 << 16
    fixed = struct.pack("<4s6H3L5H2L", b"PK\1\2", unix, *COMMON, crc, *sizes, 0, 0, 0, readable, 2**32 - 1)
    return fixed + encoded + extra


def directory(entries: list[bytes], offset: int) -> bytes:
    """Return the central directory, which begins at ``offset``, and the records that say where it is."""
    joined, n = b"".join(entries), len(entries)
    end = offset + len(joined)
    sizes = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, n, n, len(joined), offset)
    place = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    return joined + sizes + place + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *[2**16 - 1] * 2, *[2**32 - 1] * 2, 0)
