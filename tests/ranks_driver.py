"""Small trainings, on the ranks of an MPI job or in one process.

python -m mpi4py ranks_driver.py --mpi PLAN, a JSON object: ``cases``, names of CASES; ``workers`` of each rank;
``large``: how many numbers to add up; ``spoil``: [rank, epoch, parameter], whose last bit that rank changes after the
first step of that epoch. Prints, as JSON, of each case the history, the losses, and for all ranks the digests of the
weights and the random streams; writes the weights to CASE.npz.
"""

import hashlib
import json
import sys

import numpy as np

from classifier import BagOfWords, Evaluate, GRUClassifier, SeqSelfClassifier
from common.callbacks import Callback, Measure
from common.layer import named_params, walk
from common.layers import Embedding
from common.optimizer import Adam, Nadam
from common.parallel import Share
from common.ranks import Ranks
from common.trainer import Trainer
from dataset.batches import PaddedTexts
from experiment import mpi_job
from seq2seq import AttentionSeq2seq, MeasureMaps, PeekySeq2seq, Seq2seq, TransformerSeq2seq, exact_match, padding_of
from support.blas_kernel import openblas

V, WORDS, COUNT = 8, 50, 26
AT_ONCE = 1e-9, 1e-9  # work that makes another worker worthwhile
CASES = {  # the kind of model, its arguments, the optimizer
    "attention": (AttentionSeq2seq, (V, 5, 7), {"dtype": np.float64}, Adam),
    "attention32": (AttentionSeq2seq, (V, 16, 64), {}, Adam),
    "peeky": (PeekySeq2seq, (V, 5, 7), {"dtype": np.float64}, Nadam),
    "transformer": (TransformerSeq2seq, (V, 6, 7, 0), {"heads": 2, "dtype": np.float64}, Adam),
    "gru": (GRUClassifier, (WORDS, 4, 5, 1, 0.0), {"dtype": np.float64}, Adam),
    "seqself": (SeqSelfClassifier, (WORDS, 4, 5, 3), {"dtype": np.float64}, Nadam),
    "bow": (BagOfWords, (WORDS,), {"dtype": np.float64}, Adam),
    "gru-dropout": (GRUClassifier, (WORDS, 16, 24, 2, 0.4), {}, Nadam),
    "seqself32": (SeqSelfClassifier, (WORDS, 16, 24, 3), {}, Nadam),
}


class Spoil(Callback):
    def __init__(self, rank: int, epoch: int, name: str):
        self.rank, self.epoch, self.name = rank, epoch, name

    def iteration_end(self, trainer) -> None:
        if (trainer.ranks.rank, trainer.current_epoch + 1, trainer.iteration) == (self.rank, self.epoch, 1):
            weights = named_params(trainer.model)[self.name]
            weights.flat[0] = np.nextafter(weights.flat[0], np.inf, dtype=weights.dtype)


def trainer_of(name: str, ranks: Ranks, workers: int) -> tuple[Trainer, object, np.ndarray]:
    """A trainer, its questions and their answers."""
    kind, sizes, options, rule = CASES[name]
    weights, shuffling, data = (np.random.default_rng(seed) for seed in np.random.SeedSequence(3).spawn(3))
    model = kind(*sizes, **options, rng=weights)
    share = {"workers": workers, "ranks": ranks}
    if isinstance(model, Seq2seq):
        x, t = data.integers(0, V, (COUNT, 6)), data.integers(0, V, (COUNT, 4))
        callbacks = [Measure("accuracy", lambda model: exact_match(model, x, t, 5, **share))]
        if model.has_maps:
            callbacks.append(MeasureMaps(x, 1, 3, padding_of(x, 0), workers=workers))
    else:
        x = PaddedTexts([data.integers(1, WORDS, length) for length in data.integers(2, 9, COUNT)])
        t = (x.lengths > 4).astype(int)
        callbacks = [Evaluate(x, t, "val_", workers=workers)]
    return Trainer(model, rule(lr=0.02), rng=shuffling, callbacks=callbacks, **share), x, t


def large(ranks: Ranks, size: int) -> list:
    """The digest and the worst error of a sum over the ranks of so many float32 numbers."""
    parts = [np.random.default_rng(rank).standard_normal(size, dtype=np.float32) for rank in range(ranks.size)]
    (total,) = ranks.combine([Share(0.0, 1, [parts[ranks.rank].copy()])]).grads
    exact = np.sum(parts, axis=0, dtype=np.float64)
    return [hashlib.sha256(total.tobytes()).hexdigest(), float(abs(total - exact).max())]


def train(ranks: Ranks) -> int:
    plan = json.loads(sys.argv[-1])
    Seq2seq.worth_a_worker = AT_ONCE
    GRUClassifier.worth_a_worker = SeqSelfClassifier.worth_a_worker = BagOfWords.worth_a_worker = AT_ONCE
    Embedding.cleared_whole = 0  # as in a large table
    found = {"kernels": ranks.all((openblas() or {}).get("architecture"))}
    if plan.get("large"):
        found["large"] = ranks.all(large(ranks, plan["large"]))
    for name in plan["cases"]:
        trainer, x, t = trainer_of(name, ranks, plan.get("workers", 1))
        if "spoil" in plan:
            trainer.callbacks.append(Spoil(*plan["spoil"]))
        trainer.fit(x, t, 3, 8, max_grad=0.02, eval_interval=1)  # a norm that every gradient exceeds
        params = named_params(trainer.model)
        digest = hashlib.sha256(b"".join(p.tobytes() for p in params.values())).hexdigest()
        streams = [str(part.rng.bit_generator.state) for _, part in walk(trainer.model) if hasattr(part, "rng")]
        found[name] = {"digests": ranks.all(digest), "streams": ranks.all(streams)}
        found[name] |= {"history": trainer.history, "losses": trainer.loss_list}
        ranks.on_first(lambda name=name, params=params: np.savez(f"{name}.npz", **params))
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(mpi_job.run(train))
