"""A job in a process of its own, watched from outside: wall time, CPU time and memory of all its processes."""

import os
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PERIOD = 0.25  # seconds between samples of the memory; a shorter peak can be missed
PROC = Path("/proc")


@dataclass(frozen=True)
class Finished:
    """What ``watch`` measured of a job. None: not known on this system, or the file never appeared."""

    seconds: float
    cpu_seconds: float | None
    peak_mb: float | None
    appeared: float | None


def python_of(checkout: Path) -> str | None:
    """Return the Python of a checkout's own environment, if it has one."""
    python = checkout / ".venv" / "bin" / "python"
    return str(python) if python.is_file() else None


def watch(command: list[str], cwd: Path, env: dict[str, str], appears: Path) -> Finished:
    """Run a command to its end in the folder ``cwd``.

    appears: a file; the seconds from the start until it exists are measured too.
    CPU seconds are those of the process and all descendants that were waited for; the memory is the sum of PSS (a share
    of each page that several processes use) over the process and its descendants, in MB (10^6 bytes).
    Raises ValueError with the end of the output when the command fails.
    """
    peak, appeared, before = 0.0, None, os.times()
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        with subprocess.Popen(command, cwd=cwd, env=env, stdout=output, stderr=subprocess.STDOUT) as process:
            try:
                while True:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(PERIOD)
                        break
                    peak = max(peak, memory(process.pid))
                    if appeared is None and appears.exists():
                        appeared = time.perf_counter() - start
            except BaseException:
                process.terminate()
                raise
        seconds, after = time.perf_counter() - start, os.times()
        if process.returncode:
            output.seek(0)
            end = "\n".join(output.read().decode(errors="replace").splitlines()[-5:])
            raise ValueError(f"{' '.join(command)}: exit code {process.returncode}: {end}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Finished(seconds, cpu or None, peak or None, appeared)


def memory(pid: int) -> float:
    """Return the sum of PSS over a process and its descendants, in MB; 0 where the system has no smaps_rollup."""
    total = 0
    for each in tree(pid):
        with suppress(OSError):  # it has ended
            for line in (PROC / str(each) / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total / 1e6


def tree(pid: int) -> Iterator[int]:
    """Yield a process and its descendants."""
    children: dict[int, list[int]] = defaultdict(list)
    for stat in PROC.glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()  # a name may contain spaces
            children[int(fields[1])].append(int(stat.parent.name))
    found = [pid]
    while found:
        yield (parent := found.pop())
        found += children[parent]
