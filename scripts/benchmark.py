"""Measure a training step of the date models: ours, the chapter's way and PyTorch's, in turn, in one run.

python scripts/benchmark.py                                       # all there is, a table a model
python scripts/benchmark.py --only ours torch --models attention  # some of it
python scripts/benchmark.py --scale                               # how time and memory grow with N, T_enc and H

In each round every contestant takes a turn: it trains on the round's mini-batches, the same for all, the first of
them untimed. Threads that BLAS and OpenMP leave spinning would disturb whoever comes next, so there is a pause
before each turn; and who begins moves on from round to round. A figure is the median of the rounds; its spread
are the quartiles. PyTorch is wanted for its rows only: pip install torch==2.13.0
"""

# Call site 1 of 2 for scripts/blas_kernel.py: from blas_kernel import describe_blas, prefer_fast_kernels, and then,
# before numpy is imported: if __name__ == "__main__": prefer_fast_kernels()

import importlib.util
import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from cli import Parser, natural, open_data, positive_float, positive_int, run
from contestants import CONTESTANTS, LABELS, SHARES_PREFIXES, Batch, Contestant, Job, alone, peak_memory, take_turn
from flops import distinct_prefixes, sgemm_rate, step_flops
from threadpoolctl import threadpool_info

from common.checkpoint import replacing
from seq2seq.model_file import MODELS

SCALE = {"N": (32, 128, 1024), "T_enc": (16, 64, 256), "H": (64, 256, 1024)}
ONE_BY_ONE = 100  # questions that the chapter's loop answers, to tell how long it would take for all


def parse():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", metavar="PATH", help="a file in the book's format (default: generated dates)")
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS), metavar="MODEL")
    parser.add_argument(
        "--only", nargs="+", choices=list(CONTESTANTS), metavar="CONTESTANT", help=f"some of {', '.join(CONTESTANTS)}"
    )
    parser.add_argument("--compiled", action="store_true", help="PyTorch's torch.compile too")
    parser.add_argument("--scale", action="store_true", help="only how the attention model's time and memory grow")
    parser.add_argument("--rounds", type=positive_int, default=9, help="at least 7 for a figure to quote")
    parser.add_argument("--steps", type=positive_int, default=5, help="timed steps of a turn")
    parser.add_argument("--pause-ms", type=natural, default=200, help="before each turn")
    parser.add_argument("--workers", type=positive_int, default=os.cpu_count() or 1, help="threads of each contestant")
    parser.add_argument("--batch-size", type=positive_int, default=128)
    parser.add_argument("--wordvec-size", type=positive_int, default=16)
    parser.add_argument("--hidden-size", type=positive_int, default=256)
    parser.add_argument("--max-grad", type=positive_float, default=5.0, help="gradients are clipped to this norm")
    parser.add_argument("--lr", type=positive_float, default=0.001)
    parser.add_argument("--seed", type=natural, default=0, help="of weights and mini-batches")
    parser.add_argument("--questions", type=positive_int, default=5000, help="test questions to answer")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there too")
    args = parser.parse_args()
    args.models = list(dict.fromkeys(args.models))
    if args.json and (args.json.is_dir() or not args.json.resolve().parent.is_dir()):
        parser.error(f"--json {args.json}: a file in a folder that exists wanted")
    return args


