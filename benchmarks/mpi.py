"""Measure training on the ranks of MPI jobs, which this command starts, and say what more of them would take.

python -m benchmarks.mpi                                   # mpiexec of this Python's environment
python -m benchmarks.mpi --mpiexec ".venv/bin/mpiexec -hosts a,b -ppn 1" --ranks 1 2    # on two machines
python -m benchmarks.mpi --quick                           # tiny sizes: whether it works, no figures to quote

Prints, as tables of Markdown: training steps of ranks beside worker threads; the time of Allreduce; the bytes that a
step sends; and, from a rank's own work and a model of the links (``benchmarks/mpi_model.py``), the time of a step on
more ranks. Measurements take turns, each in a job of its own. Ranks that wait are busy, so jobs with more ranks than
cores tell nothing about machines of their own: they are marked as oversubscribed, and no fit or model uses them.
"""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from support import entry
from support.blas_kernel import prefer_fast_kernels
from support.install import MPI as INSTALL

if __name__ == "__main__":
    prefer_fast_kernels()

from benchmarks.beside import ONE_THREAD
from benchmarks.facts import environment
from benchmarks.mpi_driver import ANSWER
from benchmarks.mpi_tables import bytes_table, collectives_table, model_table, pays_table, steps_table
from experiment.command_line import Parser, cores, positive_int, workers

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Plan:
    """What is measured. batches: ranks to look at, by batch size; texts: mini-batch, words, longest text, by model."""

    rounds: int = 7
    steps: int = 5
    model: str = "attention"
    sizes: tuple[int, int] = (16, 256)
    N: int = 128
    batches: dict[int, list[int]] = field(
        default_factory=lambda: (
            {n: [1, 2] for n in (8, 16, 32, 64, 256, 512, 1024)} | {n: [2**i for i in range(7)] for n in (128, 2048)}
        )
    )
    buffers: list[int] = field(default_factory=lambda: [4, *(2**i for i in (10, 14, 18, 20, 22, 24, 26, 28))])
    repeats: int = 200
    most_bytes: int = 2**31
    texts: dict[str, tuple[int, int, int]] = field(
        default_factory=lambda: {"gru": (32, 25_000, 200), "seqself": (256, 196_253, 30)}
    )

    def dates(self, N: int) -> dict:
        """Return what a job is told about the date model and mini-batches of N rows."""
        return {"model": self.model, "sizes": self.sizes, "N": N, "steps": self.steps, "max_grad": 5.0}


QUICK = Plan(
    *(1, 2, "attention", (3, 4), 8),
    {4: [1, 2], 8: [1, 2, 4]},
    *([2**8, 2**12, 2**22], 5, 2**24, {"seqself": (4, 1000, 6)}),
)


def parse():
    parser = Parser(description=__doc__)
    beside = Path(sys.executable).parent / "mpiexec"
    default = str(beside) if beside.is_file() else "mpiexec"
    command = "the launcher and its options, without the number of ranks (default: %(default)s)"
    parser.add_argument("--mpiexec", type=shlex.split, default=shlex.quote(default), metavar="COMMAND", help=command)
    parser.add_argument(
        "--ranks", type=positive_int, nargs="+", default=[1, 2, 4], help="one table row each (default: 1 2 4)"
    )
    parser.add_argument("--workers", type=workers, default=1, help="threads of each rank (default %(default)s)")
    parser.add_argument("--rounds", type=positive_int, help=f"turns of each measurement (default {Plan.rounds})")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, which say nothing about speed")
    return parser.parse_args()


class Jobs:
    """Starts jobs of ``benchmarks.mpi_driver`` and returns what their first rank says."""

    def __init__(self, mpiexec: list[str]):
        self.mpiexec, self.library = mpiexec, ""

    def run(self, ranks: int | None, **job) -> dict:
        """Run a job on ranks, or in one process without MPI. Raises ValueError, with what it printed, if it fails."""
        job |= {"mpi": ranks is not None}
        start = [*self.mpiexec, "-n", str(ranks)] if ranks else []
        python = [sys.executable, *(["-m", "mpi4py"] if ranks else []), "-m", "benchmarks.mpi_driver", json.dumps(job)]
        env = os.environ | ONE_THREAD
        try:
            done = subprocess.run([*start, *python], cwd=ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True)
        except FileNotFoundError as error:
            install = f"to install an MPI: {INSTALL}; or say with --mpiexec where one is"
            raise ValueError(f"{error.filename}: no such command; {install}") from error
        said = done.stdout.decode(errors="replace").splitlines()
        answer = next((line.removeprefix(ANSWER) for line in said if line.startswith(ANSWER)), None)
        if done.returncode or answer is None:
            end = "\n".join([*said, *done.stderr.decode(errors="replace").splitlines()][-5:])
            what = f"{' '.join(start[:-2]) or 'a process'}, {ranks or 1} ranks: exit code {done.returncode}"
            raise ValueError(f"{what}: {end}")
        found = json.loads(answer)
        first_line = found.get("library", self.library).split("\0")[0].partition("\n")[0]
        self.library = " ".join(first_line.partition(",")[0].split())
        return found


