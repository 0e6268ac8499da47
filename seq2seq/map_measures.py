"""How good an attention map is, where the truth is known: alignment, pad mass, entropy.

Shapes: weights (N, T_dec, T_enc), as in ``Decoded``, a row of T_enc summing to 1. Truth and padding are in the order in
which the encoder read the questions: of reversed ones both are reversed too.
"""

from common.callbacks import Callback
from common.functions import expect_array
from common.layer import Array
from common.np import np


def alignment(weights: Array, truth: Array) -> Array:
    """Share (0..1) of each output character's weight that is on the input characters it comes from.

    ``alignment[n, i] = sum_t a[n, i, t] * truth[n, i, t]``, nan for an output character that comes from nowhere.
    truth bool (N, T_dec, T_enc)  ->  (N, T_dec)
    Source: the sum over sure links in the soft alignment error rate of Tu et al. 2016 (arXiv:1601.04811), an output
    character at a time.
    """
    _check("truth (N, T_dec, T_enc)", truth, weights, 3)
    return np.where(truth.any(axis=2), np.where(truth, weights, 0).sum(axis=2), np.nan)


def pad_mass(weights: Array, padding: Array) -> Array:
    """Share (0..1) of each output character's weight that is on padding.

    ``pad_mass[n, i] = sum_t a[n, i, t] * padding[n, t]``;  padding bool (N, T_enc)  ->  (N, T_dec)
    Source: as ``alignment``, with the padding in place of the links.
    """
    _check("padding (N, T_enc)", padding, weights, 2)
    return np.where(padding[:, None], weights, 0).sum(axis=2)


def entropy(weights: Array) -> Array:
    """How spread the weight of each output character is, in nats: from 0, all on one, to ``log T_enc``, all alike.

    ``entropy[n, i] = -sum_t a[n, i, t] log a[n, i, t]``, where ``0 log 0`` is 0  ->  (N, T_dec)
    Source: Ghader & Monz 2017 (arXiv:1710.03348).
    """
    _check("weights (N, T_dec, T_enc)", weights, weights, 3)
    return -(weights * np.log(np.where(weights > 0, weights, 1))).sum(axis=2)


def _check(what: str, marks: Array, weights: Array, axes: int) -> None:
    expect_array("map_measures", "weights (N, T_dec, T_enc)", weights)
    expect_array("map_measures", what, marks)
    if weights.ndim != 3 or 0 in weights.shape:
        raise ValueError(f"map_measures: weights (N, T_dec, T_enc) of a question wanted, got {weights.shape}")
    wanted = weights.shape if axes == 3 else weights.shape[::2]
    if marks.shape != wanted or (marks is not weights and marks.dtype != bool):
        raise ValueError(f"map_measures: {what}, bool {wanted}, wanted, got {marks.dtype} {marks.shape}")


def measures(weights: Array, padding: Array, truth: Array | None = None) -> dict[str, float]:
    """Means over all questions and output characters: ``alignment`` (of those that come from somewhere; not in the
    result where there are none, or no truth), ``pad_mass``, ``entropy``, and ``pad_mass_1``, ... of each output place.
    """
    _check("padding (N, T_enc)", padding, weights, 2)
    weights = weights.astype(float)
    found = {}
    if truth is not None and truth.any():
        found["alignment"] = float(np.nanmean(alignment(weights, truth)))
    on_padding = pad_mass(weights, padding)
    found |= {"pad_mass": float(on_padding.mean()), "entropy": float(entropy(weights).mean())}
    return found | {f"pad_mass_{i}": float(share) for i, share in enumerate(on_padding.mean(axis=0), 1)}


class MeasureMaps(Callback):
    """After each epoch, ``measures`` of the maps of the model's own answers to xs (N, T_enc) go to the epoch's record.

    start_id, sample_size, workers: see ``Seq2seq.decode``; padding, truth: see ``measures``. An epoch of a model
    without attention ends in a ValueError.
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
        self.xs, self.start_id, self.sample_size, self.workers = xs, start_id, sample_size, workers
        self.padding, self.truth = padding, truth

    def epoch_end(self, trainer) -> None:
        decoded = trainer.model.decode(self.xs, self.start_id, self.sample_size, workers=self.workers)
        trainer.history[-1].update(measures(decoded.attention_weights, self.padding, self.truth))
