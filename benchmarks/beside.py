"""Measure a training step and the answers to the test questions beside another checkout of this project, in turn.

python -m benchmarks.beside DIR                                   # all models, with one worker and with all cores
python -m benchmarks.beside DIR --models attention --workers 1    # a selection
python -m benchmarks.beside DIR --kernels                         # with each family of OpenBLAS kernels

Each checkout runs in a process of its own, its own .venv if it has one, with one BLAS thread per worker. They take
turns on the same mini-batches from the same weights: whole steps of the Trainer, guard, clipping and Adam included, the
first of each turn untimed. Losses agree to rounding, or the two do not compute the same.
"""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from support import entry
from support.blas_kernel import prefer_fast_kernels

if __name__ == "__main__":
    prefer_fast_kernels()

import numpy as np

from benchmarks.contestants import make_batches
from benchmarks.facts import environment
from benchmarks.kernels import add_kernels, with_each
from benchmarks.processes import python_of
from benchmarks.tables import number, ratio, spread, table
from common.layer import named_params
from experiment.command_line import Parser, cores, natural, positive_int, workers
from experiment.date_parts import DateParts
from seq2seq import load_model
from seq2seq.model_file import MODELS

ROOT = Path(__file__).resolve().parents[1]
DRIVER = Path(__file__).with_name("beside_driver.py")
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def parse():
    parser = Parser(description=__doc__)
    parser.add_argument("beside", type=Path, metavar="DIR", help="another checkout of this project")
    parser.add_training()
    parser.add_argument("--rounds", type=positive_int, default=9, help="turns of each (default %(default)s)")
    parser.add_argument("--steps", type=positive_int, default=5, help="timed steps per turn (default %(default)s)")
    parser.add_argument("--workers", type=workers, nargs="+", default=sorted({1, cores()}), help="one table row each")
    parser.add_argument("--seed", type=natural, default=0, help="seed of weights and mini-batches")
    parser.add_argument("--questions", type=positive_int, default=5000, help="test questions to answer")
    add_kernels(parser)
    help = "a model file of train_date.py, with whose weights the questions are answered (default: large random ones)"
    parser.add_argument("--weights", type=Path, metavar="FILE", help=help)
    args = parser.parse_args()
    if not (args.beside / "seq2seq" / "model_file.py").is_file():
        parser.error(f"{args.beside}: expected a checkout of this project, with seq2seq/model_file.py")
    if args.weights is not None and len(args.models) > 1:
        parser.error("--weights is of one model: name it with --models")
    return args


class Side:
    """A checkout that runs the driver; ``ask`` a command and get its answer. Used in a ``with`` statement."""

    def __init__(self, checkout: Path, facts: dict):
        python, code = python_of(checkout) or sys.executable, DRIVER.read_text(encoding="utf-8")
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self.checkout = checkout
        self.process = subprocess.Popen(  # -c puts the current folder, the checkout, first on sys.path
            [python, "-c", code, json.dumps(facts)],
            cwd=checkout,
            env=env | ONE_THREAD,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.facts = self._answer()

    def __enter__(self) -> "Side":
        return self

    def __exit__(self, *exception) -> None:
        self.process.communicate()  # closes its input, which ends it

    def ask(self, command: str) -> dict:
        print(command, file=self.process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict:
        assert self.process.stdout is not None
        if not (line := self.process.stdout.readline()):
            raise ValueError(f"{self.checkout}: the benchmark ended there with exit code {self.process.wait()}")
        return json.loads(line)


def main() -> int:
    args = parse()
    if args.kernels:
        return with_each("benchmarks.beside")
    print("\n".join(f"{name}: {value}" for name, value in environment().items()))
    parts = DateParts(args.data)
    header = "what, CPU ours/it, quartiles, ours/it, quartiles, CPU ms ours, CPU ms it, ms ours, ms it"
    lines, said = [header.split(", ")], []
    for name in args.models:
        for count in args.workers:
            with TemporaryDirectory() as folder, ExitStack() as stack:
                facts = prepare(args, parts, name, count, Path(folder))
                sides = [stack.enter_context(Side(path, facts)) for path in (ROOT, args.beside.resolve())]
                trained = in_turn(sides, [f"train {i}" for i in range(args.rounds)])
                answered = in_turn(sides, ["answer"] * (1 + min(args.rounds, 5)))[1:]  # the first one warms up
            what = f"{name}, {count} worker{'s' * (count > 1)}"
            lines += [cells(f"step, {what}", trained), cells(f"answers, {what}", answered)]
            losses = np.array([[side["losses"] for side in pair] for pair in trained])
            ours, theirs = (np.array(side["ids"]) for side in answered[-1])
            differing = int((ours != theirs).any(axis=1).sum())
            apart = float(np.abs(losses[:, 0] / losses[:, 1] - 1).max())
            said.append(
                f"{what}: losses of {losses[:, 0].size} steps differ by at most {apart:.1e} of their value; "
                f"{differing or 'none'} of {len(ours)} answers differ"
            )
    print(" beside ".join(f"Python {side.facts['python']}, numpy {side.facts['numpy']}" for side in sides))
    print("\n".join(["", table(lines), *said]))
    return 0


def prepare(args, parts: DateParts, name: str, count: int, folder: Path) -> dict:
    """Write the arrays that both sides read into the folder; return the facts that they are started with."""
    sizes = len(parts.vocabulary), args.wordvec_size, args.hidden_size
    rng = np.random.default_rng(args.seed)
    training = MODELS[name](*sizes, rng=rng)
    if args.weights is not None:
        answering, _ = load_model(args.weights)
    else:
        answering = MODELS[name](*sizes, rng=rng)
        for p in answering.params:
            p[...] = rng.normal(scale=0.2, size=p.shape)  # with small ones all answers would be the same
    turn = 1 + args.steps
    batches = make_batches((parts.x_train, parts.t_train), args.batch_size, args.rounds * turn, args.seed)
    arrays = {f"training/{path}": p for path, p in named_params(training).items()}
    arrays |= {f"answering/{path}": p for path, p in named_params(answering).items()}
    for i, kind in enumerate("xt"):
        rows = np.concatenate([batch[i] for batch in batches])
        arrays[kind] = rows.reshape(args.rounds, turn * args.batch_size, -1)
    arrays["questions"] = np.ascontiguousarray(parts.x_test[: args.questions])
    np.savez(folder / "arrays.npz", allow_pickle=False, **arrays)
    given = {"lr": args.lr, "max_grad": args.max_grad, "N": args.batch_size, "sizes": sizes, "workers": count}
    given |= {"model": name, "arrays": str(folder / "arrays.npz"), "start_id": parts.start_id, "T_dec": parts.T_dec}
    return given


def in_turn(sides: list[Side], commands: list[str]) -> list[list[dict]]:
    """Ask each command of both sides, the other one first in every other round; the answers of ours come first."""
    found = []
    for i, command in enumerate(commands):
        turns = {side: side.ask(command) for side in (sides if i % 2 else sides[::-1])}
        found.append([turns[side] for side in sides])
    return found


def cells(what: str, rounds: list[list[dict]]) -> list[str]:
    """Return one row of the table: the ratios of the rounds, then the medians."""
    cpu, wall = (np.array([[side[unit] for side in pair] for pair in rounds]) for unit in ("cpu_seconds", "seconds"))
    medians = [*np.median(cpu, axis=0), *np.median(wall, axis=0)]
    ratios = [cell for each in (cpu, wall) for cell in ratio(spread(each[:, 0] / each[:, 1]))]
    return [what, *ratios, *(number(1000 * seconds) for seconds in medians)]


if __name__ == "__main__":
    entry.run(main)
