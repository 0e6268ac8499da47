"""Measure whole main jobs in turn: scripts/train_date.py, that of another checkout, and the same job in PyTorch.

python -m benchmarks.main_job                             # ours alone, two epochs of each model
python -m benchmarks.main_job --beside DIR --torch        # and another checkout of this project, and PyTorch
python -m benchmarks.main_job --ours="--jobs 2" --ours="--jobs 3" --max-epoch 10 --rounds 1
python -m benchmarks.main_job --beside DIR --kernels      # with each family of OpenBLAS kernels

Every job is a process of its own, with a folder of its own. A round runs each once, and begins with another one; ratios
are those of a round, then their median and quartiles. CPU times are of all processes of a job. So is the memory: PSS,
summed over the processes, sampled while they run. Only the job in PyTorch needs PyTorch: pip install torch==2.13.0
"""

import csv
import importlib.util
import json
import os
import shlex
import sys
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from support import entry

# isort: split

import numpy as np

from benchmarks.contestants import BOOKS_MODELS
from benchmarks.facts import environment
from benchmarks.kernels import add_kernels, with_each
from benchmarks.processes import PERIOD, python_of, watch
from benchmarks.tables import number, ratio, spread, table
from experiment.command_line import Parser, natural, positive_int
from support.atomic_file import replacing

ROOT = Path(__file__).resolve().parents[1]
TRAIN = Path("scripts", "train_date.py")
MAP = "attention.png"  # the picture that a newcomer waits for, in the folder of the run
TRAINING = "models", "batch_size", "wordvec_size", "hidden_size", "max_grad", "lr", "max_epoch", "seed"


def parse():
    parser = Parser(description=__doc__)
    parser.add_training()
    parser.add_argument("--max-epoch", type=positive_int, default=2)
    parser.add_argument("--seed", type=natural, default=0, help="seed of weights and shuffling")
    parser.add_argument("--rounds", type=positive_int, default=3, help="runs of each job (default %(default)s)")
    parser.add_argument(
        "--ours",
        action="append",
        metavar="OPTIONS",
        help='more options of our train_date.py, as in --ours="--jobs 2"; each of several is a job',
    )
    parser.add_argument("--beside", type=Path, metavar="DIR", help="another checkout of this project, run in turn")
    parser.add_argument("--torch", action="store_true", help="run the same job in PyTorch in turn")
    parser.add_argument("--pause", type=natural, default=5, metavar="S", help="seconds before each job")
    add_kernels(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all results to this file")
    args = parser.parse_args()
    if args.json and (args.json.is_dir() or not args.json.resolve().parent.is_dir()):
        parser.error(f"--json {args.json}: expected a file in a folder that exists")
    if args.data is not None and not Path(args.data).is_file():
        parser.error(f"--data {args.data}: no such data file")
    if args.beside is not None and not (args.beside / TRAIN).is_file():
        parser.error(f"--beside {args.beside}: expected a checkout of this project, with {TRAIN}")
    if args.torch and (unknown := [name for name in args.models if name not in BOOKS_MODELS]):
        parser.error(f"--torch: PyTorch's twin knows {', '.join(BOOKS_MODELS)}, not {', '.join(unknown)}")
    if args.torch and importlib.util.find_spec("torch") is None:
        parser.error("--torch: PyTorch is not installed; to compare with it: pip install torch==2.13.0")
    return args


def main() -> int:
    args = parse()
    if args.kernels:
        return with_each("benchmarks.main_job", args.json)
    facts = environment()
    print("\n".join(f"{name}: {value}" for name, value in facts.items()))
    found: dict[str, list[dict]] = {label: [] for label in jobs(args)}
    for i in range(args.rounds):
        order = list(jobs(args).items())
        for label, (command, checkout) in order[i % len(order) :] + order[: i % len(order)]:
            time.sleep(args.pause)
            found[label].append(run(command, checkout))
            row = found[label][-1]
            print(f"round {i + 1}, {label}: {row['seconds']:.1f} s, CPU {number(row['cpu_seconds'])} s", flush=True)
    print(f"\n{job_table(found)}\nMB: PSS of all processes, sampled every {PERIOD} s; first map: {MAP}, - for none")
    if args.json:
        with replacing(args.json) as file:
            report = {"environment": facts, "arguments": {key: str(value) for key, value in vars(args).items()}}
            file.write((json.dumps(report | {"jobs": found}, indent=1, ensure_ascii=False) + "\n").encode())
    return 0


def jobs(args) -> dict[str, tuple[list[str], Path]]:
    """Return the command of each job, without its folder, and the checkout that it runs in."""
    options = [] if args.data is None else ["--data", str(Path(args.data).resolve())]
    for name in TRAINING:
        value = getattr(args, name)
        options += [f"--{name.replace('_', '-')}", *map(str, value if isinstance(value, list) else [value])]
    found = {}
    for extra in args.ours or [""]:
        found[f"ours {extra}".strip()] = [sys.executable, str(ROOT / TRAIN), *options, *shlex.split(extra)], ROOT
    if args.beside is not None:
        other = args.beside.resolve()
        found[f"beside, {other.name}"] = [python_of(other) or sys.executable, str(other / TRAIN), *options], other
    if args.torch:
        found["PyTorch"] = [sys.executable, "-m", "benchmarks.torch_job", *options], ROOT
    return found


def run(command: list[str], checkout: Path) -> dict:
    """Run a job in a temporary folder; return what ``watch`` measured, and each model's accuracy at the end."""
    with TemporaryDirectory() as folder:
        out = Path(folder, "run")
        env = os.environ | {"PYTHONPATH": str(checkout)}
        measured = watch([*command, "--out", str(out)], Path(folder), env, out / MAP)
        with open(out / "history.csv", encoding="utf-8", newline="") as file:
            accuracy = {row["model"]: float(row["test_accuracy"]) for row in csv.DictReader(file)}  # the last epoch's
    return asdict(measured) | {"accuracy": accuracy}


def job_table(found: dict[str, list[dict]]) -> str:
    header = "job, ours/it, quartiles, CPU ours/it, quartiles, s, CPU s, MB, first map s, accuracy after the last epoch"
    lines = [header.split(", ")]
    ours = next(iter(found.values()))
    for label, rounds in found.items():
        lines.append([label])
        for unit in ("seconds", "cpu_seconds"):
            pairs = [(mine[unit], row[unit]) for mine, row in zip(ours, rounds, strict=True)]
            known = all(a is not None and b is not None for a, b in pairs)
            lines[-1] += ratio(spread([a / b for a, b in pairs]) if known else None)
        for unit, digits in (("seconds", 1), ("cpu_seconds", 1), ("peak_mb", 0), ("appeared", 1)):
            values = [row[unit] for row in rounds]
            middle = None if None in values else float(np.max(values) if unit == "peak_mb" else np.median(values))
            lines[-1].append("not known" if middle is None and unit != "appeared" else number(middle, digits))
        lines[-1].append(" ".join(f"{name} {accuracy:.2%}" for name, accuracy in rounds[-1]["accuracy"].items()))
    return table(lines)


if __name__ == "__main__":
    entry.run(main)
