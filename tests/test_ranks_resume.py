"""The state of a training on several ranks: resumed by as many with the same bits, by others if that is allowed."""

import copy
import shutil
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from rank_tools import all_done, on_ranks, this_rank
from test_training_state import Reader, data
from test_training_state import everything as of_trainer

from common import checkpoint, training_state
from common.callbacks import Callback, EarlyStopping, Measure
from common.checkpoint import CheckpointError
from common.optimizer import Adam
from common.ranks import ALONE
from common.trainer import Trainer
from common.training_state import SaveState

EPOCHS, STEPS = 2, 5  # of 22 rows


class Shared(Reader):
    """Small as it is, its work is shared among all ranks and workers."""

    def shares(self, x, t, count, each=None):
        return np.array_split(np.arange(len(x)), count)


class Keep(Callback):
    """Keep each state that ``SaveState``, which is listed before, has written."""

    def __init__(self, path):
        self.path = path

    def iteration_end(self, trainer):
        if trainer.ranks.rank == 0:
            shutil.copy(self.path, f"{self.path}.{trainer.current_epoch * STEPS + trainer.iteration}")

    def epoch_end(self, trainer):
        if trainer.ranks.rank == 0:
            shutil.copy(self.path, f"{self.path}.{trainer.current_epoch * STEPS}.epoch")


def make(ranks, workers=1):
    weights, shuffling = (np.random.default_rng(seed) for seed in np.random.SeedSequence(3).spawn(2))
    measures = [Measure("height", lambda model: float(model.params[0].max())), EarlyStopping("height", 9)]
    return Trainer(Shared(weights), Adam(lr=0.1), rng=shuffling, callbacks=measures, workers=workers, ranks=ranks)


def train(trainer, epochs=EPOCHS):
    """Train up to that many epochs; return all that the rest would depend on."""
    while trainer.current_epoch < epochs:
        trainer.fit(*data(), max_epoch=1, batch_size=4, max_grad=1.0, eval_interval=2)
    return everything(trainer)


def everything(trainer):
    """All that the rest of a training depends on. Whoever is not the first rank keeps no stream for the shuffling."""
    found = of_trainer(trainer)
    streams, callbacks = found["streams"][trainer.ranks.rank > 0 :], list(filter(None, found["callbacks"]))
    return found | {"streams": streams, "callbacks": callbacks}


def states(path, size, workers=1, epochs=EPOCHS):
    """Train on so many ranks, and keep the states after each iteration and epoch; return what is left on each rank."""

    def task(ranks):
        trainer = make(ranks, workers)
        trainer.callbacks += [SaveState(path, iterations=1), Keep(path)]
        return train(trainer, epochs)

    return all_done(on_ranks(size, task))


def resume(path, size, workers=1, epochs=EPOCHS, **options):
    """Go on with a state on so many ranks, 0 for a process without MPI; return what is left on each rank."""

    def task(ranks):
        trainer = make(ranks, workers)
        training_state.restore(path, trainer, **options)
        train(trainer, epochs)
        training_state.save(f"{path}.resumed", trainer)
        return everything(trainer)

    return all_done(on_ranks(size, task)) if size else [task(ALONE)]


def streams(path):
    """The positions of all dropout streams in a state, by rank."""
    state = checkpoint.read_manifest(path)["training"]
    owned = [state["streams"][1:], *(own["streams"] for own in state.get("others", []))]
    return [[stream["state"]["state"]["state"] for stream in own] for own in owned]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("size", [2, 3])
def test_whenever_it_was_stopped_the_rest_has_the_same_bits(tmp_path, size, workers):
    whole = states(tmp_path / "state", size, workers)
    assert len({str(found["streams"]) for found in whole}) == size, "each rank has streams of its own"
    kept = sorted(tmp_path.glob("state.*"))
    assert len(kept) == EPOCHS * (STEPS + 1)
    for path in kept:
        assert resume(path, size, workers) == whole, path.name


def test_one_rank_and_a_process_without_mpi_go_on_with_the_state_of_the_other(tmp_path):
    """The state is the same, which is that of earlier versions."""
    for folder, size in ("rank", 1), ("alone", 0):
        (tmp_path / folder).mkdir()
        trainer = make(ALONE, 2)
        trainer.callbacks += [SaveState(tmp_path / folder / "state", iterations=1), Keep(tmp_path / folder / "state")]
        whole = [train(trainer)] if size == 0 else states(tmp_path / folder / "state", 1, 2)
        assert resume(tmp_path / "rank" / "state.3", size, 2) == whole
    for path in (tmp_path / "rank").glob("state.*[0-9]"):
        assert path.read_bytes() == (tmp_path / "alone" / path.name).read_bytes()
    assert not {"ranks", "others"} & checkpoint.read_manifest(tmp_path / "rank" / "state")["training"].keys()


