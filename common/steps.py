"""Which rows a recurrent layer computes at each step: one for every sequence, or one for every distinct prefix."""

from itertools import pairwise

from common.layer import Array
from common.np import np


class Steps:
    """The rows of N sequences of T steps, every sequence in a row of its own.

    A recurrent layer keeps all its states in one array, a block of rows a step: block t holds the states that
    enter step t, and the step writes those that leave it to the front of block t + 1. Inputs and gates have the
    same rows, without the last block.

    ``rows``           inputs of all steps together; ``sizes``: of each step
    ``blocks``         a pair of slices a step: the rows that enter it, the rows where it leaves its states
    ``index`` (N, T)   the row of the state of sequence n after step t
    """

    def __init__(self, N: int, T: int):
        self._place([N] * T, np.arange(N)[:, None])

    def _place(self, sizes: list[int], place: Array) -> None:
        """sizes: rows of each step; place (N, 1) or (N, T): where in its step's block a sequence has its state."""
        self.sizes = sizes
        starts = np.cumsum([0, *sizes])
        self.rows = int(starts[-1])
        self.blocks = [
            (slice(start, start + size), slice(start + size, start + 2 * size))
            for start, size in zip(starts.tolist(), sizes, strict=False)
        ]
        self.index = starts[1:] + place

    def fork(self, t: int, *states: Array) -> None:
        """Before step t: give each sequence that parts from another a row with a copy of the state of both."""

    def join(self, t: int, *gradients: Array) -> None:
        """The same on the way back: forward copied a row, so its gradient goes to the row it was copied from."""

    def spread(self, states: Array) -> Array:
        """All states (rows + last block, H)  ->  those after each step (N, T, H), in a new array."""
        return states[self.index]

    def collect(self, dhs: Array, out: Array) -> None:
        """Gradients dhs of what ``spread`` gave, (N, T, H) or of the last states alone (N, 1, H), are added to out
        (rows + last block, H)."""
        out[self.index[:, -dhs.shape[1] :]] += dhs


def sort(xs: Array) -> tuple[Array, Array]:
    """The order (N,) that puts sequences of ids xs (N, T) with like beginnings side by side; and in that order, the
    step (N,) where each parts from the one before it: 0 for the first, T for one that is equal."""
    N, T = xs.shape
    if T == 0:
        raise ValueError(f"an id at least wanted in each sequence, got {xs.shape}")
    order = np.lexsort(xs.T[::-1])
    xs = xs[order]
    parts = np.ones((N, T + 1), dtype=bool)
    parts[1:, :T] = xs[1:] != xs[:-1]
    return order, parts.argmax(axis=1)


class Prefixes(Steps):
    """The distinct prefixes of sequences of ids xs (N, T): equal beginnings share their rows.

    Exact, not an approximation: a state depends on what was read so far and on nothing else, as long as all
    sequences start from the same state. In sorted order every sequence is like the one before it up to some
    step, and parts from it there: from then on it has a row of its own.

    ``ids`` (rows,)   the id that each row reads
    """

    def __init__(self, xs: Array):
        N, T = xs.shape
        self.order, self.parts = sort(xs)
        xs = xs[self.order]
        by_step = self.parts.argsort(kind="stable")  # rows are handed out in this order, so that none ever moves
        # To part earlier is right too, and products are quickest for 1 row, 4, 8, 12, ...: hand out four at a time.
        four = np.arange(N) // 4 * 4
        four[1:4] = 1
        self.parts[by_step] = self.parts[by_step[four]]
        sizes = np.searchsorted(self.parts[by_step], np.arange(T), side="right")

        handed = np.empty(N, dtype=int)
        handed[by_step] = np.arange(N)
        # at step t a sequence is in the row of the last one, up to itself, that has parted by then
        parted = self.parts[:, None] <= np.arange(T)
        last = np.maximum.accumulate(np.where(parted, np.arange(N)[:, None], 0), axis=0)
        place = handed[last]
        unsorted = np.empty_like(place)
        unsorted[self.order] = place
        self._place(sizes.tolist(), unsorted)

        row = np.arange(self.rows)
        step = np.repeat(np.arange(T), sizes)
        starts = sizes.cumsum() - sizes
        self.first = by_step[row - starts[step]], step  # the sequence that each row was handed to, and its step
        self.ids = xs[self.first]
        self.after = row + sizes[step]  # where each row leaves its state
        new = by_step[sizes[0] : sizes[-1]]
        t = self.parts[new]
        copied_from = starts[t] + place[new - 1, t - 1]
        bounds = (sizes - sizes[0]).tolist()
        self.copied_from = [copied_from[:0], *(copied_from[a:b] for a, b in pairwise(bounds))]  # step by step

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
        N, K, _ = dhs.shape
        skipped = self.index.shape[1] - K  # steps without a gradient
        dhs = dhs[self.order]
        shared = np.maximum(self.parts - skipped, 0).tolist()
        for n in range(N - 1, 0, -1):  # what a sequence shares with the one before it
            if shared[n]:
                dhs[n - 1, : shared[n]] += dhs[n, : shared[n]]
        start = sum(self.sizes[:skipped])
        n, t = self.first
        out[self.after[start:]] += dhs[n[start:], t[start:] - skipped]
