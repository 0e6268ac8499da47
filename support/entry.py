"""Entry and exit of every command: an error in input, files or packages prints one line and no traceback.

Commands import this first, before any package that may be missing. If Python was started with the command, a package
that cannot be imported then gives one line and exit code 2, and Ctrl-C during the imports ends it silently.
"""

import logging
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from support import install
from support.stop_signals import Interrupted

ROOT = Path(__file__).resolve().parents[1]
OPTION = "--mpi"  # that a script is one of the ranks of an MPI job
LAUNCHED = {  # where a launcher of MPI says how many processes it started, and which one this is
    "PMI_SIZE": "PMI_RANK",
    "OMPI_COMM_WORLD_SIZE": "OMPI_COMM_WORLD_RANK",
    "SLURM_STEP_NUM_TASKS": "SLURM_PROCID",
}
COMMANDS = "benchmarks", "dataset", "scripts"  # folders with commands
PACKAGES = "benchmarks", "classifier", "common", "dataset", "experiment", "interchange", "seq2seq", "support"
EXPECTED = ImportError, ValueError, OSError, MemoryError, ArithmeticError  # what input and files can cause
OURS = {"__main__", *PACKAGES, *(path.stem for path in ROOT.glob("scripts/*.py"))}


def run(main: Callable[[], int]) -> NoReturn:
    """Exit with the code that main returns; an error that input or files can cause gives one line and exit code 2."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # the imports are over
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the parent process
            setattr(sys, name, open(os.devnull, "w"))
    if hasattr(sys.stdout, "reconfigure"):  # a notebook's stream lacks the method and does not need it
        # not every stream can write →; and lines should appear when printed, even in a pipe or a file
        errors = "replace" if sys.stdout.errors in ("strict", "surrogateescape") else sys.stdout.errors
        sys.stdout.reconfigure(errors=errors, line_buffering=True)
    settle_warnings()
    try:
        code = main()
    except BrokenPipeError:  # the reader left early, as head does; buffered output has nowhere to go
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 128 + 13  # as if SIGPIPE had ended the process
    except EXPECTED as error:
        say(in_words(error))
        code = 2
    except Interrupted as error:
        say(f"{error}, the state is saved; go on with --resume {error.folder}")
        code = error.exit_code
    except KeyboardInterrupt:
        say("interrupted")
        code = 130
    sys.exit(code)


def end_early(tell: Callable[[], object], code: int = 2) -> NoReturn:
    """Exit before MPI has started. One of several processes calls ``tell``, which says why, and the others end too.

    MPICH's launcher ends them when a process is killed; for one that exits, they would wait within MPI for ever.
    """
    ranks = [os.environ.get(name, "0") for name in LAUNCHED.values()]
    time.sleep(3 * min(2, max(int(rank) for rank in ranks if rank.isdigit())) if OPTION in sys.argv else 0)
    tell()
    sys.stderr.flush()
    if OPTION in sys.argv and "PMI_RANK" in os.environ:
        time.sleep(0.5)  # for the launcher to pass on the message
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    sys.exit(code)


def settle_warnings() -> None:
    """Print warnings as one line, except those that tell a user nothing."""
    warnings.simplefilter("ignore", RuntimeWarning)  # numpy's, on an overflow: the error that follows says where
    warnings.showwarning = lambda message, *_: say(message)
    # matplotlib's, about fonts, cache folders and matplotlibrc files, none of which change our pictures
    logging.getLogger("matplotlib").setLevel(logging.ERROR)


def say(message) -> None:
    """Print one line to standard error; Python escapes characters that its encoding lacks."""
    print(f"{Path(sys.argv[0]).name}: {message}", file=sys.stderr)


def in_words(error: BaseException) -> str:
    """Return the message of an error, including the file that it concerns, or the command that installs a package."""
    if said := of_import(error):
        return said
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, MemoryError):
        return f"not enough memory for these sizes{': ' * bool(str(error))}{error}"
    return str(error)


def of_import(error: BaseException) -> str | None:
    """Return the message for a missing or broken package, with the command that installs it; None for other errors.

    A package is broken if its import raises anything at all.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if frame.f_code.co_name == "<module>"]
    modules = [frame.f_globals.get("__name__", "").split(".")[0] for frame in frames]
    if isinstance(error, SyntaxError) and error.filename:  # in a file that has not begun to run
        file = Path(error.filename)
        inside = (file.relative_to(folder).parts[0] for folder in sys.path if folder and file.is_relative_to(folder))
        modules += [Path(next(inside, "")).stem]
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    package = next(
        (name for name in modules if name not in OURS | sys.stdlib_module_names), (missing or "").split(".")[0]
    )
    reason = next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__)
    if not package:  # our own message says what to install
        return reason if isinstance(error, ImportError) else None
    what = "is not installed" if missing == package else f"cannot be imported ({reason})"
    return f"{package} {what}; to install it: {install.COMMANDS.get(package, 'pip install -e .')}"


def started() -> bool:
    """Tell whether Python was started with the file argv[0], by path or by -m, and not as a notebook or prompt."""
    spec = sys.modules["__main__"].__spec__
    by_name = spec is not None and (spec.name in sys.orig_argv or f"-m{spec.name}" in sys.orig_argv)
    return by_name or sys.argv[0] in sys.orig_argv


def _excepthook(kind, error, trace) -> None:
    if said := of_import(error.with_traceback(trace)):
        end_early(lambda: say(said))
    if OPTION in sys.argv:
        end_early(lambda: sys.__excepthook__(kind, error, trace), 1)
    sys.__excepthook__(kind, error, trace)


if started() and Path(sys.argv[0]).resolve().parent in [ROOT / name for name in COMMANDS]:
    sys.excepthook = _excepthook
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # if nohup ignores it, it stays ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
