"""The tables of ``benchmarks.mpi``, in Markdown."""

from statistics import median

from benchmarks.mpi_model import NETWORKS, Link, collectives, fit, pays_from
from benchmarks.tables import markdown, number, quartiles, spread

OVERSUBSCRIBED = "oversubscribed"


def milliseconds(seconds: float) -> str:
    return number(1000 * seconds, 2 if seconds < 0.01 else 1)


def size_of(count: float) -> str:
    """Write a number of bytes in kB or MB, thousands and millions of them."""
    if count < 1e3:
        return f"{count:.0f} B"
    return f"{count / 1e3:.3g} kB" if count < 1e6 else f"{count / 1e6:.{1 if count < 1e8 else 0}f} MB"


def steps_table(steps: dict[tuple[str, int], list[dict]]) -> str:
    """Steps of worker threads in one process, and of ranks: the ratios are those of each round's medians."""
    lines = [
        ["", "of one worker's time", "quartiles", "ms", "CPU ms, all ranks", "ms in Allreduce, waiting included", ""]
    ]
    alone = [median(turn["seconds"]) for turn in steps["threads", 1]]
    for (kind, count), rounds in steps.items():
        one = "one process, {} worker{s}" if kind == "threads" else "{} rank{s}"
        ratios = spread([median(turn["seconds"]) / base for turn, base in zip(rounds, alone, strict=True)])
        reduced = [spent for turn in rounds for spent in turn.get("allreduce_seconds", [])]
        lines.append(
            [
                one.format(count, s="s" * (count > 1)),
                number(ratios["median"], 2),
                quartiles(ratios, 2),
                milliseconds(median(spent for turn in rounds for spent in turn["seconds"])),
                milliseconds(median(spent for turn in rounds for spent in turn["cpu_seconds"])),
                milliseconds(median(reduced)) if reduced else "",
                OVERSUBSCRIBED if rounds[0].get("oversubscribed") else "",
            ]
        )
    return markdown(lines)


def collectives_table(moved: dict[int, dict]) -> tuple[list[Link], str]:
    """Allreduce by buffer size and number of ranks, and what fits it; also returns the links of the model."""
    trusted = [ranks for ranks, found in moved.items() if not found["oversubscribed"]]
    heads = {ranks: f"{ranks} ranks{f', {OVERSUBSCRIBED}' if ranks not in trusted else ''}" for ranks in moved}
    lines = [["buffer"]]
    for head in heads.values():
        lines[0] += [f"{head}: Allreduce, ms", "with packing"]
    for size in next(iter(moved.values()))["Allreduce"]:
        lines.append([size_of(int(size))])
        for found in moved.values():
            lines[-1] += [number(1000 * found[name][size], 3) for name in ("Allreduce", "combine")]
    said = [markdown(lines), ""]
    for ranks, found in moved.items():
        small = f"bcast {1e6 * found['bcast']:.0f} us, allgather {1e6 * found['allgather']:.0f} us"
        said.append(f"- {heads[ranks]}, a number: {small}")
    links = list(NETWORKS)
    if trusted:
        points = {(r, int(size)): spent for r in trusted for size, spent in moved[r]["Allreduce"].items()}
        hosts = max(moved[ranks]["hosts"] for ranks in trusted)
        link, factor = fit(points, "this machine's memory" if hosts == 1 else f"these {hosts} machines")
        links.insert(0, link)
        said.append(f"- {about(link)}; it misses a measurement by a factor of {factor:.1f} at most")
    return links, "\n".join([*said, *(f"- {about(link)}" for link in NETWORKS)])


def about(link: Link) -> str:
    whence = "assumed" if link in NETWORKS else "fitted"
    return f"{link.name}, {whence}: {1e6 * link.latency:.1f} us per message, {link.bandwidth / 1e9:.3g} GB/s"


def bytes_table(sent: dict[str, dict], links: list[Link]) -> str:
    """What a step sends, and what that takes by the model, for two ranks."""
    lines = [["model", "parameters", "bytes per step and rank", "a step of 2 ranks here, ms"]]
    lines[0] += [f"collectives by the model, {link.name}, ms" for link in links]
    for name, found in sent.items():
        spent = [milliseconds(collectives(2, found["bytes"], found["messages"], link)) for link in links]
        lines.append(
            [name, f"{found['parameters']:,}", size_of(found["bytes"]), milliseconds(found["seconds"]), *spent]
        )
    return markdown(lines)


def model_table(N: int, own: dict[int, float], size: float, messages: float, links: list[Link], steps: dict) -> str:
    """The time of a step by the number of ranks, each with a machine or core of its own."""
    lines = [[f"ranks, batch {N}", "rows of each", "own work, ms"]]
    for link in links:
        lines[0] += [f"{link.name}: step, ms", "speed-up"]
    lines[0] += ["measured here, ms"] * bool(steps)
    for ranks, work in own.items():
        lines.append([str(ranks), f"{N / ranks:g}", milliseconds(work)])
        for link in links:
            step = work + collectives(ranks, size, messages, link)
            lines[-1] += [milliseconds(step), number(own[1] / step, 2)]
        if steps:
            rounds = steps.get(("ranks", ranks), [])
            over = f" ({OVERSUBSCRIBED})" if rounds and rounds[0].get("oversubscribed") else ""
            spent = [spent for turn in rounds for spent in turn["seconds"]]
            lines[-1].append(f"**{milliseconds(median(spent))}**{over}" if spent else "")
    return markdown(lines)


def pays_table(own: dict[int, dict[int, float]], size: float, messages: float, links: list[Link]) -> str:
    """One rank beside two, by batch size, and from which one on two are quicker."""
    lines = [["batch", "1 rank, ms", "2 ranks, own work, ms", *(f"{link.name}: step, ms" for link in links)]]
    gains: dict[str, dict[int, bool]] = {link.name: {} for link in links}
    for N, work in sorted(own.items()):
        lines.append([str(N), milliseconds(work[1]), milliseconds(work[2])])
        for link in links:
            step = work[2] + collectives(2, size, messages, link)
            gains[link.name][N] = step < work[1]
            lines[-1].append(f"**{milliseconds(step)}**" if step < work[1] else milliseconds(step))
    said = []
    for name, found in gains.items():
        least = pays_from(found)
        said.append(
            f"- {name}: a second rank pays " + ("at none of these sizes" if least is None else f"from {least} on")
        )
    return "\n".join([markdown(lines), "", *said])
