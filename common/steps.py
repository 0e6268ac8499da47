"""Which rows a recurrent layer computes at each step: of every sequence, of distinct prefixes, or of real tokens."""

from itertools import pairwise

import numpy

from common.functions import expect_mask
from common.np import np
from common.util import to_cpu
from support.array import Array


class Steps:
    """The rows of N sequences of T steps, every sequence in a row of its own.

    A recurrent layer keeps all its states in one array, a block of rows a step: block t holds the states that
    enter step t, and the step writes those that leave it to the front of block t + 1. Inputs and gates have the
    same rows, without the last block.

    ``rows``           inputs of all steps together; ``sizes``: of each step
    ``blocks``         a pair of slices a step: the rows that enter it, the rows where it leaves its states
    ``entry``          the rows where the states before a sequence's first input stand
    ``index`` (N, T)   the row of the state of sequence n after step t
    """

    def __init__(self, N: int, T: int):
        starts = self._lay([N] * T)
        self.index = np.asarray(starts[1:] + numpy.arange(N)[:, None])

    def _lay(self, sizes: list[int]) -> Array:
        """Lay out blocks of the given sizes, the rows of each step; returns where each starts, the last one too."""
        self.sizes = sizes
        starts = numpy.cumsum([0, *sizes])
        self.rows = int(starts[-1])
        self.blocks = [
            (slice(start, start + size), slice(start + size, start + 2 * size))
            for start, size in zip(starts.tolist(), sizes, strict=False)
        ]
        self.entry = slice(0, sizes[0])
        return starts

    def read(self, xs: Array, out: Array) -> None:
        """The inputs xs (N, T, D) into out (rows, D)."""
        out[...] = xs.transpose(1, 0, 2).reshape(out.shape)

    def unread(self, dx: Array) -> Array:
        """Gradients dx (rows, D) of what ``read`` put there  ->  dxs (N, T, D), in a new array."""
        N, T = self.index.shape
        return dx.reshape(T, N, -1).transpose(1, 0, 2).copy()

    def fork(self, t: int, *states: Array) -> None:
        """Before step t: give each sequence that parts from another a row with a copy of the state of both."""

    def join(self, t: int, *gradients: Array) -> None:
        """The same on the way back: forward copied a row, so its gradient goes to the row it was copied from."""

    def spread(self, states: Array) -> Array:
        """All states (rows + last block, H)  ->  those after each step (N, T, H), in a new array."""
        return states[self.index]

    def collect(self, dhs: Array, out: Array) -> None:
        """Gradients dhs (N, T, H) of what ``spread`` gave are added to out (rows + last block, H)."""
        out[self.index] += dhs


def sort(xs: Array) -> tuple[Array, Array]:
    """The order (N,) that puts sequences of ids xs (N, T) with like beginnings side by side; and in that order, the
    step (N,) where each parts from the one before it: 0 for the first, T for one that is equal."""
    N, T = xs.shape
    if T == 0:
        raise ValueError(f"an id at least wanted in each sequence, got {xs.shape}")
    order = numpy.lexsort(xs.T[::-1])
    xs = xs[order]
    parts = numpy.ones((N, T + 1), dtype=bool)
    parts[1:, :T] = xs[1:] != xs[:-1]
    return order, parts.argmax(axis=1)


