"""Measures of whether attention weights tell what an output depends on, and rank correlation to compare them.

Attention assigns each token a part in an output. The whole model gives two other answers: ``gradient_times_input``,
what the output's log-probability would gain if the token's embedding grew; ``occlusion``, what it loses without the
token. Shapes: T_out outputs, T input tokens; parts are (N, T_out, T).
Source: Jain & Wallace 2019 (arXiv:1902.10186) compare them; Wiegreffe & Pinter 2019 (arXiv:1908.04626) object.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from common.functions import expect_mask
from common.layer import Layer
from common.layers import Embedding
from common.np import np
from support.array import Array


class Parts(NamedTuple):
    """The part of each input token in each output, by three measures; all except ``seen`` are (N, T_out, T).

    attention: weights. gradient, occlusion: signed changes, in nats, of the log-probability of the model's own output.
    seen: bool (N, T), the tokens that are not padding.
    """

    attention: Array
    gradient: Array
    occlusion: Array
    seen: Array


@contextmanager
def given_to_backward(layer: Layer) -> Iterator[list[Array]]:
    """Record the argument of each call of the layer's backward: ``with given_to_backward(embed) as douts:``."""
    douts: list[Array] = []
    backward = layer.backward

    def kept(dout: Array):
        douts.append(dout)
        return backward(dout)

    layer.backward = kept
    try:
        yield douts
    finally:
        del layer.backward


def gradient_times_input(embed: Embedding, xs: Array, backward: Callable[[], object]) -> Array:
    """Return ``sum_d dy[n]/de[n, t, d] * e[n, t, d]``, (N, T), for embeddings e of xs (N, T) and an output y (N,).

    backward: runs the model's backward from the sum of y, after a forward of xs; each y must depend on its row only.
    Source: Denil et al. 2014 (arXiv:1412.6815); Shrikumar et al. 2016 (arXiv:1605.01713).
    """
    with given_to_backward(embed) as douts:
        backward()
    return (douts[-1] * embed.W[xs]).sum(axis=2)


def occlusion(log_probs: Callable[[Array], Array], xs: Array, pad: int) -> Array:
    """Return ``log_probs(xs)[n, i] - log_probs(xs with pad at t)[n, i]``, in nats: (N, T_out, T) for xs (N, T).

    log_probs: ids (N, T) -> (N, T_out), of the same outputs in every call. Tokens that already are pad give exactly 0.
    Source: Zeiler & Fergus 2014 (arXiv:1311.2901); Li et al. 2016 (arXiv:1612.08220).
    """
    before = log_probs(xs)
    drops = np.zeros((*before.shape, xs.shape[1]), dtype=before.dtype)
    for t in range(xs.shape[1]):
        rows = xs[:, t] != pad
        if rows.any():
            without = xs.copy()
            without[:, t] = pad
            drops[rows, :, t] = (before - log_probs(without))[rows]
    return drops


def mean_ranks(values: Array) -> Array:
    """Return the ranks of values (T,), from 1 for the smallest; equal values share their mean rank.

    Raises ValueError for a nan, which has no rank.
    """
    _expect_ranks("mean_ranks", values)
    _, which, count = np.unique(values, return_inverse=True, return_counts=True)
    return (count.cumsum() - (count - 1) / 2)[which]


def _expect_ranks(name: str, values: Array, seen: Array | bool = True) -> None:
    """Raise ValueError if a seen value is nan; the message begins with ``name``."""
    missing = np.argwhere(np.isnan(values) & seen)
    if len(missing):
        raise ValueError(f"{name}: expected numbers, which have ranks, got nan at {missing[0].tolist()}")


def spearman(a: Array, b: Array) -> float:
    """Return the rank correlation (-1..1) of a (T,) and b (T,): Pearson's on their mean ranks; nan if one is constant.

    Raises ValueError when their lengths differ or one contains a nan. Source: Spearman 1904; for ties, Kendall 1945.
    """
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"spearman: expected two arrays (T,), got {a.shape} and {b.shape}")
    _expect_ranks("spearman: a", a)
    _expect_ranks("spearman: b", b)
    a, b = (ranks - (len(ranks) + 1) / 2 for ranks in map(mean_ranks, (a, b)))
    both = (a @ a) * (b @ b)
    return float(a @ b / np.sqrt(both)) if both > 0 else float("nan")


def rank_correlations(a: Array, b: Array, seen: Array) -> Array:
    """Return ``spearman`` of a and b (N, T_out, T) over the tokens where seen, bool (N, T), is True: (N, T_out).

    Raises ValueError when ``seen`` is not such a mask, for other shapes, and for a seen nan, naming its position.
    """
    expect_mask("rank_correlations", seen, (len(a), a.shape[-1]), "seen")
    for name, values in (("a", a), ("b", b)):
        _expect_ranks(f"rank_correlations: {name} (N, T_out, T)", values, seen[:, None])
    rows = [
        [spearman(x[real], y[real]) for x, y in zip(xs, ys, strict=True)]
        for xs, ys, real in zip(a, b, seen, strict=True)
    ]
    return np.array(rows).reshape(a.shape[:2])


class Summary(NamedTuple):
    """Mean and spread (standard deviation) over the examples; left_out: how many correlations were nan."""

    mean: float
    spread: float
    left_out: int


def summary(correlations: Array) -> Summary:
    """Summarize correlations (N, T_out): average over each example's outputs, then over examples, leaving out nan.

    An example whose correlations are all nan does not count; mean and spread are nan when no example counts.
    """
    there = ~np.isnan(correlations)
    some = there.any(axis=1)
    of_each = np.where(there, correlations, 0).sum(axis=1)[some] / there.sum(axis=1)[some]
    if not len(of_each):
        return Summary(float("nan"), float("nan"), int((~there).sum()))
    return Summary(float(of_each.mean()), float(of_each.std()), int((~there).sum()))
