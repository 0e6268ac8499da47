"""Names of runs that stand side by side: the ends of their paths."""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath


def endings(runs: Sequence[Path]) -> Iterator[list[str]]:
    """Yield the names of their folders, then with the folder above, and so on, up to whole paths."""
    paths = [run.resolve().parts for run in runs]
    for length in range(1, max(map(len, paths)) + 1):
        yield [PurePath(*parts[-length:]).as_posix() for parts in paths]
