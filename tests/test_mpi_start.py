"""How a script starts as an MPI job: alone, with what mpiexec started, and where it cannot."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mpi_tools import MPIS, alone, finish, mpiexec, start
from script_tools import ROOT, TINY, cores, refused

from support import install

pytestmark = pytest.mark.slow
DATES = ROOT / "scripts" / "train_date.py"
INSTALL = f"{re.escape(install.MPI)}$"
OPTIONS = ["--mpi", "--data", "tiny.txt", *map(str, TINY), "--models", "baseline", "--quiet", "--out", "run"]
# Runs a script without a package, on one rank or on "all": PACKAGE RANK SCRIPT ARGUMENTS.
WITHOUT = """
import os, runpy, sys

package, rank, *sys.argv = sys.argv[1:]
if rank in ("all", os.environ.get("PMI_RANK", os.environ.get("OMPI_COMM_WORLD_RANK"))):
    if package == "fault":
        import threadpoolctl

        threadpoolctl.threadpool_info = lambda: 1 / 0
    else:
        sys.modules[package] = None
sys.orig_argv = sys.argv
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_without_mpiexec_it_is_one_rank_that_says_what_to_type(tmp_path, tiny):
    bin = Path(sys.executable).parent
    scripts = tmp_path / "scripts"
    scripts.symlink_to(ROOT / "scripts")
    typed = "scripts/train_date.py", *OPTIONS
    done = alone(tmp_path, *typed, python="python", PATH=f"{bin}{os.pathsep}{os.environ['PATH']}")
    said = f"--mpi: this is one rank; to start more: mpiexec -n {max(2, cores())} python -m mpi4py {' '.join(typed)}\n"
    assert (done.returncode, done.stderr) == (0, f"train_date.py: {said}")
    assert (tmp_path / "run" / "baseline.npz").is_file()
    done = alone(tmp_path, *typed, PATH="/bin")  # where this Python is not found by its name
    assert f"{bin}/mpiexec -n {max(2, cores())} {sys.executable} -m mpi4py scripts" in done.stderr


def test_one_rank_of_mpiexec_does_not_say_it(tmp_path, tiny):
    done = finish(start("mpich", 1, tmp_path, DATES, *OPTIONS))
    assert (done.returncode, done.stderr) == (0, "")


LOST = r"^train_date\.py: {}=3, so 3 processes were started, but they are not ranks of one job: mpiexec is not that of "
LOST += "the MPI that mpi4py loads here, .*[0-9]$"


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("launcher, library", [("openmpi", "mpich"), ("mpich", "openmpi")])
def test_the_launcher_of_another_mpi_is_refused_once(launcher, library, own, tmp_path, tiny):
    """Each process would train alone, and all of them write to one folder."""
    _, env = mpiexec(library)
    variables = {"MPI4PY_LIBMPI": env.get("MPI4PY_LIBMPI", "libmpi.so.12")}
    if library == "mpich":
        variables["LD_LIBRARY_PATH"] = str(Path(sys.prefix) / "lib")
    done = finish(start(launcher, 3, tmp_path, DATES, *OPTIONS, own=own, **variables))
    name = "PMI_SIZE" if launcher == "mpich" else "OMPI_COMM_WORLD_SIZE"
    told_once(done, LOST.format(name))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "size, rank",
    [
        ("PMI_SIZE", "PMI_RANK"),
        ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
        ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"),
    ],
)
def test_what_a_launcher_says_is_believed(size, rank, tmp_path, tiny):
    done = alone(tmp_path, DATES, *OPTIONS, **{size: "3", rank: "1"})
    assert done.returncode and done.stdout == "" and re.match(LOST.format(size), done.stderr.strip()), done.stderr
    assert not (tmp_path / "run").exists()


def told_once(done: subprocess.CompletedProcess, message: str) -> None:
    ours = [line for line in done.stderr.splitlines() if line.startswith("train_date.py: ")]
    assert len(ours) == 1 and re.search(message, ours[0]), done.stderr
    assert done.returncode, "MPICH's mpiexec adds to stdout that a process was killed"


def test_what_is_not_installed_is_told_once(tmp_path, tiny):
    nothing = {"MPI4PY_LIBMPI": "/nothing/libmpi.so"}
    message = r"mpi4py found no MPI: .*/nothing/libmpi\.so.*; to install one: " + INSTALL
    refused(alone(tmp_path, DATES, *OPTIONS, **nothing), message)
    told_once(finish(start("mpich", 3, tmp_path, DATES, *OPTIONS, own=False, **nothing)), message)
    message = "mpi4py is not installed; to install it: " + INSTALL
    refused(alone(tmp_path, "-c", WITHOUT, "mpi4py", "all", DATES, *OPTIONS), message)
    told_once(finish(start("mpich", 3, tmp_path, "-c", WITHOUT, "mpi4py", "all", DATES, *OPTIONS, own=False)), message)


@pytest.mark.parametrize("package", ["mpi4py", "tqdm", "fault"])
@pytest.mark.parametrize("mpi, rank", [("mpich", 0), ("mpich", 1), ("openmpi", 1)])
def test_what_one_rank_lacks_ends_all(mpi, rank, package, tmp_path, tiny):
    """The others wait in MPI_Init, where no thread of Python runs."""
    program = "-c", WITHOUT, package, rank, DATES
    done = finish(start(mpi, 2, tmp_path, *program, *OPTIONS, own=False), 30)
    if package == "fault":
        assert done.returncode and done.stderr.count("ZeroDivisionError: division by zero\n") == 1, done.stderr
    else:
        told_once(done, f"{package} is not installed; to install it: ")


INTERRUPTED = """
import os, runpy, signal, sys
rank, when = sys.argv[1:3]
del sys.argv[:3]
sys.orig_argv = sys.argv
sys.path[:0] = [os.path.dirname(sys.argv[0]), os.path.dirname(os.path.dirname(sys.argv[0]))]
from experiment import mpi_job
start = mpi_job.start
def interrupted():
    struck = rank == os.environ.get("PMI_RANK", os.environ.get("OMPI_COMM_WORLD_RANK"))
    ranks = start() if when == "after" else None
    if struck:
        signal.raise_signal(signal.SIGINT)
    return ranks or start()
mpi_job.start = interrupted
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("when, rank", [("before", 0), ("after", 1)])
@pytest.mark.parametrize("mpi", MPIS)
def test_an_interrupt_of_one_rank_that_starts_ends_all(mpi, when, rank, own, tmp_path, tiny):
    """Python would raise it only after MPI_Init, and the rank would leave the others waiting there."""
    done = finish(start(mpi, 2, tmp_path, "-c", INTERRUPTED, rank, when, DATES, *OPTIONS, own=own), 20)
    assert done.returncode and "Traceback" not in done.stderr, done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("mpi", MPIS)
def test_processes_that_lack_the_option_are_refused_once(mpi, own, tmp_path, tiny):
    options = [option for option in OPTIONS if option != "--mpi"]
    done = finish(start(mpi, 3, tmp_path, DATES, *options, own=own))
    told_once(done, "=3, so 3 processes were started, but --mpi was not given: each would train alone")
    assert done.returncode == 2 and not (tmp_path / "run").exists()
