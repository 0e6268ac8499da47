"""Measure a training step of the date models: ours, the chapter's and PyTorch's, in turn, in one run.

python -m benchmarks.date                                       # everything, one table per model
python -m benchmarks.date --only ours torch --models attention  # a selection
python -m benchmarks.date --models transformer --heads 8        # also how answers gain from kept keys and values
python -m benchmarks.date --scale                               # how time and memory grow with N, T_enc and H
python -m benchmarks.date --until 0.999                         # how long the attention model takes to 99.9%
python -m benchmarks.date --kernels                             # any of these, with each family of OpenBLAS kernels

In each round every contestant takes a turn: it trains on the same mini-batches, the first of them untimed. Threads
that BLAS and OpenMP leave spinning would disturb the next contestant, so each turn begins with a pause; and each round
begins with another contestant. A figure is the median of the rounds, its spread the quartiles. CPU times are those of
all threads of the process, spinning ones included. Only the rows of PyTorch need it: pip install torch==2.13.0
"""

import importlib.util
import json
import time
from pathlib import Path
from typing import Any

from support import entry
from support.blas_kernel import prefer_fast_kernels

if __name__ == "__main__":
    prefer_fast_kernels()

import numpy as np

from benchmarks.contestants import (
    CONTESTANTS,
    LABELS,
    SHARES_PREFIXES,
    WAYS,
    Batch,
    Contestant,
    Job,
    alone,
    make_batches,
    peak_memory,
    race,
    take_turn,
)
from benchmarks.facts import environment
from benchmarks.flops import distinct_prefixes, sgemm_rate, step_flops
from benchmarks.kernels import add_kernels, with_each
from benchmarks.tables import model_table, race_table, scale_table, spread
from experiment.command_line import Parser, natural, positive_int, share
from experiment.date_model import open_data
from experiment.model_options import add_made_of, check_made_of, made_of
from seq2seq import TransformerSeq2seq
from support.atomic_file import replacing

SCALE = {"N": (32, 128, 1024), "T_enc": (16, 64, 256), "H": (64, 256, 1024)}
ONE_BY_ONE = 100  # questions that the chapter's loop answers; its time for all is extrapolated
MODEL = "attention"  # the model of --scale and --until


def parse():
    parser = Parser(description=__doc__)
    parser.add_training()
    add_made_of(parser)
    parser.set_defaults(cell_state=False)
    parser.add_argument(
        "--only", nargs="+", choices=list(CONTESTANTS), metavar="CONTESTANT", help=f"some of {', '.join(CONTESTANTS)}"
    )
    parser.add_argument("--compiled", action="store_true", help="also measure torch.compile")
    parser.add_argument(
        "--scale", action="store_true", help="measure only how the attention model's time and memory grow"
    )
    add_kernels(parser)
    parser.add_argument(
        "--until", type=share, metavar="ACCURACY", help="measure only how long the attention model takes to reach it"
    )
    parser.add_argument(
        "--rounds", type=positive_int, default=9, help="turns of each contestant; quote figures of at least 7"
    )
    parser.add_argument("--steps", type=positive_int, default=5, help="timed steps per turn")
    parser.add_argument("--pause-ms", type=natural, default=200, help="pause before each turn")
    parser.add_workers("threads of each contestant")
    parser.add_argument("--seed", type=natural, default=0, help="seed of weights and mini-batches")
    parser.add_argument("--questions", type=positive_int, default=5000, help="test questions to answer")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all results to this file")
    args = parser.parse_args()
    check_made_of(parser, args)
    if args.json and (args.json.is_dir() or not args.json.resolve().parent.is_dir()):
        parser.error(f"--json {args.json}: expected a file in a folder that exists")
    return args


