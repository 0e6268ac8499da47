"""The contestants of ``benchmarks.date``: several ways to train the same model on the same mini-batches."""

import importlib
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.reread import answers_reread
from common.layer import named_params, remove_duplicate
from common.optimizer import Adam, clip_grads
from common.parallel import Workers
from seq2seq.model_file import MODELS

REFERENCE = Path(__file__).resolve().parents[1] / "tests" / "reference_chapter.py"
BOOKS_MODELS = "baseline", "peeky", "attention"  # those that the chapter's loop and the PyTorch twin have
Batch = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Job:
    """The task of all contestants: a model of MODELS, its sizes, how to train it. ``threads`` is how many each gets.

    options: the model's other arguments.
    """

    model: str
    V: int
    D: int
    H: int
    lr: float
    max_grad: float
    threads: int
    seed: int
    options: dict[str, Any] = field(default_factory=dict)

    def build(self):
        """Build our model, with the same weights at each call."""
        return MODELS[self.model](self.V, self.D, self.H, **self.options, rng=np.random.default_rng(self.seed))


class Laps(dict):
    """A stopwatch: ``lap(name)`` keeps the seconds since the previous lap.

    ``cpu``: CPU seconds of all threads of this process, from the start to the last lap.
    """

    def __init__(self):
        self.cpu, self.begun, self.last = 0.0, time.process_time(), time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self[name] = now - self.last
        self.last, self.cpu = now, time.process_time() - self.begun


class Contestant(ABC):
    """A way to train a ``model`` with ``forward(x, t)`` and ``backward()``, which a subclass makes.

    Steps run inside ``turn()``. ``models``: the only models that it knows, each with the names of the options that it
    knows of it; None if it knows any.
    """

    models: dict[str, set[str]] | None = None
    model: Any

    @classmethod
    def knows(cls, job: Job) -> bool:
        return cls.models is None or (job.model in cls.models and job.options.keys() <= cls.models[job.model])

    def __init__(self, job: Job):
        self.job = job

    @contextmanager
    def turn(self) -> Iterator[None]:
        with threadpool_limits(self.job.threads, "blas"):
            yield

    def step(self, x: np.ndarray, t: np.ndarray) -> tuple[float, Laps]:
        """Train on one mini-batch; return the loss, and the seconds of each phase."""
        laps = Laps()
        loss = self.model.forward(x, t)
        laps.lap("forward")
        self.model.backward()
        laps.lap("backward")
        self.update()
        laps.lap("update")
        return float(loss), laps

    @abstractmethod
    def update(self) -> None:
        """Clip the gradients and take one step of Adam."""

    @abstractmethod
    def answers(self, xs: np.ndarray, start_id: int, sample_size: int, way: str | None = None) -> np.ndarray:
        """Return answers (N, T_dec) to xs (N, T_enc): greedy ones, in one of ``WAYS`` if a contestant has several."""

    def evaluate(self, xs: np.ndarray, start_id: int, sample_size: int, way: str | None) -> tuple[Laps, np.ndarray]:
        """Measure the seconds to answer all questions, see ``answers``, whose answers are returned, too."""
        with self.turn():
            self.answers(xs[:1], start_id, sample_size, way)
            laps = Laps()
            ids = self.answers(xs, start_id, sample_size, way)
            laps.lap("answers")
            return laps, ids


class Ours(Contestant):
    """Our framework on one Python thread, with BLAS on all threads."""

    def __init__(self, job: Job):
        super().__init__(job)
        self.model, self.optimizer = job.build(), Adam(lr=job.lr)

    def update(self):
        params, grads = remove_duplicate(self.model.params, self.model.grads)
        clip_grads(grads, self.job.max_grad)
        self.optimizer.update(params, grads)

    def answers(self, xs, start_id, sample_size, way=None):
        return self.model.decode(xs, start_id, sample_size).ids


