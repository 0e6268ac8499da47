"""The rows that a recurrent layer computes at each step: one per sequence, per distinct prefix, or per real token."""

from itertools import pairwise

import numpy

from common.functions import expect_mask
from common.np import np
from common.util import to_cpu
from support.array import Array


class Steps:
    """The rows of N sequences of T steps, one row per sequence at every step.

    A recurrent layer keeps all its states in one array, one block of rows per step: block t holds the states that
    enter step t, and the step writes the states that leave it to the front of block t + 1. Inputs and gates have the
    same rows, without the last block. docs/fast-lstm.md shows this in pictures.

    ``rows``             number of inputs of all steps together; ``sizes``: of each step
    ``blocks``           a pair of slices per step: the rows that enter it, the rows to which it writes its states
    ``first_rows``       the rows of the states before each sequence's first input
    ``row_after`` (N, T)  the row of the state of sequence n after step t
    """

    def __init__(self, N: int, T: int):
        starts = self._lay_out([N] * T)
        self.row_after = np.asarray(starts[1:] + numpy.arange(N)[:, None])

    def _lay_out(self, sizes: list[int]) -> Array:
        """Lay out blocks of the given sizes; return the row at which each starts, including the last block."""
        self.sizes = sizes
        starts = numpy.cumsum([0, *sizes])
        self.rows = int(starts[-1])
        self.blocks = [
            (slice(start, start + size), slice(start + size, start + 2 * size))
            for start, size in zip(starts.tolist(), sizes, strict=False)
        ]
        self.first_rows: slice | Array = slice(0, sizes[0])
        return starts

    def read(self, xs: Array, out: Array) -> None:
        """Write the inputs xs (N, T, D) to out (rows, D)."""
        out[...] = xs.transpose(1, 0, 2).reshape(out.shape)

    def unread(self, dx: Array) -> Array:
        """Return the gradients dx (rows, D) of the rows that ``read`` wrote as dxs (N, T, D), in a new array."""
        N, T = self.row_after.shape
        return dx.reshape(T, N, dx.shape[1]).transpose(1, 0, 2).copy()

    @property
    def spread_shape(self) -> tuple[int, ...]:
        """The axes of what ``spread`` returns, before H."""
        return self.row_after.shape

    def fork(self, t: int, *states: Array) -> None:
        """Before step t: give each sequence that parts from another its own row, with a copy of their common state."""

    def join(self, t: int, *gradients: Array) -> None:
        """After step t of backward: forward copied a row, so the copy's gradient is added to the original's."""

    def spread(self, states: Array) -> Array:
        """Pick from all states (rows + last block, H) those after each step: (N, T, H), in a new array."""
        return states[self.row_after]

    def collect(self, dhs: Array, out: Array) -> None:
        """Write dhs (N, T, H), the gradients of the states that ``spread`` returned, to out (rows + last block, H).

        A row that ``spread`` read several times gets the sum, a row that it did not read 0.
        """
        N, T, H = dhs.shape
        out[:N] = 0
        out[N:].reshape(T, N, H)[...] = dhs.transpose(1, 0, 2)


def sort(xs: Array) -> tuple[Array, Array]:
    """Sort sequences of ids xs (N, T), which puts equal beginnings next to each other.

    Returns the order (N,) that sorts them and, in that order, the step (N,) at which each parts from the previous
    one: 0 for the first, T for one that equals its predecessor. Raises ValueError for T = 0.
    """
    N, T = xs.shape
    if T == 0:
        raise ValueError(f"expected at least one id in each sequence, got {xs.shape}")
    order = numpy.lexsort(xs.T[::-1])
    xs = xs[order]
    differs = numpy.ones((N, T + 1), dtype=bool)
    differs[1:, :T] = xs[1:] != xs[:-1]
    return order, differs.argmax(axis=1)


