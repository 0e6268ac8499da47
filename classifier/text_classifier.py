"""The base class of the text classifiers: loss, probabilities, and dividing a mini-batch among workers."""

from collections.abc import Callable
from typing import Any

from common.base_model import BaseModel
from common.functions import check_labels, expect_array, sigmoid, softmax
from common.layer import inference
from common.layers import SoftmaxWithLoss
from common.np import np
from common.parallel import Workers, worthwhile
from common.ranks import ALONE, Ranks
from common.util import to_cpu
from support.array import Array

PAD = 0


class TextClassifier(BaseModel):
    """Base of the text classifiers.

    xs int (N, T): the ids of words, ``PAD`` where a text is shorter; ts int (N,): the classes, 0..K-1.
    A subclass owns its parts, and sets ``embed`` and ``arguments``, from which it can be made again. It has
    ``scores(xs)``: (N, K), or (N,) for the second of two classes; ``backward_scores(dscores)``; and
    ``token_weights(kind, xs)`` -> (N, T) after a forward, for each kind in its ``token_weight_kinds``.
    ``mask``: the model does not see padding. Without it, padding counts as if it were words.
    """

    worth_a_worker = 5e8, 8  # see common.parallel.worthwhile; measured, see docs/performance.md
    places = 2**14  # words and padding in a batch of ``probabilities``; one takes 0.1 MB at the original sizes of gru
    token_weight_kinds: tuple[str, ...] = ()
    arguments: dict[str, Any]
    embed: Any
    loss: Any
    scores: Callable[[Array], Array]
    backward_scores: Callable[[Array], None]
    token_weights: Callable[[str, Array], Array]

    def __init__(self, classes: int, mask: bool = True):
        super().__init__()
        if classes < 2:
            raise ValueError(f"{type(self).__name__}: expected at least 2 classes, got {classes}")
        if not isinstance(mask, bool):
            raise ValueError(f"{type(self).__name__}: expected mask True or False, got {type(mask).__name__}")
        self.classes, self.mask = classes, mask
        self.loss = SoftmaxWithLoss()

    def own(self, *parts) -> None:
        """Append the parameters and gradients of the given parts to the model's."""
        for part in parts:
            self.params += part.params
            self.grads += part.grads

    def forward(self, xs: Array, ts: Array) -> Array:
        """Return the mean cross entropy, in nats per text.

        Raises ValueError for shapes that do not fit, or a label that is not a class.
        """
        self._check(xs)
        expect_array(type(self).__name__, "ts (N,)", ts)
        check_labels(type(self).__name__, ts, np.empty((len(xs), self.classes)))
        return self.loss.forward(self.scores(xs), ts)

    def backward(self, dout: float = 1) -> None:
        self.backward_scores(self.loss.backward(dout))

    def seen(self, xs: Array) -> Array | None:
        """Return the mask (N, T) of xs, or None when padding counts."""
        return xs != PAD if self.mask else None

    def _check(self, xs: Array) -> None:
        expect_array(type(self).__name__, "xs (N, T)", xs)
        if xs.ndim != 2 or 0 in xs.shape:
            raise ValueError(f"{type(self).__name__}: expected xs (N, T) of at least one text and word, got {xs.shape}")

    @staticmethod
    def lengths(xs) -> Array:
        """Count the words of each text."""
        return xs.lengths if hasattr(xs, "lengths") else to_cpu((xs != PAD).sum(axis=1))

    def shares(self, xs: Array, ts: Array, count: int, each: tuple[float, float] | None = None) -> list[Array]:
        """Divide the rows of a mini-batch among ``count`` workers, with about as many words each.

        Returns fewer shares when there is too little work for so many workers. each: the least work that makes one
        worthwhile, see ``worthwhile``; ``worth_a_worker`` when None.
        """
        self._check(xs)
        cost = self.lengths(xs) + 1
        # each word meets every weight but those of the embedding, in three products of 2 operations each
        operations = 6 * int(cost.sum()) * sum(p.size for p in self.params[1:])
        count = worthwhile(count, operations, cost.sum() / xs.shape[1], each or self.worth_a_worker)
        order = cost.argsort(kind="stable")
        # dealt out in turn, so that each share has short and long texts: the longest text sets the number of steps
        return [order[i::count] for i in range(count)]

    def touched(self, xs: Array) -> dict[int, Array]:
        """Return the rows of the embedding's gradient that these texts can fill, by its number in ``grads``.

        Nothing is returned where layers share a gradient, of which another may fill other rows.
        """
        if len(set(map(id, self.grads))) < len(self.grads):
            return {}
        return {i: np.unique(xs) for i, g in enumerate(self.grads) if g is self.embed.grads[0]}

    def probabilities(self, xs, batch_size: int = 256, *, workers: int = 1, ranks: Ranks = ALONE) -> Array:
        """Return the probabilities (N, K) of the classes, in inference, at most ``batch_size`` texts at a time.

        xs: ids (N, T), or a collection of N texts with ``lengths`` and ``xs[indices] -> (n, T)``, such as PaddedTexts.
        To bound the memory, a batch is a single text or has at most ``places`` words, padding included.
        workers: threads that share the batches; ranks: processes that do, all of which have to call this.
        Raises ValueError for no text, and for a batch_size below 1.
        """
        if not hasattr(xs, "lengths"):
            expect_array("probabilities", "xs (N, T)", xs)
        if len(xs) == 0 or batch_size < 1:
            raise ValueError(f"probabilities: expected a text and a batch_size, got {len(xs)} and {batch_size}")
        if not hasattr(xs, "lengths"):
            self._check(xs)

        def judge(worker: int, rows: Array) -> Array:
            batch = xs[rows]
            pool.models[worker]._check(batch)
            return pool.models[worker].to_probabilities(pool.models[worker].scores(batch))

        lengths = self.lengths(xs)
        order = lengths.argsort(kind="stable")[::-1]  # similar lengths in one batch, the longest first
        batches, start = [], 0
        while start < len(xs):
            wide = max(1, int(lengths[order[start]]) if hasattr(xs, "lengths") else xs.shape[1])
            batches.append(order[start : start + min(batch_size, max(1, self.places // wide))])
            start += len(batches[-1])
        with inference(self), Workers(self, min(workers, len(batches)), learn=False) as pool:
            parts = ranks.deal(batches, lambda mine: pool.map(judge, mine))
        return np.concatenate(parts)[order.argsort()]

    def to_probabilities(self, scores: Array) -> Array:
        """Turn scores (N, K), or (N,) for the second of two classes, into probabilities (N, K)."""
        if scores.ndim == 2:
            return softmax(scores)
        second = sigmoid(scores)
        return np.stack((1 - second, second), axis=1)

    def explain(self, xs: Array, kind: str | None = None) -> tuple[Array, Array]:
        """Return the probabilities (N, K) for xs (N, T), and the weight (N, T) that each token had; 0 for padding.

        kind: one of ``token_weight_kinds``, the first when None. Raises ValueError for any other.
        """
        kinds = self.token_weight_kinds
        kind = kind or next(iter(kinds), None)
        if kind not in kinds:
            known = f"one of {', '.join(kinds)}" if kinds else "no kind, as the model has no attention"
            raise ValueError(f"{type(self).__name__}: token weights: expected {known}, got {kind!r}")
        self._check(xs)
        with inference(self):
            probabilities = self.to_probabilities(self.scores(xs))
            return probabilities, np.where(xs != PAD, self.token_weights(kind, xs), 0)
