"""Real ranks train what one process trains, with the same bits in every run and on every rank, whatever their CPUs."""

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from mpi_tools import MPIS, alone, finish, job, start
from ranks_driver import CASES
from script_tools import ROOT, TINY

from common import checkpoint
from support.blas_kernel import VARIABLE, kernels_to_compare

pytestmark = pytest.mark.slow

DRIVER = ROOT / "tests" / "ranks_driver.py"
EXACT = [name for name, (*_, options, _) in CASES.items() if options.get("dtype") is np.float64]  # and no dropout
ROUNDED = [name for name in CASES if name not in EXACT]


def read(done: subprocess.CompletedProcess) -> dict:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def on_ranks(mpi: str, ranks: int, folder: Path, **plan) -> dict:
    folder.mkdir()
    return read(job(mpi, ranks, folder, DRIVER, "--mpi", json.dumps(plan)))


def weights(folder: Path, name: str) -> dict:
    with np.load(folder / f"{name}.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """One process's results: their folder, and what it found."""
    folder = tmp_path_factory.mktemp("one")
    return folder, read(alone(folder, DRIVER, json.dumps({"cases": list(CASES)}), seconds=120))


def assert_like_one(one, folder: Path, found: dict) -> None:
    for name in EXACT:
        wanted = one[1][name]
        np.testing.assert_allclose(found[name]["losses"], wanted["losses"], rtol=1e-9, err_msg=name)
        for ours, theirs in zip(found[name]["history"], wanted["history"], strict=True):
            assert ours == pytest.approx(theirs, rel=1e-7), name
        for key, value in weights(one[0], name).items():
            np.testing.assert_allclose(weights(folder, name)[key], value, rtol=1e-6, atol=1e-9, err_msg=f"{name} {key}")


@pytest.mark.parametrize(("mpi", "ranks"), [("mpich", 2), ("mpich", 3), ("mpich", 5), ("openmpi", 3)])
def test_ranks_train_what_one_process_trains_with_the_same_bits_in_every_run(mpi, ranks, one, tmp_path):
    first, second = (on_ranks(mpi, ranks, tmp_path / run, cases=list(CASES)) for run in ("first", "second"))
    assert first == second  # losses, measures and weights, to the last bit
    for name in CASES:
        digests = first[name]["digests"]
        assert len(digests) == ranks and len(set(digests)) == 1, name
    assert_like_one(one, tmp_path / "first", first)
    dropped = first["gru-dropout"]
    assert len(set(map(str, dropped["streams"]))) == ranks  # each drops units of its own
    assert sum(dropped["losses"][-4:]) < sum(dropped["losses"][:4])


@pytest.mark.parametrize(("mpi", "ranks"), [("mpich", 3), ("mpich", 5), ("openmpi", 3)])
def test_large_messages_are_added_up_alike_on_all_ranks_and_in_every_run(mpi, ranks, tmp_path):
    """An MPI takes other algorithms for them: 2.4 MB, as of the date model, in an odd number of elements."""
    first, second = (on_ranks(mpi, ranks, tmp_path / run, cases=[], large=600_001) for run in ("first", "second"))
    assert first == second
    ((_, error),) = {tuple(found) for found in first["large"]}
    assert error < 1e-5


@pytest.mark.parametrize("mpi", MPIS)
def test_one_rank_has_the_bits_of_one_process(mpi, one, tmp_path):
    assert on_ranks(mpi, 1, tmp_path / "run", cases=list(CASES)) == one[1]


def test_ranks_and_workers_compose(one, tmp_path):
    first, second = (on_ranks("mpich", 2, tmp_path / run, cases=list(CASES), workers=2) for run in ("first", "second"))
    assert first == second and all(len(set(first[name]["digests"])) == 1 for name in CASES)
    assert_like_one(one, tmp_path / "first", first)


CHOOSE = f"""
import os, sys
rank = os.environ.get("PMI_RANK") or os.environ["OMPI_COMM_WORLD_RANK"]
os.environ["{VARIABLE}"] = sys.argv[1].split(",")[int(rank)]
os.execv(sys.executable, [sys.executable, "-m", "mpi4py", *sys.argv[2:]])
"""


@pytest.mark.parametrize("mpi", MPIS)
def test_ranks_on_unlike_cpus_keep_the_same_weights(mpi, tmp_path):
    """OpenBLAS's kernels for different CPUs add up in different orders; every step is clipped, to their norm."""
    kernels = kernels_to_compare()
    if len(kernels) < 2:
        pytest.skip("this CPU can run one kind of OpenBLAS's kernels only")
    plan = json.dumps({"cases": ROUNDED})
    choose = "-c", CHOOSE, ",".join(kernels), DRIVER, "--mpi", plan
    found = read(finish(start(mpi, 2, tmp_path, *choose, own=False)))
    assert found["kernels"] == kernels
    for name in ROUNDED:  # after each epoch, the ranks compared them, too
        assert len(set(found[name]["digests"])) == 1, name
        assert len(found[name]["history"]) == 3


@pytest.mark.parametrize("mpi", MPIS)
def test_weights_that_differ_end_the_run_with_rank_and_parameter(mpi, tmp_path):
    plan = json.dumps({"cases": ["attention"], "spoil": [1, 2, "decoder.affine.b"]})
    done = job(mpi, 3, tmp_path, DRIVER, "--mpi", plan)
    assert done.returncode != 0 and not done.stdout
    assert re.findall("^ranks_driver.py: .*differs", done.stderr, re.MULTILINE) == [
        "ranks_driver.py: rank 1: after epoch 2, its weights are not those of rank 0: decoder.affine.b differs"
    ], done.stderr
    assert done.stderr.count("ranks_driver.py: ") == 1


def test_the_script_on_one_rank_has_the_bits_of_the_script_alone(tmp_path, tiny):
    options = ["--data", tiny, *map(str, TINY), "--models", "attention", "--quiet"]
    script = ROOT / "scripts" / "train_date.py"
    done = alone(tmp_path, script, *options, "--out", "alone", seconds=120)
    assert (done.returncode, done.stderr) == (0, "")
    done = job("mpich", 1, tmp_path, script, "--mpi", *options, "--out", "ranks")
    assert (done.returncode, done.stderr) == (0, "")
    first, second = (checkpoint.load(tmp_path / run / "attention.npz")[0] for run in ("alone", "ranks"))
    assert list(first) == list(second)
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)
