"""Names of runs that stand side by side: the ends of their paths."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath


def endings(runs: Sequence[Path]) -> Iterator[list[str]]:
    """Yield the names of their folders, then with the folder above, and so on, up to whole paths."""
    paths = [run.resolve().parts for run in runs]
    for length in range(1, max(map(len, paths)) + 1):
        yield [PurePath(*parts[-length:]).as_posix() for parts in paths]


def different(lists: Iterable[list[str]], what: str) -> list[str]:
    """Return the first of these lists in which no name is there twice.

    what: what they name. Raises ValueError if there is none, with a name of the last.
    """
    names: list[str] = []
    for names in lists:
        if len(set(names)) == len(names):
            return names
    raise ValueError(f"expected different {what}, got {next(name for name in names if names.count(name) > 1)} twice")
