"""``train_date.py --keep-weights``: a model file per epoch, whatever happens in between, and how they are found."""

import pytest
from script_tools import MODELS, TINY

from experiment.kept_weights import kept_epochs
from seq2seq import load_model


@pytest.fixture
def kept(tiny, train):
    """The folder of a run of all models that kept two epochs, and the weights before them."""
    done = train(tiny.parent, "--data", tiny, *TINY, "--max-epoch", 2, "--quiet", "--keep-weights", "--out", "kept")
    assert (done.returncode, done.stderr) == (0, "")
    return tiny.parent / "kept"


def test_each_epoch_is_an_ordinary_model_file(kept):
    for name in MODELS:
        files = kept_epochs(kept, name)
        assert {k: path.relative_to(kept).as_posix() for k, path in files.items()} == {
            k: f"{name}.epochs/000{k}.npz" for k in (0, 1, 2)
        }
        _, facts = load_model(kept / f"{name}.npz")
        for k, path in files.items():
            assert load_model(path)[1] == facts | {"epoch": k}
    assert kept_epochs(kept / "before", "attention") == {}
