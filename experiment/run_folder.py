"""The folder of a run: make, clear, describe and read it. Each file in it is complete or absent."""

import json
import platform
import reprlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from common.checkpoint import read_manifest
from support.atomic_file import replacing
from support.blas_kernel import describe_blas

BEFORE = "before"  # subfolder of a run: the run before it
IMPORT = "python scripts/import_weights.py"


class Files(NamedTuple):
    """Patterns of the names of the files that a run leaves. others: files that only runs of another kind leave."""

    models: tuple[str, ...]
    left: tuple[str, ...]
    others: tuple[str, ...]


def prepare(out: Path, others: Iterable[str]) -> None:
    """Make the folder of a run.

    Raises ValueError when a file is in the way, or when the folder or the run before has one of the ``others``, files
    of another script; OSError when the folder cannot be made.
    """
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out}: expected a folder, got a file")
    for path in (folder / name for folder in (out, out / BEFORE) for name in others):
        if path.exists():
            raise ValueError(f"--out {out}: {path} belongs to a run of another script; choose another folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"--out {out}: cannot make a folder there: {error.strerror}") from error


def set_aside(out: Path, models: tuple[str, ...], others: tuple[str, ...], *, quiet: bool) -> None:
    """Move the files of an earlier run in out to out/before, replacing the run kept there.

    Runs never mix, and a run that was started by mistake, or fails, costs no earlier one. An earlier run that saved no
    model is deleted. models, others: patterns of the names of the files that a run leaves.
    """
    found = [file for pattern in (*models, *others) for file in out.glob(pattern)]
    before = out / BEFORE
    if not any(file.match(pattern) for file in found for pattern in models):
        for file in found:
            file.unlink()
        return
    for pattern in (*models, *others):
        for file in before.glob(pattern):
            file.unlink()
    for file in found:
        target = before / file.relative_to(out)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)
    if not quiet:
        print(f"the earlier run in {out} is now in {before}")


def write_config(out: Path, args, origin: dict, **more) -> None:
    """Write config.json, for people to read: arguments, data, versions, BLAS, and what else JSON can hold."""
    config = {
        "arguments": {name: str(value) if isinstance(value, Path) else value for name, value in vars(args).items()},
        "data": origin,
        "versions": {name: version(name) for name in ("attention-from-scratch", "numpy", "matplotlib")}
        | {"python": platform.python_version()},
        "blas": describe_blas(),
    } | more
    with replacing(out / "config.json") as file:
        file.write((json.dumps(config, indent=1, ensure_ascii=False) + "\n").encode())


def expect_no_file(run: Path) -> None:
    """Raise ValueError for a file where the folder of a run is expected."""
    if run.is_file():
        raise ValueError(f"{run}: expected the folder of a run, got a file")


def imported_model(run: Path) -> Path | None:
    """Return the model file of a run that was imported, None for any other folder."""
    for path in sorted(run.glob("*.npz")):
        with suppress(OSError, ValueError):
            if "imported" in read_manifest(path):
                return path
    return None


def how_to_get_one(train: str, run: Path, state: Path | None, chosen: str = "") -> str:
    """Say how to get the model that a run lacks: resume the run if it left a state, else train or import one.

    chosen: options, with a space after them, that make ``train`` train this model.
    """
    stopped = "" if state is None else f"if its training was stopped, go on with: {train} --resume {run}; else "
    return f"{stopped}train one with: {train} {chosen}--out {run}; or import one with: {IMPORT} FILE --out {run}"


def expect_facts(path: Path, script: str, facts: dict, kinds: Mapping[str, Any]) -> None:
    """Raise ValueError unless the facts in a model file have these names and types (or unions of types)."""
    for name, kind in kinds.items():
        if name not in facts or not isinstance(facts[name], kind):
            found = reprlib.repr(facts[name]) if name in facts else "nothing"
            raise ValueError(f"{path}: not written by {script}: expected its manifest to say {name}, got {found}")
