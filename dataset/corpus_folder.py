"""Sort the files in a corpus's folder into texts, classes, and stray files that belong to neither."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

UNLABELLED = "unsup"  # aclImdb/train/unsup: reviews without a class
SYSTEM = re.compile(r"\..*|.*~|.*\.(?:bak|orig|swp|tmp)|thumbs\.db|desktop\.ini|__macosx|__pycache__|lost\+found")
ABOUT = re.compile(  # rt-polaritydata.README.1.0.txt, LICENSE-MIT, stopwords_en.txt
    r"(?:.*[^a-z])?(?:readme|stop[-_ ]?words?|stop[-_ ]?list)(?:[^a-z].*)?"
    r"|(?:licen[cs]e|copying|citation|changelog)(?:[^a-z].*)?"
)
NEAR = 100  # the most entries per folder to search for classes

Skipped = dict[str, list[str]]  # maps a reason to the names of files


def told(skipped: Skipped) -> str:
    """Describe in one line what was skipped; an empty string if nothing was."""
    parts = []
    for why, names in skipped.items():
        some = [*sorted(set(names))[:3], *["..."] * (len(set(names)) > 3)]
        parts.append(f"{len(names):,} {why} ({', '.join(some)})")
    return ", ".join(parts)


def entries(path: Path, skipped: Skipped) -> list[Path]:
    """List the files and folders that may belong to a corpus, by name.

    Raises ValueError when the path is a file, OSError like iterdir.
    """
    if path.is_file():
        raise ValueError(f"{path}: expected the folder of a corpus, got a file")
    kept = []
    for entry in sorted(path.iterdir()):
        if SYSTEM.fullmatch(entry.name.lower()):
            skipped["hidden, or of a system or an editor"].append(entry.name)
        elif entry.is_file() and ABOUT.fullmatch(entry.name.lower()):
            skipped["about the corpus"].append(entry.name)
        else:
            kept.append(entry)
    return kept


def matches(path: Path, pattern: str) -> bool:
    """Tell whether the name matches the pattern, ignoring case."""
    return fnmatchcase(path.name.lower(), pattern.lower())


def files_in(path: Path, pattern: str, skipped: Skipped) -> list[Path]:
    """List the files of a folder that match the pattern, by name."""
    taken = []
    for entry in entries(path, skipped):
        if entry.is_file() and matches(entry, pattern):
            taken.append(entry)
        else:
            skipped[f"other than {pattern}"].append(f"{path.name}/{entry.name}")
    return taken


def endings(path: Path) -> str:
    """Count the files of a folder by suffix and list them as patterns, for a message."""
    found = Counter(f"*{entry.suffix}" for entry in entries(path, defaultdict(list)) if entry.is_file())
    some = ", ".join(f"{count:,} {ending}" for ending, count in found.most_common(3))
    return f"{some}, which a pattern can take" if some else "none"


def class_folders(path: Path, pattern: str) -> list[str]:
    """Name the folders that directly hold texts, except those that contain two or more such folders themselves."""
    return [name for name in _with_texts(path, pattern) if len(_with_texts(path / name, pattern)) < 2]


def _with_texts(path: Path, pattern: str) -> list[str]:
    return [
        folder.name
        for folder in _folders(path)
        if folder.name != UNLABELLED and any(matches(file, pattern) for file in folder.iterdir())
    ]


def class_files(path: Path, pattern: str | None, skipped: Skipped) -> dict[str, Path]:
    """Map each class to its file, by the rules of read_lines."""
    files = [entry for entry in entries(path, skipped) if entry.is_file()]
    by_stem: defaultdict[str, dict[str, Path]] = defaultdict(dict)
    for file in files:
        if matches(file, pattern or "*.*"):
            by_stem[file.stem][file.suffix[1:]] = file
    sets = {stem: members for stem, members in by_stem.items() if len(members) > 1}
    if len(sets) > 1:
        raise ValueError(
            f"{path}: expected one set of files NAME.CLASS, got {', '.join(sets)}; a pattern can choose one"
        )
    if sets:
        ((stem, members),) = sets.items()
        why = f"other than {stem}.CLASS"
    else:
        members = {file.stem: file for file in files if matches(file, pattern or "*.txt")}
        why = f"other than {pattern or '*.txt'}"
    for file in files:
        if file not in members.values():
            skipped[why].append(file.name)
    return members


def hint(path: Path, find: Callable[[Path], list | dict]) -> str:
    """Say where `find` finds classes nearby: one folder up, if this folder is one of them, or one or two down."""
    found, up = [], path.resolve().parent
    with suppress(OSError):
        below = _folders(path)
        for folder in [up, *below, *(deep for near in below for deep in _folders(near))]:
            with suppress(OSError, ValueError):
                classes = find(folder)
                if len(classes) > 1 and (folder != up or path.resolve().name in classes):
                    found.append(str(folder))
    return f"; classes seem to be in {', '.join(found)}" if found else ""


def _folders(path: Path) -> list[Path]:
    return [folder for folder in islice(entries(path, defaultdict(list)), NEAR) if folder.is_dir()]
