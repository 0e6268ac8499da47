"""What each process of a job of ``benchmarks.mpi`` does: the task in the JSON argument; rank 0 answers with JSON.

``train``        steps of a model, on all ranks of the job or in this process alone
``own work``     steps of single ranks of many, in this process alone, as if the others answered at once
``collectives``  Allreduce of several sizes, with and without what ``Ranks.combine`` does before and after; messages
"""

import json
import pickle
import sys
import time
from collections import defaultdict
from typing import Any

import numpy as np

from benchmarks.contestants import make_batches
from benchmarks.text import ORIGINAL, Times, random_texts
from common.optimizer import Adam
from common.parallel import Share
from common.ranks import ALONE, Ranks
from common.trainer import Trainer
from experiment import mpi_job
from experiment.command_line import cores
from experiment.date_parts import DateParts
from seq2seq.model_file import MODELS
from support.entry import say

ANSWER = "benchmarks.mpi: "  # begins the line with rank 0's answer, for some launchers print lines of their own


class Watched:
    """A communicator that keeps of each collective call, by its name, the bytes that this rank gave and the seconds.

    ``order``  the names of all these calls
    """

    def __init__(self, comm):
        self.comm = comm
        self.calls: dict[str, list[tuple[int, float]]] = defaultdict(list)
        self.order: list[str] = []

    def __getattr__(self, name: str):
        call = getattr(self.comm, name)

        def timed(*arguments):
            start = time.perf_counter()
            result = call(*arguments)
            seconds = time.perf_counter() - start
            if arguments:
                given = arguments[-1]
                size = given.nbytes if isinstance(given, np.ndarray) else len(pickle.dumps(given))
                self.calls[name].append((size, seconds))
                self.order.append(name)
            return result

        return timed


class Instant:
    """The communicator of the first of ``size`` ranks whose others answer at once, so that its own work is left."""

    def __init__(self, size: int):
        self.size = size

    def Get_rank(self) -> int:
        return 0

    def Get_size(self) -> int:
        return self.size

    def Allreduce(self, own, buffer) -> None:
        """Leave the buffer as it is."""

    def Bcast(self, buffer) -> None:
        """Leave the buffer as it is."""

    def bcast(self, value):
        return value

    def allgather(self, value) -> list:
        return [value] * self.size


class OneOfMany(Ranks):
    """The first of ``size`` ranks, without the others, which has the rows of the rank ``share``."""

    def __init__(self, share: int, size: int):
        super().__init__(Instant(size))
        self.share = share

    def rows(self, model, x, t):
        self.rank = self.share
        try:
            return super().rows(model, x, t)
        finally:
            self.rank = 0


def fit(job: dict, model, optimizer, data, ranks: Ranks, watched: Watched | None = None) -> dict[str, Any]:
    """Train for ``1 + job["steps"]`` steps, of which the first warms up; return this rank's measures of the others."""
    x, t = data
    times = Times()
    rng = np.random.default_rng(0)
    trainer = Trainer(model, optimizer, rng=rng, callbacks=[times], workers=job["workers"], ranks=ranks)
    if watched is not None:
        watched.calls.clear()
        watched.order.clear()
    trainer.fit(x, t, 1, job["N"], job["max_grad"], None)
    seconds, cpu = np.diff(times.ends, axis=0).T
    measured = {"seconds": seconds.tolist(), "cpu_seconds": cpu.tolist()}
    if ranks.size > 1 and watched is not None:
        reduced = watched.calls["Allreduce"]
        measured["bytes"] = [size for size, _ in reduced[1:]]
        measured["allreduce_seconds"] = [spent for _, spent in reduced[1:]]
        steps = "".join("|" if name == "Allreduce" else name[0] for name in watched.order).split("|")
        measured["messages"] = float(np.median([step.count("b") for step in steps[1:-1]]))  # bcast, of the norm
    return measured