class OursThreaded(Ours):
    """Our framework, each mini-batch split over worker threads."""

    share_prefixes = True

    def __init__(self, job: Job):
        super().__init__(job)
        self.model.encoder.share_prefixes = self.share_prefixes
        self.workers = Workers(self.model, job.threads)

    @contextmanager
    def turn(self):
        with super().turn(), self.workers:
            yield

    def answers(self, xs, start_id, sample_size, way=None):
        task, workers = (xs, start_id, sample_size), self.job.threads
        if way == "beam":
            return self.model.beam_search(*task, BEAM_WIDTH, workers=workers).ids[:, 0]
        if way is not None:
            return answers_reread(self.model, *task, workers, encoder=way == "reencoded")
        return self.model.decode(*task, workers=workers).ids

    def step(self, x, t):
        laps, forward = Laps(), self.model.forward

        def timed_forward(x, t):
            """The first worker's forward. When it ends, forward is nearly over: all shares take about as long."""
            loss = forward(x, t)
            laps.lap("forward")
            return loss

        self.model.forward = timed_forward
        loss = self.workers.step(x, t)
        del self.model.forward
        laps.lap("backward")
        self.update()
        laps.lap("update")
        return float(loss), laps


class OursUnshared(OursThreaded):
    """Our framework without shared prefixes: every row of the encoder is computed."""

    share_prefixes = False

    @classmethod
    def knows(cls, job):
        return getattr(job.build().encoder, "shares_prefixes", False)


class Chapter(Contestant):
    """The chapter's way, one layer object per time step: ``tests/reference_chapter.py``, loaded by path."""

    models = {name: set[str]() for name in BOOKS_MODELS}

    def __init__(self, job: Job):
        super().__init__(job)
        sys.path.append(str(REFERENCE.parent))
        chapter = importlib.import_module(REFERENCE.stem)
        sys.path.pop()
        self.model = chapter.ChapterModel(job.model, named_params(job.build()))

    def update(self):
        self.model.step(max_grad=self.job.max_grad, lr=self.job.lr)

    def answers(self, xs, start_id, sample_size, way=None):
        """Answer one question after the other, as the chapter does."""
        return np.array([self.model.generate(xs[i : i + 1], start_id, sample_size) for i in range(len(xs))])


class Torch(Contestant):
    """The PyTorch twin, run eagerly."""

    models = {name: set[str]() for name in BOOKS_MODELS} | {"transformer": {"heads", "layers"}}

    def __init__(self, job: Job):
        import torch

        from benchmarks.torch_date import twin_of

        super().__init__(job)
        self.torch = torch
        torch.set_num_threads(job.threads)
        self.twin = self.model = twin_of(job.model, job.build())
        self.optimizer = torch.optim.Adam(self.twin.parameters(), lr=job.lr)

    def step(self, x, t):
        x, t = self.torch.from_numpy(x), self.torch.from_numpy(t)
        laps = Laps()
        loss = self.model(x, t)
        laps.lap("forward")
        loss.backward()
        laps.lap("backward")
        self.update()
        laps.lap("update")
        return loss.item(), laps

    def update(self):
        self.torch.nn.utils.clip_grad_norm_(self.twin.parameters(), self.job.max_grad)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def answers(self, xs, start_id, sample_size, way=None):
        parts = [self.torch.from_numpy(xs[i : i + 512]) for i in range(0, len(xs), 512)]
        return np.concatenate([self.twin.decode(part, start_id, sample_size)[0].numpy() for part in parts])

    def maps(self, xs, start_id, sample_size):
        """Return the attention (N, T_dec, T_enc) of greedy answers to xs (N, T_enc)."""
        _, maps = self.twin.decode(self.torch.from_numpy(xs), start_id, sample_size)
        return self.torch.cat(maps, dim=1).numpy()


class TorchCompiled(Torch):
    """The PyTorch twin, compiled with ``torch.compile``."""

    def __init__(self, job: Job):
        super().__init__(job)
        self.model = self.torch.compile(self.twin)


