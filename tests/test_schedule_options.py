"""``--inverse-sqrt``, ``--cosine``, ``--weight-decay`` and ``--label-smoothing`` of train_date.py."""

import json

import pytest
from mpi_tools import job
from script_tools import ROOT, TINY, history, refused
from test_resume_scripts import same_files, state

from common import checkpoint

OPTIONS = {
    "root": ("--inverse-sqrt", "--warmup", 0.5),
    "cosine": ("--cosine", 3, "--warmup", 0.5),
    "alone": ("--cosine", 3),
    "decay": ("--weight-decay", 0.1),
    "smooth": ("--label-smoothing", 0.1),
}
DATES = (*TINY, "--lr", 0.02, "--quiet", "--workers", 1)
NEW = "inverse_sqrt", "cosine", "weight_decay", "label_smoothing"


def losses(folder):
    return [float(row["train_loss"]) for row in history(folder)]


def optimizer(folder, name="attention"):
    return checkpoint.load(folder / f"{name}.state.npz")[1]["training"]["optimizer"]


@pytest.mark.parametrize(
    "kind", ["cosine", *(pytest.param(k, marks=pytest.mark.slow) for k in OPTIONS if k != "cosine")]
)
def test_a_run_goes_on_with_them(tmp_path, tiny, train, kind):
    """In parts it has the bits that it has in one, and others than a run without the option."""
    more = ("--data", tiny, *DATES, "--models", "attention")
    for name, *options in (
        ("whole", "--max-epoch", 3, *OPTIONS[kind]),
        ("parts", "--max-epoch", 1, *OPTIONS[kind]),
        ("plain", "--max-epoch", 3),
    ):
        done = train(tmp_path, *more, *options, "--out", name)
        assert (done.returncode, done.stderr) == (0, "")
    done = train(tmp_path, "--resume", "parts", "--max-epoch", 3)
    assert (done.returncode, done.stderr) == (0, "")
    same_files(tmp_path / "whole", tmp_path / "parts", ("history.csv", "config.json"))
    whole, parts = (state(tmp_path / folder / "attention.state.npz") for folder in ("whole", "parts"))
    assert whole[0] == parts[0] and whole[1]["training"] == parts[1]["training"]
    assert losses(tmp_path / "whole") == losses(tmp_path / "parts") != losses(tmp_path / "plain")
    found, name = optimizer(tmp_path / "whole"), OPTIONS[kind][0][2:].replace("-", "_")
    assert found["class"] == ("AdamW" if kind == "decay" else "Adam") and found.get("weight_decay", 0.1) == 0.1
    assert (found["lr"] == 0.02) == (kind in ("decay", "smooth"))
    arguments = json.loads((tmp_path / "parts" / "config.json").read_text(encoding="utf-8"))["arguments"]
    assert arguments[name] == (True if kind == "root" else OPTIONS[kind][1])
    assert [other for other in NEW if other in arguments] == [name]
    again = f"--{name.replace('_', '-')}"
    for folder, value in (("parts", 4), ("plain", 4)) if kind == "alone" else ():
        refused(
            train(tmp_path, "--resume", folder, again, value), f"{again} differs from what the run was started with"
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--inverse-sqrt",), "--inverse-sqrt needs --warmup"),
        (
            ("--inverse-sqrt", "--cosine", 20, "--warmup", 1),
            "argument --cosine: not allowed with argument --inverse-sqrt",
        ),
        (("--cosine", 9.5), "--cosine 9.5: the learning rate would be 0 before the end of epoch 10"),
        (("--cosine", 10, "--warmup", 10), "--cosine 10: expected more epochs than --warmup 10"),
        (("--weight-decay", 0), "--weight-decay: expected a number above 0, got 0"),
        (("--label-smoothing", 1), "--label-smoothing: expected a share of at least 0 and below 1, got 1"),
    ],
)
def test_what_is_refused(tmp_path, train, options, message):
    refused(train(tmp_path, *options), message)
    assert not any(tmp_path.iterdir())


def test_training_beyond_the_cosine_is_refused_when_it_is_resumed(tmp_path, tiny, train):
    more = ("--data", tiny, *DATES, "--models", "baseline", "--max-epoch", 1, "--cosine", 2)
    assert train(tmp_path, *more, "--out", "run").returncode == 0
    message = "--cosine 2: the learning rate would be 0 before the end of epoch 3"
    refused(train(tmp_path, "--resume", "run", "--max-epoch", 3), message)


@pytest.mark.slow
def test_ranks_train_with_all_of_them_as_one_process(tmp_path, tiny, script):
    options = ("--data", tiny, *DATES, "--models", "attention", "--max-epoch", 3, *OPTIONS["cosine"])
    options = (*options, *OPTIONS["decay"], *OPTIONS["smooth"])
    assert script(tmp_path, "train_date.py", *options, "--out", "whole").returncode == 0
    done = job("mpich", 2, tmp_path, ROOT / "scripts" / "train_date.py", "--mpi", *options, "--out", "parts")
    assert (done.returncode, done.stderr) == (0, "")
    assert optimizer(tmp_path / "whole")["lr"] == optimizer(tmp_path / "parts")["lr"] > 0
    assert losses(tmp_path / "whole") == pytest.approx(losses(tmp_path / "parts"), rel=1e-4)
