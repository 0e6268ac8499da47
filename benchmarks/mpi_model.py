"""What a training step on several ranks costs, as a model: the rank's own work, and the messages of the collectives.

``allreduce``  the algorithm for large buffers: each rank adds up a part of the buffer, and they send each other the
               sums, in ``2 log2 P`` messages with ``2 (P - 1) / P`` of the buffer in total. Source: Rabenseifner's
               algorithm in Thakur, Rabenseifner, Gropp 2005, Optimization of Collective Communication in MPICH.
``message``    a small object from the first rank to all: its length, then the object, each along a tree
"""

from collections.abc import Mapping
from math import ceil, log2
from typing import NamedTuple

import numpy as np


class Link(NamedTuple):
    """What joins two ranks: seconds that a message takes, whatever its length, and bytes per second."""

    name: str
    latency: float
    bandwidth: float


# Assumed: the latency of TCP between two machines on one switch, and what Ethernet leaves of the bandwidth (94%).
NETWORKS = Link("10 Gbit/s", 30e-6, 1.18e9), Link("1 Gbit/s", 60e-6, 0.118e9)


def terms(ranks: int, size: float) -> tuple[float, float]:
    """Return how many latencies an Allreduce takes, and how many bytes a rank sends in it."""
    return 2 * log2(ranks), 2 * (ranks - 1) / ranks * size


def allreduce(ranks: int, size: float, link: Link) -> float:
    """Return the seconds of an Allreduce of ``size`` bytes."""
    latencies, sent = terms(ranks, size)
    return latencies * link.latency + sent / link.bandwidth


def message(ranks: int, link: Link) -> float:
    """Return the seconds of a small object's way from the first rank to all."""
    return 2 * ceil(log2(ranks)) * link.latency


def collectives(ranks: int, size: float, messages: float, link: Link) -> float:
    """Return the seconds of a step that are not a rank's own work. messages: small ones, per step."""
    return allreduce(ranks, size, link) + messages * message(ranks, link) if ranks > 1 else 0.0


def fit(measured: Mapping[tuple[int, int], float], name: str) -> tuple[Link, float]:
    """Return the link that explains seconds by (ranks, bytes) best, and by which factor it misses one at most.

    Each measurement counts alike, whatever its size: the squares of the relative errors are the least.
    Raises ValueError unless at least two sizes were measured.
    """
    if len({size for _, size in measured}) < 2:
        raise ValueError(f"expected measurements of at least two sizes, got {len(measured)}")
    seconds = np.array([*measured.values()])
    rows = np.array([terms(*point) for point in measured])
    latency, per_byte = np.linalg.lstsq(rows / seconds[:, None], np.ones(len(seconds)), rcond=None)[0]
    link = Link(name, max(float(latency), 0.0), 1 / max(float(per_byte), 1e-15))
    factors = [allreduce(*point, link) / spent for point, spent in measured.items()]
    return link, max(max(factor, 1 / factor) if factor > 0 else float("inf") for factor in factors)


def pays_from(gains: Mapping[int, bool]) -> int | None:
    """Return the smallest batch size from which a second machine pays, it and all larger ones; None if none does.

    gains: by batch size, whether it pays there.
    """
    found = None
    for size in sorted(gains, reverse=True):
        if not gains[size]:
            break
        found = size
    return found
