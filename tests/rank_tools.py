"""Ranks without MPI: threads of this process, with a communicator that does what MPI does, and counts it."""

import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from common.ranks import Ranks

NAME = "rank "  # of a rank's thread, before its number
PATIENCE = 20  # seconds in which all ranks have to arrive; else the test fails


class World:
    """What the communicators of ``size`` ranks have in common. ``calls``: name, and size of what was sent, by rank."""

    def __init__(self, size: int):
        self.size, self.barrier = size, threading.Barrier(size, timeout=PATIENCE)
        self.slots: list[Any] = [None] * size
        self.calls: list[list[tuple[str, int]]] = [[] for _ in range(size)]
        self.buffers: list[list[np.ndarray]] = [[] for _ in range(size)]  # what each gave to Allreduce


class Communicator:
    """The methods of an mpi4py communicator that ``Ranks`` calls, for one rank of a world.

    Those with a capital letter see the memory of an array, as MPI does, not its elements in the order of their indices.
    """

    def __init__(self, world: World, rank: int):
        self.world, self.rank = world, rank

    def Get_rank(self) -> int:
        return self.rank

    def Get_size(self) -> int:
        return self.world.size

    def Abort(self, code: int) -> None:
        self.world.barrier.abort()

    def bcast(self, value: Any = None, root: int = 0) -> Any:
        found = self._meet("bcast", pickle.dumps(value), root)
        return value if self.rank == root else pickle.loads(found[root])

    def allgather(self, value: Any) -> list:
        return [pickle.loads(sent) for sent in self._meet("allgather", pickle.dumps(value))]

    def Bcast(self, buffer: np.ndarray, root: int = 0) -> None:
        memory = _memory(buffer)
        memory[...] = self._meet("Bcast", memory.copy(), root)[root]

    def Allreduce(self, sent: None, buffer: np.ndarray) -> None:
        """Add up, in the order of the ranks; sent: None, in place."""
        assert sent is None
        memory = _memory(buffer)
        self.world.buffers[self.rank].append(memory.copy())
        parts = self._meet("Allreduce", memory.copy())
        assert len({(part.dtype, part.size) for part in parts}) == 1
        with np.errstate(all="ignore"):
            memory[...] = sum(parts[1:], start=parts[0])

    def _meet(self, name: str, value: Any, *same: Any) -> list:
        """Return the values of all ranks. They have to call the same method, of which ``same`` are arguments."""
        world = self.world
        world.calls[self.rank].append((name, getattr(value, "nbytes", len(value))))
        world.slots[self.rank] = (name, *same), value
        world.barrier.wait()
        found = list(world.slots)
        world.barrier.wait()
        assert len({what for what, _ in found}) == 1, f"the ranks call {[what for what, _ in found]}"
        return [value for _, value in found]


def _memory(buffer: np.ndarray) -> np.ndarray:
    """The elements as they lie in memory."""
    assert buffer.flags.c_contiguous or buffer.flags.f_contiguous, "mpi4py refuses such an array"
    return buffer.reshape(-1, order="A")


class FakeRanks(Ranks):
    def _watch(self) -> None:
        """The threads of one process end together."""


def on_ranks(size: int, task: Callable[[Ranks], Any], world: World | None = None) -> list:
    """Return what ``task(ranks)`` returns on each of ``size`` ranks, an exception for one that raised.

    If a rank fails alone, the others get BrokenBarrierError where they wait for it.
    """
    world = world or World(size)
    results: list[Any] = [None] * size

    def work(rank: int) -> None:
        try:
            results[rank] = task(FakeRanks(Communicator(world, rank)))
        except BaseException as error:  # of any kind: the caller judges
            results[rank] = error
            if not hasattr(error, "rank"):  # unlike an error of all of them
                world.barrier.abort()

    threads = [threading.Thread(target=work, args=(rank,), name=f"{NAME}{rank}", daemon=True) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(3 * PATIENCE)
    return results


def this_rank() -> int:
    """The rank whose thread calls; 0 in other threads."""
    name = threading.current_thread().name
    return int(name.removeprefix(NAME)) if name.startswith(NAME) else 0


def all_done(results: list) -> list:
    """The results, if no rank raised; else the first error that is not another's consequence."""
    errors = [found for found in results if isinstance(found, BaseException)]
    errors.sort(key=lambda error: isinstance(error, threading.BrokenBarrierError))
    if errors:
        raise errors[0]
    return results
