"""Train attention on dates in larger and larger mini-batches: the accuracy by epoch, for each way to set the rate.

python -m benchmarks.large_batches                     # 9 runs of 10 epochs, as many at a time as there are cores
python -m benchmarks.large_batches --batch-sizes 128 1024 --rules linear linear-warmup --max-epoch 4

Every run is one of scripts/train_date.py with one worker, in a folder of its own under --out. An interrupt leaves the
table of those that have ended; the same command then goes on. Where a mini-batch is k times the first, its rate is

unchanged      that of the first
linear         k times as high (Goyal et al. 2017, section 2.1)
linear-warmup  the same, after a warm-up (section 2.2)
square-root    sqrt(k) times as high, which suits Adam. It divides by the size of the gradients, so that where they are
               mostly noise a step is as long for any k, and there are k times fewer of them. What independent steps
               add up to grows with their squares: sqrt(k) times the length makes up for it (Malladi et al. 2022, who
               change Adam's betas too; here they stay)
"""

import csv
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from support import entry

# isort: split

from benchmarks.facts import environment
from benchmarks.tables import markdown
from experiment.command_line import Parser, cores, natural, positive_float, positive_int, share, some_text
from experiment.date_parts import DateParts
from experiment.epochs import state_file

ROOT = Path(__file__).resolve().parents[1]
TRAIN = ROOT / "scripts" / "train_date.py"
MODEL = "attention"
RULES = {"unchanged": lambda k: 1, "linear": lambda k: k, "linear-warmup": lambda k: k, "square-root": math.sqrt}


@dataclass(frozen=True)
class Run:
    batch_size: int
    rule: str
    lr: float
    options: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.batch_size}-{self.rule}"


class Epoch(NamedTuple):
    """The mean training loss of an epoch, and the test accuracy after it."""

    loss: float
    accuracy: float


def parse():
    parser = Parser(description=__doc__)
    add = parser.add_argument
    add("--data", type=some_text, metavar="PATH", help="a file in the book's format (default: generated dates)")
    first = "the first is trained with --lr (default: 128 512 2048)"
    add("--batch-sizes", nargs="+", type=positive_int, default=[128, 512, 2048], metavar="N", help=first)
    add(
        "--rules",
        nargs="+",
        choices=list(RULES),
        default=list(RULES),
        metavar="RULE",
        help=f"of {', '.join(RULES)} (default: all); the top of the file explains them",
    )
    add("--lr", type=positive_float, default=0.001, help="learning rate of the first batch size (default: %(default)s)")
    add("--warmup", type=positive_float, default=2, metavar="EPOCHS", help="of linear-warmup (default: %(default)s)")
    add("--max-epoch", type=positive_int, default=10, help="default: %(default)s")
    add("--hidden-size", type=positive_int, default=256, help="default: %(default)s")
    add("--seed", type=natural, default=0, help="seed of weights and shuffling")
    add("--reach", type=share, default=0.99, metavar="ACCURACY", help="count the epochs to it (default: %(default)s)")
    add(
        "--at-once",
        type=positive_int,
        default=cores(),
        metavar="K",
        help="runs trained at once (default: the cores, %(default)s)",
    )
    add("--out", type=Path, default=Path("runs/large-batches"), metavar="DIR", help="default: %(default)s")
    return parser.parse_args()


def main() -> int:
    args = parse()
    print("\n".join(f"{name}: {value}" for name, value in environment().items()), flush=True)
    executor = ThreadPoolExecutor(args.at_once)
    tasks = {executor.submit(train, run, args.out / run.name): run for run in runs(args)}
    try:
        for task in as_completed(tasks):
            run, (seconds, epochs) = tasks[task], task.result()
            print(f"{run.name}: {epochs[-1].accuracy:.2%} after epoch {len(epochs)}, {seconds:.0f} s", flush=True)
    finally:  # an interrupt leaves those that have ended
        executor.shutdown(cancel_futures=True)
        ended = [task for task in tasks if not task.cancelled() and task.exception() is None]
        if found := {tasks[task]: task.result()[1] for task in ended}:
            N = len(DateParts(args.data, leak_free=False, reverse=True).x_train)
            print(f"\n{accuracies(found, N, args.reach)}")
    return 0


def runs(args) -> Iterator[Run]:
    """Yield the runs: all rules for each batch size, but for the first, where they are the same, the first of them."""
    same = ["--models", MODEL, "--workers", "1", "--quiet"]
    for name in ("max_epoch", "hidden_size", "seed"):
        same += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
    same += [] if args.data is None else ["--data", str(Path(args.data).resolve())]
    for batch_size in args.batch_sizes:
        for rule in args.rules if batch_size != args.batch_sizes[0] else ["unchanged"]:
            lr = args.lr * RULES[rule](batch_size / args.batch_sizes[0])
            options = ["--batch-size", str(batch_size), "--lr", str(lr)]
            options += ["--warmup", str(args.warmup)] if rule == "linear-warmup" else []
            yield Run(batch_size, rule, lr, (*same, *options))


def train(run: Run, out: Path) -> tuple[float, list[Epoch]]:
    """Train, or go on with, a run; return the seconds that took, and the epochs."""
    out.mkdir(parents=True, exist_ok=True)
    where = "--resume" if state_file(out, MODEL).is_file() else "--out"
    command, started = [sys.executable, str(TRAIN), *run.options, where, str(out.resolve())], time.perf_counter()
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"{run.name}: exit code {done.returncode}: {done.stderr.strip()}")
    with open(out / "history.csv", encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return time.perf_counter() - started, [Epoch(float(r["train_loss"]), float(r["test_accuracy"])) for r in rows]


def accuracies(found: dict[Run, list[Epoch]], N: int, reach: float) -> str:
    """Return the table: test accuracies of every second epoch and the last, the first epoch that reached ``reach``, and
    the last epoch's loss."""
    last = max(map(len, found.values()))
    shown = sorted({*range(2, last + 1, 2), last})
    rows = [["mini-batch", "updates per epoch", "learning rate", "rule"]]
    rows[0] += [*(f"epoch {epoch}" for epoch in shown), f"{100 * reach:g}% in epoch", f"loss, epoch {last}"]
    for run, epochs in found.items():
        reached = next((str(i) for i, epoch in enumerate(epochs, 1) if epoch.accuracy >= reach), "-")
        rows.append([f"{run.batch_size}", f"{max(1, N // run.batch_size)}", f"{run.lr:.2g}", run.rule])
        rows[-1] += [*(f"{epochs[i - 1].accuracy:.2%}" for i in shown), reached, f"{epochs[-1].loss:.4f}"]
    return markdown(rows)


if __name__ == "__main__":
    entry.run(main)
