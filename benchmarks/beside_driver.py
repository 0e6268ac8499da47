"""The part of ``benchmarks.beside`` that runs inside each of the two checkouts.

It imports only what version e6583c6 has too. Reads one command per line, answers each with one line of JSON:
``train K`` trains on the K-th turn's mini-batches, ``answer`` writes the answers to all questions.
"""

import json
import sys
import time

import numpy as np

from common.callbacks import Callback
from common.layer import named_params
from common.optimizer import Adam
from common.trainer import Trainer
from seq2seq.model_file import MODELS


class Clock(Callback):
    """Record wall and CPU time at the end of each iteration."""

    def __init__(self):
        self.ends = []

    def iteration_end(self, trainer):
        self.ends.append((time.perf_counter(), time.process_time()))


def build(facts, arrays, prefix):
    """Build the model with the weights that both checkouts are given."""
    model = MODELS[facts["model"]](*facts["sizes"], rng=np.random.default_rng(0))
    for name, param in named_params(model).items():
        param[...] = arrays[f"{prefix}/{name}"]
    return model


def main():
    facts = json.loads(sys.argv[1])
    arrays = np.load(facts["arrays"])
    x, t, questions = (arrays[name] for name in ("x", "t", "questions"))  # (turns, rows, T_enc), ..., (N, T_enc)
    workers, asked = facts["workers"], (questions, facts["start_id"], facts["T_dec"])
    answering, clock = build(facts, arrays, "answering"), Clock()
    training = build(facts, arrays, "training")
    trainer = Trainer(training, Adam(lr=facts["lr"]), rng=np.random.default_rng(0), callbacks=(clock,), workers=workers)
    print(json.dumps({"python": sys.version.split()[0], "numpy": np.__version__}), flush=True)
    for line in sys.stdin:
        command, *turn = line.split()
        if command == "train":
            clock.ends.clear()
            trainer.fit(x[int(turn[0])], t[int(turn[0])], 1, facts["N"], facts["max_grad"], None)
            wall, cpu = np.diff(clock.ends, axis=0).mean(axis=0)  # without the first, which warms up
            found = {"losses": [float(loss) for loss in trainer.losses]}
        else:
            start = time.perf_counter(), time.process_time()
            ids = answering.decode(*asked, workers=workers).ids
            wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
            found = {"ids": ids.tolist()}
        print(json.dumps({"seconds": wall, "cpu_seconds": cpu, **found}), flush=True)


if __name__ == "__main__":
    main()
