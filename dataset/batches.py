"""Pad texts of different lengths into arrays of ids, each mini-batch no wider than its longest text."""

from collections.abc import Sequence

import numpy as np

from support.array import Array

POOL = 50  # mini-batches that are sorted together


class PaddedTexts:
    """N texts as ids; ``x[rows]`` is an int32 array (n, T), padded with 0 to T, the length of the longest, or width.

    sequences  N sequences of ids from 1 up (0 is padding); an empty one becomes all padding
    padding    "after" the ids or "before" them
    max_len    keeps only the first `max_len` ids of each text; None keeps all
    similar    whether `batches` groups texts of similar length
    width      the least that T can be
    lengths    int64 (N,), after cutting to max_len

    Ids are stored flat: N texts take memory for their ids only, not N times that of the longest.
    Raises ValueError for an empty `sequences`, a sequence that is not 1-D integers from 1 up,
    another `padding`, and a max_len or width below 1.
    """

    def __init__(
        self,
        sequences: Sequence[Sequence[int] | Array],
        *,
        padding: str = "after",
        max_len: int | None = None,
        similar: bool = True,
        width: int = 1,
    ):
        if padding not in ("after", "before"):
            raise ValueError(f'PaddedTexts: expected padding "after" or "before", got {padding!r}')
        if max_len is not None and max_len < 1:
            raise ValueError(f"PaddedTexts: expected a max_len of 1 or more, got {max_len}")
        if width < 1:
            raise ValueError(f"PaddedTexts: expected a width of 1 or more, got {width}")
        if not len(sequences):
            raise ValueError("PaddedTexts: expected at least one text, got none")
        rows = [np.asarray(ids) for ids in sequences]
        for number, ids in enumerate(rows):
            wrong = ids.ndim != 1 or (ids.size and (ids.dtype.kind not in "iu" or ids.min() < 1 or ids.max() >= 2**31))
            if wrong:
                shown = str(ids.ravel()[:10])
                raise ValueError(f"PaddedTexts: text {number}: expected 1-D ids from 1 up (0 is padding), got {shown}")
        rows = [ids[:max_len] for ids in rows]
        self.padding, self.width = padding, width
        self.similar = similar
        self.lengths = np.array([len(ids) for ids in rows], dtype=np.int64)
        self._starts = np.cumsum(self.lengths) - self.lengths
        self._ids = np.concatenate([ids.astype(np.int32) for ids in rows])

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, rows: slice | Sequence[int] | Array) -> Array:
        """Pad the texts in `rows`, an index array, a slice or bool (N,), to int32 (n, T); T is at least `width`."""
        lengths, starts = self.lengths[rows], self._starts[rows]
        if lengths.ndim != 1:
            raise ValueError(f"PaddedTexts: expected a slice or a 1-D array of rows, got {rows!r}")
        width = max(self.width, int(lengths.max(initial=0)))
        columns: Array = np.arange(width)
        if self.padding == "before":
            columns = columns - (width - lengths[:, None])
        real = (columns >= 0) & (columns < lengths[:, None])
        xs = np.zeros((len(lengths), width), dtype=np.int32)
        xs[real] = self._ids[(starts[:, None] + columns)[real]]
        return xs

    def batches(self, batch_size: int, rng: np.random.Generator) -> list[Array]:
        """Divide all texts into mini-batches; return the rows of each, int64. One of them can be smaller.

        The texts are shuffled. With `similar`, pools of POOL mini-batches are then sorted by length,
        which needs little padding but still mixes texts anew in each epoch. Last, the mini-batches are shuffled.
        Raises ValueError for a batch_size below 1.
        """
        if batch_size < 1:
            raise ValueError(f"batches: expected a batch_size of 1 or more, got {batch_size}")
        n = len(self)
        order = rng.permutation(n)
        cuts = np.arange(batch_size, n, batch_size)
        if not self.similar:
            return np.split(order, cuts)
        pools = np.arange(n) // (POOL * batch_size)
        batches = np.split(order[np.lexsort((self.lengths[order], pools))], cuts)
        return [batches[i] for i in rng.permutation(len(batches))]
