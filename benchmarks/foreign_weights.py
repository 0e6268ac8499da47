"""Make a model with a large embedding from a file of each format, beside reading the file's bytes and copying them.

python -m benchmarks.foreign_weights

Each in a process of its own, which has imported what it needs, in turn; the file is in the page cache. CPU time
includes that of child processes. The memory is the peak of that process above what it took after the imports, as a
share of the file. A format is left out where the package that writes it is missing.
"""

import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from support import entry

# isort: split

import numpy as np

from benchmarks.facts import environment
from benchmarks.tables import number, ratio, spread, table
from classifier import GRUClassifier
from experiment.command_line import Parser, positive_int
from interchange import read_arrays, to_arrays, to_model
from interchange.packages import require

PACKAGES = {"safetensors": "safetensors.numpy", "h5": "h5py", "npz": "numpy", "pt": "torch"}  # that write, by ending
NEEDED = {"safetensors": ["safetensors"], "h5": [], "npz": [], "pt": ["torch"]}  # that read, in our process


def parse():
    parser = Parser(description=__doc__)
    parser.add_argument("--rounds", type=positive_int, default=7)
    parser.add_argument("--vocabulary", type=positive_int, default=200_000, help="words, of 300 numbers each")
    parser.add_argument("--one", nargs=2, metavar=("JOB", "FILE"), help="used within: measure once, print JSON")
    return parser.parse_args()


def write(kind: str, path: Path, vocabulary: int) -> None:
    """Write a GRU classifier that is small but for its embedding, as the format's own package does."""
    package, model = require(PACKAGES[kind]), GRUClassifier(vocabulary, 300, 8, layers=1, rng=np.random.default_rng(0))
    arrays = to_arrays(model, "keras" if kind == "h5" else "torch")
    if kind == "safetensors":
        package.save_file(arrays, path)
    elif kind == "pt":
        package.save({name: package.from_numpy(array) for name, array in arrays.items()}, path)
    elif kind == "npz":
        np.savez(path, **arrays)  # type: ignore[arg-type]  # for mypy, one name could be allow_pickle
    else:
        with package.File(path, "w") as file:
            for name, array in arrays.items():
                file[name] = array


def once(job: str, path: Path) -> dict[str, float]:
    """Do the job, in this process; return seconds, and bytes: the peak of the memory above what it was."""
    if job == "ours":
        for name in NEEDED[path.suffix[1:]]:
            require(name)
    before, cpu, start = peak(), cpu_seconds(), time.perf_counter()
    if job == "ours":
        kept: Any = to_model(read_arrays(path), "gru")
    else:
        data = path.read_bytes()
        kept = data, np.frombuffer(data, np.uint8).copy()
    seconds, used = time.perf_counter() - start, cpu_seconds() - cpu
    del kept
    return {"seconds": seconds, "cpu_seconds": used, "bytes": peak() - before}


def cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def peak() -> int:
    """Return the peak of the memory of this process so far, in bytes; ru_maxrss begins with its parent's."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])


def measure(path: Path, rounds: int) -> dict[str, list[dict[str, float]]]:
    found: dict[str, list[dict[str, float]]] = {"ours": [], "bytes": []}
    for _ in range(rounds):
        for job, results in found.items():
            command = [sys.executable, "-m", "benchmarks.foreign_weights", "--one", job, str(path)]
            results.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    return found


def main() -> int:
    args = parse()
    if args.one:
        job, path = args.one
        print(json.dumps(once(job, Path(path))))
        return 0
    print(" ".join(f"{name}: {value};" for name, value in environment().items()))
    header = "format, MB, ours/bytes, quartiles, CPU ours/bytes, quartiles, s, s of bytes, memory/file, of bytes"
    lines = [header.split(", ")]
    with tempfile.TemporaryDirectory() as folder:
        for kind, package in PACKAGES.items():
            if find_spec(package.split(".")[0]) is None:
                continue
            path = Path(folder) / f"model.{kind}"
            write(kind, path, args.vocabulary)
            found, size = measure(path, args.rounds), path.stat().st_size
            path.unlink()
            lines.append([f".{kind}", number(size / 1e6, 0)])
            for unit in ("seconds", "cpu_seconds"):
                ours, theirs = ([each[unit] for each in results] for results in found.values())
                lines[-1] += ratio(spread(np.divide(ours, theirs)))
            lines[-1] += [number(float(np.median([r["seconds"] for r in results])), 2) for results in found.values()]
            lines[-1] += [number(max(each["bytes"] for each in results) / size, 2) for results in found.values()]
    print(table(lines))
    return 0


if __name__ == "__main__":
    entry.run(main)