BEAM_WIDTH = 5
CONTESTANTS: dict[str, Any] = {  # classes of Contestant
    "ours": OursThreaded,
    "unshared": OursUnshared,
    "one": Ours,
    "chapter": Chapter,
    "torch": Torch,
    "compiled": TorchCompiled,
}
LABELS = {
    "ours": "ours",
    "unshared": "ours, no shared prefixes",
    "one": "ours, one worker",
    "chapter": "chapter style",
    "torch": "PyTorch eager",
    "compiled": "PyTorch compiled",
    "beam": f"ours, beam search of width {BEAM_WIDTH}",
    "reread": "ours, no kept keys and values",
    "reencoded": "ours, the whole model at each step",
}
WAYS = "beam", "reread", "reencoded"  # in which ours can answer, besides the usual one; see ``benchmarks.reread``
SHARES_PREFIXES = ("ours", "one")


def take_turn(contestant: Contestant, batches: Iterable[Batch]) -> list[tuple[float, Laps]]:
    """Train on the batches; return the loss and laps of each step. The first one warms up after the others' turns."""
    with contestant.turn():
        return [contestant.step(x, t) for x, t in batches]


def make_batches(data: Batch, N: int, count: int, seed: int) -> list[Batch]:
    """Draw mini-batches of N rows as in training; a new shuffle begins when the data is used up."""
    x, t = data
    if N > len(x):
        raise ValueError(f"expected at most {len(x)} as the size of a mini-batch, the questions to train on, got {N}")
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(len(x)) for _ in range(-(-count * N // len(x)))])
    rows = order[: count * N].reshape(count, N)
    return [(np.ascontiguousarray(x[r]), np.ascontiguousarray(t[r])) for r in rows]


def race(key: str, job: Job, train: Batch, test: Batch, N: int, accuracy: float, most: int = 20) -> dict:
    """Train in epochs of all full mini-batches of N, until the test accuracy is reached or for ``most`` epochs.

    Returns the accuracy after each epoch, and the wall and CPU seconds from first weights to last answer.
    """
    laps = Laps()
    contestant, rng = CONTESTANTS[key](job), np.random.default_rng(job.seed)
    found: list[float] = []
    (x, t), (xs, ts) = train, test
    while not found or (found[-1] < accuracy and len(found) < most):
        order = rng.permutation(len(x))[: len(x) // N * N].reshape(-1, N)
        take_turn(contestant, ((np.ascontiguousarray(x[rows]), t[rows]) for rows in order))
        ids = contestant.answers(np.ascontiguousarray(xs), int(ts[0, 0]), ts.shape[1] - 1)
        found.append(float((ids == ts[:, 1:]).all(axis=1).mean()))
    laps.lap("race")
    return {"accuracy": found, "seconds": laps["race"], "cpu_seconds": laps.cpu}


def peak_memory() -> float:
    """Return the largest resident memory of this process so far, in MB (10^6 bytes).

    Linux tells it in /proc. Its ``ru_maxrss`` would be wrong: a process inherits it from the one that started it.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024 / 1e6
    import resource  # missing on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def train_and_weigh(key: str, job: Job, batches: list[Batch]) -> dict[str, float]:
    """Measure the median wall and CPU ms per step after the first two, and the peak memory of this process in MB."""
    laps = [laps for _, laps in take_turn(CONTESTANTS[key](job), batches)[2:]]
    wall, cpu = np.median([(sum(each.values()), each.cpu) for each in laps], axis=0)
    return {"ms": 1000 * float(wall), "cpu_ms": 1000 * float(cpu), "memory_mb": peak_memory()}


def alone(key: str, job: Job, batches: list[Batch]) -> dict[str, float]:
    """Call ``train_and_weigh`` in a new process, which has nothing else in its memory."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(train_and_weigh, key, job, batches).result()