def main() -> int:
    args = parse()
    if args.kernels:
        return with_each("benchmarks.date", args.json)
    data = open_data(args.data)
    (x_train, t_train), (x_test, t_test) = data.split()
    train, test = (x_train[:, ::-1], t_train), (x_test[: args.questions, ::-1], t_test)
    keys = choose(args)
    facts = environment() | {"threads of each contestant": args.workers}
    report: dict[str, Any] = {"environment": facts, "arguments": {key: str(value) for key, value in vars(args).items()}}
    print("\n".join(f"{name}: {value}" for name, value in facts.items()))
    if args.rounds < 7 and not (args.until or args.scale):
        print("fewer than 7 rounds: not figures to quote")
    if args.until:
        job = make_job(args, MODEL, len(data.vocabulary), args.hidden_size)
        racers = [key for key in keys if key in ("ours", "torch")]
        report["race"] = {key: race(key, job, train, test, args.batch_size, args.until) for key in racers}
        print(f"\n{race_table(report['race'], args.until)}")
    elif args.scale:
        report["scale"] = scale(args, [key for key in keys if key in ("ours", "torch")], train, len(data.vocabulary))
        print(f"\n{scale_table(report['scale'])}")
    else:
        report["models"] = {}
        for name in args.models:
            job = make_job(args, name, len(data.vocabulary), args.hidden_size)
            report["models"][name] = measured = measure(args, job, that_know(job, keys), train, test)
            print(f"\n{model_table(measured)}")
    if args.json:
        with replacing(args.json) as file:
            file.write((json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode())
    return 0


def choose(args) -> list[str]:
    """Return the contestants that were asked for and can run here. Raises ValueError if none can."""
    keys = [key for key in CONTESTANTS if (key in args.only if args.only else key != "compiled")]
    if args.compiled and "compiled" not in keys:
        keys.append("compiled")
    if args.workers == 1 and "ours" in keys and "one" in keys:
        keys.remove("one")
    if importlib.util.find_spec("torch") is None and {"torch", "compiled"} & set(keys):
        print("PyTorch is not installed, so it is left out; to compare with it: pip install torch==2.13.0")
        keys = [key for key in keys if key not in ("torch", "compiled")]
    if (args.scale and not {"ours", "torch"} & set(keys)) or not keys:
        raise ValueError("no contestant is left to measure")
    return keys


def that_know(job: Job, keys: list[str]) -> list[str]:
    """Return the contestants that know the model; say which ones are left out."""
    known = [key for key in keys if CONTESTANTS[key].knows(job)]
    if left_out := [LABELS[key] for key in keys if key not in known]:
        print(f"{job.model}: without {', '.join(left_out)}, where there is no such model")
    if not known:
        raise ValueError(f"{job.model}: no contestant is left to measure")
    return known


def make_job(args, model: str, V: int, H: int) -> Job:
    (D, _), options = made_of(model, args)
    return Job(model, V, D, H, args.lr, args.max_grad, args.workers, args.seed, options)


def warm_up(key: str, job: Job, batches: list[Batch]) -> tuple[Contestant, float] | None:
    """Return a contestant after its first steps, and its first loss; None when torch.compile fails."""
    try:
        contestant = CONTESTANTS[key](job)
        return contestant, take_turn(contestant, batches)[0][0]
    except RuntimeError as error:
        if key != "compiled":
            raise
        print(f"torch.compile failed, so it is left out: {str(error).strip().splitlines()[0]}")
        return None


def measure(args, job: Job, keys: list[str], train: Batch, test: Batch) -> dict:
    """Measure everything that the benchmark says about one model."""
    turn = 1 + args.steps
    batches = make_batches(train, args.batch_size, 2 + max(2, args.rounds * turn), args.seed)
    ready = {key: found for key in keys if (found := warm_up(key, job, batches[:2]))}
    contestants = {key: contestant for key, (contestant, _) in ready.items()}
    keys, rates = list(contestants), []
    phases: dict[str, list[dict[str, float]]] = {key: [] for key in keys}
    cpu: dict[str, list[float]] = {key: [] for key in keys}
    for i in range(args.rounds):
        time.sleep(args.pause_ms / 1000)
        rates.append(sgemm_rate(job.threads))
        for key in keys[i % len(keys) :] + keys[: i % len(keys)]:
            time.sleep(args.pause_ms / 1000)
            results = take_turn(contestants[key], batches[2 + i * turn :][:turn])[1:]
            mean = {phase: float(np.mean([laps[phase] for _, laps in results])) for phase in results[0][1]}
            phases[key].append({phase: 1000 * seconds for phase, seconds in mean.items()})
            cpu[key].append(1000 * float(np.mean([laps.cpu for _, laps in results])))
    ms = {key: np.array([sum(phase.values()) for phase in phases[key]]) for key in keys}

    floor = floor_of(job, batches, float(np.median(rates)))
    rows = {}
    for key in keys:
        row = {
            "label": LABELS[key],
            "ms": spread(ms[key]),
            "cpu_ms": spread(cpu[key]),
            "rounds_ms": ms[key].tolist(),
            "cpu_rounds_ms": cpu[key],
            "steps_per_second": 1000 / float(np.median(ms[key])),
            "phases_ms": {phase: float(np.median([p[phase] for p in phases[key]])) for phase in phases[key][0]},
        }
        if "ours" in keys:
            row["ours_over_it"] = spread(ms["ours"] / ms[key])
            row["cpu_ours_over_it"] = spread(np.divide(cpu["ours"], cpu[key]))
        row["floor_ms"] = floor["shared_ms" if key in SHARES_PREFIXES else "dense_ms"]
        row["floor_reached"] = row["floor_ms"] / row["ms"]["median"]
        row["first_loss"] = ready[key][1]
        row["memory_mb"] = alone(key, job, batches[:4])["memory_mb"]
        rows[key] = row
    evaluation = evaluate(args, contestants, test)
    sizes = {"N": args.batch_size, "T_enc": train[0].shape[1], "T_dec": train[1].shape[1] - 1}
    sizes |= {"V": job.V, "D": job.D, "H": job.H}
    return {"model": job.model, "sizes": sizes, "contestants": rows, "floor": floor, "evaluation": evaluation} | {
        "memory_mb_of_this_process": peak_memory()
    }


def floor_of(job: Job, batches: list[Batch], rate: float) -> dict[str, float]:
    """Return the least time that the products of a step take at the measured rate (operations per second)."""
    (N, T_enc), T_dec = batches[0][0].shape, batches[0][1].shape[1] - 1
    model, rows = job.build(), float(N * T_enc)
    if getattr(model.encoder, "shares_prefixes", False):
        rows = float(np.mean([distinct_prefixes(x).sum() for x, _ in batches]))
    dense = step_flops(model, N, T_enc, T_dec)
    shared = step_flops(model, N, T_enc, T_dec, encoder_rows=rows, peeks=N)
    return {
        "sgemm_gflops": rate / 1e9,
        "distinct_rows": rows / (N * T_enc),
        "dense_gflop": dense / 1e9,
        "shared_gflop": shared / 1e9,
        "dense_ms": 1000 * dense / rate,
        "shared_ms": 1000 * shared / rate,
    }


def evaluate(args, contestants: dict[str, Contestant], test: Batch) -> dict[str, dict]:
    """Measure the wall and CPU seconds to answer the test questions, in turn, and how many answers are as ours.

    The chapter's way answers a few of them, one by one; the others answer in batches, ours in several ``WAYS``.
    """
    xs, ts = test
    askers = {key: key for key in contestants if key in ("ours", "one", "torch", "chapter")}
    if "ours" in contestants:
        keeps = isinstance(contestants["ours"].model, TransformerSeq2seq)
        askers |= {way: "ours" for way in WAYS if way == "beam" or keeps}
    seconds: dict[str, list[np.ndarray]] = {key: [] for key in askers}
    ids = {}
    few = xs[:ONE_BY_ONE]
    for _ in range(min(args.rounds, 3)):
        for key, asker in askers.items():
            asked = few if key == "chapter" else xs
            time.sleep(args.pause_ms / 1000)
            task = np.ascontiguousarray(asked), int(ts[0, 0]), ts.shape[1] - 1
            laps, ids[key] = contestants[asker].evaluate(*task, None if key == asker else key)
            seconds[key].append(np.array([laps["answers"], laps.cpu]) * len(xs) / len(asked))
    found = {}
    for key, each in seconds.items():
        wall, cpu = np.median(each, axis=0).tolist()
        found[key] = {"questions": len(xs), "seconds": wall, "cpu_seconds": cpu}
        if "ours" in ids:
            found[key]["as_ours"] = float((ids[key] == ids["ours"][: len(ids[key])]).all(axis=1).mean())
    return found


def scale(args, keys: list[str], train: Batch, V: int) -> list[dict]:
    """Measure time and memory of the attention model, one size varied at a time, each in a process of its own."""
    default = {"N": args.batch_size, "T_enc": train[0].shape[1], "H": args.hidden_size}
    varied = [(axis, default | {axis: value}) for axis, values in SCALE.items() for value in values]
    rows = []
    for axis, sizes in [("default", default)] + [(axis, sizes) for axis, sizes in varied if sizes != default]:
        batches = make_batches(train, sizes["N"], 2 + args.rounds, args.seed)
        if sizes["T_enc"] != default["T_enc"]:
            rng = np.random.default_rng(args.seed)
            batches = [(rng.integers(V, size=(sizes["N"], sizes["T_enc"])), t) for _, t in batches]
        distinct = np.mean([distinct_prefixes(x).sum() / x.size for x, _ in batches])
        job = make_job(args, MODEL, V, sizes["H"])
        found = {key: alone(key, job, batches) for key in keys}
        rows.append({"varied": axis, **sizes, "distinct_rows": float(distinct), "contestants": found})
    return rows


if __name__ == "__main__":
    entry.run(main)