@pytest.mark.parametrize(("saved", "size"), [(2, 3), (3, 2), (2, 1), (2, 0), (1, 2)])
@pytest.mark.parametrize("workers", [1, 2])
def test_another_number_of_ranks_is_refused_unless_it_is_allowed(tmp_path, saved, size, workers):
    states(tmp_path / "state", saved, workers, epochs=1)
    path = tmp_path / "state.3"

    def task(ranks):
        trainer = make(ranks, workers)
        before = everything(trainer)
        with pytest.raises(ValueError) as error:
            training_state.restore(path, trainer)
        assert everything(trainer) == before
        return getattr(error.value, "rank", None), str(error.value)

    for rank, said in all_done(on_ranks(size, task)) if size else [task(ALONE)]:
        assert said == f"{path}: not the state of this training run: saved with {saved} ranks, not {size or 1}"
        assert rank == 0
    found = resume(path, size, workers, other_ranks=True)
    assert len({str(rank["weights"]) for rank in found}) == 1
    assert len({str(rank["history"]) for rank in found}) == 1 and len(found[0]["history"]) == EPOCHS
    assert resume(path, size, workers, other_ranks=True) == found, "from run to run the same"
    assert training_state.ranks(f"{path}.resumed") == (size or 1)


def test_ranks_that_come_back_go_on_with_their_streams(tmp_path):
    """4 -> 2 -> 4: no rank draws what it, or another one, has drawn before."""
    states(tmp_path / "state", 4, 2, epochs=1)
    path, seen = tmp_path / "state.3", [streams(tmp_path / "state.3")]
    for size in (2, 1, 4, 5):
        resume(path, size, 2, epochs=len(seen) + 1, other_ranks=True)
        path = f"{path}.resumed"
        seen.append(streams(path))
    assert [len(ranks) for ranks in seen] == [4, 4, 4, 4, 5]
    ever: list[set] = []
    for rank, trains in enumerate([(1, 1, 1, 1), (1, 0, 1, 1), (0, 0, 1, 1), (0, 0, 1, 1)]):
        assert [before[rank] != after[rank] for before, after in pairwise(seen)] == list(map(bool, trains)), rank
        ever.append({position for ranks in seen for position in ranks[rank]})
        assert len(ever[-1]) == 2 * (1 + sum(trains)), "both streams go on from where they were"
    assert len(set.union(*ever)) == sum(map(len, ever)), "and none is another's"
    others = checkpoint.read_manifest(path)["training"]["others"]
    spawned = [own["streams"][0]["spawned"] for own in others]
    assert spawned == [4, 3, 3, 1], "workers get other streams in each epoch, and in one that goes on the same again"


STRANGE = {
    "a number": lambda t: t.update(others=7),
    "a text": lambda t: t.update(others="12"),
    "a dict": lambda t: t.update(others={"0": t["others"][0], "1": t["others"][1]}),
    "numbers": lambda t: t.update(others=[7, 7]),
    "texts": lambda t: t.update(others=["streams", "copies"]),
    "too few": lambda t: t["others"].pop(),
    "no streams": lambda t: t["others"][1].pop("streams"),
    "no copies": lambda t: t["others"][1].pop("copies"),
    "copies that are none": lambda t: t["others"][1].update(copies=None),
    "a copy less": lambda t: t["others"][1].update(copies=[]) or t["others"][0]["copies"].append([]),
    "a stream less": lambda t: t["others"][1]["streams"].pop(),
    "a stream of another seed": lambda t: t["others"][1]["streams"][0].update(entropy=4),
    "the streams of another rank": lambda t: t["others"][1].update(streams=t["others"][0]["streams"]),
    "half a child": lambda t: t["others"][1]["streams"][0].update(spawned=1.5),
    "children below 0": lambda t: t["others"][1]["streams"][0].update(spawned=-1),
    "no state": lambda t: t["others"][1]["streams"][0].pop("state"),
    "a state of no stream": lambda t: t["others"][1]["streams"][0]["state"].update(state={"state": -1, "inc": 1}),
    "a state of no copy": lambda t: t["others"][0]["copies"][0][1].update(state=[]),
    "no ranks": lambda t: t.update(ranks=0),
    "ranks below 0": lambda t: t.update(ranks=-3),
    "too many ranks": lambda t: t.update(ranks=4),
    "ranks that are a text": lambda t: t.update(ranks="3"),
    "ranks that are a list": lambda t: t.update(ranks=[3]),
    "half a rank": lambda t: t.update(ranks=2.5),
}


