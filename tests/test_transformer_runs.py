"""A Transformer in train_date.py: its options, resuming, jobs, and what is refused."""

import inspect
import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from script_tools import ROOT, everything, history, refused, write_dates
from test_resume_scripts import STRUCK, arrays, same_files, state

from common.layer import named_params
from experiment.model_options import HEADS, MADE_OF, WIDTH
from seq2seq import TransformerSeq2seq, load_model
from seq2seq.kept_maps import load_maps

TINY = "--batch-size", 8, "--hidden-size", 4, "--max-epoch", 1
SMALL = "--models", "transformer", "--width", 6, "--heads", 2, "--layers", 1
DATES = "--data", "tiny.txt", *TINY, *SMALL, "--quiet", "--workers", 1
EVERYTHING = (
    *("--dropout", 0.2, "--post-norm", "--warmup", 0.5, "--inverse-sqrt", "--mask-padding"),
    *("--label-smoothing", 0.1, "--keep-weights", "--keep-maps"),
)


@pytest.fixture
def cwd(tmp_path):
    return write_dates(tmp_path)


def config(folder):
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))["arguments"]


def test_its_options_make_the_model_and_stay_with_the_run(cwd, train):
    done = train(cwd, *DATES, *EVERYTHING, "--out", "run")
    assert (done.returncode, done.stderr) == (0, "")
    model, facts = load_model(cwd / "run" / "transformer.npz")
    padding = facts["vocabulary"].index(" ")
    sizes = {"vocab_size": len(facts["vocabulary"]), "wordvec_size": 6, "hidden_size": 4, "heads": 2, "layers": 1}
    assert model.arguments == sizes | {"mask_padding": padding, "dropout": 0.2, "pre_norm": False}
    (row,) = history(cwd / "run")
    assert row["model"] == "transformer" and float(row["entropy"]) > 0
    assert {row[name] for name in row if name.startswith("pad_mass")} == {"0.0"}
    assert len(load_maps(cwd / "run" / "maps.npz").written) == 1
    assert sorted(path.name for path in (cwd / "run" / "transformer.epochs").iterdir()) == ["0000.npz", "0001.npz"]
    kept = config(cwd / "run")
    assert {name: kept[name] for name in MADE_OF if name in kept} == {
        "layers": 1,
        "dropout": 0.2,
        "width": 6,
        "heads": 2,
        "post_norm": True,
    }
    done = train(cwd, "--resume", "run", "--max-epoch", 2)
    assert (done.returncode, done.stderr) == (0, "")
    assert [row["epoch"] for row in history(cwd / "run")] == ["1", "2"] and config(cwd / "run") == kept
    for option in ("--heads", 3), ("--width", 8), ("--layers", 2):
        refused(train(cwd, "--resume", "run", *option), f"{option[0]} differs from what the run was started with")


def test_without_options_it_is_the_model_of_its_defaults(cwd, train):
    done = train(cwd, "--data", "tiny.txt", *TINY, "--models", "transformer", "--quiet", "--out", "run")
    assert (done.returncode, done.stderr) == (0, "")
    model, _ = load_model(cwd / "run" / "transformer.npz")
    defaults = {name: p.default for name, p in inspect.signature(TransformerSeq2seq).parameters.items()}
    given = {"vocab_size": model.arguments["vocab_size"], "wordvec_size": WIDTH, "hidden_size": 4}
    assert model.arguments == {name: given.get(name, defaults[name]) for name in model.arguments}
    assert defaults["heads"] == HEADS and not set(MADE_OF) & set(config(cwd / "run"))


@pytest.mark.slow
def test_a_killed_run_goes_on_with_the_same_bits(cwd, script, script_environment):
    """With dropout, whose streams go on too."""
    more = *DATES, *EVERYTHING, "--max-epoch", 2, "--save-every", 1
    done = script(cwd, "train_date.py", *more, "--out", "whole")
    assert (done.returncode, done.stderr) == (0, "")
    strike = [sys.executable, "-X", "utf8", "-c", STRUCK, int(signal.SIGKILL), 6, ROOT / "scripts" / "train_date.py"]
    strike = [str(part) for part in (*strike, *more, "--out", "parts")]
    assert subprocess.run(strike, cwd=cwd, env=script_environment, capture_output=True).returncode == -signal.SIGKILL
    assert len(arrays(cwd / "parts" / "transformer.state.npz")["epoch.losses"]) == 1, "in the second epoch"
    done = script(cwd, "train_date.py", "--resume", "parts")
    assert (done.returncode, done.stderr) == (0, "")
    names = same_files(cwd / "whole", cwd / "parts")
    assert {"transformer.npz", "maps.npz", "transformer.epochs/0002.npz"} <= names
    states = [state(cwd / folder / "transformer.state.npz") for folder in ("whole", "parts")]
    assert states[0][0] == states[1][0] and states[0][1]["training"] == states[1][1]["training"]


@pytest.mark.slow
def test_it_trains_beside_the_others_as_it_does_alone(cwd, script):
    """In a process of its own, too; and it changes no other model."""
    more = "--data", "tiny.txt", *TINY, "--quiet", "--workers", 1, "--dropout", 0.2
    for folder, jobs, *models in (
        ("both", 2, "attention", "transformer"),
        ("turns", 1, "attention", "transformer"),
        ("alone", 1, "transformer"),
    ):
        done = script(cwd, "train_date.py", *more, "--jobs", jobs, "--models", *models, "--out", folder)
        assert (done.returncode, done.stderr) == (0, "")
    for file in "attention.npz", "transformer.npz":
        assert (cwd / "both" / file).read_bytes() == (cwd / "turns" / file).read_bytes()
    alone, beside = (load_model(cwd / folder / "transformer.npz")[0] for folder in ("alone", "both"))
    for a, b in zip(named_params(alone).values(), named_params(beside).values(), strict=True):
        np.testing.assert_array_equal(a, b)


OF_OTHERS = r" is an option of the model baseline or peeky or attention$"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--cell-state",), "--cell-state" + OF_OTHERS),
        (("--no-shared-prefixes",), "--no-shared-prefixes" + OF_OTHERS),
        (("--bidirectional",), "--bidirectional" + OF_OTHERS),
        (("--wordvec-size", 32), "--wordvec-size" + OF_OTHERS),
        (("--score", "dot"), "--score is an option of the model attention$"),
        (("--width", 65), "--heads 4: expected a divisor of --width 65$"),
        (("--heads", 3), "--heads 3: expected a divisor of --width 64$"),
        (("--heads", 0), "--heads: expected a whole number of at least 1, got 0$"),
        (("--dropout", 1), "--dropout: expected a share of at least 0 and below 1, got 1$"),
        (("--models", "peeky", "--heads", 2), "--heads is an option of the model transformer$"),
    ],
)
def test_what_is_refused_leaves_an_earlier_run_where_it_is(cwd, train, options, message):
    (cwd / "run").mkdir()
    (cwd / "run" / "transformer.npz").write_bytes(b"an earlier run")
    before = everything(cwd)
    run = "--data", "tiny.txt", "--models", "transformer", "--out", "run"
    refused(train(cwd, *run, *options), message)
    assert everything(cwd) == before


def test_options_of_recurrent_models_may_be_given_beside_it(cwd, train):
    options = "--models", "peeky", "transformer", "--cell-state", "--no-shared-prefixes", "--quiet", "--workers", 1
    done = train(cwd, "--data", "tiny.txt", *TINY, *options, "--out", "run")
    assert (done.returncode, done.stderr) == (0, "")
    assert load_model(cwd / "run" / "peeky.npz")[0].cell_state