def main() -> int:
    args = parse()
    plan = QUICK if args.quick else Plan()
    plan = replace(plan, rounds=args.rounds or plan.rounds)
    several = [ranks for ranks in args.ranks if ranks > 1]
    jobs, sizes = Jobs(args.mpiexec), {"buffers": plan.buffers, "repeats": plan.repeats, "most_bytes": plan.most_bytes}
    print("\n".join(f"{name}: {value}" for name, value in environment().items()))
    steps = measure_steps(args, plan, jobs)
    print(f"{jobs.library}, started by {shlex.join(args.mpiexec)}")
    if plan.rounds < 7 or args.quick:
        print("fewer than 7 rounds, or tiny sizes: not figures to quote")
    print(f"\n### Steps of ranks and of worker threads\n\n{steps_table(steps)}\n")
    if not several:
        return 0
    links, table = collectives_table({ranks: jobs.run(ranks, task="collectives", **sizes) for ranks in several})
    print(f"### Allreduce\n\n{table}\n")
    sent = measure_bytes(args, plan, jobs)
    print(f"### Bytes of a step\n\n{bytes_table(sent, links)}\n")
    own = {size: own_work(args, plan, jobs, size, ranks) for size, ranks in plan.batches.items()}
    of_step = sent[plan.model]["bytes"], sent[plan.model]["messages"]
    print("### More ranks\n")
    for N in (N for N, ranks in plan.batches.items() if len(ranks) > 2):
        print(f"{model_table(N, own[N], *of_step, links, steps if N == plan.N else {})}\n")
    print(f"### From which batch size a second rank pays\n\n{pays_table(own, *of_step, links)}")
    return 0


def measure_steps(args, plan: Plan, jobs: Jobs) -> dict[tuple[str, int], list[dict]]:
    """Return what each round found, by ("threads" or "ranks", how many)."""
    job = plan.dates(plan.N) | {"task": "train"}
    turns: dict[tuple[str, int], tuple[int | None, int]] = {  # the ranks and workers of a job
        **{("threads", count): (None, count) for count in sorted({1, cores()})},
        **{("ranks", ranks): (ranks, args.workers) for ranks in args.ranks},
    }
    found: dict[tuple[str, int], list[dict]] = {key: [] for key in turns}
    for i in range(plan.rounds):
        for key in [*turns][:: -1 if i % 2 else 1]:
            ranks, count = turns[key]
            found[key].append(jobs.run(ranks, **job, workers=count))
    return found


def measure_bytes(args, plan: Plan, jobs: Jobs) -> dict[str, dict]:
    """Return what one rank of two sends in a step, by the name of the model."""
    of_text = {"task": "train", "steps": 2, "max_grad": None, "workers": args.workers}
    measured = {plan.model: jobs.run(2, **plan.dates(plan.N), task="train", workers=args.workers)}
    for name, (N, words, T) in plan.texts.items():
        for whole in (True, False):
            label = f"{name}, {'whole' if whole else 'rows touched'}"
            measured[label] = jobs.run(2, **of_text, model=name, sizes=[words, T], N=N, whole=whole)
    return {
        label: {
            "bytes": median(found["bytes"]),
            "messages": found["messages"],
            "seconds": median(found["seconds"]),
            "parameters": found["parameters"],
        }
        for label, found in measured.items()
    }


def own_work(args, plan: Plan, jobs: Jobs, N: int, ranks: list[int]) -> dict[int, float]:
    """Return the seconds of the slowest rank's own work in a step, by the number of ranks: the median of all steps."""
    job = plan.dates(N) | {"task": "own work", "of": ranks, "workers": args.workers}
    found = [jobs.run(None, **job) for _ in range(plan.rounds)]
    return {size: median(spent for turn in found for spent in turn[str(size)]) for size in ranks}


if __name__ == "__main__":
    entry.run(main)
