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


class SharedSignals(StopSignals):
    """StopSignals that all ranks obey at the same step: a signal that one rank hears is ``heard`` when all know of it.

    ``local``  the signals that this rank heard; ``combine`` tells the others
    """

    patience = 7.0  # seconds from a signal to the end of the run, if no step ends
    AGAIN = 1.0  # seconds within which a SIGINT counts as the one before: terminal and launcher both send it

    def __init__(self, folder: str | os.PathLike, ranks: "Ranks"):
        super().__init__(folder)
        self.ranks, self.since, self.rank = ranks, 0.0, 0
        self.local: tuple[int, ...] = ()

    def __enter__(self) -> "SharedSignals":
        super().__enter__()
        self.ranks.stop = self
        return self

    def __exit__(self, *exception) -> None:
        self.ranks.stop = None
        super().__exit__(*exception)

    def _hear(self, number: int, frame) -> None:
        now = time.monotonic()
        if self.local and now - self.since > self.AGAIN:
            raise KeyboardInterrupt
        if not self.local:
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

    def late(self, now: float) -> bool:
        """Whether this rank heard a signal so long ago that it has to end the run."""
        return bool(self.local) and now - self.since > self.patience

    def name(self) -> str:
        """The name of the signal that this rank heard."""
        return signal.Signals(self.local[0]).name


def of_rank(rank: int, error: Exception) -> Exception:
    """Note on an error that every rank raises it, and which one tells it."""
    error.rank = rank  # type: ignore[attr-defined]  # errors of any class
    return error
