"""A training script as an MPI job (``--mpi``): how its ranks start, and how an error on one of them ends them all."""

import os
import sys
import traceback
from collections.abc import Callable

from common.ranks import ALONE, RankFailed, Ranks
from experiment.command_line import cores
from support.entry import EXPECTED, in_words, say
from support.install import MPI as INSTALL
from support.stop_signals import Interrupted

OPTION = "--mpi"
LAUNCHED = "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"  # launchers say here how many they started


def run(train: Callable[[Ranks], int]) -> int:
    """Run ``train(ranks)`` and return its exit code: alone, or with ``--mpi`` on all ranks that mpiexec started.

    If it fails on a rank, all ranks end, and one of them says why. An error that every rank raises (``of_rank``) ends
    them in good order; any other could leave the others waiting, so it aborts the job.
    """
    if OPTION not in sys.argv[1:]:
        return train(ALONE)
    ranks = start()
    if ranks.size == 1:
        command = f"mpiexec -n 4 {sys.executable} -m mpi4py {' '.join(sys.argv)}"
        say(f"{OPTION}: this is one rank; to start more: {command}")
        return train(ranks)
    if ranks.rank:
        sys.stdout = open(os.devnull, "w")
    try:
        code = train(ranks)
        ranks.all(None)  # no rank ends before the others, which would end them under some launchers
        return code
    except SystemExit:  # on all of them
        raise
    except BaseException as error:
        code = _code(error)
        speaker = getattr(error, "rank", None)
        if speaker in (None, ranks.rank) and not isinstance(error, RankFailed):
            _tell(ranks, error)
        if speaker is None:
            ranks.abort(code)
        ranks.all(None)  # or the end of one could cut off the message of another
        sys.exit(code)


def start() -> Ranks:
    """Return this rank of the job. Raises ValueError where MPI cannot be started, or sees other ranks than mpiexec."""
    try:
        from mpi4py import MPI
    except RuntimeError as error:  # it is installed, but no MPI is
        raise ValueError(f"mpi4py found no MPI: {error}; to install one: {INSTALL}") from error
    comm = MPI.COMM_WORLD
    library = MPI.Get_library_version().partition("\n")[0].partition(",")[0].rstrip(" \0")
    for name in LAUNCHED:
        if comm.size == 1 and os.environ.get(name, "1").isdigit() and int(os.environ.get(name, "1")) > 1:
            count = os.environ[name]
            raise ValueError(
                f"{name}={count}, so {count} processes were started, but each of them is alone: mpiexec is not that of "
                f"the MPI that mpi4py loads here, {library}"
            )
    ranks = Ranks(comm)
    here = ranks.all((MPI.Get_processor_name(), sorted(_own_cores())))
    ranks.cores = min(share_of_cores(here, rank) for rank in range(ranks.size))
    return ranks


def share_of_cores(here: list[tuple[str, list[int]]], rank: int) -> int:
    """Return how many cores a rank has for its workers. here: by rank, its host and the cores that it may use."""
    name, own = here[rank]
    host = [cores for other, cores in here if other == name]
    return max(1, min(len(own), len({core for cores in host for core in cores}) // len(host)))


def _own_cores() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(cores()))


def _code(error: BaseException) -> int:
    if isinstance(error, Interrupted):
        return error.exit_code
    return 130 if isinstance(error, KeyboardInterrupt) else 2 if isinstance(error, EXPECTED) else 1


def _tell(ranks: Ranks, error: BaseException) -> None:
    """Print one message that names the rank; for a fault of ours, its traceback."""
    if isinstance(error, Interrupted):
        said = f"{error}, the state is saved; go on with {OPTION} --resume {error.folder} and {ranks.size} ranks"
    elif isinstance(error, KeyboardInterrupt):
        said = "interrupted"
    elif isinstance(error, EXPECTED):
        said = in_words(error)
    else:
        said = "a fault of this program:\n" + "".join(traceback.format_exception(error)).rstrip()
    say(f"rank {ranks.rank}: {said}")
    sys.stderr.flush()
