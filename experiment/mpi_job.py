"""A training script as an MPI job (``--mpi``): how its ranks start, and how an error on one of them ends them all."""

import faulthandler
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable

from common.ranks import ALONE, PASSED_ON, Ranks
from common.shared_signals import SharedSignals, Stopped
from experiment.command_line import cores, mpiexec
from support.entry import EXPECTED, LAUNCHED, OPTION, end_early, in_words, say
from support.install import MPI as INSTALL
from support.stop_signals import Interrupted

ARRIVE = 300.0  # seconds in which MPI has to start, and all ranks have to come to the command line with --mpi-timeout


def run(train: Callable[[Ranks], int]) -> int:
    """Run ``train(ranks)`` and return its exit code: alone, or with ``--mpi`` on all ranks that mpiexec started.

    If it fails on a rank, all ranks end, and one of them says why.
    """
    if OPTION not in sys.argv[1:]:
        return train(ALONE) if _expect_alone() else 2
    interrupt = signal.getsignal(signal.SIGINT)
    if interrupt is signal.default_int_handler:  # which would wait for MPI, and end this rank without the others
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the launcher notices, as with SIGTERM
    try:
        ranks = start()
        if ranks.size > 1:
            return _together(train, ranks)
    except EXPECTED as error:  # maybe on all of these processes, which do not know each other
        said = in_words(error)
        end_early(lambda: say(said))
    finally:
        if interrupt is signal.default_int_handler:
            signal.signal(signal.SIGINT, interrupt)
    if not any(name in os.environ for name in LAUNCHED):
        say(f"{OPTION}: this is one rank; to start more: {mpiexec(max(2, cores()), *sys.argv[1:])}")
    return train(ranks)


def _together(train: Callable[[Ranks], int], ranks: Ranks) -> int:
    """Run ``train(ranks)`` on one of several ranks; no error leaves it."""
    ranks.say = say
    if ranks.rank:
        sys.stdout = open(os.devnull, "w")
        warnings.simplefilter("ignore")  # the first rank's are the same
    with SharedSignals(ranks):
        try:
            code = train(ranks)
            ranks.all(None)  # no rank ends before the others, which would end them under some launchers
            return code
        except BaseException as error:
            if isinstance(error, SystemExit) and _speaker(error) == 0:  # of a command line; the first rank has said why
                time.sleep(PASSED_ON)
                raise
            ranks.end(_in_words(ranks, error), _code(error), _speaker(error))


def start() -> Ranks:
    """Return this rank of the job. Raises ValueError where MPI cannot be started, or sees other ranks than mpiexec."""
    import mpi4py

    mpi4py.rc.initialize, mpi4py.rc.finalize = False, True  # not by the import, but below
    try:
        from mpi4py import MPI
    except RuntimeError as error:  # it is installed, but no MPI is
        first = str(error).splitlines()[:2][-1]  # it says the same of several libraries
        raise ValueError(f"mpi4py found no MPI: {first}; to install one: {INSTALL}") from error
    library = _line(MPI.Get_library_version().partition("\n")[0].partition(",")[0].rstrip("\0"))
    counts = _launched()
    lost = counts.get("OMPI_COMM_WORLD_SIZE", 1) > 1 and library.startswith("MPICH")  # which would not start
    if not lost and not MPI.Is_initialized():
        faulthandler.dump_traceback_later(ARRIVE, exit=True, file=2)  # meanwhile, no thread of Python runs
        MPI.Init_thread(MPI.THREAD_MULTIPLE)  # the watchdog ends the job while another thread waits
        faulthandler.cancel_dump_traceback_later()
    for name, count in counts.items():
        if count > 1 and (lost or MPI.COMM_WORLD.size == 1):
            raise ValueError(
                f"{name}={count}, so {count} processes were started, but they are not ranks of one job: mpiexec is not "
                f"that of the MPI that mpi4py loads here, {library}"
            )
    comm = MPI.COMM_WORLD
    ranks = Ranks(comm, ARRIVE)
    here = ranks.all((MPI.Get_processor_name(), sorted(_own_cores())))
    ranks.cores = min(share_of_cores(here, rank) for rank in range(ranks.size))
    if ranks.rank == 0 and MPI.Query_thread() < MPI.THREAD_MULTIPLE:
        say(f"{library} lets only one thread use it at a time: a run in which a rank hangs may not end by itself")
    return ranks


def _expect_alone() -> bool:
    """Tell whether this process is the only one. If not, the first says why none of them trains.

    The size alone does not count: the shell of an allocation may have it too, where nothing was launched.
    """
    for name, count in _launched().items():
        rank = os.environ.get(LAUNCHED[name], "")
        if count > 1 and rank.isdigit():
            if int(rank) == 0:
                say(
                    f"{name}={count}, so {count} processes were started, but {OPTION} was not given: each would train "
                    f"alone and write to the same folder; add {OPTION}, or for runs apart, each with its own --out, "
                    f"unset {name}"
                )
            time.sleep(3.0 if int(rank) else PASSED_ON)  # a launcher may end all when one ends, and lose the message
            return False
    return True


def _launched() -> dict[str, int]:
    """Return how many processes the launcher says that it started, by the variable that says so."""
    return {name: int(os.environ[name]) for name in LAUNCHED if os.environ.get(name, "").isdigit()}


def share_of_cores(here: list[tuple[str, list[int]]], rank: int) -> int:
    """Return how many cores a rank has for its workers. here: by rank, its host and the cores that it may use."""
    name, own = here[rank]
    host = [cores for other, cores in here if other == name]
    return max(1, min(len(own), len({core for cores in host for core in cores}) // len(host)))


def _own_cores() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(cores()))


def _line(text: object) -> str:
    return " ".join(str(text).split())


def _speaker(error: BaseException) -> int | None:
    """Return the rank that tells an error, -1 if it is that of another error; None if any may have to."""
    from mpi4py import MPI

    return -1 if isinstance(error, MPI.Exception) else getattr(error, "rank", None)


def _code(error: BaseException) -> int:
    if isinstance(error, Interrupted | Stopped):
        return error.exit_code
    return 130 if isinstance(error, KeyboardInterrupt) else 2 if isinstance(error, EXPECTED) else 1


def _in_words(ranks: Ranks, error: BaseException) -> str:
    """Return the message of an error; for a fault of ours, its traceback."""
    if isinstance(error, Interrupted):
        command = mpiexec(ranks.size, OPTION, "--resume", str(error.folder))
        return f"{error}, the state is saved; go on with {command}"
    if isinstance(error, KeyboardInterrupt):
        return str(error) or "interrupted"
    if isinstance(error, EXPECTED):
        return in_words(error)
    if _speaker(error) == -1:
        return f"lost the other ranks: {error}"
    return "a fault of this program:\n" + "".join(traceback.format_exception(error)).rstrip()
