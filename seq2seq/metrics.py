"""Metrics of answers."""

from common.functions import expect_array
from common.ranks import ALONE, Ranks
from support.array import Array


def exact_match(model, xs: Array, ts: Array, batch_size: int = 128, *, workers: int = 1, ranks: Ranks = ALONE) -> float:
    """Return the share (0..1) of the questions that the model answers exactly.

    xs int (N, T_enc); ts int (N, T_dec + 1), the start character first. All questions are asked; batch_size,
    workers, ranks: see ``decode``.
    Raises ValueError when there are no questions, or not as many answers.
    """
    expect_array("exact_match", "ts (N, T_dec + 1)", ts)
    if ts.ndim != 2 or ts.shape[1] < 2:
        raise ValueError(f"exact_match: expected ts (N, T_dec + 1), got {ts.shape}")
    if len(xs) != len(ts) or len(xs) == 0:
        raise ValueError(f"exact_match: expected as many answers as questions, got {len(xs)} and {len(ts)}")
    decoded = model.decode(xs, int(ts[0, 0]), ts.shape[1] - 1, batch_size, **ranks.shared_by(workers))
    return float((decoded.ids == ts[:, 1:]).all(axis=1).mean())
