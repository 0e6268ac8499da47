"""Models that train side by side, each in a process of its own; the main process says which of them train.

A child builds its model and data itself, resumes from the model's state file, and then trains one epoch at each order.
It writes the files of its model; the main process writes those of the run. What a child prints arrives as whole lines.
"""

import io
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from multiprocessing import connection, current_process, get_context, parent_process, resource_tracker
from types import ModuleType
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits
from tqdm import tqdm

from common import config, training_state
from common.numeric_faults import NumericFault
from common.parallel import blas_threads
from experiment.command_line import only_once
from experiment.epochs import Epochs, Progress, measured, state_file
from support.entry import EXPECTED, in_words, settle_warnings
from support.stop_signals import Interrupted, StopSignals
from support.terminal import printable

if TYPE_CHECKING:
    from experiment.training import Training

CONTEXT = get_context("spawn")  # children that inherit no locks, signal handlers or files
SIGNALS = signal.SIGINT, signal.SIGTERM
TWICE = 130  # exit code of a child that was interrupted twice
POLL = 0.1  # seconds between looks at signals, and between reports of progress


class ModelFailed(ValueError):
    """The process of a model ended with an error, which the message tells; the others have saved their state."""


def jobs_of(asked: int | None, models: int, cores: int, data: str | None = None) -> int:
    """Return how many of the models to train side by side: as many as asked, or by default as there are cores.

    On two cores, two at a time are quicker than all three (docs/performance.md). data: the file that each process
    reads. Raises ValueError where several were asked for and cannot be.
    """
    reason, jobs = why_not(data), min(models, cores if asked is None else asked)
    if asked is None and reason:
        return 1
    if jobs > 1 and reason:
        raise ValueError(f"--jobs {asked}: {reason}, so models can only take turns, with --jobs 1")
    return jobs


def why_not(data: str | None = None) -> str | None:
    """Return why models cannot train in processes of their own; None where they can."""
    if data is not None and (said := only_once(data)):
        return said
    if config.GPU:
        return "the models share one GPU"
    if os.name != "posix":
        return "models side by side need a POSIX system"
    if not sys.executable or current_process().daemon:
        return "this process can start no others"
    return None


class Child:
    """The process of a model, as the main process sees it."""

    def __init__(self, *task):
        self.connection, theirs = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=_child, args=(theirs, *task), daemon=True)
        resource_tracker.ensure_running()  # now, because its start lets the signals through
        main = sys.modules["__main__"]
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # in the child until it can handle them
        try:
            sys.modules["__main__"] = ModuleType("__main__")  # or the child would import the script again
            self.process.start()
        finally:
            sys.modules["__main__"] = main
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        theirs.close()

    def order(self) -> None:
        """Tell the child to train one epoch."""
        try:
            self.connection.send(None)
        except ConnectionError:  # it is gone, which the next look at its messages finds
            pass

    def end(self) -> None:
        """End a child that waits for orders, or was killed."""
        self.connection.close()
        self.process.join()

    def how_it_ended(self) -> str | None:
        """Wait for the end; return what went wrong, None if the child ended by itself after its last message."""
        self.process.join()
        code = self.process.exitcode or 0
        if code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended with exit code {code}" if code else None