def dates(job: dict, rng: np.random.Generator) -> tuple[Any, Any]:
    """Return the date model of a job, and the rows of its steps; the same on all machines."""
    parts = DateParts(None)
    model = MODELS[job["model"]](len(parts.vocabulary), *job["sizes"], rng=rng)
    batches = make_batches((parts.x_train, parts.t_train), job["N"], 1 + job["steps"], seed=0)
    return model, tuple(np.concatenate(rows) for rows in zip(*batches, strict=True))


def train(job: dict, ranks: Ranks, watched: Watched | None) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    optimizer: Any = Adam()
    if job["model"] in MODELS:
        model, rows = dates(job, rng)
    else:
        make, kind = ORIGINAL[job["model"]][:2]
        words, T = job["sizes"]
        model, optimizer = make(words, rng=rng), kind()
        if job["whole"]:
            model.touched = lambda xs: {}
        rows = random_texts(rng, words, model.classes, (1 + job["steps"]) * job["N"], T)
    measured = fit(job, model, optimizer, rows, ranks, watched)
    measured["cpu_seconds"] = np.sum(ranks.all(measured["cpu_seconds"]), axis=0).tolist()
    return measured | {"parameters": sum(p.size for p in model.params)}


def own_work(job: dict, *_) -> dict[str, Any]:
    """Return, by number of ranks, the seconds of each step on the slowest of the ranks that are looked at.

    Of a single worker, who never waits, CPU seconds: nothing else that runs here counts.
    """
    unit = "cpu_seconds" if job["workers"] == 1 else "seconds"
    model, rows = dates(job, np.random.default_rng(0))
    slowest = {}
    for size in job["of"]:
        looked_at = sorted({i * (size - 1) // 3 for i in range(4)})  # 4 of them, the first and the last among them
        each = [fit(job, model, Adam(), rows, OneOfMany(rank, size) if size > 1 else ALONE) for rank in looked_at]
        slowest[size] = np.max([measured[unit] for measured in each], axis=0).tolist()
    return slowest


def collectives(job: dict, ranks: Ranks, watched: Watched) -> dict[str, Any]:
    """Return seconds by buffer size, of Allreduce alone and of combine around it, and those of two small messages."""
    found: dict[str, Any] = {"combine": {}, "Allreduce": {}}
    for size in job["buffers"]:
        grads = [np.ones(size // 4, dtype=np.float32)]
        repeats = max(3, min(job["repeats"], job["most_bytes"] // size))
        seconds = []
        watched.calls.clear()
        for _ in range(1 + repeats):
            grads[0][...] = 1
            ranks.comm.barrier()
            start = time.perf_counter()
            ranks.combine([Share(0.0, 1, grads)])
            seconds.append(time.perf_counter() - start)
        found["combine"][size] = float(np.median(seconds[1:]))
        found["Allreduce"][size] = float(np.median([spent for _, spent in watched.calls["Allreduce"][1:]]))
    for _ in range(1 + job["repeats"]):
        ranks.first(1.0)
        ranks.all(0)
    for name in ("bcast", "allgather"):
        found[name] = float(np.median([spent for _, spent in watched.calls[name][1:]]))
    return found


def main() -> int:
    if len(sys.argv) != 2:
        say(f"expected a job as JSON, as `python -m benchmarks.mpi` gives it, got {len(sys.argv) - 1} arguments")
        return 2
    job = json.loads(sys.argv[1])
    task = {"train": train, "own work": own_work, "collectives": collectives}[job["task"]]
    if not job["mpi"]:
        answer = task(job, ALONE, None)
    else:
        from mpi4py import MPI

        ranks = mpi_job.start()
        hosts = ranks.all(MPI.Get_processor_name())
        ranks.comm = watched = Watched(ranks.comm)
        answer = task(job, ranks, watched)
        crowd = max(map(hosts.count, hosts)) * job.get("workers", 1)
        answer |= {"library": MPI.Get_library_version(), "oversubscribed": crowd > cores(), "hosts": len({*hosts})}
        if ranks.rank:
            return 0
    print(ANSWER + json.dumps(answer), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
