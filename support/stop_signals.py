"""Handling of signals that ask a program to stop: it stops at the next safe point."""

import os
import signal


class Interrupted(Exception):
    """A signal stopped training between two iterations; its state is saved in ``folder``."""

    def __init__(self, number: int, folder: str | os.PathLike):
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code, self.folder = 128 + number, folder


class StopSignals:
    """Defer SIGINT and SIGTERM in the block of ``with StopSignals(folder) as stop:`` until ``stop.check()``.

    ``check`` raises Interrupted, which names the folder of the state. A second SIGINT stops at once, with
    KeyboardInterrupt. Works only in the main thread, like all signal handlers.
    """

    heard: tuple[int, ...] = ()

    def __init__(self, folder: str | os.PathLike = "."):
        self.folder = folder

    def __enter__(self) -> "StopSignals":
        self.before = {number: signal.signal(number, self._hear) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *exception) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame) -> None:
        if number == signal.SIGINT in self.heard:
            raise KeyboardInterrupt
        self.heard += (number,)

    def check(self) -> None:
        """Raise Interrupted if a signal has arrived."""
        if self.heard:
            raise Interrupted(self.heard[0], self.folder)
