"""``benchmarks.mpi``: the model of the links, the tables, and what the command prints of real ranks, at tiny sizes."""

import pickle
import re
import sys
import time

import numpy as np
import pytest
from script_tools import ROOT, cores, refused

from benchmarks import mpi, mpi_driver, mpi_model, mpi_tables
from benchmarks.mpi_driver import Watched
from benchmarks.mpi_model import Link
from common.optimizer import Adam
from support.install import MPI

LINK = Link("a wire", 1e-3, 1e6)  # a millisecond per message, a byte per microsecond


@pytest.mark.parametrize(("ranks", "seconds"), [(2, 0.002 + 1.0), (4, 0.004 + 1.5), (64, 0.012 + 2 * 63 / 64)])
def test_an_allreduce_of_a_million_bytes(ranks, seconds):
    assert mpi_model.allreduce(ranks, 1e6, LINK) == pytest.approx(seconds)


def test_one_rank_sends_nothing_and_each_message_goes_along_a_tree():
    assert mpi_model.collectives(1, 1e6, 1, LINK) == 0
    assert mpi_model.collectives(2, 0, 1, LINK) == pytest.approx(0.002 + 0.002)
    assert mpi_model.collectives(5, 0, 2, LINK) == pytest.approx(2 * np.log2(5) * 1e-3 + 2 * 2 * 3 * 1e-3)


def test_the_link_that_made_the_measurements_is_found():
    measured = {(ranks, size): mpi_model.allreduce(ranks, size, LINK) for ranks in (2, 4) for size in (4, 1e3, 1e6)}
    link, factor = mpi_model.fit(measured, "found")
    assert link.name == "found" and factor == pytest.approx(1)
    assert [link.latency, link.bandwidth] == pytest.approx(LINK[1:])
    measured[2, 4] *= 3
    assert mpi_model.fit(measured, "found")[1] > 1.5
    with pytest.raises(ValueError, match="at least two sizes, got 1"):
        mpi_model.fit({(2, 4): 1.0}, "found")


@pytest.mark.parametrize(
    ("gains", "size"),
    [
        ({8: False, 16: True, 32: True}, 16),
        ({8: True, 16: False, 32: True}, 32),
        ({8: True, 16: False}, None),
        ({}, None),
    ],
)
def test_the_batch_size_from_which_all_larger_ones_pay(gains, size):
    assert mpi_model.pays_from(gains) == size


def test_oversubscribed_ranks_are_marked_and_left_out_of_the_fit():
    def moved(ranks, factor, oversubscribed):
        spent = {str(size): factor * mpi_model.allreduce(ranks, size, LINK) for size in (4, 10**6)}
        small = {"bcast": 5e-6, "allgather": 7e-6, "oversubscribed": oversubscribed, "hosts": 1}
        return {"Allreduce": spent, "combine": spent, **small}

    links, table = mpi_tables.collectives_table({2: moved(2, 1, False), 4: moved(4, 100, True)})
    assert links[0][1:] == pytest.approx(LINK[1:]) and links[1:] == list(mpi_model.NETWORKS)
    assert "| 4 ranks, oversubscribed: Allreduce, ms |" in table and "| 1.0 MB | 1002.000 | 1002.000 | " in table
    assert "- 2 ranks, a number: bcast 5 us, allgather 7 us\n" in table
    assert "- this machine's memory, fitted: 1000.0 us per message, 0.001 GB/s; it misses a measurement by" in table
    links, table = mpi_tables.collectives_table({4: moved(4, 100, True)})
    assert links == list(mpi_model.NETWORKS) and "fitted" not in table


def test_the_tables_on_known_numbers():
    steps = {
        ("threads", 1): [{"seconds": [0.04, 0.05, 0.06], "cpu_seconds": [0.05]}],
        ("ranks", 2): [{"seconds": [0.03], "cpu_seconds": [0.06], "allreduce_seconds": [0.002]}],
        ("ranks", 4): [{"seconds": [0.1], "cpu_seconds": [0.2], "allreduce_seconds": [0.05], "oversubscribed": True}],
    }
    rows = mpi_tables.steps_table(steps).splitlines()[2:]
    assert rows == [
        "| one process, 1 worker | 1.00 | 1.00..1.00 | 50.0 | 50.0 |  |  |",
        "| 2 ranks | 0.60 | 0.60..0.60 | 30.0 | 60.0 | 2.00 |  |",
        "| 4 ranks | 2.00 | 2.00..2.00 | 100.0 | 200.0 | 50.0 | oversubscribed |",
    ]
    own = {1: 0.05, 2: 0.02, 4: 0.01}
    rows = mpi_tables.model_table(128, own, 10_000, 1, [LINK], steps).splitlines()
    assert rows[3] == "| 2 | 64 | 20.0 | 34.0 | 1.47 | **30.0** |"  # 20 + 2 + 10 for the buffer, 2 for the norm
    assert rows[4] == "| 4 | 32 | 10.0 | 33.0 | 1.52 | **100.0** (oversubscribed) |"
    sizes = {64: {1: 0.02, 2: 0.015}, 128: own}
    rows = mpi_tables.pays_table(sizes, 10_000, 1, [LINK]).splitlines()
    assert rows[2:] == [
        "| 64 | 20.0 | 15.0 | 29.0 |",
        "| 128 | 50.0 | 20.0 | **34.0** |",
        "",
        "- a wire: a second rank pays from 128 on",
    ]
    sent = {"a": {"parameters": 1000, "bytes": 4000, "messages": 1, "seconds": 0.05}}
    assert mpi_tables.bytes_table(sent, [LINK]).splitlines()[2] == "| a | 1,000 | 4 kB | 50.0 | 8.00 |"


