"""``--resume``: the states that a run goes on from, and those that are refused, which changes nothing."""

import json
import os
import shutil

import pytest
from script_tools import MODELS, everything, refused, write_dates
from test_resume_scripts import DATES, same_files, state

from common import checkpoint


@pytest.fixture(scope="module")
def whole(tmp_path_factory, script):
    """A folder with a run ``whole`` and its data."""
    cwd = write_dates(tmp_path_factory.mktemp("dates"))
    done = script(cwd, "train_date.py", *DATES, "--workers", 2, "--out", "whole")
    assert (done.returncode, done.stderr) == (0, "")
    return cwd


@pytest.fixture
def finished(whole, tmp_path):
    """A copy of it."""
    return shutil.copytree(whole, tmp_path / "copy")


def copied(source, target):
    return lambda folder: shutil.copy(folder / source, folder / target)


def cut(name):
    return lambda folder: os.truncate(folder / name, 2000)


def rewritten(change, *names):
    def rewrite(folder):
        for name in names or MODELS:
            found, manifest = checkpoint.load(folder / f"{name}.state.npz")
            change(manifest)
            checkpoint.save(folder / f"{name}.state.npz", found, manifest)

    return rewrite


def option(*new):
    """Other options in place of those of the same name."""
    names = [text.partition("=")[0] for text in new]
    return rewritten(
        lambda m: m["facts"].update(
            options=[o for o in m["facts"]["options"] if o.partition("=")[0] not in names] + [*new]
        )
    )


def argument(**new):
    """The arguments that version 0.1.0 kept in place of options."""
    kept = {"models": list(MODELS), "save_every": {"iterations": 1}, "out": "whole", "resume": None, "quiet": True}

    def replace(manifest):
        del manifest["facts"]["options"]
        manifest["facts"]["arguments"] = kept | new

    return rewritten(replace)


def edited(old, new):
    def edit(folder):
        path = folder.parent / "tiny.txt"
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")

    return edit


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        (None, ["--batch-size", 4], "--resume whole: --batch-size differs from what the run was started with"),
        (None, ["--hidden-size", 5], "--hidden-size differs"),
        (None, ["--models", "peeky"], "--models differs"),
        (None, ["--workers", 1], "--workers differs"),
        (None, ["--seed", 4, "--lr", 1], "--lr, --seed differs"),
        (None, ["--out", "elsewhere"], "--out differs"),
        (None, ["--no-reverse"], "--no-reverse differs"),
        (edited("1", "2"), [], "tiny.txt: not the data that the run was started with"),
        (edited("a", "ä"), [], "tiny.txt: not the data that the run was started with"),
        (cut("baseline.state.npz"), [], "baseline.state.npz: not a checkpoint, or a damaged one"),
        (cut("attention.state.npz"), [], "attention.state.npz: not a checkpoint, or a damaged one"),
        (copied("baseline.state.npz", "peeky.state.npz"), [], r"peeky.state.npz: .*does not fit the model"),
        (copied("peeky.npz", "peeky.state.npz"), [], "peeky.state.npz: not the state of a training run"),
        (copied("baseline.npz", "baseline.state.npz"), [], r"baseline.state.npz: not the state of a training run"),
        (rewritten(lambda m: m.update(facts=[]), "baseline"), [], "not the state of a training run"),
        (rewritten(lambda m: m["facts"].pop("options")), [], "was not written by this script"),
        (rewritten(lambda m: m["facts"].update(options="--quiet")), [], "was not written by this script"),
        (option("--help"), [], "was not written by this script"),
        (option("-h"), [], "was not written by this script"),
        (option("--qui"), [], "was not written by this script"),
        (option("--out=elsewhere"), [], "was not written by this script"),
        (option("--tokenizer=words"), [], "was not written by this script"),
        (option("--batch-size=x"), [], "baseline.state.npz: argument --batch-size: expected .*, got 'x'"),
        (option("--quiet=1"), [], "baseline.state.npz: argument --quiet: ignored explicit argument '1'"),
        (option("left"), [], "baseline.state.npz: unrecognized arguments: left"),
        (rewritten(lambda m: m["facts"].update(sha256=1)), [], "was not written by this script"),
        (argument(tokenizer=1), [], "was not written by this script"),
        (argument(hidden_size={}), [], "argument --hidden-size: expected .*, got ''"),
        (argument(help=True), [], "was not written by this script"),
        (argument(batch_size="x"), [], "baseline.state.npz: argument --batch-size: expected .*, got 'x'"),
        (argument(models=[]), [], "baseline.state.npz: argument --models: expected at least one"),
        (argument(save_every={"iterations": 0}), [], "baseline.state.npz: argument --save-every: expected .*, got 0"),
        (option("--workers=1"), [], "of .* workers, not 1"),
        (
            rewritten(lambda m: m["facts"]["options"].append("--lr=0.5"), "attention"),
            [],
            "--lr differs between baseline.state.npz and attention.state.npz",
        ),
        (
            rewritten(lambda m: m["facts"].update(sha256="0"), "peeky"),
            [],
            "sha256 differs between baseline.state.npz and peeky.state.npz",
        ),
        (rewritten(lambda m: m["training"]["history"][0].pop("accuracy"), "peeky"), [], "peeky.* this training run"),
        (shutil.rmtree, [], "--resume whole: no baseline.state.npz or .* there to go on with; without --resume"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_another_run_is_refused_and_nothing_changes(finished, train, change, arguments, message):
    if change is not None:
        change(finished / "whole")
    before = everything(finished)
    refused(train(finished, "--resume", "whole", *arguments, "--max-epoch", 9), message)
    assert everything(finished) == before


def test_a_state_of_version_0_1_0_goes_on(finished, train):
    """It kept the arguments as config.json has them, not the options."""
    shutil.copytree(finished / "whole", finished / "old")
    arguments = json.loads((finished / "old" / "config.json").read_text(encoding="utf-8"))["arguments"]
    argument(**arguments)(finished / "old")
    for folder in ("whole", "old"):
        assert train(finished, "--resume", folder, "--max-epoch", 2).returncode == 0
    same_files(finished / "whole", finished / "old")
    assert state(finished / "whole" / "peeky.state.npz") == state(finished / "old" / "peeky.state.npz")
