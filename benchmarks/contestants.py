"""Who competes in ``benchmark.py``: several ways to train the same model on the same mini-batches."""

import importlib.util
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from common.layer import named_params, remove_duplicate
from common.optimizer import Adam, clip_grads
from common.parallel import Workers
from seq2seq.model_file import MODELS

REFERENCE = Path(__file__).resolve().parents[1] / "tests" / "reference_chapter.py"
Batch = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Job:
    """What all contestants train: a model of MODELS, its sizes, and how. ``threads`` is for each of them."""

    model: str
    V: int
    D: int
    H: int
    lr: float
    max_grad: float
    threads: int
    seed: int

    def build(self):
        """Our model; with the same weights at each call."""
        return MODELS[self.model](self.V, self.D, self.H, rng=np.random.default_rng(self.seed))


class Laps(dict):
    """A stopwatch: ``lap(name)`` keeps the seconds since the lap before."""

    def __init__(self):
        self.last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self[name] = now - self.last
        self.last = now


class Contestant(ABC):
    """A ``model`` with ``forward(x, t)`` and ``backward()``; a subclass makes it. ``turn()`` is held around steps."""

    def __init__(self, job: Job):
        self.job = job

    @contextmanager
    def turn(self) -> Iterator[None]:
        with threadpool_limits(self.job.threads, "blas"):
            yield

    def step(self, x: np.ndarray, t: np.ndarray) -> tuple[float, Laps]:
        """Train on one mini-batch: the loss, and seconds by phase."""
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
        """Clip the gradients, and one step of Adam."""

    @abstractmethod
    def answers(self, xs: np.ndarray, start_id: int, sample_size: int) -> np.ndarray:
        """Greedy answers (N, T_dec) to xs (N, T_enc)."""

    def evaluate(self, xs: np.ndarray, start_id: int, sample_size: int, **options) -> float:
        """Seconds to answer all questions; options are for ``answers``."""
        with self.turn():
            self.answers(xs[:1], start_id, sample_size, **options)
            start = time.perf_counter()
            self.answers(xs, start_id, sample_size, **options)
            return time.perf_counter() - start


class Ours(Contestant):
    """Our framework on one Python thread, the BLAS on all."""

    def __init__(self, job: Job):
        super().__init__(job)
        self.model, self.optimizer = job.build(), Adam(lr=job.lr)

    def update(self):
        params, grads = remove_duplicate(self.model.params, self.model.grads)
        clip_grads(grads, self.job.max_grad)
        self.optimizer.update(params, grads)

    def answers(self, xs, start_id, sample_size):
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

    def answers(self, xs, start_id, sample_size, beam_width=None):
        if beam_width is not None:
            return self.model.beam_search(xs, start_id, sample_size, beam_width, workers=self.job.threads).ids[:, 0]
        return self.model.decode(xs, start_id, sample_size, workers=self.job.threads).ids

    def step(self, x, t):
        laps, forward = Laps(), self.model.forward

        def timed_forward(x, t):
            """The first worker's. When it has ended, forward is over or nearly so: shares take about the same time."""
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
    """The same without shared prefixes: every row of the encoder is computed."""

    share_prefixes = False


class Chapter(Contestant):
    """The chapter's way, one layer object a time step: ``tests/reference_chapter.py``, loaded by path."""

    def __init__(self, job: Job):
        super().__init__(job)
        spec = importlib.util.spec_from_file_location("reference_chapter", REFERENCE)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.model = module.ChapterModel(job.model, named_params(job.build()))

    def update(self):
        self.model.step(max_grad=self.job.max_grad, lr=self.job.lr)

    def answers(self, xs, start_id, sample_size):
        """One question after the other, as the chapter does it."""
        return np.array([self.model.generate(xs[i : i + 1], start_id, sample_size) for i in range(len(xs))])


class Torch(Contestant):
    """PyTorch's twin, eager."""

    def __init__(self, job: Job):
        import torch

        from benchmarks.torch_date import Twin

        super().__init__(job)
        self.torch = torch
        torch.set_num_threads(job.threads)
        self.twin = self.model = Twin(job.model, named_params(job.build()))
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

    def answers(self, xs, start_id, sample_size):
        parts = [self.torch.from_numpy(xs[i : i + 512]) for i in range(0, len(xs), 512)]
        return np.concatenate([self.twin.decode(part, start_id, sample_size).numpy() for part in parts])


class TorchCompiled(Torch):
    """PyTorch's twin, compiled by ``torch.compile``."""

    def __init__(self, job: Job):
        super().__init__(job)
        self.model = self.torch.compile(self.twin)


BEAM_WIDTH = 5
CONTESTANTS = {
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
}
SHARES_PREFIXES = ("ours", "one")


def take_turn(contestant: Contestant, batches: Iterable[Batch]) -> list[tuple[float, Laps]]:
    """Train on the batches: loss and laps of each step. The first is to warm up again after the others' turns."""
    with contestant.turn():
        return [contestant.step(x, t) for x, t in batches]


def race(key: str, job: Job, train: Batch, test: Batch, N: int, accuracy: float, most: int = 20) -> dict:
    """Train in epochs of all full mini-batches of N until the test questions are answered so well, or for ``most``
    epochs: the accuracy after each, and the seconds of training and answering, from first weights to last answer."""
    start = time.perf_counter()
    contestant, rng, found = CONTESTANTS[key](job), np.random.default_rng(job.seed), []
    (x, t), (xs, ts) = train, test
    while not found or (found[-1] < accuracy and len(found) < most):
        order = rng.permutation(len(x))[: len(x) // N * N].reshape(-1, N)
        take_turn(contestant, ((np.ascontiguousarray(x[rows]), t[rows]) for rows in order))
        ids = contestant.answers(np.ascontiguousarray(xs), int(ts[0, 0]), ts.shape[1] - 1)
        found.append(float((ids == ts[:, 1:]).all(axis=1).mean()))
    return {"accuracy": found, "seconds": time.perf_counter() - start}


def peak_memory() -> float:
    """Largest resident memory of this process so far, in MB (10^6 bytes).

    Linux says it in /proc. Its ``ru_maxrss`` would not do: a process inherits it from the one that started it.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024 / 1e6
    import resource  # not there on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def train_and_weigh(key: str, job: Job, batches: list[Batch]) -> dict[str, float]:
    """In this process: median ms a step after the first two batches, and the peak memory of the process in MB."""
    results = take_turn(CONTESTANTS[key](job), batches)
    seconds = [sum(laps.values()) for _, laps in results[2:]]
    return {"ms": 1000 * float(np.median(seconds)), "memory_mb": peak_memory()}


def alone(key: str, job: Job, batches: list[Batch]) -> dict[str, float]:
    """``train_and_weigh`` in a new process, which has nothing else in its memory."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(train_and_weigh, key, job, batches).result()
