"""Runs side by side, epoch by epoch: each measure as a table in Markdown, the mean of the runs that differ by seed.

python -m benchmarks.by_epoch runs/scores/dot-* runs/scores/additive-*
python -m benchmarks.by_epoch runs/book/* --costs 0.999     # parameters, seconds per epoch, epochs to 99.9%

Folders of train_date.py whose names differ after the last hyphen alone, such as dot-0 and dot-1, are the seeds of one
column. A cell is their mean, with the lowest and the highest; empty until all of them have come so far.
"""

from pathlib import Path

from support import entry

# isort: split

import numpy as np

from benchmarks.tables import markdown
from common.columns import Column
from common.layer import named_params
from experiment.command_line import Parser, share
from experiment.date_training import ACCURACY
from experiment.history import read_history
from seq2seq import load_model
from seq2seq.map_measures import COLUMNS as MAP_COLUMNS

History = list[dict]


def grouped(folders: list[Path]) -> dict[str, dict[Path, History]]:
    """Return the histories of the runs, and of each model if runs have several, by the names of their columns.

    Each stands beside the file of its model.
    """
    found: dict[str, dict[Path, History]] = {}
    for folder in folders:
        rows = read_history(folder / "history.csv")
        models = list(dict.fromkeys(row["model"] for row in rows))
        for model in models:
            name = folder.name.rpartition("-")[0] or folder.name
            name += f" {model}" if len(models) > 1 else ""
            of_model = [row for row in rows if row["model"] == model]
            found.setdefault(name, {})[folder / f"{model}.npz"] = of_model
    return found


def costs(groups: dict[str, dict[Path, History]], accuracy: float) -> list[list[str]]:
    """Return the rows of a table: what each group takes to reach the accuracy, seed by seed; "-": it does not."""
    to = f"epochs to {100 * accuracy:g}%"
    rows = [["", "parameters", "seconds per epoch", to, "after the last epoch"]]
    for name, runs in groups.items():
        size = sum(p.size for p in named_params(load_model(next(iter(runs)))[0]).values())
        seconds = np.median([row["seconds"] for run in runs.values() for row in run])
        reached = [[row["epoch"] for row in run if row[ACCURACY.csv] >= accuracy] for run in runs.values()]
        first = ", ".join(f"{min(epochs):.0f}" if epochs else "-" for epochs in reached)
        last = ", ".join(ACCURACY.cell(run[-1][ACCURACY.csv]) for run in runs.values())
        rows.append([name, f"{size:,}", f"{seconds:.1f}", first, last])
    return rows


def by_epoch(column: Column, groups: dict[str, list[History]]) -> list[list[str]]:
    """Return the rows of a table: the epochs, then one column per group."""
    rows = [["epoch", *(f"{name} ({len(runs)})" for name, runs in groups.items())]]
    for epoch in range(1, 1 + max(len(run) for runs in groups.values() for run in runs)):
        cells = []
        for runs in groups.values():
            values = [run[epoch - 1].get(column.csv) for run in runs if len(run) >= epoch]
            there = [value for value in values if value is not None]
            cells.append(cell(column, there) if len(there) == len(runs) else "")
        rows.append([str(epoch), *cells])
    return rows


def cell(column: Column, values: list[float]) -> str:
    mean = column.cell(sum(values) / len(values))
    return f"{mean} ({column.cell(min(values))} to {column.cell(max(values))})" if len(values) > 1 else mean


def main() -> int:
    parser = Parser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="DIR", help="folders of train_date.py, NAME-SEED")
    parser.add_argument("--costs", type=share, metavar="ACCURACY", help="print only what it takes to reach it")
    args = parser.parse_args()
    found = grouped(args.runs)
    if args.costs:
        print(markdown(costs(found, args.costs)))
        return 0
    groups = {name: list(runs.values()) for name, runs in found.items()}
    for column in (ACCURACY, *(column for column in MAP_COLUMNS if column.heading)):
        print(f"{column.heading} (in brackets: seeds; the lowest and the highest)\n")
        print(markdown(by_epoch(column, groups)), end="\n\n")
    return 0


if __name__ == "__main__":
    entry.run(main)
