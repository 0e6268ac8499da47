"""The skeleton of a training script: models started or resumed in the folder of a run, epoch by epoch."""

from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from common import training_state
from common.callbacks import ProgressBar
from common.columns import Column
from common.trainer import Trainer
from common.training_state import SaveState
from experiment.command_line import options_of
from experiment.history import columns_of, pictures, rows_of, table, write_history
from experiment.run_folder import set_aside, write_config
from support.stop_signals import StopSignals


class Training:
    """Models that take turns at training, one epoch each.

    args      the options that ``Parser.add_run`` adds, max_epoch, batch_size and max_grad
    trainers  by the names of their models; "" for the only model of a run
    leading   columns of the history that come before those of the callbacks
    save      ``save(name, model)`` after each epoch of a model
    is_done   whether a model has trained enough, before max_epoch
    ``columns``  of the history
    """

    def __init__(
        self,
        args: Namespace,
        trainers: dict[str, Trainer],
        leading: Sequence[Column] = (),
        *,
        save: Callable = lambda name, model: None,
        is_done: Callable[[Trainer], bool] = lambda trainer: trainer.stop_training,
    ):
        self.args, self.trainers, self.save, self.is_done = args, trainers, save, is_done
        self.columns = columns_of(trainers.values(), leading)

    @property
    def rows(self) -> list[dict]:
        """The rows of history.csv."""
        return rows_of(self.trainers, self.columns)

    @property
    def pictures(self) -> list[str]:
        """Names of the files of curves."""
        return list(pictures(self.columns))

    def begin(self, origin: dict, models: tuple[str, ...], left: tuple[str, ...]) -> None:
        """Resume the run of ``--resume``, or else move an earlier run out of the way and write config.json.

        origin: where the data is from, for config.json; models, left: the files that a run leaves, see ``set_aside``.
        """
        out = self.args.out
        if self.args.resume is None:
            set_aside(out, models, tuple(dict.fromkeys([*left, *self.pictures])), quiet=self.args.quiet)
            write_config(out, self.args, origin)
            return
        for name, trainer in self.trainers.items():
            if (path := state_file(out, name)).is_file():
                training_state.restore(path, trainer, tuple(column.name for column in columns_of([trainer])))
        for name, trainer in self.trainers.items():
            if trainer.current_epoch and not trainer.batches:  # what was written after its last epoch may be missing
                self.save(name, trainer.model)
        write_history(out, self.columns, self.rows)

    def run(self, x, t, facts: dict, *, eval_interval: int | None = 20, title: str = "") -> None:
        """Train up to max_epoch. facts: what a resumed run must have in common with this one, besides its options.

        eval_interval: see ``Trainer.fit``. title: heading of a table after each epoch, with one row per model;
        without it, one table has one row per epoch.
        """
        args, begun = self.args, min(trainer.current_epoch for trainer in self.trainers.values())
        epoch_size = -(-len(x) // args.batch_size) if hasattr(x, "batches") else max(1, len(x) // args.batch_size)
        done = sum(t.current_epoch * epoch_size + len(t.losses) * bool(t.batches) for t in self.trainers.values())
        total = args.max_epoch * len(self.trainers) * epoch_size
        with (
            tqdm(total=total, initial=done, unit="it", disable=args.quiet or None) as bar,
            StopSignals(args.out) as stop,
        ):
            facts = {"options": options_of(vars(args)), **facts}
            for name, trainer in self.trainers.items():
                state = SaveState(state_file(args.out, name), facts, stop=stop, **args.save_every)
                trainer.callbacks += [ProgressBar(bar), state]
            for epoch in range(1, args.max_epoch + 1):
                waiting = {n: t for n, t in self.trainers.items() if t.current_epoch < epoch and not self.is_done(t)}
                for name, trainer in waiting.items():
                    trainer.fit(x, t, 1, args.batch_size, args.max_grad, eval_interval)
                    self.save(name, trainer.model)
                    write_history(args.out, self.columns, self.rows)
                if waiting and not args.quiet:
                    rows = [row for row in self.rows if row["epoch"] == epoch]
                    lines = table(self.columns, rows, "model" if title else "epoch")
                    if title:
                        lines = ["", f"epoch {epoch} / {args.max_epoch}{title}", *lines, ""]
                    tqdm.write("\n".join(lines if title or epoch == begun + 1 else lines[1:]))
            stop.check()


def state_file(out: Path, name: str) -> Path:
    """Return the path of the file with a model's training state."""
    return out / (f"{name}.state.npz" if name else "state.npz")
