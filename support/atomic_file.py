"""Files that are written completely or not at all."""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # not needed on Windows, where an open file cannot be removed
    fcntl = None  # type: ignore[assignment]  # a module or None


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Yield a binary file that replaces ``path`` when the block succeeds, and leaves no trace otherwise.

    Temporary files left by a killed process are removed first, but not those that another process is still writing: the
    last one to succeed wins. A link is kept and its target replaced; permissions are kept. Raises an OSError that names
    the path, also for a device or a pipe.
    """
    path = Path(os.path.realpath(path)) if os.path.islink(path) else Path(path)
    if path.exists() and not (path.is_file() or path.is_dir()):  # root could replace /dev/null
        raise OSError(errno.EINVAL, "a device or a pipe, so it was not written", str(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}")
    temporary = None
    try:
        _sweep(path)
        file, temporary = _temporary(path)
        with file:
            yield file
            file.flush()
            with suppress(OSError):  # a new file keeps the default permissions
                os.chmod(temporary, stat.S_IMODE(path.stat().st_mode))
            os.fsync(file.fileno())
            if fcntl is None:
                file.close()
            os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(temporary)):
            raise OSError(error.errno, f"{error.strerror}, so it was not written", str(path)) from error
        raise
    with suppress(OSError):  # not every system can flush a folder; the file is in place anyway
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _temporary(path: Path) -> tuple[BinaryIO, Path]:
    """Create a file in the folder of ``path``, locked as long as it is open."""
    while True:
        temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}.tmp")
        try:
            file = open(temporary, "xb")
        except OSError as error:
            raise OSError(error.errno, error.strerror) from error
        if fcntl is None:
            return file, temporary
        with suppress(OSError):  # not every file system has locks; a file without one can be swept
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file, temporary
        file.close()  # another process removed it before it was locked


def _sweep(path: Path) -> None:
    """Remove the temporary files of this path that no process holds open, as far as permissions allow."""
    ours = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]+\.tmp")
    with suppress(OSError), os.scandir(path.parent) as entries:
        for name in [entry.path for entry in entries if ours.fullmatch(entry.name) and entry.is_file()]:
            with suppress(OSError), open(name, "rb") if fcntl else nullcontext() as file:
                if fcntl and file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(name)