def main() -> int:
    args = parse()
    data = open_data(args.data)
    (x_train, t_train), (x_test, t_test) = data.split()
    train, test = (x_train[:, ::-1], t_train), (x_test[: args.questions, ::-1], t_test)
    keys = choose(args)
    facts = environment(args)
    report = {"environment": facts, "arguments": {key: str(value) for key, value in vars(args).items()}}
    print("\n".join(f"{name}: {value}" for name, value in facts.items()))
    if args.scale:
        report["scale"] = scale(args, [key for key in keys if key in ("ours", "torch")], train, len(data.vocabulary))
        print(f"\n{scale_table(report['scale'])}")
    else:
        report["models"] = {}
        for name in args.models:
            job = make_job(args, name, len(data.vocabulary), args.hidden_size)
            report["models"][name] = measured = measure(args, job, keys, train, test)
            print(f"\n{model_table(measured)}")
    if args.json:
        with replacing(args.json) as file:
            file.write((json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode())
    return 0


def choose(args) -> list[str]:
    """The contestants asked for, and possible here. Raises ValueError when there are none."""
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


def environment(args) -> dict[str, str | int]:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    # Call site 2 of 2 for scripts/blas_kernel.py: "BLAS": describe_blas() takes the place of these lines.
    blas = [info for info in threadpool_info() if info["user_api"] == "blas"]
    facts = {
        "CPU": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads of each contestant": args.workers,
        "Python": platform.python_version(),
        "numpy": version("numpy"),
        "BLAS": "; ".join(f"{i['internal_api']} {i['version']}, {i.get('architecture')} kernels" for i in blas),
    }
    if importlib.util.find_spec("torch"):
        facts["torch"] = version("torch")
    return facts


def make_job(args, model: str, V: int, H: int) -> Job:
    return Job(model, V, args.wordvec_size, H, args.lr, args.max_grad, args.workers, args.seed)


def make_batches(data: Batch, N: int, count: int, seed: int) -> list[Batch]:
    """Mini-batches of N rows, drawn as in training; a new shuffle begins when the data is used up."""
    x, t = data
    if N > len(x):
        raise ValueError(f"mini-batches of {N} wanted, but there are {len(x)} questions to train on")
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(len(x)) for _ in range(-(-count * N // len(x)))])
    rows = order[: count * N].reshape(count, N)
    return [(np.ascontiguousarray(x[r]), np.ascontiguousarray(t[r])) for r in rows]


def warm_up(key: str, job: Job, batches: list[Batch]) -> tuple[Contestant, float] | None:
    """A contestant after its first steps, and its first loss; None when torch.compile cannot do it."""
    try:
        contestant = CONTESTANTS[key](job)
        return contestant, take_turn(contestant, batches)[0][0]
    except RuntimeError as error:
        if key != "compiled":
            raise
        print(f"torch.compile failed, so it is left out: {str(error).strip().splitlines()[0]}")
        return None


def measure(args, job: Job, keys: list[str], train: Batch, test: Batch) -> dict:
    """All that the benchmark says about one model."""
    turn = 1 + args.steps
    batches = make_batches(train, args.batch_size, 2 + max(2, args.rounds * turn), args.seed)
    ready = {key: warm_up(key, job, batches[:2]) for key in keys}
    contestants = {key: found[0] for key, found in ready.items() if found}
    keys = list(contestants)
    phases, rates = {key: [] for key in keys}, []
    for i in range(args.rounds):
        time.sleep(args.pause_ms / 1000)
        rates.append(sgemm_rate(job.threads))
        for key in keys[i % len(keys) :] + keys[: i % len(keys)]:
            time.sleep(args.pause_ms / 1000)
            results = take_turn(contestants[key], batches[2 + i * turn :][:turn])[1:]
            phases[key].append({phase: 1000 * np.mean([laps[phase] for _, laps in results]) for phase in results[0][1]})
    ms = {key: np.array([sum(phase.values()) for phase in phases[key]]) for key in keys}

    floor = floor_of(job, batches, float(np.median(rates)))
    rows = {}
    for key in keys:
        row = {
            "label": LABELS[key],
            "ms": spread(ms[key]),
            "rounds_ms": ms[key].tolist(),
            "steps_per_second": 1000 / float(np.median(ms[key])),
            "phases_ms": {phase: float(np.median([p[phase] for p in phases[key]])) for phase in phases[key][0]},
        }
        if "ours" in keys:
            row["ours_over_it"] = spread(ms["ours"] / ms[key])
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
    """The least time that the products of a step take at the measured rate (operations per second)."""
    (N, T_enc), T_dec = batches[0][0].shape, batches[0][1].shape[1] - 1
    rows = float(np.mean([distinct_prefixes(x).sum() for x, _ in batches]))
    sizes = N, T_enc, T_dec, job.V, job.D, job.H
    dense = step_flops(job.model, *sizes)
    shared = step_flops(job.model, *sizes, encoder_rows=rows, peeks=N)
    return {
        "sgemm_gflops": rate / 1e9,
        "distinct_rows": rows / (N * T_enc),
        "dense_gflop": dense / 1e9,
        "shared_gflop": shared / 1e9,
        "dense_ms": 1000 * dense / rate,
        "shared_ms": 1000 * shared / rate,
    }


def evaluate(args, contestants: dict[str, Contestant], test: Batch) -> dict[str, float]:
    """Seconds to answer the test questions: ours in batches; the chapter's from a few of them, one by one."""
    xs, ts = test
    found = {"questions": len(xs)}
    ours = [contestants[key] for key in contestants if key in ("ours", "unshared", "one")][:1]
    if len(xs) and ours:
        seconds = []
        for _ in range(min(args.rounds, 3)):
            time.sleep(args.pause_ms / 1000)
            seconds.append(ours[0].evaluate(xs, int(ts[0, 0]), ts.shape[1] - 1))
        found["ours_seconds"] = float(np.median(seconds))
    if len(xs) and "chapter" in contestants:
        few = xs[:ONE_BY_ONE]
        seconds = contestants["chapter"].evaluate(few, int(ts[0, 0]), ts.shape[1] - 1)
        found |= {"chapter_asked": len(few), "chapter_seconds_extrapolated": seconds * len(xs) / len(few)}
    return found


def spread(values: np.ndarray) -> dict[str, float]:
    q1, median, q3 = np.percentile(values, (25, 50, 75))
    return {"median": float(median), "q1": float(q1), "q3": float(q3)}


def scale(args, keys: list[str], train: Batch, V: int) -> list[dict]:
    """Time and memory of the attention model, one size varied at a time; each in a process of its own."""
    default = {"N": args.batch_size, "T_enc": train[0].shape[1], "H": args.hidden_size}
    varied = [(axis, default | {axis: value}) for axis, values in SCALE.items() for value in values]
    rows = []
    for axis, sizes in [("default", default)] + [(axis, sizes) for axis, sizes in varied if sizes != default]:
        batches = make_batches(train, sizes["N"], 2 + args.rounds, args.seed)
        if sizes["T_enc"] != default["T_enc"]:
            rng = np.random.default_rng(args.seed)
            batches = [(rng.integers(V, size=(sizes["N"], sizes["T_enc"])), t) for _, t in batches]
        distinct = np.mean([distinct_prefixes(x).sum() / x.size for x, _ in batches])
        job = make_job(args, "attention", V, sizes["H"])
        found = {key: alone(key, job, batches) for key in keys}
        rows.append({"varied": axis, **sizes, "distinct_rows": float(distinct), "contestants": found})
    return rows


def table(rows: list[list[str]]) -> str:
    """Rows of texts, the first the header; the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in rows]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def quartiles(value: dict[str, float], digits: int) -> str:
    return f"{value['q1']:.{digits}f}..{value['q3']:.{digits}f}"


def model_table(measured: dict) -> str:
    header = (
        "contestant, ms a step, quartiles, steps/s, forward, backward, both, update, ours/it, quartiles, of floor, MB"
    )
    lines = [header.split(", ")]
    for row in measured["contestants"].values():
        phases, ratio = row["phases_ms"], row.get("ours_over_it")
        both = phases.get("forward and backward") or phases["forward"] + phases["backward"]
        lines.append([row["label"], number(row["ms"]["median"]), quartiles(row["ms"], 1)])
        lines[-1] += [number(row["steps_per_second"]), number(phases.get("forward")), number(phases.get("backward"))]
        lines[-1] += [number(both), number(phases["update"])]
        lines[-1] += [number(ratio["median"], 2), quartiles(ratio, 2)] if ratio else ["-", "-"]
        lines[-1] += [f"{100 * row['floor_reached']:.0f}%", number(row["memory_mb"], 0)]
    floor, evaluation = measured["floor"], measured["evaluation"]
    losses = [row["first_loss"] for row in measured["contestants"].values()]
    text = [
        f"{measured['model']}: " + ", ".join(f"{name}={size}" for name, size in measured["sizes"].items()),
        table(lines),
        f"floor: {floor['dense_gflop']:.2f} GFLOP, {floor['dense_ms']:.1f} ms; with shared prefixes "
        f"({100 * floor['distinct_rows']:.0f}% of the encoder's rows are distinct) {floor['shared_gflop']:.2f} GFLOP, "
        f"{floor['shared_ms']:.1f} ms, at the {floor['sgemm_gflops']:.0f} GFLOP/s of a large sgemm",
        f"first losses: {min(losses):.6f} to {max(losses):.6f}",
    ]
    if "ours_seconds" in evaluation:
        text.append(f"evaluation: {evaluation['questions']} questions in {evaluation['ours_seconds']:.2f} s")
    if "chapter_asked" in evaluation:
        text.append(
            f"evaluation, chapter style, one by one: {evaluation['chapter_seconds_extrapolated']:.2f} s for "
            f"{evaluation['questions']}, extrapolated from {evaluation['chapter_asked']}"
        )
    return "\n".join(text)


def scale_table(rows: list[dict]) -> str:
    keys = list(rows[0]["contestants"])
    lines = [["varied", "N", "T_enc", "H", "distinct rows"]]
    lines[0] += [f"{LABELS[key]}, {unit}" for key in keys for unit in ("ms", "MB")]
    for row in rows:
        lines.append([row["varied"], *(str(row[size]) for size in SCALE), f"{100 * row['distinct_rows']:.0f}%"])
        lines[-1] += [number(row["contestants"][key][unit]) for key in keys for unit in ("ms", "memory_mb")]
    return (
        f"attention, each row in a process of its own\n{table(lines)}\n"
        "Where T_enc is varied the questions are random ids, which share next to no prefixes."
    )


if __name__ == "__main__":
    run(main)
