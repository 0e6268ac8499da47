"""Every option of both training scripts does with ``--mpi`` what it does without."""

import json
import math
import re

import pytest
from mpi_tools import MPIS, job
from script_tools import ROOT, cores, history, write_blogs, write_dates
from test_mpi_resume import in_folders, ours

from common.checkpoint import load
from seq2seq.kept_maps import load_maps

pytestmark = pytest.mark.slow
DATE, TEXT = ROOT / "scripts" / "train_date.py", ROOT / "scripts" / "train_text.py"
TINY = "--batch-size 8 --hidden-size 4 --wordvec-size 3 --max-epoch 1".split()
SIZES = "--model gru --layers 1 --wordvec-size 4 --hidden-size 3 --batch-size 8 --max-epoch 2".split()
NUMBER = re.compile(r"[-+]?\d[\d,]*(\.\d+)?(e[-+]\d+)?%?")
OF_ONE = re.compile(
    r"^(.* epochs? each, in turn[:;]|(ranks|jobs|workers): ).*\n", re.MULTILINE
)  # said as time and ranks have it


@pytest.fixture
def cwd(tmp_path):
    return write_dates(tmp_path)


def alike(cwd, alone, together) -> None:
    """Two runs, in the folders ``alone`` and ``ranks``: the same files, and the same numbers up to rounding."""
    assert (alone.returncode, together.returncode) == (0, 0), together.stderr
    assert alone.stderr == together.stderr, "a warning, of a font perhaps, is said once"
    said = [NUMBER.sub("#", OF_ONE.sub("", done.stdout)).split() for done in (alone, together)]
    assert [word.replace("alone", "ranks") for word in said[0]] == said[1], "no other rank prints anything"
    names = [{str(path.relative_to(cwd / name)) for path in (cwd / name).rglob("*")} for name in ("alone", "ranks")]
    assert names[0] == names[1]
    rows = [history(cwd / name) for name in ("alone", "ranks")]
    assert [row.keys() for row in rows[0]] == [row.keys() for row in rows[1]]
    for one, other in zip(*rows, strict=True):
        assert [one.get(key) for key in ("model", "epoch")] == [other.get(key) for key in ("model", "epoch")]
        loss = "train_loss" if "train_loss" in one else "loss"
        assert math.isclose(float(one[loss]), float(other[loss]), rel_tol=1e-3)
    config = [json.loads((cwd / name / "config.json").read_text()) for name in ("alone", "ranks")]
    assert config[1].pop("ranks") == 2
    for values in config:
        del values["arguments"]["out"], values["blas"]
    assert config[0] == config[1]


@pytest.mark.parametrize("mpi", MPIS)
def test_dates_with_all_options(cwd, script, mpi):
    """The state is saved by the first rank's clock."""
    options = "--data tiny.txt --workers 2 --jobs 1 --save-every 0.01s --keep-maps --no-shared-prefixes --cell-state"
    options += " --keep-weights --mask-padding --leak-free --no-reverse --seed 3 --max-grad 1 --lr 0.002 --until 1"
    options += " --models baseline peeky attention transformer --width 6 --heads 2 --post-norm"
    alone = script(cwd, "train_date.py", *options.split(), *TINY, "--out", "alone")
    together = job(mpi, 2, cwd, DATE, "--mpi", *options.split(), *TINY, "--out", "ranks")
    alike(cwd, alone, together)
    assert "ranks: 2; jobs: 1; workers: 2; " in together.stdout
    assert len(load_maps(cwd / "ranks" / "maps.npz").written) == 1


def test_quiet_prints_the_results_and_a_second_run_moves_the_first_aside_once(cwd):
    lines = ["model", "peeky"]
    run = "--mpi", "--data", "tiny.txt", *TINY, "--models", "peeky", "--out", "run"
    done = job("mpich", 2, cwd, DATE, *run, "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines()] == lines
    first = (cwd / "run" / "peeky.npz").read_bytes()
    done = job("mpich", 2, cwd, DATE, *run, "--seed", 1)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("the earlier run in run is now in run/before\n") == 1
    assert (cwd / "run" / "before" / "peeky.npz").read_bytes() == first != (cwd / "run" / "peeky.npz").read_bytes()
    assert not (cwd / "run" / "before" / "before").exists()
    assert f"workers: {max(1, cores() // 2)}; " in done.stdout, "the cores are shared"


def test_a_rank_that_its_launcher_binds_to_a_core_has_one_worker(cwd):
    run = "--data", "tiny.txt", *TINY, "--models", "peeky", "--out", "run"
    bound = "import os, runpy, sys\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nsys.argv = sys.argv[1:]\n"
    bound += "sys.path.insert(0, os.path.dirname(sys.argv[0]))\nrunpy.run_path(sys.argv[0], run_name='__main__')"
    done = job("mpich", 2, cwd, "-c", bound, DATE, "--mpi", *run)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ranks: 2; jobs: 1; workers: 1; " in done.stdout


def test_jobs_are_refused_and_data_is_needed_on_every_rank(cwd, tmp_path_factory):
    done = job("mpich", 2, cwd, DATE, "--mpi", "--jobs", 2, "--data", "tiny.txt", *TINY)
    said = "train_date.py: --jobs 2: with --mpi, models train one after another"
    assert (done.returncode, ours(done), done.stdout) == (2, [said], "")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    done = in_folders([cwd, elsewhere], DATE, "--mpi", "--data", "tiny.txt", *TINY, "--out", "run")
    said = ["train_date.py: rank 1: tiny.txt: no such data file"]
    assert done.returncode == 2 and [line[: len(said[0])] for line in ours(done)] == said, done.stderr
    assert done.stdout == "" and not (cwd / "run").exists() and list(elsewhere.iterdir()) == []


def test_texts_in_tables_with_pieces_and_patience(cwd, script):
    write_blogs(cwd / "blogs")
    options = "--data blogs --format csv --tokenizer sentencepiece --pieces 300 --patience 1 --min-count 2 --no-mask"
    options += " --padding before --max-len 9 --dropout 0 --workers 2 --save-every 2 --validation-share 0.3"
    alone = script(cwd, "train_text.py", *options.split(), *SIZES, "--out", "alone")
    together = job("mpich", 2, cwd, TEXT, "--mpi", *options.split(), *SIZES, "--out", "ranks")
    alike(cwd, alone, together)
    facts = [load(cwd / name / "best.npz")[1]["tokenizer"] for name in ("alone", "ranks")]
    assert facts[0] == facts[1] and facts[0]["name"] == "sentencepiece"


def test_texts_with_word_vectors(cwd, script):
    """The report on the generated sentences' cue words included."""
    (cwd / "vectors.txt").write_text("".join(f"{char} 0.5 {i}.0 1 0\n" for i, char in enumerate("のはがをに")), "utf-8")
    options = (
        "--embeddings vectors.txt --hidden-size 3 --units 2 --batch-size 256 --max-epoch 1 --workers 1 --max-len 12"
    )
    options += " --test-share 0.02 --validation-share 0.02"
    alone = script(cwd, "train_text.py", *options.split(), "--out", "alone")
    together = job("openmpi", 2, cwd, TEXT, "--mpi", *options.split(), "--out", "ranks")
    alike(cwd, alone, together)
    assert "% of the attention before training" in together.stdout
