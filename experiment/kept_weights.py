"""The weights that a run of dates kept, epoch by epoch (``train_date.py --keep-weights``): written, and found again.

Each epoch of a model is an ordinary model file, in the folder ``MODEL.epochs`` of the run: ``0000.npz`` before the
training, ``0001.npz`` after the first epoch, and so on. ``DateModel(run, model, epoch=1)`` opens one of them.
"""

import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from common.callbacks import Callback
from common.layer import named_params
from seq2seq import save_model

FOLDER = "{model}.epochs"
FILES = f"{FOLDER}/[0-9]*.npz"  # the pattern of their names


def kept_epochs(run: str | os.PathLike, model: str) -> dict[int, Path]:
    """Return the files of a model's weights by epoch, in order; 0: before the training. Empty if the run kept none.

    model: a name of ``seq2seq.model_file.MODELS``.
    """
    found = (path for path in Path(run).glob(FILES.format(model=model)) if re.fullmatch("[0-9]{4,}", path.stem))
    return dict(sorted((int(path.stem), path) for path in found))


class KeepWeights(Callback):
    """Write the model before the training and after each epoch, each time to a file of its own.

    run, name: the folder of the run, and the model's name there. facts: as for ``save_model``, to which the number of
    the epoch is added. List it before the callback that saves the state: no state then counts an epoch whose weights
    are missing, and a resumed training has all of them. Of several ranks, the first writes.
    """

    def __init__(self, run: Path, name: str, facts: dict):
        self.folder, self.facts = run / FOLDER.format(model=name), facts

    def fit_begin(self, trainer) -> None:
        if trainer.current_epoch == 0 and not trainer.batches:  # else a training that is resumed
            trainer.ranks.on_first(lambda: self._write(trainer))

    def epoch_end(self, trainer) -> None:
        trainer.ranks.on_first(lambda: self._write(trainer))

    def _write(self, trainer) -> None:
        self.folder.mkdir(exist_ok=True)
        epoch = trainer.current_epoch
        save_model(self.folder / f"{epoch:04}.npz", trainer.model, **self.facts, epoch=epoch)


def size_to_come(models: Collection, epochs: int, until: float | None = None) -> str:
    """Say what so many epochs of these models will take. until: an accuracy at which a model stops earlier."""
    size = (1 + epochs) * sum(param.nbytes for model in models for param in named_params(model).values())
    files = f"{'at most ' * (until is not None)}{(1 + epochs) * len(models)} files, about {size / 1e6:.1f} MB"
    return f"keeps the weights before the training and after each epoch: {files}"


def size_kept(run: Path, models: Iterable[str]) -> str:
    """Return the names of the folders of these models' weights, with the number and size of all files."""
    found = {FOLDER.format(model=model): kept_epochs(run, model).values() for model in models}
    sizes = [path.stat().st_size for paths in found.values() for path in paths]
    return f"{', '.join(found)} ({len(sizes)} files, {sum(sizes) / 1e6:.1f} MB)"