class Prefixes(Steps):
    """One row for each distinct prefix of sequences of ids xs (N, T): equal beginnings share their rows.

    This is exact, not an approximation: a state depends only on the ids read so far, as long as all sequences start
    from the same state. In sorted order every sequence equals the previous one up to some step and parts from it there:
    from then on it has its own row.

    Rows are given in the order in which sequences part, so no sequence ever changes its row again. They are given four
    at a time, to some sequences before they part, which does no harm: products are fastest for 1, 4, 8, 12, ... rows.

    >>> words = ["aab", "abc", "aab", "aac", "abd"]
    >>> prefixes = Prefixes(np.array([[ord(character) for character in word] for word in words]))
    >>> prefixes.sizes  # 9 rows instead of 15
    [1, 4, 4]
    >>> ["".join(map(chr, prefixes.ids[now])) for now, _ in prefixes.blocks]  # the ids that each step's rows read
    ['a', 'abab', 'bccd']
    >>> row_at_step = prefixes.row_after - [after.start for _, after in prefixes.blocks]
    >>> dict(zip(words, row_at_step.tolist()))  # "aac" parts from "aab" at step 2, but has its row from step 1 on
    {'aab': [0, 0, 0], 'abc': [0, 1, 1], 'aac': [0, 2, 2], 'abd': [0, 3, 3]}

    ``ids`` (rows,)   the id that each row reads
    last_only: ``spread`` and ``collect`` only the state after the last step, (N, 1, H).
    Raises ValueError for T = 0.
    """

    def __init__(self, xs: Array, last_only: bool = False):
        xs = to_cpu(xs)
        self.sorted_order, self.parts_at = sort(xs)
        by_row = self._give_rows()
        parted = self.parts_at[:, None] <= numpy.arange(xs.shape[1])  # (N, T): whether it has its own row by then
        starts = self._lay_out(parted.sum(axis=0).tolist())
        row_after = starts[1:] + self._row_at_step(by_row, parted)
        unsorted = numpy.empty_like(row_after)
        unsorted[self.sorted_order] = row_after
        self.row_after = np.asarray(unsorted)
        self._connect_rows(xs[self.sorted_order], by_row, row_after, starts)
        if last_only:
            self._leave_out_all_but_the_last()

    # The methods below number sequences in sorted order.

    def _give_rows(self) -> Array:
        """Give rows to sequences, four at a time: all four take the ``parts_at`` of the first of them.

        Returns the sequences in the order of their rows.
        """
        by_row = self.parts_at.argsort(kind="stable")
        first_of_four = numpy.arange(len(by_row)) // 4 * 4
        first_of_four[1:4] = 1  # row 0 is alone
        self.parts_at[by_row] = self.parts_at[by_row[first_of_four]]
        return by_row

    @staticmethod
    def _row_at_step(by_row: Array, parted: Array) -> Array:
        """Return the row (N, T) of each sequence within the block of each step."""
        sequences = numpy.arange(len(by_row))
        row_of = numpy.empty_like(by_row)
        row_of[by_row] = sequences
        # a sequence that has not parted shares the row of the nearest one before it that has
        return row_of[numpy.maximum.accumulate(numpy.where(parted, sequences[:, None], 0), axis=0)]

    def _connect_rows(self, xs: Array, by_row: Array, row_after: Array, starts: Array) -> None:
        """Note for each row which id it reads, where its state goes and, if it is a copy, of which row."""
        sizes, row = numpy.array(self.sizes), numpy.arange(self.rows)
        step = numpy.repeat(numpy.arange(len(sizes)), sizes)
        self.given_to = by_row[row - starts[step]], step  # the sequence that has each row at its step
        self.ids = np.asarray(xs[self.given_to])
        self.read_in = self.sorted_order[self.given_to[0]], step  # where in unsorted sequences a row's id is read
        self.next_row = self.state_of_row = row + sizes[step]
        new = by_row[sizes[0] : sizes[-1]]
        copied_from = row_after[new - 1, self.parts_at[new] - 1]
        bounds = (sizes - sizes[0]).tolist()
        self.copied_from = [copied_from[:0], *(copied_from[a:b] for a, b in pairwise(bounds))]  # step by step

    def _leave_out_all_but_the_last(self) -> None:
        now, _ = self.blocks[-1]
        self.row_after, self.next_row = self.row_after[:, -1:], self.next_row[now]
        sequence, step = self.given_to
        self.given_to = sequence[now], numpy.zeros_like(step[now])  # the only step of dhs
        self.parts_at = self.parts_at - len(self.sizes) + 1  # 1: it shares the last state, too; less: it does not

    def read(self, xs: Array, out: Array) -> None:
        """Write xs (rows, D), which already has one input per row, to out (rows, D)."""
        out[...] = xs

    def unread(self, dx: Array) -> Array:
        return dx.copy()

    def fork(self, t: int, *states: Array) -> None:
        original = self.copied_from[t]
        if len(original):
            end = self.blocks[t][0].stop
            for state in states:
                state[end - len(original) : end] = state[original]

    def join(self, t: int, *gradients: Array) -> None:
        originals = self.copied_from[t].tolist()
        for copy, original in enumerate(originals, self.blocks[t][0].stop - len(originals)):
            for gradient in gradients:
                gradient[original] += gradient[copy]

    def collect(self, dhs: Array, out: Array) -> None:
        dhs = dhs[self.sorted_order]
        for n in range(len(dhs) - 1, 0, -1):  # the steps that a sequence shares with the previous one
            shared = self.parts_at[n]
            dhs[n - 1, :shared] += dhs[n, :shared]
        out[...] = 0
        out[self.next_row] = dhs[self.given_to]

    # For inputs and outputs of other shapes

    def pick(self, xs: Array) -> Array:
        """Return one input per row, (rows, D), from xs (N, T, D), which must be equal where ids are."""
        return xs[self.read_in]

    def unpick(self, dx: Array) -> Array:
        """Return the gradients (rows, D) of what ``pick`` returned as dxs (N, T, D): those that were not picked get 0.

        The sum over equal ids, all that an embedding takes of them, is right.
        """
        dxs = np.zeros((len(self.sorted_order), len(self.sizes), dx.shape[1]), dtype=dx.dtype)
        dxs[self.read_in] = dx
        return dxs


