"""Compare the GRU classifier with its PyTorch twin, with and without attention: accuracy over seeds, time of an epoch.

python -m benchmarks.compare_text --data path/to/sentence_polarity

Both train on the same mini-batches, one epoch each in turn; times are those of training alone.
"""

import time
from pathlib import Path
from typing import Any

from support import entry
from support.blas_kernel import describe_blas, prefer_fast_kernels

if __name__ == "__main__":
    prefer_fast_kernels()

import numpy as np

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
                before = time.perf_counter()
                trainer.fit(texts, train.labels, 1, args.batch_size, eval_interval=None)
                results.setdefault(("ours", attention, "s"), []).append(time.perf_counter() - before)
                if torch is not None:
                    before = time.perf_counter()
                    twin.fit(optimizer, x_train, train.labels, drawn)
                    results.setdefault(("PyTorch", attention, "s"), []).append(time.perf_counter() - before)
            accuracy = evaluate(ours, x_test, test.labels, workers=args.workers)["acc"]
            results.setdefault(("ours", attention, "acc"), []).append(accuracy)
            if torch is not None:
                results.setdefault(("PyTorch", attention, "acc"), []).append(twin.accuracy(x_test, test.labels))
    print(
        f"\n{'':<8} {'attention':<9} {'test accuracy, mean':>19}  {'of each seed':<{7 * args.seeds}} {'s an epoch':>10}"
    )
    for (who, attention, what), accuracies in results.items():
        if what == "acc":
            each = " ".join(f"{100 * a:.2f}" for a in accuracies)
            seconds = np.median(results[who, attention, "s"])
            mean = 100 * np.mean(accuracies)
            print(
                f"{who:<8} {'yes' if attention else 'no':<9} {mean:>18.2f}%  {each:<{7 * args.seeds}} {seconds:>10.2f}"
            )
    if torch is not None:
        for attention in (True, False):
            ratios = np.divide(results["ours", attention, "s"], results["PyTorch", attention, "s"])
            low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75))
            which = "with" if attention else "without"
            print(f"ours / PyTorch, time of an epoch {which} attention: {middle:.2f} ({low:.2f}..{high:.2f})")
    return 0


if __name__ == "__main__":
    entry.run(main)
