"""The state of a training run between two iterations: everything the rest of the run depends on, in one file."""

import os
import time
from collections.abc import Callable
from typing import Any

import numpy

from common import checkpoint
from common.callbacks import Callback
from common.functions import as_number
from common.layer import named_params, remove_duplicate, walk
from common.np import np
from common.numeric_faults import finite_params, running_values
from common.optimizer import numbers_of
from common.parallel import blas_threads, refuse_state, values_in
from common.util import to_cpu, to_gpu
from support.stop_signals import StopSignals

# arrays of a state, besides those of the model and the optimizer
PROGRESS = {"epoch.rows": "i", "epoch.sizes": "i", "epoch.losses": "f", "loss_list": "f"}
MOST_CHILDREN = 10**6  # streams that a stream may have spawned: spawning each again takes time


def save(path: str | os.PathLike, trainer, facts: dict | None = None) -> None:
    """Write weights, optimizer, random streams, position, history and callback state; facts: anything JSON can hold.

    Call it between two fits, or in a callback's ``iteration_end`` or ``epoch_end``. It stores the attributes that
    callbacks name in ``state`` and ``arrays``, and the ``slots`` and numbers of optimizers. Raises OSError when the
    file cannot be written, ValueError for a number that is not finite, a model that carries state from batch to batch,
    or an optimizer that keeps lists and has no ``slots``. Of several ranks, all of which have to call it, the first
    writes the file, with the random streams of all.
    """
    copies = [[_stream(rng) for rng in _generators(copy)] for copy in trainer.models[1:] if trainer.batches]
    owned = trainer.ranks.all({"streams": [_stream(rng) for rng in _generators(trainer.model)], "copies": copies})
    trainer.ranks.on_first(lambda: _write(path, trainer, facts or {}, [*owned, *trainer.resting]))


def _write(path: str | os.PathLike, trainer, facts: dict, owned: list[dict]) -> None:
    """Write the state. owned: what each rank owns, of those that train and then of those that rest."""
    refuse_state(trainer.model)
    if any(isinstance(c, _Streams) for c in trainer.callbacks):
        raise ValueError(f"{path}: a training restored within an epoch must continue before it is saved again")
    kept = [name for name, value in vars(trainer.optimizer).items() if isinstance(value, (list, dict)) and value]
    if kept and not hasattr(trainer.optimizer, "slots"):
        whose = f"{path}: {type(trainer.optimizer).__name__}"
        raise ValueError(f"{whose} keeps {', '.join(kept)}, but has no slots to name what must be saved")
    arrays = {f"model.{name}": to_cpu(p) for name, p in finite_params(trainer.model).items()}
    for slot, values in running_values(trainer.optimizer).items():
        if not all(np.isfinite(value).all() for value in values):
            raise ValueError(f"{path}: what the optimizer keeps is not finite, so nothing was saved")
        arrays |= {f"optimizer.{slot}.{i}": to_cpu(value) for i, value in enumerate(values)}
    for i, callback in enumerate(_counting(trainer)):
        for name in callback.arrays:
            arrays |= {f"callback.{i}.{name}.{key}": to_cpu(a) for key, a in getattr(callback, name).items()}
    arrays["epoch.rows"] = numpy.concatenate([numpy.arange(0), *map(to_cpu, trainer.batches)])
    arrays["epoch.sizes"] = numpy.array([len(batch) for batch in trainer.batches], dtype=numpy.int64)
    arrays["epoch.losses"] = numpy.array(trainer.losses, dtype=numpy.float64)
    arrays["loss_list"] = numpy.array(trainer.loss_list, dtype=numpy.float64)
    others = {"ranks": trainer.ranks.size, "others": owned[1:]} if len(owned) > 1 else {}
    state = {
        "optimizer": {"class": type(trainer.optimizer).__name__, **numbers_of(trainer.optimizer)},
        "streams": [_stream(rng) for rng in _generators(trainer.model, trainer.rng)],
        "copies": owned[0]["copies"],
        **others,
        "workers": trainer.workers,
        "blas_threads": trainer.blas_threads or blas_threads(),
        "callbacks": [
            {"class": type(c).__name__} | {name: getattr(c, name) for name in c.state} for c in _counting(trainer)
        ],
        "epoch": trainer.current_epoch,
        "history": trainer.history,
        "stopped": trainer.stop_training,
    }
    checkpoint.save(path, arrays, {"training": state, "facts": facts})


