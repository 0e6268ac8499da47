"""How long a training will take, from the speed of its first seconds."""

import math
import threading
import time
from contextlib import suppress
from statistics import fmean

from tqdm import tqdm

from experiment.training import Training
from support.terminal import printable

WATCHED = 2.0  # seconds of training that tell the speed of a model
PATIENCE = 4.0  # seconds after the start, which the imports precede; from then on, ENOUGH of one model will do
ENOUGH = 0.5


class Estimate:
    """The line that says how long a training will take, due a few seconds after its start.

    left      by model, in the order of their turns: the epochs that it still has to train, as 2.5 if one is half done
    jobs      how many models train at a time, each for one epoch; next is the first of those with the fewest epochs
    started   when the run started, in seconds, on the clock of ``line``
    resumed   whether this goes on with an earlier run; until: whether a model may stop before its last epoch
    pictured  the model that is drawn after each of its epochs, and what to say about the picture
    """

    def __init__(
        self,
        left: dict[str, float],
        jobs: int,
        started: float,
        *,
        resumed: bool = False,
        until: bool = False,
        pictured: tuple[str, str] | None = None,
    ):
        self.left = {name: epochs for name, epochs in left.items() if epochs > 0}
        self.jobs, self.started, self.resumed, self.until = min(jobs, len(self.left)), started, resumed, until
        self.pictured = pictured if pictured and pictured[0] in self.left else None
        self.first: dict[str, tuple[float, float]] = {}  # each model's first report
        self.watched: dict[str, float] = {}  # seconds from there to its latest one
        self.pace: dict[str, float] = {}  # seconds per epoch in this time
        self.excused = self.said = False

    def line(self, now: float, name: str | None = None, done: float = 0.0) -> str | None:
        """Take the report that a model has done so many epochs, counted from anywhere; return a line that is due.

        If no speed is known when the line is due, it says so, and a second one follows once a speed is known. Call it
        without a name now and then, too: time passes even where nothing is reported.
        """
        if self.said or not self.left:
            return None
        if name is not None:
            begun, before = self.first.setdefault(name, (now, done))
            if done > before:
                self.watched[name] = now - begun
                self.pace[name] = self.watched[name] / (done - before)
        late = now - self.started >= PATIENCE
        enough = ENOUGH if late and not self.excused else WATCHED
        known = sum(seconds >= enough for seconds in self.watched.values())
        if known >= (1 if late else self.jobs):
            self.said = True
            line = f"{self._what()}: {'at most ' * self.until}about {in_words(self._seconds())}"
            if self.pictured is None:
                return line
            drawn, shows = self.pictured
            return f"{line}; {shows}, first in about {in_words(self._first_picture(drawn))}, then after each epoch"
        if late and not self.excused:
            self.excused = True
            return f"{self._what()}; how long that takes is said after the first iterations"
        return None

    def _seconds(self) -> float:
        """Return the seconds until the end: those of the longest model, or of all if they fill the jobs longer."""
        each = [epochs * self._pace(name) for name, epochs in self.left.items()]
        return max(*each, sum(each) / self.jobs)

    def _first_picture(self, drawn: str) -> float:
        """Return the seconds until the end of the model's next epoch, and of those of others that come before it."""
        names, whole = list(self.left), math.ceil(self.left[drawn])
        ahead = {name: self.left[name] - whole + (names.index(name) < names.index(drawn)) for name in names}
        before = sum(max(0.0, epochs) * self._pace(name) for name, epochs in ahead.items() if name != drawn)
        waiting = 0.0 if drawn in self.pace else before / self.jobs
        return waiting + (self.left[drawn] - whole + 1) * self._pace(drawn)

    def _pace(self, name: str) -> float:
        """Return the seconds per epoch; for a model that was not seen yet, the mean of the others."""
        return self.pace.get(name) or fmean(self.pace.values())

    def _what(self) -> str:
        fewest, most = (math.ceil(extreme(self.left.values())) for extreme in (min, max))
        epochs = f"{fewest} to {most}" if fewest < most else str(most)
        epochs += f" epoch{'s' * (most > 1)}{' left' * self.resumed}"
        if len(self.left) == 1:
            return epochs
        return f"{len(self.left)} models, {epochs} each, {f'{self.jobs} at a time' if self.jobs > 1 else 'in turn'}"


def in_words(seconds: float) -> str:
    """Return a duration, rounded: ``35 s``, ``6 minutes``, ``2.5 hours``."""
    if seconds <= 100:
        return f"{max(5, 5 * math.ceil(seconds / 5))} s"
    return f"{seconds / 60:.0f} minutes" if seconds <= 6000 else f"{seconds / 3600:.1f} hours"


class Announcer:
    """Print the line of an Estimate as soon as it is due, in the block of ``with Announcer(training, started):``.

    training: before its ``run``; started, pictured: see Estimate, on the clock of ``time.perf_counter``.
    """

    def __init__(self, training: Training, started: float, until: bool, pictured: tuple[str, str] | None):
        epochs, left = training.args.max_epoch, {}
        for name in training.order:
            trainer = training.trainers[name]
            if not training.finished(name):
                begun = len(trainer.losses) / len(trainer.batches) if trainer.batches else 0.0
                left[name] = epochs - trainer.current_epoch - begun
        resumed = training.args.resume is not None
        self.estimate = Estimate(left, training.jobs, started, resumed=resumed, until=until, pictured=pictured)
        training.progressed = lambda name, done, total: self.look(name, done / total * epochs)
        self.timer = threading.Timer(max(0.0, started + PATIENCE - time.perf_counter()), self.look)
        self.timer.daemon = True
        self.lock = threading.Lock()  # the timer has a thread of its own

    def __enter__(self) -> None:
        self.timer.start()

    def __exit__(self, *exception) -> None:
        self.timer.cancel()

    def look(self, name: str | None = None, done: float = 0.0) -> None:
        """Take a report, or none, as ``Estimate.line`` does, and print what that returns."""
        with self.lock, suppress(OSError):  # of a reader that has left; the next line of the training meets it, too
            if line := self.estimate.line(time.perf_counter(), name, done):
                tqdm.write(printable(line))