class PrefixRows(Prefixes):
    """The rows of Prefixes, between the layers of a stack: states stay one per row, (rows, H), as the next layer reads.

    A state of any layer depends only on the ids read so far, so all layers can share the rows of the first.
    """

    def __init__(self, prefixes: Prefixes):
        vars(self).update(vars(prefixes))
        self.prefixes = prefixes

    @property
    def spread_shape(self) -> tuple[int, ...]:
        return (self.rows,)

    def spread(self, states: Array) -> Array:
        return states[self.state_of_row]

    def collect(self, dhs: Array, out: Array) -> None:
        out[...] = 0
        out[self.state_of_row] = dhs

    def to_sequences(self, states: Array) -> Array:
        """Return what the layer at the top returns for these states (rows, H): (N, T, H), as Prefixes spread them."""
        every = np.empty((self.rows + self.sizes[-1], states.shape[1]), dtype=states.dtype)
        every[self.state_of_row] = states
        return self.prefixes.spread(every)

    def to_rows(self, dhs: Array) -> Array:
        """Return the gradients (rows, H) of the states from the gradients dhs of what ``to_sequences`` returned."""
        every = np.empty((self.rows + self.sizes[-1], dhs.shape[2]), dtype=dhs.dtype)
        self.prefixes.collect(dhs, every)
        return every[self.state_of_row]


class Ragged(Steps):
    """One row for each real token of sequences with mask (N, T), bool, True where real: padding costs nothing.

    Masked tokens can be anywhere. The state is carried over them: the row after the step is the row of the last real
    token or, before the first real token, the row of the initial state.

    All sequences end at the last step; the longest begin at the first and have the first rows. A sequence therefore
    keeps its row from block to block, and one that begins takes the next. For ``..ab abcd .a.b ....``::

        abcd   a b c d    row 0 of each block
        ..ab   . . a b    row 1, from step 2 on
        .a.b   . . a b    row 2, from step 2 on
        ....   . . . 0    row 3, from step 3 on: nothing is real; it reads a zero, and its state is never read

    Raises ValueError for another mask.
    """

    def __init__(self, mask: Array):
        expect_mask("Ragged", mask, (None, None))
        mask = to_cpu(mask)
        real_so_far = mask.cumsum(axis=1)
        real = mask.sum(axis=1)
        steps = numpy.maximum(real, 1)  # number of steps of each sequence
        longest = steps.max(initial=1)
        begins_at = longest - steps
        starts = self._lay_out(numpy.bincount(begins_at, minlength=longest).cumsum().tolist())
        row_of = numpy.empty_like(steps)  # the row of each sequence, in every block
        row_of[(-real).argsort(kind="stable")] = numpy.arange(len(mask))
        row_after = starts[begins_at[:, None] + real_so_far] + row_of[:, None]
        row_before = starts[begins_at[:, None] + real_so_far - mask] + row_of[:, None]
        input_of_row = numpy.empty(real.sum(), dtype=int)
        input_of_row[row_before[mask]] = mask.ravel().nonzero()[0]
        self.first_rows = np.asarray(starts[begins_at] + row_of)
        self.row_after = np.asarray(row_after)
        self.input_of_row = np.asarray(input_of_row)  # index among all N * T; rows without an input come last

    def read(self, xs: Array, out: Array) -> None:
        real = len(self.input_of_row)
        out[:real] = xs.reshape(-1, xs.shape[2])[self.input_of_row]
        out[real:] = 0

    def unread(self, dx: Array) -> Array:
        dxs = np.zeros((self.row_after.size, dx.shape[1]), dtype=dx.dtype)
        dxs[self.input_of_row] = dx[: len(self.input_of_row)]
        return dxs.reshape(*self.row_after.shape, dxs.shape[1])

    def collect(self, dhs: Array, out: Array) -> None:
        out[...] = 0
        for t in range(dhs.shape[1]):  # sequences share no rows, but steps over which a row is carried do
            out[self.row_after[:, t]] += dhs[:, t]
