"""Ranks: the processes of an MPI job, on one machine or several, that train one model together.

Every rank holds the whole model and all data. Each takes its share of every mini-batch, ``combine`` adds up the
gradients, and every rank then makes the same update: the weights stay equal without being sent.
"""

import faulthandler
import hashlib
import os
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from inspect import signature
from itertools import zip_longest
from typing import Any, NoReturn

import numpy

from common import config
from common.layer import named_params, walk
from common.np import np
from common.numeric_faults import NumericFault, all_finite
from common.parallel import Share, add_shares, values_in
from common.shared_signals import RankFailed, SharedSignals, of_rank
from support.array import Array
from support.stop_signals import StopSignals

OWN = 2**31  # marks the random streams of a rank: a stream that spawns others numbers them from 0
ANY_WORK = 1.0, 1e-6  # for ``shares``: whoever asks for ranks gets a share for each
BLOCK = 2**12  # labels are counted in these, and the rest
LOOK = 0.2  # seconds between looks of the watchdog
TURN = 1.2  # seconds between the turns of ranks that may all tell the same: the first ends the others
ANSWER = 2.0  # seconds for MPI to end the job, after which this process ends by itself
PASSED_ON = 0.5  # seconds for the launcher to pass on a message, of which it loses what it has not read by the end


