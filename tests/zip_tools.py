"""Zip archives byte by byte, right or wrong in any field. Imports nothing of ours: a second account of the format.

Source: PKWARE's APPNOTE 6.3.10, 4.3.7 to 4.3.16.
"""

import hashlib
import json
import math
import struct
import zlib

import numpy as np

MAX16, MAX32 = 2**16 - 1, 2**32 - 1


def npy(descr: str, shape: tuple, data: bytes = b"", *, fortran: bool = False, text: bytes | None = None) -> bytes:
    """A .npy file, version 1.0."""
    if text is None:
        text = f"{{'descr': {descr!r}, 'fortran_order': {fortran}, 'shape': {shape!r}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def member(
    name: str | bytes, content: bytes, *, before: bytes = b"", local: dict | None = None, entry: dict | None = None
):
    """A member for ``archive``. ``before`` stands before it; ``local`` and ``entry``: fields that are not as they
    should be, in the local header and in the directory."""
    name = name.encode() if isinstance(name, str) else name
    fields = dict(name=name, crc=zlib.crc32(content), size=len(content), packed=len(content), version=45, flags=0x800)
    fields |= dict(method=0, time=0, date=0x21, disk=0, comment=b"", extra=b"", made=3 << 8 | 45)
    return content, before, fields | (local or {}), fields | (entry or {})


def archive(*members: tuple, comment: bytes = b"", directory: bytes = b"", **end) -> bytes:
    """The archive. ``directory`` is added to the directory; ``end``: count, directory_size, directory_offset, disk,
    disks, end_offset of the last records."""
    body, entries = b"", b""
    for content, before, local, entry in members:
        body += before
        offset = entry.get("offset", len(body))
        extra = struct.pack("<2H2Q", 1, 16, local["size"], local["packed"]) + local["extra"]
        body += struct.pack("<4s", b"PK\3\4")
        body += struct.pack("<5H", *(local[key] for key in ("version", "flags", "method", "time", "date")))
        body += struct.pack("<3L2H", local["crc"], MAX32, MAX32, len(local["name"]), len(extra))
        body += local["name"] + extra + content
        extra = struct.pack("<2H3Q", 1, 24, entry["size"], entry["packed"], offset) + entry["extra"]
        entries += struct.pack("<4sH", b"PK\1\2", entry["made"])
        entries += struct.pack("<5H", *(entry[key] for key in ("version", "flags", "method", "time", "date")))
        entries += struct.pack("<3L", entry["crc"], MAX32, MAX32)
        lengths = len(entry["name"]), len(extra), len(entry["comment"])
        entries += struct.pack("<5H2L", *lengths, entry["disk"], 0, 0o100644 << 16, MAX32)
        entries += entry["name"] + extra + entry["comment"]
    entries += directory
    end = dict(count=len(members), directory_size=len(entries), directory_offset=len(body), disk=0, disks=1) | end
    last = struct.pack("<4sQ2H2L", b"PK\6\6", 44, 45, 45, end["disk"], end["disk"])
    last += struct.pack("<4Q", end["count"], end["count"], end["directory_size"], end["directory_offset"])
    last += struct.pack("<4sLQL", b"PK\6\7", 0, end.get("end_offset", len(body + entries)), end["disks"])
    last += struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, MAX16, MAX16, MAX32, MAX32, len(comment)) + comment
    return body + entries + last


def described(arrays: dict[str, np.ndarray]) -> dict:
    """What a manifest says of the arrays."""
    return {
        name: dict(shape=list(a.shape), dtype=a.dtype.str, sha256=hashlib.sha256(a.tobytes()).hexdigest())
        for name, a in arrays.items()
    }


def manifest(arrays: dict[str, np.ndarray] | None = None, **facts) -> bytes:
    """The text of a manifest."""
    content = {"format": 2, "arrays": described(arrays or {})} | facts
    return json.dumps(content, ensure_ascii=False).encode()


def checkpoint(arrays: dict[str, np.ndarray], text: bytes | None = None, flaws: dict[str, dict] | None = None) -> bytes:
    """A file of the arrays, with ``text`` for its manifest and ``flaws``: arguments of ``member`` by name."""
    flaws = flaws or {}
    text = manifest(arrays) if text is None else text
    members = [member("manifest.json", text, **flaws.get("manifest.json", {}))]
    for name, a in arrays.items():
        members.append(member(f"{name}.npy", npy(a.dtype.str, a.shape, a.tobytes()), **flaws.get(name, {})))
    return archive(*members)


def promise(shape: list, dtype: str = "<f4") -> dict:
    """What a manifest says of an array that nobody has."""
    size = math.prod(shape) * 4 if all(isinstance(n, int) for n in shape) else 0
    return dict(shape=shape, dtype=dtype, sha256=hashlib.sha256(bytes(min(max(size, 0), 1000))).hexdigest())
