"""Files of a training's state that are damaged, or say what no state of ours does: refused, and nothing is changed."""

import copy

import numpy as np
import pytest
from test_training_state import everything, fit, make

from common import checkpoint, training_state
from common.checkpoint import CheckpointError
from common.optimizer import Adam


def cut(path):
    path.write_bytes(path.read_bytes()[:-200])


def flip(path):
    content = bytearray(path.read_bytes())
    content[content.index(b"optimizer.v.0.npy") + 150] ^= 1
    path.write_bytes(content)


def begun(sizes, rows):
    """The arrays of an epoch of mini-batches of these rows, all of them done."""
    return {"epoch.sizes": np.array(sizes), "epoch.rows": np.array(rows), "epoch.losses": np.ones(len(sizes))}


STRANGE = {  # what replaces parts of the arrays, and what is done to the training's part of the manifest
    "no list of callbacks": ({}, lambda t: t.update(callbacks=7)),
    "no history": ({}, lambda t: t.pop("history")),
    "no wait": ({}, lambda t: t["callbacks"][0].pop("wait")),
    "a wait that is no number": ({}, lambda t: t["callbacks"][0].update(wait="1")),
    "a stream less": ({}, lambda t: t["streams"].pop()),
    "no children": ({}, lambda t: t["streams"][1].pop("spawned")),
    "too many children": ({}, lambda t: t["streams"][1].update(spawned=10**7)),
    "a state of no stream": ({}, lambda t: t["streams"][0]["state"].update(state={"state": -1, "inc": 1})),
    "copies": ({}, lambda t: t.update(copies=[[]])),
    "epoch 0": ({}, lambda t: t.update(epoch=0)),
    "10^12 epochs": ({}, lambda t: t.update(epoch=10**12)),
    "epochs that are not counted": ({}, lambda t: t["history"][0].update(epoch=2)),
    "no loss": ({}, lambda t: t["history"][0].pop("loss")),
    "a loss that is no number": ({}, lambda t: t["history"][1].update(loss=[1])),
    "no height": ({}, lambda t: t["history"][1].pop("height")),
    "no lr": ({}, lambda t: t["optimizer"].pop("lr")),
    "an lr that is no number": ({}, lambda t: t["optimizer"].update(lr="0.1")),
    "a loss of nothing": (begun([4], range(4)) | {"epoch.losses": np.ones(3)}, lambda t: None),
    "losses that are complex": ({"loss_list": np.ones(3, complex)}, lambda t: None),
    "a table of losses": ({"loss_list": np.ones((3, 1))}, lambda t: None),
    "rows that are none": (begun([2, 2], [0.0, 1.5, 2.0, 3.0]), lambda t: None),
    "rows below 0": (begun([2, 2], [0, 1, -2, 3]), lambda t: None),
    "rows that are not told": (begun([2, 3], range(4)), lambda t: None),
    "a batch of none": (begun([4, 0], range(4)), lambda t: None),
    "half a thread": ({}, lambda t: t.update(blas_threads=0.5)),
    "too many threads": ({}, lambda t: t.update(blas_threads=10**30)),
    "a batch of fewer": (begun([6, -2], range(4)), lambda t: None),
}


def refuses(path, trainer, message):
    before = everything(trainer)
    with pytest.raises(CheckpointError, match=message):
        training_state.restore(path, trainer, ("height",))
    assert everything(trainer) == before


@pytest.mark.parametrize("damage", [cut, flip])
def test_a_damaged_file_changes_nothing(tmp_path, damage):
    training_state.save(tmp_path / "state", fit(make(tmp_path), 2))
    damage(tmp_path / "state")
    refuses(tmp_path / "state", make(tmp_path), f"^{tmp_path / 'state'}: not a checkpoint, or a damaged one")
    with pytest.raises(FileNotFoundError):
        training_state.restore(tmp_path / "none", make(tmp_path))


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    folder = tmp_path_factory.mktemp("state")
    training_state.save(folder / "state", fit(make(folder), 2))
    return checkpoint.load(folder / "state")


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_state_changes_nothing(tmp_path, state, name):
    """A file whose checksums are right, but whose content is not what ``save`` writes."""
    (arrays, manifest), (replaced, edit) = copy.deepcopy(state), STRANGE[name]
    edit(manifest["training"])
    checkpoint.save(tmp_path / "state", arrays | replaced, manifest)
    refuses(tmp_path / "state", make(tmp_path), f"^{tmp_path / 'state'}: not the state of this training run: ")


def test_numbers_that_an_earlier_state_lacks_are_what_they_were(tmp_path, state):
    """Adam had one epsilon, in one place; what the new trainer was made with is not what was trained with."""
    arrays, manifest = copy.deepcopy(state)
    assert manifest["training"]["optimizer"].pop("epsilon") == 1e-7
    assert manifest["training"]["optimizer"].pop("epsilon_hat") is True
    checkpoint.save(tmp_path / "state", arrays, manifest)
    trainer = make(tmp_path, lambda lr: Adam(lr, epsilon=0.1, epsilon_hat=False))
    training_state.restore(tmp_path / "state", trainer, ("height",))
    assert (trainer.optimizer.epsilon, trainer.optimizer.epsilon_hat) == (1e-7, True)


def test_states_that_are_no_dicts(tmp_path, state):
    for training in (None, [1], {}):
        checkpoint.save(tmp_path / "state", state[0], state[1] | {"training": training})
        refuses(tmp_path / "state", make(tmp_path), "not the state of this training run")


def test_an_epoch_of_more_data_is_refused(tmp_path, state):
    arrays, manifest = state
    checkpoint.save(tmp_path / "state", arrays | begun([2, 2], [0, 1, 22, 3]) | {"epoch.losses": np.ones(1)}, manifest)
    trainer = make(tmp_path)
    training_state.restore(tmp_path / "state", trainer)
    with pytest.raises(ValueError, match="the interrupted epoch had more data than these 22 rows"):
        fit(trainer, 1)


def test_facts_of_another_file(tmp_path):
    make(tmp_path).model.save_params(tmp_path / "weights", {"facts": 1})
    with pytest.raises(CheckpointError, match="weights: not the state of a training run"):
        training_state.facts(tmp_path / "weights")
    training_state.save(tmp_path / "state", make(tmp_path))
    assert training_state.facts(tmp_path / "state") == {}
