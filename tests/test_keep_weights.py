"""``train_date.py --keep-weights``: a model file per epoch, whatever happens in between, and how they are found.

That no stop, job or rank changes them is in test_resume_scripts.py, test_jobs.py and test_mpi_*.py too.
"""

import re
import resource

import numpy as np
import pytest
from script_tools import TINY, everything, refused, write_dates

from common import checkpoint
from experiment import DateModel
from experiment.kept_weights import KeepWeights, kept_epochs, size_to_come
from seq2seq import load_model, save_model
from seq2seq.model_file import MODELS

DATES = "--data", "tiny.txt", *TINY, "--models", "peeky", "attention", "--save-every", 1, "--keep-weights"
KEPT = [f"{name}.epochs/000{epoch}.npz" for name in ("attention", "peeky") for epoch in (0, 1, 2)]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_dates(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def whole(data, train):
    """The folder of a run of two epochs that nothing stopped."""
    if not (data / "whole").exists():
        done = train(data, *DATES, "--max-epoch", 2, "--out", "whole")
        assert (done.returncode, done.stderr) == (0, "")
    return data / "whole"


def kept(folder) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.glob("*.epochs/*")}


def weights(path) -> dict[str, np.ndarray]:
    return checkpoint.load(path)[0]


def test_each_epoch_is_a_model_file_like_that_of_the_run(data, whole, train):
    assert sorted(kept(whole)) == KEPT
    for name in ("peeky", "attention"):
        files, (_, facts) = kept_epochs(whole, name), load_model(whole / f"{name}.npz")
        assert list(files) == [0, 1, 2] and "epoch" not in facts
        assert all(load_model(path)[1] == facts | {"epoch": epoch} for epoch, path in files.items())
        np.testing.assert_equal(weights(files[2]), weights(whole / f"{name}.npz"))
    done = train(data, *(option for option in DATES if option != "--keep-weights"), "--out", "one")
    assert done.returncode == 0
    for name in ("peeky", "attention"):
        np.testing.assert_equal(weights(kept_epochs(whole, name)[1]), weights(data / "one" / f"{name}.npz"))
    assert not list((data / "one").glob("*.epochs")) and kept_epochs(data / "one", "peeky") == {}
    said = r"one: no weights of peeky after epoch 1; record them with: .*train_date\.py --keep-weights --out .*one$"
    with pytest.raises(FileNotFoundError, match=said):
        DateModel(data / "one", "peeky", epoch=1)


def test_epoch_0_is_the_model_before_it_learned_anything(whole):
    sizes = {name: array.shape for name, array in weights(whole / "attention.npz").items()}
    untrained = weights(whole / "attention.epochs" / "0000.npz")
    assert {name: array.shape for name, array in untrained.items()} == sizes
    learned = weights(whole / "attention.epochs" / "0001.npz")
    assert all((array != learned[name]).any() for name, array in untrained.items())
    biases = [name for name in sizes if re.search(r"\.b[hx]?$", name)]
    assert biases and not any(untrained[name].any() for name in biases), "which all begin at zero"


def test_an_epoch_is_opened_by_its_number(whole):
    latest, last, first = DateModel(whole), DateModel(whole, epoch=2), DateModel(whole, "peeky", epoch=0)
    assert (last.name, last.path) == ("attention", kept_epochs(whole, "attention")[2])
    asked = [model.ask("May 1, 1972") for model in (latest, last)]
    assert asked[0].text == asked[1].text and asked[0].probability == asked[1].probability
    assert repr(first) == f"DateModel({str(whole)!r}, model='peeky', epoch=0)"
    assert first.run == latest.run == whole and first.ask("May 1, 1972").attention is None
    with pytest.raises(FileNotFoundError, match=r"whole: no weights of peeky after epoch 3; 0 to 2 are there$"):
        DateModel(whole, "peeky", epoch=3)


def test_other_files_in_the_folder_are_of_no_epoch(tmp_path):
    (tmp_path / "peeky.epochs").mkdir()
    for name in ("1.npz", "0001 (copy).npz", "0002.npz", "10000.npz", ".0003.npz.0123456789abcdef.tmp"):
        (tmp_path / "peeky.epochs" / name).touch()
    assert list(kept_epochs(tmp_path, "peeky")) == [2, 10000]


