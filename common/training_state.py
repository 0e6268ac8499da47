"""The state of a training run between two epochs: all that the rest of it depends on, in one checkpoint."""

import os

import numpy

from common import checkpoint
from common.layer import named_params, remove_duplicate, walk
from common.np import np
from common.util import to_cpu, to_gpu


def save(path: str | os.PathLike, trainer, facts: dict | None = None) -> None:
    """Write weights, optimizer, random streams, history and what callbacks count; facts: whatever JSON can hold.

    To be called between two fits. The weights that EarlyStopping restores are not kept: use ModelCheckpoint's file.
    Raises OSError when the file cannot be written.
    """
    params = named_params(trainer.model)
    arrays = {f"model.{name}": to_cpu(p) for name, p in params.items()}
    for slot in trainer.optimizer.slots:
        for i, value in enumerate(getattr(trainer.optimizer, slot) or []):
            arrays[f"optimizer.{slot}.{i}"] = to_cpu(value)
    state = {
        "optimizer": _numbers(trainer.optimizer),
        "streams": [_stream(rng) for rng in _generators(trainer)],
        "callbacks": [{name: getattr(c, name) for name in c.state} for c in _counting(trainer)],
        "epoch": trainer.current_epoch,
        "history": trainer.history,
        "loss_list": trainer.loss_list,
    }
    checkpoint.save(path, arrays, {"training": state, "facts": facts or {}})


def restore(path: str | os.PathLike, trainer) -> dict:
    """Bring a trainer that was made as the first one was to the state in the file; return the facts.

    The rest of the training then has the bits of one that was never interrupted, with as many workers.
    Raises OSError, or CheckpointError for a file that is damaged or of another model, optimizer or trainer; then
    nothing has changed.
    """
    arrays, manifest = checkpoint.load(path)
    optimizer, state = trainer.optimizer, manifest.get("training")
    params = named_params(trainer.model)
    generators = _generators(trainer)
    try:
        for rng, stream in zip(generators, state["streams"], strict=True):
            if stream["entropy"] != rng.bit_generator.seed_seq.entropy:
                raise ValueError("of another seed")
        if state["optimizer"].keys() != _numbers(optimizer).keys():
            raise ValueError(f"of another optimizer than {type(optimizer).__name__}")
        kept = zip(_counting(trainer), state["callbacks"], strict=True)
        counts = [(callback, {name: values[name] for name in callback.state}) for callback, values in kept]
        epoch, history, loss_list = state["epoch"], state["history"], state["loss_list"]
    except (TypeError, KeyError, ValueError) as error:
        raise checkpoint.CheckpointError(f"{path}: not the state of such a training run: {error}") from error
    learnt, _ = remove_duplicate(trainer.model.params, trainer.model.grads)
    slots = {slot: [np.zeros_like(p) for p in learnt] for slot in optimizer.slots if epoch}
    wanted = {f"model.{name}": p for name, p in params.items()}
    wanted |= {f"optimizer.{slot}.{i}": a for slot, values in slots.items() for i, a in enumerate(values)}
    checkpoint.assign(wanted, {name: to_gpu(a) for name, a in arrays.items()}, path)
    for slot, values in slots.items():
        setattr(optimizer, slot, values)
    vars(optimizer).update(state["optimizer"])
    for rng, stream in zip(generators, state["streams"], strict=True):
        rng.bit_generator.state = stream["state"]
        seeds = rng.bit_generator.seed_seq
        seeds.spawn(stream["spawned"] - seeds.n_children_spawned)  # so that the next child is the one it would be
    for callback, values in counts:
        vars(callback).update(values)
    trainer.current_epoch, trainer.history, trainer.loss_list = epoch, history, loss_list
    return manifest.get("facts", {})


def facts(path: str | os.PathLike) -> dict:
    """The facts in a file of ``save``. Raises OSError, or CheckpointError for another file."""
    _, manifest = checkpoint.load(path)
    if "training" not in manifest:
        raise checkpoint.CheckpointError(f"{path}: not the state of a training run")
    return manifest["facts"]


def _numbers(optimizer) -> dict[str, float]:
    return {name: value for name, value in vars(optimizer).items() if isinstance(value, (int, float))}


def _counting(trainer) -> list:
    """The callbacks that have something to remember."""
    return [callback for callback in trainer.callbacks if callback.state]


def _generators(trainer) -> list[numpy.random.Generator]:
    """Every random stream of the trainer and of the model's parts, once."""
    values = [
        trainer.rng,
        *(value for _, part in walk(trainer.model) for value in getattr(part, "__dict__", {}).values()),
    ]
    return list({id(value): value for value in values if isinstance(value, numpy.random.Generator)}.values())


def _stream(rng: numpy.random.Generator) -> dict:
    seeds = rng.bit_generator.seed_seq
    return {"state": rng.bit_generator.state, "entropy": seeds.entropy, "spawned": seeds.n_children_spawned}
