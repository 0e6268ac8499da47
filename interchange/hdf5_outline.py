"""A process of its own that reads what an HDF5 file contains: attributes, and where its arrays stand.

HDF5's library can crash, or never end, on a file with one wrong byte. Here it harms nobody: keras_file.py runs this
file as a script, and reads the arrays itself. Only hard links are followed.
"""

import contextlib
import io
import json
import math
import os
import sys
from typing import Any

MEMORY, SECONDS = 2**29, 10  # that HDF5 may take
LARGEST = 2**25  # bytes of an attribute


class Window(io.RawIOBase):
    """The bytes of a file from ``start`` on, as a file: a member of a zip, read where it stands."""

    def __init__(self, file: io.FileIO, start: int, size: int):
        self.file, self.start, self.size, self.place = file, start, size, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self.place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self.place, os.SEEK_END: self.size}[whence]
        return self.place

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)[: max(0, self.size - self.place)]
        self.file.seek(self.start + self.place)
        count = self.file.readinto(view) or 0
        self.place += count
        return count


def outline(file: Any, h5py: Any) -> dict[str, Any]:
    """Return ``{"groups": {path: attributes}, "arrays": {path: [offset, shape, dtype]}}``."""
    groups: dict[str, dict] = {}
    arrays: dict[str, list] = {}
    todo, seen = [("", file)], set()
    while todo:
        path, group = todo.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:
            raise ValueError(f"the group {path!r} is in more than one place")
        seen.add(address)
        groups[path] = _texts(group)
        for name in group:
            place = f"{path}/{name}".removeprefix("/")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{place!r} is a link to elsewhere")
            item = group[name]
            if isinstance(item, h5py.Group):
                todo.append((place, item))
            else:
                arrays[place] = _place(place, item, h5py)
    return {"groups": groups, "arrays": arrays}


def _place(name: str, item: Any, h5py: Any) -> list:
    if not isinstance(item, h5py.Dataset) or item.shape is None:
        raise ValueError(f"{name!r} is no array")
    plist = item.id.get_create_plist()
    if plist.get_layout() != h5py.h5d.CONTIGUOUS or plist.get_external_count():
        raise ValueError(f"{name!r} is compressed, or in pieces; Keras keeps the numbers of an array in one piece")
    if item.attrs.get("dtype") == "bfloat16" and item.dtype.itemsize == 2:
        dtype = "V2"
    elif item.dtype.kind in "biufc" and item.id.get_type().equal(h5py.h5t.py_create(item.dtype, logical=True)):
        dtype = item.dtype.str
    else:
        raise ValueError(f"{name!r} is {item.dtype}, expected numbers")
    offset = item.id.get_offset()
    if offset is None and item.size:
        raise ValueError(f"{name!r} has no numbers: they were never written")
    return [offset or 0, item.shape, dtype]


def _texts(group: Any) -> dict[str, Any]:
    """Return the attributes that are a text or a list of texts."""
    found: dict[str, Any] = {}
    for name in group.attrs:
        attribute = group.attrs.get_id(name)
        if math.prod(attribute.shape or ()) * attribute.dtype.itemsize > LARGEST:
            raise ValueError(f"the attribute {name!r} is too large")
        value = group.attrs[name]
        if isinstance(value, (str, bytes)):
            found[name] = _text(value)
        elif getattr(value, "dtype", None) is not None and (value.dtype.kind in "OSU" or not value.size):
            found[name] = [_text(each) for each in value.ravel().tolist()]
    return found


def _text(value: Any) -> str:
    if not isinstance(value, (str, bytes)):
        raise ValueError(f"an attribute holds {type(value).__name__}, expected texts")
    return value.decode() if isinstance(value, bytes) else value


def describe(path: str, start: int, size: int) -> dict[str, Any]:
    """Return the outline of the HDF5 file that is so many bytes of ``path``, or ``{"error": reason}``."""
    import h5py

    try:
        with open(path, "rb", buffering=0) as file, h5py.File(Window(file, start, size), "r") as opened:
            found = outline(opened, h5py)
        json.dumps(found, ensure_ascii=False).encode()  # h5py lets through what is not UTF-8
        return found
    except Exception as error:  # HDF5's are of any kind
        reason = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
        return {"error": " ".join(reason.split())[:300] or type(error).__name__}


def limit() -> None:
    """Let this process end where HDF5 takes too much."""
    with contextlib.suppress(ImportError):  # of Windows
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


if __name__ == "__main__":
    sys.path[:] = json.loads(sys.argv[1])
    limit()
    sys.stdout.write(json.dumps(describe(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
