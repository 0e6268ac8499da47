"""How a script starts as one of several processes, and what it says to type; without MPI (tests/test_mpi_start.py)."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from rank_tools import Communicator, World
from script_tools import ROOT, refused

from common.ranks import ALONE, Ranks
from experiment import command_line, mpi_job
from support import install
from support.entry import LAUNCHED
from support.stop_signals import Interrupted


@pytest.fixture
def environment(monkeypatch):
    """``environment(**variables)``: those of a launcher, of an MPI or of nothing else."""
    for name in (*LAUNCHED, *LAUNCHED.values(), "MPI4PY_LIBMPI"):
        monkeypatch.delenv(name, raising=False)
    return lambda **variables: [monkeypatch.setenv(name, value) for name, value in variables.items()]


@pytest.mark.parametrize("size, rank", LAUNCHED.items())
def test_several_processes_without_the_option_are_refused_by_the_first(
    in_process, tmp_path, monkeypatch, environment, size, rank
):
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    environment(**{size: "3", rank: "0"})
    said = rf"^train_date\.py: {size}=3, so 3 processes were started, but --mpi was not given: .*; add --mpi, or .*, "
    refused(in_process(tmp_path, "train_date.py", "--max-epoch", "z"), said + f"unset {size}$")
    environment(**{rank: "2"})
    done = in_process(tmp_path, "train_text.py", "--max-epoch", "z")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "") and slept[0] < slept[1]
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"PMI_SIZE": "1", "PMI_RANK": "0"},
        {"PMI_SIZE": "4"},  # of an allocation's shell
        {"SLURM_PROCID": "0"},  # of a batch script
        {"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"},  # of a shell in a step
        {"PMI_RANK": "2", "OMPI_COMM_WORLD_RANK": "2", "SLURM_PROCID": "2"},  # whose sizes were unset
    ],
)
def test_a_single_process_trains_wherever_it_was_started(monkeypatch, capsys, environment, variables):
    environment(**variables)
    monkeypatch.setattr(sys, "argv", ["train_date.py"])
    assert mpi_job.run(lambda ranks: 7 if ranks is ALONE else 0) == 7 and capsys.readouterr() == ("", "")


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o700)
    return path


@pytest.mark.skipif(os.name != "posix", reason="mpiexec and python have other names")
def test_what_to_type_is_what_the_shell_finds(monkeypatch, tmp_path, environment):
    """The mpiexec beside this Python belongs to the MPI that mpi4py takes first."""
    python = executable(tmp_path / "env" / "bin" / "python")
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(sys, "argv", ["train.py"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(executable(tmp_path / "other" / "mpiexec").parent))

    def typed() -> str:
        return command_line.mpiexec(3, "--mpi").removesuffix(" -m mpi4py train.py --mpi")

    assert typed() == "mpiexec -n 3 env/bin/python"
    executable(python.with_name("mpiexec"))
    assert typed() == "env/bin/mpiexec -n 3 env/bin/python"
    monkeypatch.chdir(tmp_path / "other")
    assert typed() == f"{python.parent}/mpiexec -n 3 {python}"
    environment(MPI4PY_LIBMPI="/of/another/libmpi.so")
    assert typed() == f"mpiexec -n 3 {python}"
    monkeypatch.delenv("MPI4PY_LIBMPI")
    monkeypatch.setenv("PATH", str(python.parent))
    assert typed() == "mpiexec -n 3 python"


def mpi(provided: int = 3, size: int = 1, **more):
    """Stands in for ``mpi4py.MPI``, of a job in which this is the first rank and the others are silent."""
    found = SimpleNamespace(THREAD_MULTIPLE=3, Init_thread=lambda required: None, Query_thread=lambda: provided, **more)
    found.Get_library_version, found.Is_initialized = lambda: "Some MPI 1.0, 2020\n", lambda: False
    found.Get_processor_name = lambda: "here"
    found.COMM_WORLD = Communicator(World(size), 0)
    found.COMM_WORLD.size = size
    return found


@pytest.mark.parametrize("provided", [0, 1, 2, 3])
def test_an_mpi_for_one_thread_is_warned_of(monkeypatch, capsys, environment, provided):
    environment()
    monkeypatch.setitem(sys.modules, "mpi4py", SimpleNamespace(rc=SimpleNamespace(), MPI=mpi(provided)))
    assert mpi_job.start().size == 1
    said = "Some MPI 1.0 lets only one thread use it at a time: a run in which a rank hangs may not end by itself"
    assert [line.partition(": ")[2] for line in capsys.readouterr().err.splitlines()] == [said] * (provided < 3)


def test_all_ranks_have_as_many_workers_as_the_one_with_the_fewest_cores(monkeypatch, environment):
    """Their number affects rounding, and is one option of the run."""
    environment()
    found = mpi(size=2)
    found.COMM_WORLD.allgather = lambda own: [("here", [0, 1, 2, 3]), ("there", [0, 1])]
    monkeypatch.setitem(sys.modules, "mpi4py", SimpleNamespace(rc=SimpleNamespace(), MPI=found))
    assert mpi_job.start().cores == 2


@pytest.mark.parametrize("count", [1, 6])
def test_of_the_libraries_that_mpi4py_missed_one_is_named(monkeypatch, environment, count):
    class Missing(SimpleNamespace):
        @property
        def MPI(self):
            lines = [f"libmpi.so.{i}: cannot open shared object file" for i in range(count)]
            raise RuntimeError("\n".join(["cannot load MPI library", *lines]))

    environment()
    monkeypatch.setitem(sys.modules, "mpi4py", Missing(rc=SimpleNamespace()))
    with pytest.raises(ValueError) as error:
        mpi_job.start()
    said = "libmpi.so.0: cannot open shared object file"
    assert str(error.value) == f"mpi4py found no MPI: {said}; to install one: {install.MPI}"


@pytest.mark.parametrize("size, typed", [(1, 2), (2, 2), (8, 8)])
def test_a_single_rank_says_how_to_start_as_many_as_cores(monkeypatch, capsys, environment, size, typed):
    environment()
    monkeypatch.setattr(mpi_job, "cores", lambda: size)
    monkeypatch.setattr(mpi_job, "start", lambda: ALONE)
    monkeypatch.setattr(sys, "argv", ["train_date.py", "--mpi"])
    assert mpi_job.run(lambda ranks: 7) == 7
    assert f"mpiexec -n {typed} " in capsys.readouterr().err


def test_an_interrupted_job_says_the_whole_command(monkeypatch, environment):
    environment(MPI4PY_LIBMPI="libmpi.so")
    monkeypatch.setattr(sys, "argv", ["train.py", "--mpi"])
    said = mpi_job._in_words(Ranks(Communicator(World(3), 1)), Interrupted(signal.SIGTERM, "the run"))
    assert said.startswith("stopped by SIGTERM, the state is saved; go on with mpiexec -n 3 ")
    assert said.endswith(" -m mpi4py train.py --mpi --resume 'the run'")


def test_ranks_on_separate_hosts_need_no_pytest():
    program = "import sys; sys.modules['pytest'] = None; sys.path.append('tests'); import mpi_hosts"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
