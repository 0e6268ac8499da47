"""The tables that the benchmarks print: ratios first, for they tell more than times on a machine that is not quiet."""

import numpy as np

from benchmarks.contestants import LABELS


def table(rows: list[list[str]]) -> str:
    """Lay out rows of texts, the first being the header: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in rows]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def markdown(rows: list[list[str]]) -> str:
    """Lay out rows of texts as a table in Markdown, the first row being the header."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], ["---"] * len(rows[0]), *rows[1:]])


def number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def quartiles(value: dict[str, float], digits: int) -> str:
    return f"{value['q1']:.{digits}f}..{value['q3']:.{digits}f}"


def spread(values) -> dict[str, float]:
    """Return the median and the quartiles of some numbers."""
    q1, median, q3 = np.percentile(values, (25, 50, 75))
    return {"median": float(median), "q1": float(q1), "q3": float(q3)}


def ratio(found: dict[str, float] | None) -> list[str]:
    """Return two cells: the median of some ratios, and their quartiles."""
    return ["-", "-"] if found is None else [number(found["median"], 2), quartiles(found, 2)]


def model_table(measured: dict) -> str:
    header = "contestant, ours/it, quartiles, CPU ours/it, quartiles, ms per step, quartiles, CPU ms, steps/s, "
    header += "forward, backward, update, of floor, MB"
    lines = [header.split(", ")]
    for row in measured["contestants"].values():
        phases = row["phases_ms"]
        lines.append([row["label"], *ratio(row.get("ours_over_it")), *ratio(row.get("cpu_ours_over_it"))])
        lines[-1] += [number(row["ms"]["median"]), quartiles(row["ms"], 1), number(row["cpu_ms"]["median"])]
        lines[-1] += [number(row["steps_per_second"]), *(number(phases[p]) for p in ("forward", "backward", "update"))]
        lines[-1] += [f"{100 * row['floor_reached']:.0f}%", number(row["memory_mb"], 0)]
    floor, evaluation = measured["floor"], measured["evaluation"]
    losses = [row["first_loss"] for row in measured["contestants"].values()]
    shared = (
        f"; with shared prefixes ({100 * floor['distinct_rows']:.0f}% of the encoder's rows are distinct) "
        f"{floor['shared_gflop']:.2f} GFLOP, {floor['shared_ms']:.1f} ms"
    )
    text = [
        f"{measured['model']}: " + ", ".join(f"{name}={size}" for name, size in measured["sizes"].items()),
        table(lines),
        f"floor: {floor['dense_gflop']:.2f} GFLOP, {floor['dense_ms']:.1f} ms{shared * (floor['distinct_rows'] < 1)}, "
        f"at the {floor['sgemm_gflops']:.0f} GFLOP/s of a large sgemm",
        f"first losses: {min(losses):.6f} to {max(losses):.6f}",
    ]
    lines = [["answers to all questions", "ours/it", "CPU ours/it", "s", "CPU s", "as ours", "questions"]]
    for key, found in evaluation.items():
        mine = evaluation.get("ours")
        ratios = [number(mine[unit] / found[unit], 2) if mine else "-" for unit in ("seconds", "cpu_seconds")]
        taken = [number(found[unit], 2) for unit in ("seconds", "cpu_seconds")]
        same = f"{100 * found['as_ours']:.2f}%" if mine else "-"
        lines.append([LABELS[key], *ratios, *taken, same, str(found["questions"])])
    text += [table(lines)] if evaluation else []
    text += ["The chapter's way answers one by one: extrapolated from a few."] if "chapter" in evaluation else []
    return "\n".join(text)


def scale_table(rows: list[dict]) -> str:
    keys = list(rows[0]["contestants"])
    others = [key for key in keys if "ours" in keys and key != "ours"]
    units = ("ms", "ms"), ("CPU ms", "cpu_ms"), ("MB", "memory_mb")
    lines = [["varied", "N", "T_enc", "H", "distinct rows"]]
    lines[0] += [f"{cpu}ours / {LABELS[key]}" for key in others for cpu in ("", "CPU ")]
    lines[0] += [f"{LABELS[key]}, {unit}" for key in keys for unit, _ in units]
    for row in rows:
        lines.append(
            [row["varied"], *(str(row[size]) for size in ("N", "T_enc", "H")), f"{100 * row['distinct_rows']:.0f}%"]
        )
        found = row["contestants"]
        lines[-1] += [number(found["ours"][unit] / found[key][unit], 2) for key in others for unit in ("ms", "cpu_ms")]
        lines[-1] += [number(found[key][unit]) for key in keys for _, unit in units]
    return (
        f"attention, each row in a process of its own\n{table(lines)}\n"
        "Where T_enc is varied the questions are random ids, which share next to no prefixes."
    )


def race_table(race: dict[str, dict], accuracy: float) -> str:
    lines = [["contestant", "ours/it", "CPU ours/it", "epochs", "seconds", "CPU seconds", "accuracy after each epoch"]]
    mine = race.get("ours")
    for key, found in race.items():
        after = " ".join(f"{100 * value:.2f}%" for value in found["accuracy"])
        ratios = [number(mine[unit] / found[unit], 2) if mine else "-" for unit in ("seconds", "cpu_seconds")]
        taken = [number(found[unit]) for unit in ("seconds", "cpu_seconds")]
        lines.append([LABELS[key], *ratios, str(len(found["accuracy"])), *taken, after])
    title = f"attention: training, and answering all test questions after each epoch, up to {100 * accuracy:g}%"
    return f"{title}\n{table(lines)}"
