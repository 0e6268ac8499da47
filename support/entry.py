"""How every command begins and ends: whatever goes wrong with input, files or packages is one line, and no traceback.

Commands import this first, before any package that may be missing. Where the script is what Python was started with, a
package that cannot be imported then is one line with exit code 2, and Ctrl-C ends the imports without a word.
"""

import logging
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from support.stop_signals import Interrupted

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = "benchmarks", "dataset", "scripts"  # folders of them, beside the packages
PACKAGES = "benchmarks", "classifier", "common", "dataset", "experiment", "seq2seq", "support"
OURS = {"__main__", *PACKAGES, *(path.stem for path in ROOT.glob("scripts/*.py"))}
JAPANESE = "pip install 'attention-from-scratch[japanese]'"
INSTALL = {  # what is optional; all else comes with the project
    "cupy": "pip install 'attention-from-scratch[gpu]'",
    "matplotlib_fontja": JAPANESE,
    "sentencepiece": JAPANESE,
    "torch": "pip install torch==2.13.0",
}


def run(main: Callable[[], int]) -> NoReturn:
    """Exit with what main returns; an error that input or files can cause is one line and exit code 2."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # the imports are over
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.stdout is None:  # closed by who started us
        sys.stdout = open(os.devnull, "w")
    if hasattr(sys.stdout, "reconfigure"):  # a notebook's has no such method, nor a need of it
        # not every stream can write →; and lines appear when they are printed, in a pipe or a file too
        errors = "replace" if sys.stdout.errors in ("strict", "surrogateescape") else sys.stdout.errors
        sys.stdout.reconfigure(errors=errors, line_buffering=True)
    warnings.simplefilter("ignore", RuntimeWarning)  # numpy's, of an overflow: the error that follows says where
    warnings.showwarning = lambda message, *_: say(message)
    # matplotlib's, of fonts, of folders for its cache and of matplotlibrc files, which change none of our pictures
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        code = main()
    except BrokenPipeError:  # the reader left early, as head does; what is still buffered has nowhere to go
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 128 + 13  # as of a process that SIGPIPE ended
    except (ImportError, ValueError, OSError, MemoryError, ArithmeticError) as error:
        say(of_import(error) or in_words(error))
        code = 2
    except Interrupted as error:
        say(f"{error}, the state is saved; go on with --resume {error.folder}")
        code = error.exit_code
    except KeyboardInterrupt:
        say("interrupted")
        code = 130
    sys.exit(code)


def say(message) -> None:
    """One line on standard error, which can write any character: Python escapes what the encoding lacks."""
    print(f"{Path(sys.argv[0]).name}: {message}", file=sys.stderr)


def in_words(error: BaseException) -> str:
    """What an error says, with the file it is about."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, MemoryError):
        return f"not enough memory for these sizes{': ' * bool(str(error))}{error}"
    return str(error)


def of_import(error: BaseException) -> str | None:
    """What to say of a package that is missing or broken, with what installs it; None for any other error.

    A package is broken when anything at all is raised while it is imported.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if frame.f_code.co_name == "<module>"]
    modules = [frame.f_globals.get("__name__", "").split(".")[0] for frame in frames]
    if isinstance(error, SyntaxError) and error.filename:  # of a file that has not begun to run
        file = Path(error.filename)
        inside = (file.relative_to(folder).parts[0] for folder in sys.path if folder and file.is_relative_to(folder))
        modules += [Path(next(inside, "")).stem]
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    package = next(
        (name for name in modules if name not in OURS | sys.stdlib_module_names), (missing or "").split(".")[0]
    )
    reason = next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__)
    if not package:  # ours says itself what to install
        return reason if isinstance(error, ImportError) else None
    what = "is not installed" if missing == package else f"cannot be imported ({reason})"
    return f"{package} {what}; to install it: {INSTALL.get(package, 'pip install -e .')}"


def started() -> bool:
    """Whether Python was started with the file that is argv[0], by its path or by -m: no notebook, no prompt."""
    spec = sys.modules["__main__"].__spec__
    return sys.argv[0] in sys.orig_argv or (spec is not None and spec.name in sys.orig_argv)


def _excepthook(kind, error, trace) -> None:
    if said := of_import(error.with_traceback(trace)):
        say(said)
        sys.exit(2)
    sys.__excepthook__(kind, error, trace)


if started() and Path(sys.argv[0]).resolve().parent in [ROOT / name for name in COMMANDS]:
    sys.excepthook = _excepthook
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # nohup's, to ignore it, stays
        signal.signal(signal.SIGINT, signal.SIG_DFL)
