"""Metrics of classifications."""

import numpy

from common.callbacks import Callback
from common.columns import Column, Panel
from common.functions import check_labels, cross_entropy_error
from common.np import np
from common.ranks import ALONE, Ranks
from common.util import to_cpu
from support.array import Array

PANELS = {
    "loss": Panel("loss", "loss [nats per text]", from_zero=False),
    "acc": Panel("acc", "accuracy", from_zero=False),
}
METRICS = "loss", "acc", "mse", "mae"  # the keys that ``evaluate`` returns
PARTS = {"": "training", "val_": "validation"}  # names of the curves, by prefix


def evaluate(model, xs, ts: Array, *, workers: int = 1, ranks: Ranks = ALONE) -> dict[str, float]:
    """Return ``loss`` (mean cross entropy, nats per text), ``acc`` (share right, 0..1), ``mse`` and ``mae``: the mean
    squared and the mean absolute error of the probabilities against 0 and 1, over all texts and classes.

    xs, workers, ranks: see ``TextClassifier.probabilities``; ts int (N,).
    Raises ValueError when there are no texts, not as many labels, or a label that is no class.
    """
    if len(xs) != len(ts):
        raise ValueError(f"evaluate: expected as many labels as texts, got {len(xs)} and {len(ts)}")
    p = model.probabilities(xs, **ranks.shared_by(workers))
    check_labels("evaluate", ts, p, shares=False)
    loss = cross_entropy_error(p, ts)
    errors = p - np.eye(p.shape[1], dtype=p.dtype)[ts]
    return {
        "loss": float(loss),
        "acc": float((p.argmax(axis=1) == ts).mean()),
        "mse": float((errors**2).mean()),
        "mae": float(abs(errors).mean()),
    }


def confusion_matrix(predicted: Array, ts: Array, classes: int) -> numpy.ndarray:
    """Count the predictions: one row per true class, one column per predicted class (K, K). predicted, ts int (N,).

    Raises ValueError when they differ in length or are no classes.
    """
    predicted, ts = to_cpu(predicted), to_cpu(ts)
    one_hot = numpy.empty((*ts.shape, classes))
    for ids in (predicted, ts):
        check_labels("confusion_matrix", ids, one_hot, shares=False)
    pairs = ts * classes + predicted
    return numpy.bincount(pairs, minlength=classes**2).reshape(classes, classes)


class Evaluate(Callback):
    """Record the metrics of ``evaluate`` on these texts after each epoch, under names with a prefix.

    The loss of the training texts stays the one that training recorded: with dropout, averaged over the epoch.
    """

    def __init__(self, xs, ts: Array, prefix: str = "", workers: int = 1):
        self.xs, self.ts, self.prefix, self.workers = xs, ts, prefix, workers
        curve, names = PARTS.get(prefix, prefix), {name: prefix + name for name in METRICS}
        self.columns = tuple(Column(full, full, panel=PANELS.get(name), curve=curve) for name, full in names.items())

    def epoch_end(self, trainer) -> None:
        ranks = trainer.ranks
        measured = ranks.first(evaluate(trainer.model, self.xs, self.ts, workers=self.workers, ranks=ranks))
        record = trainer.history[-1]
        record.update(
            {self.prefix + name: value for name, value in measured.items() if self.prefix + name not in record}
        )
