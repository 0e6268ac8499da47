"""Both training scripts as MPI jobs, under both MPIs."""

import pytest
from mpi_tools import MPIS, job
from script_tools import ROOT, TINY

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("mpi", MPIS)
def test_dates_train_on_two_ranks(mpi, tmp_path, tiny):
    done = job(mpi, 2, tmp_path, ROOT / "scripts" / "train_date.py", "--mpi", "--data", tiny, *TINY, "--out", "run")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "ranks: 2; " in done.stdout and (tmp_path / "run" / "attention.npz").is_file()