def test_a_watched_communicator_counts_what_is_given():
    class Comm:
        def Get_size(self):
            return 2

        def Allreduce(self, own, buffer):
            buffer *= 2

        def bcast(self, value):
            return value

    watched, buffer = Watched(Comm()), np.ones(3, dtype=np.float32)
    watched.Allreduce("in place", buffer)
    assert watched.bcast([1]) == [1] and watched.Get_size() == 2
    assert buffer.tolist() == [2, 2, 2]
    assert {name: [size for size, _ in calls] for name, calls in watched.calls.items()} == {
        "Allreduce": [12],
        "bcast": [len(pickle.dumps([1]))],
    }


def test_a_ranks_own_work_is_what_this_process_does(monkeypatch):
    """A rank whose others answer at once has its rows of each mini-batch, and the CPU time of this process alone."""
    job = {"model": "baseline", "sizes": [3, 4], "N": 8, "steps": 2, "max_grad": 5.0, "workers": 1}
    model, rows = mpi_driver.dates(job, np.random.default_rng(0))
    seen, forward = [], model.forward
    monkeypatch.setattr(model, "forward", lambda x, t: seen.append(len(x)) or forward(x, t))
    before = time.process_time()
    measured = mpi_driver.fit(job, model, Adam(), rows, mpi_driver.OneOfMany(1, 4))
    assert sum(measured["cpu_seconds"]) <= time.process_time() - before
    assert len(measured["seconds"]) == 2 and len(seen) == 3 and 0 < sum(seen) < 3 * 8


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "nowhere/mpiexec",
            f"nowhere/mpiexec: no such command; to install an MPI: {re.escape(MPI)}; or say with --mpiexec",
        ),
        (f"{sys.executable} -c ouch", "1 ranks: exit code 1: .*ouch"),
    ],
)
def test_a_launcher_that_fails_is_one_line(in_process, tmp_path, command, message):
    done = in_process(tmp_path, "benchmarks.mpi", "--quick", "--mpiexec", command, "--ranks", 1)
    assert done.returncode == 2 and re.search(message, done.stderr, re.DOTALL), done.stderr


@pytest.mark.parametrize("arguments", [[], ["{}", "{}"]])
def test_the_process_of_a_job_says_that_it_wants_one(in_process, tmp_path, arguments):
    said = f"^mpi_driver.py: expected a job as JSON, as .* gives it, got {len(arguments)} arguments$"
    refused(in_process(tmp_path, "benchmarks.mpi_driver", *arguments), said)


def test_the_help_shows_defaults_as_they_are_typed(in_process, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "999")
    shown = in_process(tmp_path, "benchmarks.mpi", "--help").stdout
    assert "(default: 1 2 4)" in shown and re.search(r"without the number of ranks \(default: \S*mpiexec\)\n", shown)
    monkeypatch.setattr(sys, "argv", ["mpi.py"])
    monkeypatch.setattr(sys, "executable", "/a folder/python")
    monkeypatch.setattr(mpi.Path, "is_file", lambda path: True)
    assert mpi.parse().mpiexec == ["/a folder/mpiexec"]


def test_bad_arguments_are_one_line(in_process, tmp_path):
    refused(in_process(tmp_path, "benchmarks.mpi", "--ranks", 0), "--ranks")


FITTED = r" [^|]*this machine's memory[^|]*\|(?: speed-up \|)?"  # columns of the link between ranks with a core each


def headings(text: str) -> set[str]:
    """The headings and the first rows of tables, whatever their numbers, and however many ranks have no core."""
    lines = re.findall(r"^### .*|^\|.*(?=\n\| --- )", text, re.MULTILINE)
    return {re.sub(r"\d+", "#", line.replace(f", {mpi_tables.OVERSUBSCRIBED}", "")) for line in lines}


@pytest.mark.slow
def test_real_ranks_are_measured_as_the_page_shows(script, tmp_path):
    pytest.importorskip("mpi4py", exc_type=ImportError)
    done = script(tmp_path, "benchmarks.mpi", "--quick", "--ranks", 1, 2, 4)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    assert headings(done.stdout) <= headings(page if cores() > 1 else re.sub(FITTED, "", page))
    assert done.stdout.count(mpi_tables.OVERSUBSCRIBED) == 4 * sum(ranks > cores() for ranks in (2, 4)), done.stdout
    parameters, sent = re.search(r"^\| attention \| ([\d,]+) \| ([\d.]+) kB", done.stdout, re.MULTILINE).groups()
    assert (
        0 < 1000 * float(sent) - 4 * int(parameters.replace(",", "")) < 100
    )  # what ranks tell each other, loss, labels
    whole, touched = (
        float(re.search(rf"^\| seqself, {name} \| [\d,]+ \| ([\d.]+) MB", done.stdout, re.MULTILINE)[1])
        for name in ("whole", "rows touched")
    )
    assert touched < whole
