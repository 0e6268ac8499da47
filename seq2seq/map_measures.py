"""Measures of attention maps: alignment (where the truth is known), pad mass, entropy.

Shapes: weights (N, T_dec, T_enc), as in ``Decoded``; each row of T_enc sums to 1. Truth and padding are in the order in
which the encoder read the questions: reversed if the questions are.
"""

from common.callbacks import Callback
from common.columns import Column, Panel
from common.functions import expect_array, expect_mask
from common.np import np
from support.array import Array

SHARE, NATS = Panel("measures", "share of the attention", top=1), Panel("measures", "entropy [nats]")
ALIGNMENT = Column("alignment", "alignment", ".1%", SHARE, "alignment: on the right characters")
COLUMNS = (
    ALIGNMENT,
    Column("pad_mass", "pad mass", ".1%", SHARE, "pad mass: on padding"),
    Column("entropy", "entropy", ".2f", NATS),
)


def alignment(weights: Array, truth: Array) -> Array:
    """Return the share (0..1) of each output character's weight that is on the input characters it comes from.

    ``alignment[n, i] = sum_t a[n, i, t] * truth[n, i, t]``, nan for an output character that comes from nowhere.
    truth bool (N, T_dec, T_enc)  ->  (N, T_dec)
    Source: the sum over sure links in the soft alignment error rate of Tu et al. 2016 (arXiv:1601.04811), an output
    character at a time.
    """
    _check(weights, truth=truth)
    return np.where(truth.any(axis=2), np.where(truth, weights, 0).sum(axis=2), np.nan)


def pad_mass(weights: Array, padding: Array) -> Array:
    """Return the share (0..1) of each output character's weight that is on padding.

    ``pad_mass[n, i] = sum_t a[n, i, t] * padding[n, t]``;  padding bool (N, T_enc)  ->  (N, T_dec)
    Source: as ``alignment``, with the padding in place of the links.
    """
    _check(weights, padding=padding)
    return np.where(padding[:, None], weights, 0).sum(axis=2)


def entropy(weights: Array) -> Array:
    """Return how spread the weight of each output character is, in nats: 0 if all on one, ``log T_enc`` if even.

    ``entropy[n, i] = -sum_t a[n, i, t] log a[n, i, t]``, where ``0 log 0`` is 0  ->  (N, T_dec)
    Source: Ghader & Monz 2017 (arXiv:1710.03348).
    """
    _check(weights)
    return -(weights * np.log(np.where(weights > 0, weights, 1))).sum(axis=2)


def _check(weights: Array, **masks: Array) -> None:
    """Raise ValueError unless weights are (N, T_dec, T_enc), truth, bool, like them, and padding, bool, (N, T_enc)."""
    expect_array("map_measures", "weights (N, T_dec, T_enc)", weights)
    if weights.ndim != 3 or 0 in weights.shape:
        raise ValueError(f"map_measures: expected weights (N, T_dec, T_enc) of a question, got {weights.shape}")
    for name, mask in masks.items():
        expect_mask("map_measures", mask, weights.shape if name == "truth" else weights.shape[::2], name)


def measures(weights: Array, padding: Array, truth: Array | None = None) -> dict[str, float]:
    """Return means over all questions and output characters: ``alignment`` (of the characters that come from somewhere;
    left out when none does, or without truth), ``pad_mass``, ``entropy``, and ``pad_mass_1``, ... of each output place.
    """
    _check(weights, padding=padding, **({} if truth is None else {"truth": truth}))
    weights = weights.astype(float)
    found = {}
    if truth is not None and truth.any():
        found["alignment"] = float(np.nanmean(alignment(weights, truth)))
    on_padding = pad_mass(weights, padding)
    found |= {"pad_mass": float(on_padding.mean()), "entropy": float(entropy(weights).mean())}
    return found | {f"pad_mass_{i}": float(share) for i, share in enumerate(on_padding.mean(axis=0), 1)}


class MeasureMaps(Callback):
    """Record ``measures`` of the maps of the model's own answers to xs (N, T_enc) after each epoch.

    start_id, sample_size, workers: see ``Seq2seq.decode``; padding, truth: see ``measures``. Raises ValueError where
    they do not fit xs, and after an epoch of a model without attention.
    To add a measure of maps, return it from ``measures`` and declare its Column in ``COLUMNS``.
    """

    def __init__(
        self,
        xs: Array,
        start_id: int,
        sample_size: int,
        padding: Array,
        truth: Array | None = None,
        *,
        workers: int = 1,
    ):
        expect_array("MeasureMaps", "xs (N, T_enc)", xs)
        expect_mask("MeasureMaps", padding, xs.shape, "padding")
        if truth is not None:
            expect_mask("MeasureMaps", truth, (len(xs), sample_size, xs.shape[-1]), "truth")
        self.xs, self.start_id, self.sample_size, self.workers = xs, start_id, sample_size, workers
        self.padding, self.truth = padding, truth
        known = [column for column in COLUMNS if column is not ALIGNMENT or (truth is not None and truth.any())]
        self.columns = (*known, *(Column(f"pad_mass_{i}") for i in range(1, sample_size + 1)))

    def epoch_end(self, trainer) -> None:
        asked, ranks = (self.xs, self.start_id, self.sample_size), trainer.ranks
        decoded = trainer.model.decode(*asked, **ranks.shared_by(self.workers))
        trainer.history[-1].update(ranks.first(measures(decoded.attention_weights, self.padding, self.truth)))
