"""``--mpi --resume`` of the scripts, on real ranks: the same bytes as a run that was not stopped, or a refusal."""

import shutil
import signal
import subprocess
import sys

import pytest
from mpi_tools import MPIS, finish, job, mpiexec
from script_tools import ROOT, everything, history, write_dates, write_films
from test_resume_scripts import STRUCK, TEXTS, arrays, same_files, state

pytestmark = pytest.mark.slow
DATE, TEXT = ROOT / "scripts" / "train_date.py", ROOT / "scripts" / "train_text.py"
MODELS = "peeky", "attention"
DATES = "--batch-size 8 --hidden-size 4 --wordvec-size 3 --max-epoch 1 --save-every 1 --workers 2".split()
DATES += ["--keep-maps", "--keep-weights", "--models", *MODELS]
# Strikes on one rank alone: RANK SIGNAL N SCRIPT ARGUMENTS.
ON_ONE = (
    "import sys\nfrom mpi4py import MPI\nif int(sys.argv.pop(1)) != MPI.COMM_WORLD.rank: sys.argv[2] = '0'\n" + STRUCK
)


def ours(done: subprocess.CompletedProcess) -> list[str]:
    """The lines of our program among those of the launcher."""
    return [line for line in done.stderr.splitlines() if line.startswith("train_")]


def in_folders(folders, *arguments):
    """Run a job of MPICH with a rank in each of the folders."""
    command, env = mpiexec("mpich")
    program = [sys.executable, "-X", "utf8", "-m", "mpi4py", *map(str, arguments)]
    for i, folder in enumerate(folders):
        command += [":"] * (i > 0) + ["-n", "1", "-wdir", str(folder), *program]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return finish(subprocess.Popen(command, env=env, text=True, start_new_session=True, **pipes))


def same_states(whole, parts, *files):
    for file in files:
        assert state(whole / file) == state(parts / file), file


@pytest.fixture(scope="module")
def cwd(tmp_path_factory):
    """With ``whole``, of two ranks that nothing stopped, and the data."""
    cwd = write_dates(tmp_path_factory.mktemp("dates"))
    done = job("mpich", 2, cwd, DATE, "--mpi", *DATES, "--data", cwd / "tiny.txt", "--out", "whole")
    assert (done.returncode, done.stderr) == (0, "")
    return cwd


def test_dates_go_on_after_a_kill_in_the_second_model(cwd, tmp_path):
    """Only the first rank has a folder with the state, and a place to write at all."""
    stopped = "-c", ON_ONE, 1, int(signal.SIGKILL), 4 + 3, DATE
    killed = job("mpich", 2, cwd, *stopped, "--mpi", *DATES, "--data", cwd / "tiny.txt", "--out", "parts")
    assert killed.returncode != 0
    assert len(history(cwd / "parts")) == 1 and len(arrays(cwd / "parts" / "attention.state.npz")["epoch.losses"]) == 2
    tmp_path.chmod(0o500)
    done = in_folders([cwd, tmp_path], DATE, "--mpi", "--resume", "parts", "--data", cwd / "tiny.txt")
    assert (done.returncode, done.stderr) == (0, "")
    same_files(cwd / "whole", cwd / "parts")
    same_states(cwd / "whole", cwd / "parts", *(f"{name}.state.npz" for name in MODELS))
    assert list(tmp_path.iterdir()) == []


def test_texts_go_on_after_a_signal_that_one_rank_hears(tmp_path):
    """With dropout."""
    mpi = "openmpi"
    write_films(tmp_path / "films", 60)
    whole = job(mpi, 2, tmp_path, TEXT, "--mpi", *TEXTS, "--out", "whole")
    assert (whole.returncode, whole.stderr) == (0, "")
    stopped = "-c", ON_ONE, 1, int(signal.SIGTERM), 7 + 2, TEXT
    done = job(mpi, 2, tmp_path, *stopped, "--mpi", *TEXTS, "--out", "parts")
    assert done.returncode != 0 and len(said := ours(done)) == 1, done.stderr
    assert "rank 1: stopped by SIGTERM, the state is saved; go on with" in said[0] and done.stdout == ""
    assert 0 < len(arrays(tmp_path / "parts" / "state.npz")["epoch.losses"]) < 7, "saved at once"
    done = job(mpi, 2, tmp_path, TEXT, "--mpi", "--resume", "parts")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", whole.stdout)
    assert "best.npz" in same_files(tmp_path / "whole", tmp_path / "parts")
    same_states(tmp_path / "whole", tmp_path / "parts", "state.npz")


@pytest.mark.parametrize("mpi", MPIS)
def test_another_number_of_ranks_is_refused_with_what_to_type(cwd, mpi):
    before = everything(cwd)
    done = job(mpi, 3, cwd, DATE, "--mpi", "--resume", "whole", "--max-epoch", 2)
    assert done.returncode == 2 and len(said := ours(done)) == 1, done.stderr
    assert said[0].startswith(
        "train_date.py: --resume whole: peeky.state.npz was saved by 2 ranks, but this job has 3; "
    )
    assert "mpiexec -n 2 " in said[0] and f" -m mpi4py {DATE} --mpi --resume whole; " in said[0]
    assert done.stdout == "" and everything(cwd) == before


def test_other_ranks_that_are_allowed_say_so_and_go_on(cwd, script):
    """2 -> 3 -> 1 without --mpi -> 2."""
    shutil.copytree(cwd / "whole", cwd / "other")
    allowed = "--resume", "other", "--allow-other-ranks", "--max-epoch"
    steps = [
        (3, lambda: job("mpich", 3, cwd, DATE, "--mpi", *allowed, 2)),
        (1, lambda: script(cwd, "train_date.py", *allowed, 3)),
        (2, lambda: job("mpich", 2, cwd, DATE, "--mpi", *allowed, 4)),
    ]
    before = 2
    for epoch, (count, go_on) in enumerate(steps, 2):
        done = go_on()
        assert (done.returncode, done.stderr) == (0, "")
        was, now = (f"{number} rank{'s' * (number > 1)}" for number in (before, count))
        assert f"saved by {was}, resumed by {now}: the rest is rounded differently than with {was}\n" in done.stdout
        assert [row["epoch"] for row in history(cwd / "other")][-2:] == [str(epoch)] * 2
        before = count


def test_the_state_of_one_process_goes_on_as_one_rank_with_the_same_bytes(cwd, script):
    data = "--data", cwd / "tiny.txt"
    assert script(cwd, "train_date.py", *DATES, *data, "--jobs", 1, "--out", "alone").returncode == 0
    shutil.copytree(cwd / "alone", cwd / "rank")
    assert script(cwd, "train_date.py", "--resume", "alone", "--max-epoch", 2, "--jobs", 1).returncode == 0
    done = job("mpich", 1, cwd, DATE, "--mpi", "--resume", "rank", "--max-epoch", 2)
    assert done.returncode == 0 and "rounded differently" not in done.stdout, done.stderr
    same_files(cwd / "alone", cwd / "rank")
    same_states(cwd / "alone", cwd / "rank", *(f"{name}.state.npz" for name in MODELS))