class Prefixes(Steps):
    """The distinct prefixes of sequences of ids xs (N, T): equal beginnings share their rows.

    Exact, not an approximation: a state depends on what was read so far and on nothing else, as long as all
    sequences start from the same state. In sorted order every sequence is like the one before it up to some
    step, and parts from it there: from then on it has a row of its own.

    Sorted, of ``caa abd caa abc cab``, with what is computed::

        abc   a b c    row 0
        abd   . . d    in row 0 at first; parts at step 2, from then on row 2
        caa   c a a    parts at step 0: row 1
        caa   . . .    never parts: row 1
        cab   . . b    in row 1 at first; parts at step 2, from then on row 3

    Rows are handed out in the order in which sequences part. (Some are handed out sooner, see below.)

    ``ids`` (rows,)   the id that each row reads
    """

    def __init__(self, xs: Array):
        xs = to_cpu(xs)
        N, T = xs.shape
        self.order, self.parts = sort(xs)
        xs = xs[self.order]
        by_step = self.parts.argsort(kind="stable")  # rows are handed out in this order, so that none ever moves
        # To part earlier is right too, and products are quickest for 1 row, 4, 8, 12, ...: hand out four at a time.
        four = numpy.arange(N) // 4 * 4
        four[1:4] = 1
        self.parts[by_step] = self.parts[by_step[four]]
        sizes = numpy.searchsorted(self.parts[by_step], numpy.arange(T), side="right")

        handed = numpy.empty(N, dtype=int)
        handed[by_step] = numpy.arange(N)
        # at step t a sequence is in the row of the last one, up to itself, that has parted by then
        parted = self.parts[:, None] <= numpy.arange(T)
        last = numpy.maximum.accumulate(numpy.where(parted, numpy.arange(N)[:, None], 0), axis=0)
        place = handed[last]
        unsorted = numpy.empty_like(place)
        unsorted[self.order] = place
        starts = self._lay(sizes.tolist())
        self.index = np.asarray(starts[1:] + unsorted)

        row = numpy.arange(self.rows)
        step = numpy.repeat(numpy.arange(T), sizes)
        self.first = by_step[row - starts[step]], step  # the sequence that each row was handed to, and its step
        self.ids = np.asarray(xs[self.first])
        self.after = row + sizes[step]  # where each row leaves its state
        new = by_step[sizes[0] : sizes[-1]]
        t = self.parts[new]
        copied_from = starts[t] + place[new - 1, t - 1]
        bounds = (sizes - sizes[0]).tolist()
        self.copied_from = [copied_from[:0], *(copied_from[a:b] for a, b in pairwise(bounds))]  # step by step

    def read(self, xs: Array, out: Array) -> None:
        """xs (rows, D) has an input for each row already."""
        out[...] = xs

    def unread(self, dx: Array) -> Array:
        return dx.copy()

    def fork(self, t: int, *states: Array) -> None:
        old = self.copied_from[t]
        if len(old):
            end = self.blocks[t][0].stop
            for state in states:
                state[end - len(old) : end] = state[old]

    def join(self, t: int, *gradients: Array) -> None:
        old = self.copied_from[t].tolist()
        for new, parent in enumerate(old, self.blocks[t][0].stop - len(old)):
            for gradient in gradients:
                gradient[parent] += gradient[new]

    def collect(self, dhs: Array, out: Array) -> None:
        dhs = dhs[self.order]
        for n in range(len(dhs) - 1, 0, -1):  # what a sequence shares with the one before it
            shared = self.parts[n]
            dhs[n - 1, :shared] += dhs[n, :shared]
        out[self.after] += dhs[self.first]


class Ragged(Steps):
    """Rows for the real tokens only, of sequences with mask (N, T), bool, True where real: padding costs nothing.

    Masked tokens may stand anywhere. There a state is carried over: the place has the row of the last real token
    before it, or, where nothing real came before, the row that enters the sequence.

    All sequences end at the last step, the longest ones begin at the first, and have the first rows. So a sequence
    keeps its place from block to block, and one that begins takes the next. Of ``..ab abcd .a.b ....``::

        abcd   a b c d    row 0 of each block
        ..ab   . . a b    row 1, from step 2 on
        .a.b   . . a b    row 2, from step 2 on
        ....   . . . 0    row 3, from step 3 on: nothing real; it reads a zero, and no one sees what leaves it

    Raises ValueError for another mask.
    """

    def __init__(self, mask: Array):
        expect_mask("Ragged", mask, (None, None))
        mask = to_cpu(mask)
        read = mask.cumsum(axis=1)  # real tokens up to and with each
        real = mask.sum(axis=1)
        rows = numpy.maximum(real, 1)  # of each sequence
        longest = rows.max(initial=1)
        begin = longest - rows
        starts = self._lay(numpy.bincount(begin, minlength=longest).cumsum().tolist())
        place = numpy.empty_like(rows)
        place[(-real).argsort(kind="stable")] = numpy.arange(len(mask))
        index = starts[begin[:, None] + read] + place[:, None]  # of the state after each
        before = starts[begin[:, None] + read - mask] + place[:, None]
        source = numpy.empty(real.sum(), dtype=int)
        source[before[mask]] = mask.ravel().nonzero()[0]
        self.entry = np.asarray(starts[begin] + place)
        self.index = np.asarray(index)
        self.source = np.asarray(source)  # of each row, the place of its input among all N * T; rows without are last

    def read(self, xs: Array, out: Array) -> None:
        real = len(self.source)
        out[:real] = xs.reshape(-1, xs.shape[2])[self.source]
        out[real:] = 0

    def unread(self, dx: Array) -> Array:
        dxs = np.zeros((self.index.size, dx.shape[1]), dtype=dx.dtype)
        dxs[self.source] = dx[: len(self.source)]
        return dxs.reshape(*self.index.shape, -1)

    def collect(self, dhs: Array, out: Array) -> None:
        for t in range(dhs.shape[1]):  # sequences share no row, but the places that one is carried to do
            out[self.index[:, t]] += dhs[:, t]