def test_the_size_is_said_before_the_training_and_after_it(data, train):
    said = train(data, *DATES, "--out", "said").stdout
    size = sum(map(len, kept(data / "said").values())) / 1e6
    before = re.search(r"^keeps the weights .*: 4 files, about \d\.\d MB$", said, re.MULTILINE)
    assert before and before.start() < said.index("epoch 1 ")
    files = f"peeky.npz, attention.npz, peeky.epochs, attention.epochs (4 files, {size:.1f} MB), history.csv, "
    assert said.splitlines()[-1].startswith(f"written to said: {files}")


def test_the_size_that_is_said_is_right(tmp_path):
    models = [
        MODELS[name](60, 16, hidden, rng=np.random.default_rng(0))
        for name, hidden in (("peeky", 256), ("attention", 99))
    ]
    for i, model in enumerate(models):
        save_model(tmp_path / f"{i}.npz", model)
    size = 11 * sum(path.stat().st_size for path in tmp_path.iterdir()) / 1e6
    said = re.search(r": 22 files, about (.*) MB$", size_to_come(models, 10))
    assert said and float(said[1]) == pytest.approx(size, rel=0.01)
    assert f": at most 22 files, about {said[1]} MB" in size_to_come(models, 10, until=0.9)


@pytest.mark.parametrize(
    "name, epoch, written", [("peeky", 0, False), ("attention", 0, True), ("peeky", 1, False), ("attention", 2, True)]
)
def test_a_run_that_ends_where_weights_are_written_goes_on_with_the_same_bits(
    data, whole, train, monkeypatch, name, epoch, written
):
    """It ends at once, as by a kill, which also leaves a part of the file."""
    out = f"{name} {epoch} {written}"
    place, write = data / out / f"{name}.epochs", KeepWeights._write

    def end(self, trainer):
        here = self.folder == place.relative_to(data) and trainer.current_epoch == epoch
        if written or not here:
            write(self, trainer)
        if here:
            place.mkdir(exist_ok=True)
            (place / f".000{epoch}.npz.0123456789abcdef.tmp").write_bytes(b"PK")
            raise KeyboardInterrupt

    with monkeypatch.context() as cut:
        cut.setattr(KeepWeights, "_write", end)
        assert train(data, *DATES, "--max-epoch", 2, "--out", out).returncode == 130
    assert (place / f"000{epoch}.npz").is_file() == written
    no_state = (name, epoch) == ("peeky", 0)
    again = [*DATES, "--max-epoch", 2, "--out", out] if no_state else ["--resume", out]
    assert train(data, *again).returncode == 0
    assert kept(data / out) == kept(whole)


def test_whether_weights_are_kept_is_an_option_of_the_run(data, train):
    options = [option for option in DATES if option != "--keep-weights"]
    assert train(data, *options, "--out", "without").returncode == 0
    before = everything(data)
    refused(train(data, "--resume", "without", "--keep-weights"), "--keep-weights differs from what the run")
    assert everything(data) == before


def test_a_new_run_moves_them_aside(tmp_path, train):
    write_dates(tmp_path)
    options = *DATES, "--models", "peeky", "--out", "run"
    assert train(tmp_path, *options, "--max-epoch", 2).returncode == 0
    first = kept(tmp_path / "run")
    (tmp_path / "run" / "peeky.epochs" / "mine.npz").write_text("mine")
    assert train(tmp_path, *options, "--seed", 1).returncode == 0
    assert kept(tmp_path / "run" / "before") == first
    assert sorted(kept(tmp_path / "run")) == [*KEPT[3:5], "peeky.epochs/mine.npz"]
    assert DateModel(tmp_path / "run" / "before", epoch=2).ask("May 1, 1972").text


def test_a_full_disk_is_one_message_and_leaves_no_part_of_a_file(data, whole, train):
    size = len(kept(whole)["peeky.epochs/0000.npz"])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1, before[1]))
    try:
        done = train(data, *DATES, "--quiet", "--out", "full")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    refused(done, r"^train_date\.py: full/peeky\.epochs/0000\.npz: File too large, so it was not written$")
    assert kept(data / "full") == {}
