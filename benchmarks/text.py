"""Measure training steps of both classifiers at the sizes of the originals, on random texts: time and memory.

python -m benchmarks.text                # each model in its own process
python -m benchmarks.text --model gru    # this model, in this process
python -m benchmarks.text --kernels      # with each family of OpenBLAS kernels
"""

import resource
import subprocess
import sys
import time

from support import entry
from support.blas_kernel import describe_blas, prefer_fast_kernels

if __name__ == "__main__":
    prefer_fast_kernels()

import numpy as np

from benchmarks.kernels import add_kernels, with_each
from classifier import GRUClassifier, SeqSelfClassifier
from common.callbacks import Callback
from common.layer import summary
from common.optimizer import Adam, Nadam
from common.trainer import Trainer
from experiment.command_line import Parser, positive_int

# model, optimizer, vocabulary, mini-batch, words of a text
ORIGINAL = {
    "gru": (GRUClassifier, Adam, 25_000, 32, 200),
    "seqself": (SeqSelfClassifier, Nadam, 196_253, 256, 30),
}


class Times(Callback):
    """Record the wall and CPU time at the end of each iteration."""

    def __init__(self):
        self.ends = []

    def iteration_end(self, trainer) -> None:
        self.ends.append((time.perf_counter(), time.process_time()))


def random_texts(rng: np.random.Generator, words: int, classes: int, N: int, T: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the ids (N, T) of texts of T // 2 to T random words, and random labels (N,)."""
    lengths = rng.integers(T // 2, T + 1, (N, 1))
    lengths[0] = T
    x = np.where(np.arange(T) < lengths, rng.integers(2, words, (N, T)), 0)
    return x, rng.integers(0, classes, N)


def main() -> int:
    parser = Parser(description=__doc__)
    parser.add_argument("--model", choices=list(ORIGINAL))
    parser.add_argument(
        "--steps", type=positive_int, default=5, help="timed steps, after one to warm up (default %(default)s)"
    )
    parser.add_workers("threads that share each mini-batch (default: the cores, %(default)s)")
    add_kernels(parser)
    args = parser.parse_args()
    if args.kernels:
        return with_each("benchmarks.text")
    if args.model is None:
        print(describe_blas(), flush=True)
        options = ["--steps", str(args.steps), "--workers", str(args.workers)]
        return max(
            subprocess.call([sys.executable, "-m", "benchmarks.text", "--model", name, *options]) for name in ORIGINAL
        )
    cls, optimizer, words, N, T = ORIGINAL[args.model]
    rng = np.random.default_rng(0)
    model = cls(words, rng=rng)
    x, t = random_texts(rng, words, model.classes, N, T)
    print(f"\n{summary(model)}\nmini-batch of {N} texts of {T // 2} to {T} words, {args.workers} workers")
    times = Times()
    Trainer(model, optimizer(), rng=rng, callbacks=[times], workers=args.workers).fit(x, t, args.steps + 1, N)
    seconds, cpu = np.diff(times.ends, axis=0).T
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    spread = f"{seconds.min():.2f}..{seconds.max():.2f}"
    print(
        f"a training step: {np.median(seconds):.2f} s ({spread}), CPU {np.median(cpu):.2f} s, {peak:.0f} MB at the peak"
    )
    return 0


if __name__ == "__main__":
    entry.run(main)
