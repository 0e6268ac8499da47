"""Run the main job in PyTorch: the trainings of ``scripts/train_date.py``, with its evaluations after each epoch.

One process, all threads, model after model, as a user of PyTorch would write it. ``benchmarks.main_job --torch`` runs
it in turn with ours. PyTorch has to be there: pip install torch==2.13.0
"""

import csv
from pathlib import Path

from support import entry

# isort: split

import numpy as np

from benchmarks.contestants import Job, Torch
from experiment.command_line import Parser, cores, natural, positive_int
from experiment.date_parts import MAPS, DateParts
from seq2seq.model_file import MODELS


def main() -> int:
    parser = Parser(description=__doc__)
    parser.add_training()
    parser.add_argument("--max-epoch", type=positive_int, default=2)
    parser.add_argument("--seed", type=natural, default=0, help="seed of weights and shuffling")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for history.csv")
    args = parser.parse_args()
    parts = DateParts(args.data)
    x_train, x_test = (np.ascontiguousarray(x) for x in (parts.x_train, parts.x_test))  # torch takes no reversed view
    rows = []
    for name in args.models:
        sizes = len(parts.vocabulary), args.wordvec_size, args.hidden_size
        contestant = Torch(Job(name, *sizes, args.lr, args.max_grad, cores(), args.seed))
        rng = np.random.default_rng(args.seed)
        for epoch in range(1, args.max_epoch + 1):
            size = min(args.batch_size, len(x_train))
            order = rng.permutation(len(x_train))[: len(x_train) // size * size].reshape(-1, size)
            losses = [contestant.step(x_train[batch], parts.t_train[batch])[0] for batch in order]
            answers = contestant.answers(x_test, parts.start_id, parts.T_dec)
            accuracy = (answers == parts.t_test[:, 1:]).all(axis=1).mean()
            if MODELS[name].has_maps:
                contestant.maps(x_test[:MAPS], parts.start_id, parts.T_dec)
            rows.append([name, epoch, np.mean(losses), accuracy])
            print(f"{name}: epoch {epoch}, loss {np.mean(losses):.4f}, accuracy {accuracy:.2%}", flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    with open(args.out / "history.csv", "w", newline="") as file:
        csv.writer(file).writerows([["model", "epoch", "train_loss", "test_accuracy"], *rows])
    return 0


if __name__ == "__main__":
    entry.run(main)
