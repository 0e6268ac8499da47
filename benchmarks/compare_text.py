"""Compare the GRU classifier with its PyTorch twin, with and without attention: accuracy over seeds, time of an epoch.

python -m benchmarks.compare_text --data path/to/sentence_polarity

Both train on the same mini-batches, one epoch each in turn; times are those of training alone. Ratios first; --kernels measures
with each family of OpenBLAS kernels.
"""

from pathlib import Path
from typing import Any

from support import entry
from support.blas_kernel import describe_blas, prefer_fast_kernels

if __name__ == "__main__":
    prefer_fast_kernels()

import numpy as np

from benchmarks.contestants import Laps
from benchmarks.kernels import add_kernels, with_each
from benchmarks.tables import number, ratio, spread, table
from classifier import GRUClassifier, evaluate
from common.optimizer import Adam
from common.trainer import Trainer
from dataset.batches import PaddedTexts
from dataset.labelled import READERS
from dataset.tokenizers import Words
from dataset.words import WordVocabulary
from experiment.command_line import Parser, positive_int
from experiment.corpus import pad, tokens_of


def parse():
    parser = Parser(description=__doc__)
    parser.add_argument("--data", required=True, metavar="PATH", help="a corpus of two classes")
    parser.add_argument("--format", choices=("folders", "lines"), default="lines")
    parser.add_argument(
        "--seeds", type=positive_int, default=3, help="number of seeds, from 0 on (default %(default)s)"
    )
    parser.add_argument("--max-epoch", type=positive_int, default=6)
    parser.add_argument("--batch-size", type=positive_int, default=64)
    parser.add_argument("--wordvec-size", type=positive_int, default=100)
    parser.add_argument("--hidden-size", type=positive_int, default=64)
    parser.add_argument("--layers", type=positive_int, default=1)
    parser.add_argument("--dropout", type=float, default=0.4)
    parser.add_argument("--min-count", type=positive_int, default=2, help="words seen less often are unknown")
    parser.add_workers("of ours, and threads of PyTorch")
    add_kernels(parser)
    return parser.parse_args()


class Batches:
    """Texts whose mini-batches of an epoch are already drawn."""

    def __init__(self, x: PaddedTexts, batches: list[np.ndarray]):
        self.x, self.drawn = x, batches

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows):
        return self.x[rows]

    def batches(self, batch_size: int, rng) -> list[np.ndarray]:
        return self.drawn


def main() -> int:
    args = parse()
    if args.kernels:
        return with_each("benchmarks.compare_text")
    try:
        import torch

        from benchmarks.torch_text import TextTwin
    except ModuleNotFoundError as error:
        if error.name != "torch":  # a broken installation lacks a part
            raise
        torch = None
        print("torch is not installed: ours alone; pip install torch==2.13.0 for the twin")
    train, test = READERS[args.format](Path(args.data)).split()
    words = Words()
    tokens = tokens_of(train, words)
    vocabulary = WordVocabulary.build(tokens, min_count=args.min_count)
    x_train = pad(tokens, vocabulary, "after", None)
    x_test = pad(tokens_of(test, words), vocabulary, "after", None)
    print(f"{train.source}: {len(x_train)} texts to train on, {len(x_test)} to test, {len(vocabulary)} words")
    if train.skipped:
        print(f"skipped in {train.source}: {train.skipped}")
    print(f"workers: {args.workers}; {describe_blas()}")
    sizes = len(vocabulary), args.wordvec_size, args.hidden_size, args.layers, args.dropout
    results: dict[tuple[str, bool, str], list[float]] = {}
    for seed in range(args.seeds):
        for attention in (True, False):
            weights, shuffling = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
            ours = GRUClassifier(*sizes, attention=attention, rng=weights)
            trainer = Trainer(ours, Adam(), callbacks=(), workers=args.workers)
            if torch is not None:
                torch.set_num_threads(args.workers)
                torch.manual_seed(seed)
                twin = TextTwin(*sizes, attention)
                optimizer = torch.optim.Adam(twin.parameters())
            for _ in range(args.max_epoch):
                drawn = x_train.batches(args.batch_size, shuffling)
                texts: Any = Batches(x_train, drawn)
                laps = Laps()
                trainer.fit(texts, train.labels, 1, args.batch_size, eval_interval=None)
                laps.lap("s")
                results.setdefault(("ours", attention, "s"), []).append(laps["s"])
                results.setdefault(("ours", attention, "CPU s"), []).append(laps.cpu)
                if torch is not None:
                    laps = Laps()
                    twin.fit(optimizer, x_train, train.labels, drawn)
                    laps.lap("s")
                    results.setdefault(("PyTorch", attention, "s"), []).append(laps["s"])
                    results.setdefault(("PyTorch", attention, "CPU s"), []).append(laps.cpu)
            accuracy = evaluate(ours, x_test, test.labels, workers=args.workers)["acc"]
            results.setdefault(("ours", attention, "acc"), []).append(accuracy)
            if torch is not None:
                results.setdefault(("PyTorch", attention, "acc"), []).append(twin.accuracy(x_test, test.labels))
    if torch is not None:
        for attention in (True, False):
            for unit, what in (("s", "time"), ("CPU s", "CPU time")):
                ratios = spread(np.divide(results["ours", attention, unit], results["PyTorch", attention, unit]))
                which = "with" if attention else "without"
                print(f"ours / PyTorch, {what} of an epoch {which} attention: {' ('.join(ratio(ratios))})")
    lines = [["", "attention", "mean test accuracy", "of each seed", "s per epoch", "CPU s"]]
    for (who, attention, what), accuracies in results.items():
        if what == "acc":
            each = " ".join(f"{100 * a:.2f}" for a in accuracies)
            taken = [number(float(np.median(results[who, attention, unit])), 2) for unit in ("s", "CPU s")]
            lines.append([who, "yes" if attention else "no", f"{np.mean(accuracies):.2%}", each, *taken])
    print(f"\n{table(lines)}")
    return 0


if __name__ == "__main__":
    entry.run(main)