class Ranks:
    """``size`` processes that train together, of which this one is number ``rank``; without a comm, this one alone.

    comm: an mpi4py communicator. timeout: seconds that this rank waits for the others before it ends the run, None for
    ever. Raises ValueError for several ranks and a GPU.
    ``cores``    the share of its machine's cores that a rank has for its workers
    ``say``      prints the message with which this rank ends the run
    ``ending``   whether it is doing that
    ``stop``     signals that ask to stop, shared among the ranks; see ``SharedSignals``
    ``due``      whether the first rank asks, with its next step, that the state be saved; ``save_now`` tells all ranks
    ``culprit``  the first rank whose share of the last step was not finite; None if all were
    Every method but ``rows`` is collective: all ranks have to call it, in the same order.
    """

    def __init__(self, comm=None, timeout: float | None = None):
        self.comm, self.timeout = comm, timeout
        self.rank: int = 0 if comm is None else comm.Get_rank()
        self.size: int = 1 if comm is None else comm.Get_size()
        self.cores = 1
        self.stop: SharedSignals | None = None
        self.due = self.save_now = False
        self.culprit: int | None = None
        self.say: Callable[[str], None] = lambda message: print(message, file=sys.stderr)
        self.ending = False
        self._one_end = threading.Lock()
        self._ear: socket.socket | None = None
        self._buffer = np.empty(0, dtype=np.float32)
        self._waiting: tuple[float, str] | None = None  # since when, and for what
        if self.size > 1:
            if config.GPU:  # most MPIs would take the addresses of its memory for their own
                raise ValueError("Ranks: expected numpy's arrays on several ranks, not a GPU's: unset GPU")
            threading.Thread(target=self._watch, daemon=True).start()

    def __reduce__(self) -> str:
        return "ALONE"  # so that a trainer can be pickled; a copy of one has the same ranks

    def about(self) -> str:
        """Return the beginning of a line that says how many ranks there are; nothing for one process alone."""
        return f"ranks: {self.size}; " if self.comm is not None else ""

    def rows(self, model, x: Array, t: Array) -> Array:
        """Return which rows of a mini-batch are this rank's: shares of about equal cost, some of which may be empty."""
        if hasattr(model, "shares"):
            each = {"each": ANY_WORK} if "each" in signature(model.shares).parameters else {}
            parts = model.shares(x, t, self.size, **each)
        else:
            parts = numpy.array_split(np.arange(len(x)), self.size)
        return parts[self.rank] if self.rank < len(parts) else np.arange(0)

    def combine(self, shares: list[Share]) -> Share:
        """Add up the shares of all workers of all ranks: one Allreduce of one flat, contiguous buffer.

        The buffer holds first what each rank has to tell: the signal that it heard, and whether its share was not
        finite; then loss, labels and gradients. Of a gradient with ``touched`` rows it holds only these. It is float32,
        or float64 where a gradient is.
        """
        own = add_shares(shares)
        if self.size == 1:
            return own
        sent = [g if i not in own.touched else g[own.touched[i]] for i, g in enumerate(own.grads)]
        news = self.size + 4
        buffer = self._flat(news + sum(g.size for g in sent), np.result_type(np.float32, *(g.dtype for g in sent)))
        at = news
        for g in sent:  # element by element in the order of their indices, whatever the order in memory
            buffer[at : at + g.size].reshape(g.shape)[...] = g
            at += g.size
        finite = all_finite(buffer[news:]) and bool(np.isfinite(own.loss))
        heard = self.stop.local[0] if self.stop is not None and self.stop.local else 0
        buffer[:news] = 0
        buffer[self.rank] = heard + 256 * (not finite)
        # float32 holds whole numbers up to 2**24 only, and one number would be too few for the labels of a large batch
        buffer[self.size : news] = self.due, own.loss, *divmod(own.labels, BLOCK)
        self.due = False
        self._all(buffer)
        told = [int(code) for code in buffer[: self.size]]
        self.culprit = next((rank for rank, code in enumerate(told) if code >= 256), None)
        if self.stop is not None:
            self.stop.agree([code % 256 for code in told])
        save, loss, blocks, labels = (float(value) for value in buffer[self.size : news])
        self.save_now = bool(save)
        at = news
        for i, (g, like) in enumerate(zip(own.grads, sent, strict=True)):
            g[own.touched.get(i, ...)] = buffer[at : at + like.size].reshape(like.shape)
            at += like.size
        return Share(loss, int(blocks) * BLOCK + labels, own.grads, own.touched)

    def shared_by(self, workers: int) -> dict[str, Any]:
        """Return the keyword arguments that have a model's questions shared by workers, and ranks if there are any."""
        return {"workers": workers} | ({"ranks": self} if self.size > 1 else {})

    def deal(self, parts: Sequence, do: Callable[[Sequence], list]) -> list:
        """Return ``do(parts)``, a list with one result per part; each rank does every ``size``-th part."""
        if self.size == 1:
            return do(parts)
        mine = parts[self.rank :: self.size]
        done = self.all(do(mine) if len(mine) else [])
        return [done[i % self.size][i // self.size] for i in range(len(parts))]

    def first(self, value: Any) -> Any:
        """Return the first rank's value on every rank: what may round differently on another CPU counts once."""
        if self.size == 1:
            return value
        with self.waiting("for the first rank"):
            return self.comm.bcast(value)

    def all(self, value: Any) -> list:
        """Return the values of all ranks, in their order, on every rank."""
        if self.size == 1:
            return [value]
        with self.waiting("for the other ranks"):
            return self.comm.allgather(value)

    def on_first(self, task: Callable[[], Any]) -> Any:
        """Return on every rank what the task returns on the first, which alone does it; its error ends all."""
        done, failed, code = None, None, None
        if self.rank == 0:
            try:
                done = task()
            except SystemExit as error:  # of a command line: its message is printed
                code = int(error.code or 0)
            except Exception as error:  # of any kind: raised below
                failed = error
        done, bad, code = self.first((done, failed is not None, code))
        if code is not None:
            raise of_rank(0, SystemExit(code))
        if bad:
            raise of_rank(0, failed or RankFailed("rank 0 failed"))
        return done

    def on_all(self, task: Callable[[], Any]) -> Any:
        """Return what the task returns here; if it fails on any rank, all end, and the first that failed tells it."""
        done = failed = None
        try:
            done = task()
        except Exception as error:  # of any kind: raised below
            failed = error
        for rank, bad in enumerate(self.all(failed is not None)):
            if bad:
                raise of_rank(rank, failed or RankFailed(f"rank {rank} failed"))
        return done

    def expect_equal(self, what: str, value: Any) -> None:
        """Raise ValueError, on every rank, unless the value is the same on all. what: the value, in words."""
        for rank, other in enumerate(found := self.all(value)):
            if other != found[0]:
                raise of_rank(rank, ValueError(f"{what} differs from that of rank 0: {other}, not {found[0]}"))

    def ask_for_save(self, due: bool) -> bool:
        """Ask all ranks, as the first, to save with the next step; return whether it asked with this one."""
        if self.size == 1:
            return due
        self.due = due and self.rank == 0 and not self.save_now  # which is done now
        return self.save_now

    def signals(self, folder: str | os.PathLike) -> StopSignals:
        """Return what defers the signals that ask to stop, on all ranks alike. folder: of the state, for messages."""
        return StopSignals(folder) if self.size == 1 else SharedSignals(self, folder)

    def begin(self, model) -> None:
        """Give the model the first rank's weights, and on the others random streams of their own.

        Raises ValueError, on every rank, for ranks whose models differ in the names, shapes or dtypes of parameters.
        """
        if self.size == 1:
            return
        described = [f"{name} {p.dtype} {p.shape}" for name, p in named_params(model).items()]
        for rank, other in enumerate(found := self.all(described)):
            for own, first in zip_longest(other, found[0], fillvalue="nothing"):
                if own != first:
                    raise of_rank(
                        rank, ValueError(f"{type(model).__name__}: {own} where the model of rank 0 has {first}")
                    )
        self.send_weights(model)
        if self.rank:
            own_streams(model, self.rank)

    def send_weights(self, model) -> None:
        """Give the model the first rank's weights."""
        for p in named_params(model).values() if self.size > 1 else ():
            buffer = self._flat(p.size, p.dtype)
            buffer.reshape(p.shape)[...] = p
            with self.waiting("for the first rank's weights"):
                self.comm.Bcast(buffer)
            p[...] = buffer.reshape(p.shape)

    def expect_same(self, model, epoch: int) -> None:
        """Compare the weights of all ranks by their hashes. Raises ValueError, on every rank, for a difference."""
        if self.size == 1:
            return
        hashes = {
            name: hashlib.sha256(np.ascontiguousarray(p).data).hexdigest() for name, p in named_params(model).items()
        }
        for rank, other in enumerate(found := self.all(hashes)):
            for name, digest in found[0].items():
                if other[name] != digest:
                    what = f"after epoch {epoch}, its weights are not those of rank 0: {name} differs"
                    raise of_rank(rank, ValueError(f"{what}; the run cannot go on, its last state was saved before"))

    @contextmanager
    def together(self) -> Iterator[None]:
        """A numeric fault in this block is one on every rank; the rank whose share was not finite, if any, tells it."""
        try:
            yield
        except NumericFault as error:
            of_rank(self.culprit or 0, error)
            raise

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Let the watchdog know that this rank waits for the others."""
        before, self._waiting = self._waiting, (time.monotonic(), what)
        try:
            yield
        finally:
            self._waiting = before

    def _all(self, buffer: Array) -> None:
        """Add up a buffer over all ranks, in place."""
        if not (buffer.flags.c_contiguous and buffer.ndim == 1):  # MPI would add other elements, without an error
            raise ValueError("Ranks: expected one flat contiguous buffer")
        with self.waiting("for the gradients of the other ranks"):
            self.comm.Allreduce(None, buffer)  # None: in place

    def _flat(self, size: int, dtype) -> Array:
        if self._buffer.size < size or self._buffer.dtype != dtype:
            self._buffer = np.empty(size, dtype=dtype)
        return self._buffer[:size]

    def wire(self) -> int:
        """Return the file descriptor for ``signal.set_wakeup_fd``, which works even while the main thread waits in MPI.

        The watchdog listens at its other end, until the process ends.
        """
        if self._ear is None:
            self._ear, self._wire = socket.socketpair()
            self._wire.setblocking(False)
        return self._wire.fileno()

    def _watch(self) -> None:
        """End the run when this rank waits too long for the others, or heard a signal that they do not answer."""
        while True:
            heard = b""
            if self._ear is None:
                time.sleep(LOOK)
            elif select.select([self._ear], [], [], LOOK)[0]:
                heard = self._ear.recv(64)
            now, waiting, stop = time.monotonic(), self._waiting, self.stop
            if stop is not None:
                stop.note(heard, now)
                if (said := stop.late(now)) is not None:
                    self.end(said, stop.exit_code)
            if self.timeout is not None and waiting is not None and now - waiting[0] > self.timeout:
                what = f"waited {self.timeout:g} seconds {waiting[1]}"
                self.end(f"{what}: a rank hangs, or a link is cut; --resume goes on from the last saved state")

    def end(self, message: str, code: int = 1, speaker: int | None = None) -> NoReturn:
        """End all ranks, whatever they do, with one message. code: of the launcher's exit, above 0.

        speaker: the rank that tells why; None if others may call this at the same time, for the same reason. A rank
        whose turn to tell it comes later is ended before, or else it tells it.
        """
        self.ending = True
        self._one_end.acquire()  # and never releases it: the first of two threads ends both
        if self.rank != speaker:
            time.sleep(TURN * (min(self.rank, 3) if speaker is None else 2 + min(self.rank, 2)))
        with suppress(OSError, ValueError):  # of a launcher that is gone
            self.say(f"rank {self.rank}: {message}")
            sys.stderr.flush()
        time.sleep(PASSED_ON)
        with open(os.devnull, "w") as nowhere:  # should MPI not answer, as with a cut link: Abort keeps Python's lock
            faulthandler.dump_traceback_later(ANSWER, exit=True, file=nowhere)
            self.comm.Abort(code)
        os._exit(code)


def own_streams(model, *key: int) -> None:
    """Replace the random streams of a model's parts by streams of the same seed and this key."""
    made: dict[int, numpy.random.Generator] = {}

    def own(value):
        if isinstance(value, numpy.random.Generator):
            if id(value) not in made:
                bits: Any = value.bit_generator
                if (seeds := bits.seed_seq) is None:
                    raise ValueError(
                        f"{type(part).__name__}: {name}: a rank needs a stream made of a seed, as by default_rng"
                    )
                seeds = numpy.random.SeedSequence(seeds.entropy, spawn_key=(*seeds.spawn_key, OWN, *key))
                made[id(value)] = numpy.random.Generator(type(bits)(seeds))
            return made[id(value)]
        if isinstance(value, dict):
            return {key: own(inside) for key, inside in value.items()}
        if isinstance(value, (list, tuple)):
            return value._make(map(own, value)) if hasattr(value, "_make") else type(value)(map(own, value))
        return value

    for _, part in walk(model):
        for name, value in list(getattr(part, "__dict__", {}).items()):
            if any(isinstance(inside, numpy.random.Generator) for inside in values_in(value)):
                setattr(part, name, own(value))


ALONE = Ranks()  # this process, without MPI