def restore(path: str | os.PathLike, trainer, measured: tuple[str, ...] = (), *, other_ranks: bool = False) -> dict:
    """Restore the state in the file to a trainer that was made like the original one; return the facts.

    The rest of the training is then bit-identical to an uninterrupted one; the next ``fit`` first finishes the epoch
    that was begun. measured: names of the numbers, besides the loss, that each epoch's record must have. Raises
    OSError, or CheckpointError for a file that is damaged or belongs to another model, optimizer, seed, or number of
    workers or ranks; the trainer is then unchanged, on every rank. Of several ranks, all of which have to call it, the
    first reads the file. other_ranks: allow another number of them, which rounds differently. A rank that the training
    never had begins its random streams; those of a rank that it has no more rest in the state, and go on if it returns.
    """
    arrays, manifest = trainer.ranks.on_first(lambda: checkpoint.load(path))
    change = trainer.ranks.on_all(lambda: _fitting(path, arrays, manifest, trainer, measured, other_ranks))
    trainer.ranks.on_all(change)
    return manifest["facts"]


def _fitting(path, arrays: dict, manifest: dict, trainer, measured: tuple[str, ...], other_ranks: bool) -> Callable:
    """Check all that ``restore`` needs; return what changes the trainer."""
    ranks, optimizer = trainer.ranks, trainer.optimizer
    state: Any = manifest.get("training")
    generators, of_model = _generators(trainer.model, trainer.rng), _generators(trainer.model)
    try:
        others, count = state.get("others", []), state.get("ranks", 1)
        if type(count) is not int or not 0 < count <= len(others) + 1:
            raise ValueError(f"{count} ranks, and streams of {len(others) + 1}")
        if count != ranks.size and not other_ranks:
            raise ValueError(f"saved with {count} ranks, not {ranks.size}")
        saved, copies = state["streams"], state["copies"]
        for streams in (*copies, *(streams for owned in others for streams in (owned["streams"], *owned["copies"]))):
            for rng, stream in zip(of_model, streams, strict=True):
                _check(rng, stream, ("entropy",))
        resting = [{"streams": owned["streams"], "copies": []} for owned in others[ranks.size - 1 :]]
        if 0 < ranks.rank <= len(others):
            saved, copies = [saved[0], *others[ranks.rank - 1]["streams"]], others[ranks.rank - 1]["copies"]
        elif ranks.rank:
            generators, saved, copies = generators[:1], saved[:1], []
        if state["workers"] != trainer.workers or len(copies) not in (0, trainer.workers - 1):
            raise ValueError(f"saved with {state['workers']} workers, not {trainer.workers}")
        spawned = []
        for rng, stream in zip(generators, saved, strict=True):
            _check(rng, stream)
            # an epoch that was begun spawned children for its copies, and will spawn the same ones again
            again = len(copies) if any(rng is own for own in of_model) else 0
            spawned.append(stream["spawned"] - again - _seeds(rng).n_children_spawned)
            if type(spawned[-1]) is not int or not 0 <= spawned[-1] <= MOST_CHILDREN:
                raise ValueError(f"a stream spawned {stream['spawned']} others")
        if state["optimizer"]["class"] != type(optimizer).__name__:
            raise ValueError(f"saved with another optimizer than {type(optimizer).__name__}")
        kept = getattr(optimizer, "added", {}) | state["optimizer"]
        numbers = {name: _like(value, kept[name]) for name, value in numbers_of(optimizer).items()}
        kinds = [type(callback).__name__ for callback in _counting(trainer)]
        if [values["class"] for values in state["callbacks"]] != kinds:
            raise ValueError(f"saved with other callbacks than {', '.join(kinds) or 'none'}")
        counts = []
        for i, (callback, values) in enumerate(zip(_counting(trainer), state["callbacks"], strict=True)):
            counted = {name: _like(getattr(callback, name), values[name]) for name in callback.state}
            counts.append(
                (callback, counted | {name: _parts(arrays, f"callback.{i}.{name}.") for name in callback.arrays})
            )
        for name, kind in PROGRESS.items():
            if arrays[name].ndim != 1 or arrays[name].dtype.kind != kind:
                raise ValueError(f"{name} is {arrays[name].dtype} {arrays[name].shape}")
        rows, sizes, losses, loss_list = (arrays.pop(name) for name in PROGRESS)
        if sizes.sum() != len(rows) or len(losses) > len(sizes) > 0:
            raise ValueError(f"{len(losses)} iterations of {len(sizes)}, {len(rows)} rows of {sizes.sum()}")
        if sizes.min(initial=1) < 1 or rows.min(initial=0) < 0:
            raise ValueError("empty mini-batches, or negative row numbers")
        if len(state["history"]) != state["epoch"]:
            raise ValueError(f"{len(state['history'])} epochs of {state['epoch']}")
        for epoch, record in enumerate(state["history"], 1):
            for name in ("epoch", "loss", *measured):
                if not _is_number(record.get(name)):
                    raise ValueError(f"no number {name} for epoch {epoch}")
            if record["epoch"] != epoch:
                raise ValueError(f"epoch {record['epoch']} in place of epoch {epoch}")
        position = {
            "batches": numpy.split(rows, numpy.cumsum(sizes))[:-1],
            "losses": losses.tolist(),
            "iteration": len(losses),
            "loss_list": loss_list.tolist(),
            "history": list(state["history"]),
            "current_epoch": len(state["history"]),
            "stop_training": bool(state["stopped"]),
            "blas_threads": state["blas_threads"],
            "resting": resting,
        }
        if type(state["blas_threads"]) is not int or not 0 < state["blas_threads"] < 2**16:
            raise ValueError(f"saved with {state['blas_threads']} BLAS threads")
        manifest["facts"]
    except (AttributeError, TypeError, KeyError, ValueError, OverflowError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else error
        raise checkpoint.CheckpointError(f"{path}: not the state of this training run: {reason}") from error
    learnt, _ = remove_duplicate(trainer.model.params, trainer.model.grads)
    begun = any(name.startswith("optimizer.") for name in arrays)
    own = getattr(optimizer, "slots", ())
    slots = {slot: [np.zeros_like(p) for p in learnt] for slot in own if begun}
    targets = {f"model.{name}": p for name, p in named_params(trainer.model).items()}
    targets |= {f"optimizer.{slot}.{i}": a for slot, values in slots.items() for i, a in enumerate(values)}

    def change() -> None:
        checkpoint.assign(targets, {name: to_gpu(a) for name, a in arrays.items()}, path)
        for slot in own:
            setattr(optimizer, slot, slots.get(slot))
        vars(optimizer).update(numbers)
        for rng, stream, children in zip(generators, saved, spawned, strict=True):
            rng.bit_generator.state = stream["state"]
            for _ in range(children):  # one by one, which saves memory
                _seeds(rng).spawn(1)
        for callback, values in counts:
            vars(callback).update(values)
        vars(trainer).update(position)
        trainer.callbacks = [c for c in trainer.callbacks if not isinstance(c, _Streams)]
        if copies:
            trainer.callbacks.insert(0, _Streams(copies))

    return change


def ranks(path: str | os.PathLike) -> int:
    """Return how many ranks saved a state. Raises the same errors as ``facts``."""
    state: Any = _manifest(path)["training"]
    count = state.get("ranks", 1) if isinstance(state, dict) else 1
    return count if type(count) is int else 1


def facts(path: str | os.PathLike) -> dict:
    """Return the facts in a file of ``save``. Raises OSError, or CheckpointError for another file."""
    return _manifest(path)["facts"]


def _manifest(path: str | os.PathLike) -> dict:
    manifest = checkpoint.read_manifest(path)
    if "training" not in manifest or not isinstance(manifest.get("facts"), dict):
        raise checkpoint.CheckpointError(f"{path}: not the state of a training run")
    return manifest


class _Streams(Callback):
    """Restore, once, the random streams of the other workers in a resumed epoch."""

    def __init__(self, copies: list):
        self.copies = copies

    def workers_begin(self, trainer) -> None:
        for copy, streams in zip(trainer.models[1:], self.copies, strict=True):
            for rng, stream in zip(_generators(copy), streams, strict=True):
                rng.bit_generator.state = stream["state"]
        trainer.callbacks.remove(self)


class SaveState(Callback):
    """Save the state to ``path`` every so many iterations or seconds, after each epoch, and when told to stop.

    List it last: the state does not include changes by later callbacks. facts: as for ``save``. stop: signals that let
    the iteration end; once its state is saved, Interrupted is raised. Raises ValueError unless iterations and seconds
    are above 0.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        facts: dict | None = None,
        *,
        iterations: int | None = None,
        seconds: float | None = None,
        stop: StopSignals | None = None,
    ):
        for name, value in (("iterations", iterations), ("seconds", seconds)):
            if value is not None and not as_number(f"SaveState: {name}", value) > 0:
                raise ValueError(f"SaveState: expected {name} above 0, got {value}")
        self.path, self.facts, self.iterations, self.seconds, self.stop = path, facts, iterations, seconds, stop
        self.saved_at = time.monotonic()

    def iteration_end(self, trainer) -> None:
        due = self.iterations is not None and trainer.iteration % self.iterations == 0
        late = self.seconds is not None and time.monotonic() - self.saved_at >= self.seconds
        due |= trainer.ranks.ask_for_save(late)
        if due or (self.stop is not None and self.stop.heard):
            self._save(trainer)

    def epoch_end(self, trainer) -> None:
        self._save(trainer)

    def _save(self, trainer) -> None:
        save(self.path, trainer, self.facts)
        self.saved_at = time.monotonic()
        trainer.ranks.due = False  # what the next step would have asked for
        if self.stop is not None:
            self.stop.check()


def _is_number(value) -> bool:
    return isinstance(value, (int, float))


def _parts(arrays: dict, prefix: str) -> dict:
    """Take out the arrays whose names have the prefix; return them by the rest of their names."""
    return {name.removeprefix(prefix): to_gpu(arrays.pop(name)) for name in list(arrays) if name.startswith(prefix)}


def _like(own, value):
    """Return the value that replaces ``own``. Raises ValueError if own is a number or a list and value is not."""
    if _is_number(own) and not _is_number(value):
        raise ValueError(f"expected a number in place of {own}, got {type(value).__name__}")
    if isinstance(own, list) and not isinstance(value, list):
        raise ValueError(f"expected a list in place of {own}, got {type(value).__name__}")
    return value


def _counting(trainer) -> list:
    """Return the callbacks that have state to save."""
    return [callback for callback in trainer.callbacks if callback.state]


def _generators(model, *others: numpy.random.Generator) -> list[numpy.random.Generator]:
    """Return the others and every random stream of the model's parts, each once."""
    found = {id(rng): rng for rng in others}
    for _, part in walk(model):
        for value in getattr(part, "__dict__", {}).values():
            found |= {id(rng): rng for rng in values_in(value) if isinstance(rng, numpy.random.Generator)}
    return list(found.values())


def _seeds(rng: numpy.random.Generator) -> Any:
    """Return the SeedSequence of a stream, as Any: its type in numpy's stubs lacks attributes that it has."""
    return rng.bit_generator.seed_seq


def _stream(rng: numpy.random.Generator) -> dict:
    seeds = _seeds(rng)
    born = {"entropy": seeds.entropy, "spawn_key": list(seeds.spawn_key)}
    return {"state": rng.bit_generator.state, "spawned": seeds.n_children_spawned, **born}


def _check(rng: numpy.random.Generator, stream: dict, same: tuple[str, ...] = ("entropy", "spawn_key")) -> None:
    """Raise ValueError, or another error for a state of wrong types, unless rng can take the stream's state."""
    own = _stream(rng)
    if any(stream[key] != own[key] for key in same):
        raise ValueError("saved with another seed")
    type(rng.bit_generator)().state = stream["state"]
