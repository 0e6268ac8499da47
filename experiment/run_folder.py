"""The folder of a run: what every training script leaves there, each file whole or not at all."""

import csv
import io
import json
import platform
from importlib.metadata import version
from pathlib import Path

from experiment.command_line import storable
from support.atomic_file import replacing
from support.blas_kernel import describe_blas

BEFORE = "before"  # in the folder of a run: the one before it


def prepare(out: Path, others: list[str]) -> None:
    """Make the folder. Raises ValueError when a file is in the way, or one of the ``others`` that another script leaves
    in its run, here or in the run before; OSError when it cannot be made.
    """
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out}: a file is in the way, a folder was wanted")
    for path in (folder / name for folder in (out, out / BEFORE) for name in others):
        if path.exists():
            raise ValueError(f"--out {out}: {path} is of a run of another script; another folder wanted")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"--out {out}: no folder can be made there: {error.strerror}") from error


def set_aside(out: Path, models: tuple[str, ...], others: tuple[str, ...], *, quiet: bool) -> None:
    """Move what an earlier run left there to out/before, in place of the run before it; so that no run mixes with
    another, and one that was started by mistake, or fails, costs none. A run that came to no model is forgotten.

    models, others: patterns of the names of files that a run leaves.
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


def write_config(out: Path, args, origin: dict) -> None:
    """config.json: arguments, data, versions, BLAS; for the reader."""
    config = {
        "arguments": storable(args),
        "data": origin,
        "versions": {name: version(name) for name in ("attention-from-scratch", "numpy", "matplotlib")}
        | {"python": platform.python_version()},
        "blas": describe_blas(),
    }
    with replacing(out / "config.json") as file:
        file.write((json.dumps(config, indent=1, ensure_ascii=False) + "\n").encode())


def write_table(path: Path, columns: list[str] | tuple[str, ...], rows: list[dict]) -> None:
    """A CSV file with these columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with replacing(path) as file:
        file.write(text.getvalue().encode())
