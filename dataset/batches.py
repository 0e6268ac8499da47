"""Texts of different lengths as arrays of ids, padded no further than a mini-batch needs."""

from collections.abc import Sequence

import numpy as np

POOL = 50  # mini-batches that are sorted together


class PaddedTexts:
    """N texts as ids; ``x[rows]`` is their int32 array (n, T), T the longest of them, 0 beyond their ends.

    sequences  N sequences of ids from 1 on (0 is padding); one may be empty, and is then all padding
    padding    "after" the ids or "before" them
    max_len    only the first `max_len` ids of each text are kept; None keeps all
    similar    whether `batches` puts texts of similar length together
    lengths    int64 (N,), after the cut

    Ids are stored flat, so N texts take the memory of their ids, not of N times the longest.
    Raises ValueError for no texts, sequences that are not 1-D integers from 1 on, another `padding`,
    and a max_len below 1.
    """

    def __init__(
        self,
        sequences: Sequence[Sequence[int] | np.ndarray],
        *,
        padding: str = "after",
        max_len: int | None = None,
        similar: bool = True,
    ):
        if padding not in ("after", "before"):
            raise ValueError(f'PaddedTexts: padding "after" or "before" wanted, got {padding!r}')
        if max_len is not None and max_len < 1:
            raise ValueError(f"PaddedTexts: max_len of 1 or more wanted, got {max_len}")
        if not len(sequences):
            raise ValueError("PaddedTexts: at least one text wanted, got none")
        rows = [np.asarray(ids) for ids in sequences]
        for number, ids in enumerate(rows):
            wrong = ids.ndim != 1 or (ids.size and (ids.dtype.kind not in "iu" or ids.min() < 1 or ids.max() >= 2**31))
            if wrong:
                shown = str(ids.ravel()[:10])
                raise ValueError(f"PaddedTexts: text {number} must be 1-D ids from 1 on (0 is padding), got {shown}")
        rows = [ids[:max_len] for ids in rows]
        self.padding = padding
        self.similar = similar
        self.lengths = np.array([len(ids) for ids in rows], dtype=np.int64)
        self._starts = np.cumsum(self.lengths) - self.lengths
        self._ids = np.concatenate([ids.astype(np.int32) for ids in rows])

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, rows: slice | Sequence[int] | np.ndarray) -> np.ndarray:
        """int32 (n, T) of the texts in `rows`, an index array, a slice or bool (N,); T is at least 1."""
        lengths, starts = self.lengths[rows], self._starts[rows]
        if lengths.ndim != 1:
            raise ValueError(f"PaddedTexts: a slice or a 1-D array of rows wanted, got {rows!r}")
        width = max(1, int(lengths.max(initial=0)))
        columns = np.arange(width)
        if self.padding == "before":
            columns = columns - (width - lengths[:, None])
        real = (columns >= 0) & (columns < lengths[:, None])
        xs = np.zeros((len(lengths), width), dtype=np.int32)
        xs[real] = self._ids[(starts[:, None] + columns)[real]]
        return xs

    def batches(self, batch_size: int, rng: np.random.Generator) -> list[np.ndarray]:
        """Rows int64 of each mini-batch; every text stands in one. One of them may be smaller.

        The texts are shuffled. With `similar`, they are then sorted by length in pools of POOL
        mini-batches, so that a mini-batch has little padding while its texts differ from epoch to epoch,
        and the mini-batches are shuffled.
        Raises ValueError for a batch_size below 1.
        """
        if batch_size < 1:
            raise ValueError(f"batches: batch_size of 1 or more wanted, got {batch_size}")
        n = len(self)
        order = rng.permutation(n)
        cuts = np.arange(batch_size, n, batch_size)
        if not self.similar:
            return np.split(order, cuts)
        pools = np.arange(n) // (POOL * batch_size)
        batches = np.split(order[np.lexsort((self.lengths[order], pools))], cuts)
        return [batches[i] for i in rng.permutation(len(batches))]