@pytest.fixture(scope="module")
def of_three(tmp_path_factory):
    path = tmp_path_factory.mktemp("three") / "state"
    states(path, 3, 2, epochs=1)
    return checkpoint.load(f"{path}.3")


@pytest.mark.parametrize("other_ranks", [False, True])
@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_state_is_refused_by_all_ranks_and_changes_none(tmp_path, of_three, name, other_ranks):
    arrays, manifest = copy.deepcopy(of_three)
    STRANGE[name](manifest["training"])
    checkpoint.save(tmp_path / "state", arrays, manifest)
    assert isinstance(training_state.ranks(tmp_path / "state"), int)

    def task(ranks):
        trainer = make(ranks, 2)
        before = everything(trainer)
        try:
            training_state.restore(tmp_path / "state", trainer, other_ranks=other_ranks)
        except ValueError as error:
            assert everything(trainer) == before
            return error.rank == ranks.rank, error
        return None

    found = all_done(on_ranks(3, task))
    assert [told for told, _ in found].count(True) == 1, "one of them tells it"
    error = next(error for told, error in found if told)
    assert isinstance(error, CheckpointError)
    assert str(error).startswith(f"{tmp_path / 'state'}: not the state of this training run: ")


@pytest.mark.parametrize("size", [0, 2])
def test_streams_that_rest_are_checked_too(tmp_path, of_three, size):
    arrays, manifest = copy.deepcopy(of_three)
    manifest["training"]["others"][1]["streams"][0].update(entropy=4)
    checkpoint.save(tmp_path / "state", arrays, manifest)
    with pytest.raises(CheckpointError, match="saved with another seed"):
        resume(tmp_path / "state", size, 2, other_ranks=True)


def test_weights_that_do_not_fit_change_nothing_on_any_rank(tmp_path, of_three):
    arrays, manifest = copy.deepcopy(of_three)
    arrays["model.affine.b"] = np.zeros(3, dtype=np.float32)
    checkpoint.save(tmp_path / "state", arrays, manifest)

    def task(ranks):
        trainer = make(ranks, 2)
        before = everything(trainer)
        with pytest.raises(ValueError) as error:
            training_state.restore(tmp_path / "state", trainer)
        return everything(trainer) == before, error.value.rank

    assert all_done(on_ranks(3, task)) == [(True, 0)] * 3


def test_only_the_first_rank_reads_and_writes(tmp_path, monkeypatch):
    """Its errors end all ranks alike."""

    def only(function):
        def call(*arguments):
            assert this_rank() == 0
            return function(*arguments)

        return call

    for name in ("load", "save"):
        monkeypatch.setattr(checkpoint, name, only(getattr(checkpoint, name)))
    states(tmp_path / "state", 2, epochs=1)

    def fails(task):
        def attempt(ranks):
            trainer = make(ranks)
            with pytest.raises((OSError, ValueError)) as error:
                task(trainer)
            return type(error.value).__name__, error.value.rank

        return all_done(on_ranks(2, attempt))

    missing = fails(lambda trainer: training_state.restore(tmp_path / "none", trainer))
    assert missing == [("FileNotFoundError", 0), ("RankFailed", 0)]
    folder = fails(lambda trainer: training_state.save(tmp_path / "none" / "state", trainer))
    assert folder == [("FileNotFoundError", 0), ("RankFailed", 0)]


def test_the_clock_of_the_first_rank_decides_for_all(tmp_path, monkeypatch):
    """Its seconds are over after the second step, those of the other rank always: the next step saves, once."""
    now = [1000.0, 9e9]
    monkeypatch.setattr(training_state, "time", SimpleNamespace(monotonic=lambda: now[this_rank()]))
    saved: list = [[], []]

    class Pass(Callback):
        def iteration_end(self, trainer):
            now[trainer.ranks.rank] += 16 if trainer.ranks.rank == 0 else 1e9

    class Watch(SaveState):
        def _save(self, trainer):
            saved[trainer.ranks.rank].append((trainer.current_epoch, trainer.iteration))
            super()._save(trainer)

    def task(ranks):
        trainer = make(ranks)
        trainer.callbacks += [Pass(), Watch(tmp_path / "state", seconds=30)]
        trainer.fit(*data(), max_epoch=2, batch_size=4)

    all_done(on_ranks(2, task))
    assert saved[0] == saved[1] == [(0, 3), (1, 5), (1, 3), (2, 5)]
