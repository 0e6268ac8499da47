"""Signals and errors of which all ranks (``common.ranks``) learn at the same step."""

import os
import signal
import time
from typing import TYPE_CHECKING

from support.stop_signals import Interrupted, StopSignals

if TYPE_CHECKING:
    from common.ranks import Ranks


class RankFailed(ValueError):
    """Another rank ended the run, and tells why."""


class Stopped(KeyboardInterrupt):
    """A signal ends this rank at once."""

    def __init__(self, number: int):
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


class SharedSignals(StopSignals):
    """StopSignals that all ranks obey at the same step: a signal that one rank hears is ``heard`` when all know of it.

    folder: of the state; None outside training, where there is no such step, and a signal raises Stopped. So does a
    second one. The watchdog of the ranks ends the run where Python cannot raise anything, because it waits within MPI.

    ``local``      the signals that this rank heard; ``combine`` tells the others
    ``exit_code``  for the first of these
    """

    PATIENCE = 3.5  # seconds from a signal until the watchdog ends the run, if no step ends
    AGAIN = 1.0  # seconds within which a signal counts as the one before: terminal and launcher both send it

    def __init__(self, ranks: "Ranks", folder: str | os.PathLike | None = None):
        super().__init__("." if folder is None else folder)
        self.ranks, self.training, self.rank = ranks, folder is not None, 0
        self.local: tuple[int, ...] = ()
        self.since, self.exit_code, self.noted = 0.0, 0, 0
        self.deadline: float | None = None

    def __enter__(self) -> "SharedSignals":
        super().__enter__()
        self.outer = self.ranks.stop, signal.set_wakeup_fd(self.ranks.wire(), warn_on_full_buffer=False)
        self.ranks.stop = self
        return self

    def __exit__(self, *exception) -> None:
        super().__exit__(*exception)
        self.ranks.stop, wire = self.outer
        signal.set_wakeup_fd(wire, warn_on_full_buffer=False)
        if self.local and not self.heard and exception[0] is None:  # it came after the last step
            signal.raise_signal(self.local[0])

    def _hear(self, number: int, frame) -> None:
        now = time.monotonic()
        if self.ranks.ending or (self.local and now - self.since <= self.AGAIN):
            return
        if self.local or not self.training:
            raise Stopped(number)
        self.local, self.since = (number,), now

    def agree(self, codes: list[int]) -> None:
        """Take note of the signals that all ranks heard, 0 for none."""
        if not self.heard and any(codes):
            self.rank = next(rank for rank, code in enumerate(codes) if code)
            self.heard = (codes[self.rank],)

    def check(self) -> None:
        """Raise Interrupted on every rank if a signal has arrived on one. All ranks have to call this."""
        self.agree(self.ranks.all(self.local[0] if self.local else 0))
        try:
            super().check()
        except Interrupted as error:
            of_rank(self.rank, error)
            raise

    def note(self, numbers: bytes, now: float) -> None:
        """Take note, in the watchdog's thread, of signals that arrived; ``_hear`` may have to wait."""
        for number in numbers:
            if number not in self.before:
                continue
            if self.deadline is None:
                self.noted, self.exit_code, self.first = number, 128 + number, now
                self.deadline = now + (self.PATIENCE if self.training else self.AGAIN)
            elif now - self.first > self.AGAIN:
                self.deadline = min(self.deadline, now + self.AGAIN / 2)

    def late(self, now: float) -> str | None:
        """Say why this rank ends the run now, if it heard a signal and waited long enough."""
        if self.deadline is None or now < self.deadline or self.heard:  # all know it, and save the state
            return None
        said = f"stopped by {signal.Signals(self.noted).name}"
        if self.training and now - self.first >= self.PATIENCE:
            said += f", but no step ended within {self.PATIENCE:g} seconds: the state is the one that was saved last"
        return said


def of_rank(rank: int, error: BaseException) -> BaseException:
    """Note on an error that every rank raises it, and which one tells it."""
    error.rank = rank  # type: ignore[attr-defined]  # errors of any class
    return error
