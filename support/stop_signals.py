"""Signals that ask a program to stop, heard at the next place where it may."""

import os
import signal


class Interrupted(Exception):
    """Training was told to stop by a signal, and did so between two iterations, its state saved in ``folder``."""

    def __init__(self, number: int, folder: str | os.PathLike):
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code, self.folder = 128 + number, folder


class StopSignals:
    """``with StopSignals(folder) as stop:`` SIGINT and SIGTERM are but heard, until ``stop.check()`` raises
    Interrupted, which names the folder where the state is.

    A second SIGINT stops at once, by KeyboardInterrupt. For the main thread only, as signals are.
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
        if self.heard:
            raise Interrupted(self.heard[0], self.folder)
