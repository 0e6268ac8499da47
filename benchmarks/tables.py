"""The tables that ``benchmarks.date`` prints."""

from benchmarks.contestants import LABELS


def table(rows: list[list[str]]) -> str:
    """Lay out rows of texts, the first being the header: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in rows]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def quartiles(value: dict[str, float], digits: int) -> str:
    return f"{value['q1']:.{digits}f}..{value['q3']:.{digits}f}"


def model_table(measured: dict) -> str:
    header = "contestant, ms a step, quartiles, steps/s, forward, backward, update, ours/it, quartiles, of floor, MB"
    lines = [header.split(", ")]
    for row in measured["contestants"].values():
        phases, ratio = row["phases_ms"], row.get("ours_over_it")
        lines.append([row["label"], number(row["ms"]["median"]), quartiles(row["ms"], 1)])
        lines[-1] += [number(row["steps_per_second"]), *(number(phases[p]) for p in ("forward", "backward", "update"))]
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
    for key, found in evaluation.items():
        how = ", one by one, extrapolated from a few" if key == "chapter" else ""
        text.append(f"evaluation, {LABELS[key]}: {found['questions']} questions in {found['seconds']:.2f} s{how}")
    return "\n".join(text)


def scale_table(rows: list[dict]) -> str:
    keys = list(rows[0]["contestants"])
    lines = [["varied", "N", "T_enc", "H", "distinct rows"]]
    lines[0] += [f"{LABELS[key]}, {unit}" for key in keys for unit in ("ms", "MB")]
    for row in rows:
        lines.append(
            [row["varied"], *(str(row[size]) for size in ("N", "T_enc", "H")), f"{100 * row['distinct_rows']:.0f}%"]
        )
        lines[-1] += [number(row["contestants"][key][unit]) for key in keys for unit in ("ms", "memory_mb")]
    return (
        f"attention, each row in a process of its own\n{table(lines)}\n"
        "Where T_enc is varied the questions are random ids, which share next to no prefixes."
    )


def race_table(race: dict[str, dict], accuracy: float) -> str:
    lines = [["contestant", "epochs", "seconds", "accuracy after each epoch"]]
    for key, found in race.items():
        after = " ".join(f"{100 * value:.2f}%" for value in found["accuracy"])
        lines.append([LABELS[key], str(len(found["accuracy"])), number(found["seconds"]), after])
    title = f"attention: training, and answering all test questions after each epoch, up to {100 * accuracy:g}%"
    return f"{title}\n{table(lines)}"


def kernels_table(found: list[dict]) -> str:
    lines = [["kernels", "GFLOP/s of a large sgemm", "ms a step", "quartiles", "of floor"]]
    for row in found:
        rate, ms = number(row["floor"]["sgemm_gflops"], 0), row["ms"]
        lines.append(
            [row["kernels"], rate, number(ms["median"]), quartiles(ms, 1), f"{100 * row['floor_reached']:.0f}%"]
        )
    return f"attention, ours\n{table(lines)}"