class SideBySide:
    """The processes of the models of a Training, ``jobs`` of which train at a time.

    training: says which model trains next, and hears of progress and of each finished epoch.
    """

    def __init__(self, training: "Training", epochs: Epochs, jobs: int):
        self.training, self.epochs, self.jobs = training, epochs, jobs
        self.children: dict[str, Child] = {}
        self.busy: set[str] = set()
        self.arrived: list[str] = []  # models whose epoch has ended, and is not yet shown
        self.error: Exception | None = None
        self.told = 0  # the signal that a child heard
        self.stopping = False

    def run(self) -> None:
        """Train until all models have finished.

        A signal to this process or to a child, an error, or the end of a child stops all after the current iteration,
        with their state saved. Raises Interrupted for a signal, and otherwise the first error: ModelFailed for one in a
        child. KeyboardInterrupt, and whatever is not an error, ends all at once.
        """
        with StopSignals(self.epochs.out) as stop:
            try:
                while True:
                    if stop.heard or self.told or self.error:
                        self._stop()
                    else:
                        self._guarded(self._give_orders)
                    while self.arrived:  # after the orders: it takes time, in which the children train
                        self._guarded(self.training.arrive, self.arrived.pop(0))
                    if not (self.children if self.stopping else self.busy or self.error):
                        break
                    for message in _messages(self.children):
                        self._guarded(self._hear, *message)
            finally:
                for name, child in self.children.items():
                    if name in self.busy:
                        child.process.kill()
                    child.end()
            if self.error is not None:
                raise self.error
            if self.told and not stop.heard:
                raise Interrupted(self.told, self.epochs.out)
            stop.check()

    def _give_orders(self) -> None:
        while len(self.busy) < self.jobs and (name := self.training.next(self.busy)) is not None:
            if name not in self.children:
                self.children[name] = Child(name, self.training.make, self.epochs, blas_threads())
            self.children[name].order()
            self.busy.add(name)

    def _stop(self) -> None:
        """Tell all children, once, to save their state and end."""
        for child in self.children.values() if not self.stopping else ():
            child.process.terminate()
        self.stopping = True

    def _guarded(self, do: Callable, *arguments) -> None:
        """Call ``do``, and keep the first error: all models save their state before it is raised."""
        try:
            do(*arguments)
        except Exception as error:  # of any kind: raised once the others have saved
            self.error = self.error or error

    def _hear(self, name: str, kind: str, value) -> None:
        if kind == "line":
            tqdm.write(printable(value))
        elif kind == "progress":
            self.training.progress(name, value)
        elif kind == "epoch":
            self.busy.discard(name)
            vars(self.training.trainers[name]).update(value)
            self.arrived.append(name)
            if self.training.finished(name):
                self.children.pop(name).end()  # its memory is free for the others
        elif kind == "ended":
            child = self.children.pop(name)
            how = child.how_it_ended()
            if child.process.exitcode == TWICE:
                raise KeyboardInterrupt
            if how or name in self.busy:  # without a last message
                saved = f"the others have saved their state; go on with --resume {self.epochs.out}"
                raise ModelFailed(f"{name}: its process {how or 'ended too early'}; {saved}")
        else:
            self.busy.discard(name)
            if kind == "failed":
                raise ModelFailed(value)
            if kind == "broken":
                raise RuntimeError(f"the process of {name} failed:\n{value}")
            self.told = self.told or value


def _messages(children: dict[str, Child]) -> Iterator[tuple[str, str, Any]]:
    """Yield what children have sent, as (name, kind, value), after at most a moment's wait; "ended" for the last."""
    ready = connection.wait([child.connection for child in children.values()], POLL)
    for name, child in list(children.items()):
        if child.connection in ready:
            try:
                kind, value = child.connection.recv()
            except (EOFError, OSError):
                kind, value = "ended", None
            yield name, kind, value


class Lines(io.TextIOBase):
    """A stream that calls ``send`` with each whole line that is written to it."""

    def __init__(self, send: Callable[[str], None]):
        self.send, self.rest = send, ""

    def write(self, text: str) -> int:
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            self.send(line)
        return len(text)


def _child(main: connection.Connection, name: str, make: Callable, epochs: Epochs, threads: int) -> None:
    """Train a model as the main process orders, until it closes the connection; report all that happens."""
    tqdm.set_lock(threading.RLock())  # or it shares one among processes, which a kill would leave behind
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    try:
        with StopSignals(epochs.out) as stop, threadpool_limits(threads, user_api="blas"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            settle_warnings()
            try:
                with redirect_stdout(Lines(lambda line: main.send(("line", line)))):
                    _train(main, stop, name, make, epochs)
            except Interrupted as error:
                main.send(("stopped", error.exit_code - 128))
            except EXPECTED as error:
                named = isinstance(error, NumericFault) or getattr(error, "filename", None)  # the model, or its file
                main.send(("failed", in_words(error) if named else f"{name}: {in_words(error)}"))
            except Exception:  # a fault of ours
                main.send(("broken", traceback.format_exc()))
            os._exit(0)
    except KeyboardInterrupt:
        os._exit(TWICE)
    except ConnectionError:  # the main process has closed the connection
        os._exit(1)


def _train(main: connection.Connection, stop: StopSignals, name: str, make: Callable, epochs: Epochs) -> None:
    trainer, x, t = make(name)
    if (path := state_file(epochs.out, name)).is_file():
        training_state.restore(path, trainer, measured(trainer), other_ranks=True)  # or the main process had refused
    epochs.prepare(name, trainer, stop, Progress(lambda done: main.send(("progress", done)), POLL))
    while True:
        while not main.poll(POLL):
            stop.check()
        main.recv()
        epochs.train(name, trainer, x, t)
        known = "history", "current_epoch", "stop_training"
        main.send(("epoch", {key: getattr(trainer, key) for key in known}))


def _end_with_the_parent() -> None:
    """End this process, whatever it does, when the main process is gone."""
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)
