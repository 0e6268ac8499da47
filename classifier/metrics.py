"""How good classifications are."""

import numpy

from common.callbacks import Callback
from common.functions import check_labels, cross_entropy_error
from common.np import np
from common.util import to_cpu
from support.array import Array


def evaluate(model, xs, ts: Array, *, workers: int = 1) -> dict[str, float]:
    """``loss`` (mean cross entropy, nats per text), ``acc`` (share right, 0..1), and of the probabilities against 0 and
    1, over all texts and classes, ``mse`` (mean squared) and ``mae`` (mean absolute error).

    xs, workers: see ``TextClassifier.probabilities``; ts int (N,).
    Raises ValueError when there are no texts, not as many labels, or a label that is no class.
    """
    if len(xs) != len(ts):
        raise ValueError(f"evaluate: as many labels as texts wanted, got {len(xs)} and {len(ts)}")
    p = model.probabilities(xs, workers=workers)
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
    """Counts (K, K): a row a true class, a column a predicted one. predicted, ts int (N,).

    Raises ValueError when they differ in length or are no classes.
    """
    predicted, ts = to_cpu(predicted), to_cpu(ts)
    one_hot = numpy.empty((*ts.shape, classes))
    for ids in (predicted, ts):
        check_labels("confusion_matrix", ids, one_hot, shares=False)
    pairs = ts * classes + predicted
    return numpy.bincount(pairs, minlength=classes**2).reshape(classes, classes)


class Evaluate(Callback):
    """After each epoch, what ``evaluate`` says of texts goes to the epoch's record, under names with a prefix.

    Of the training texts the loss stays what training met, with dropout, over the epoch; the rest is measured after it.
    """

    def __init__(self, xs, ts: Array, prefix: str = "", workers: int = 1):
        self.xs, self.ts, self.prefix, self.workers = xs, ts, prefix, workers

    def epoch_end(self, trainer) -> None:
        measured = evaluate(trainer.model, self.xs, self.ts, workers=self.workers)
        record = trainer.history[-1]
        record.update(
            {self.prefix + name: value for name, value in measured.items() if self.prefix + name not in record}
        )
