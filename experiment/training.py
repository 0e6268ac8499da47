"""The skeleton of a training script: models started or resumed in the folder of a run, epoch by epoch."""

from argparse import Namespace
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from functools import partial

from tqdm import tqdm

from common import training_state
from common.columns import Column
from common.ranks import ALONE, Ranks
from common.trainer import Trainer
from experiment.command_line import LATER, RANKS, in_ranks, options_of
from experiment.epochs import Epochs, Progress, measured, state_file
from experiment.history import columns_of, pictures, rows_of, table, write_history
from experiment.run_folder import set_aside, write_config
from experiment.side_by_side import SideBySide
from support.entry import say

__all__ = ["Training", "state_file"]


class Training:
    """Models that take turns at training, one epoch each, or that train side by side.

    args      the options that ``Parser.add_run`` adds, max_epoch, batch_size and max_grad
    trainers  by the names of their models; "" for the only model of a run
    leading   columns of the history that come before those of the callbacks
    save      ``save(name, model)`` after each epoch of a model
    is_done   whether a model has trained enough, before max_epoch
    jobs      how many models train at once, each in a process of its own; see ``experiment.side_by_side``
    make      for several jobs: ``make(name)`` returns a trainer like that of the name, and its x and t. It runs in the
              model's process, as ``save`` does: both must be picklable, and not of ``__main__``
    ranks     processes that train each model together; the first writes the files, the others are silent
    ``columns``     of the history
    ``arrived``     set it to have ``arrived(name)`` called after each epoch of a model, once its file and history.csv
                    are written, and by ``begin`` for the last epoch of a run that is resumed
    ``progressed``  set it to have ``progressed(name, done, total)`` called after iterations of a model: those done, of
                    all until max_epoch
    Both are called in the main process. With several jobs, ``trainers`` get the histories, but not the trained weights.
    """

    def __init__(
        self,
        args: Namespace,
        trainers: dict[str, Trainer],
        leading: Sequence[Column] = (),
        *,
        save: Callable = lambda name, model: None,
        is_done: Callable[[Trainer], bool] = lambda trainer: trainer.stop_training,
        jobs: int = 1,
        make: Callable | None = None,
        ranks: Ranks = ALONE,
    ):
        self.args, self.trainers, self.is_done, self.ranks = args, trainers, is_done, ranks
        self.save = save if ranks.rank == 0 else lambda name, model: None
        self.jobs, self.make = jobs, make
        self.arrived: Callable[[str], None] = lambda name: None
        self.progressed: Callable[[str, int, int], None] = lambda name, done, total: None
        self.order = list(trainers)  # in which models with as many epochs train; side by side, first maps come early
        if jobs > 1:
            self.order.sort(key=lambda name: not getattr(trainers[name].model, "has_maps", False))
        self.bars: dict[str, tqdm] = {}
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
        out, size, warmup, last = self.args.out, self.ranks.size, vars(self.args).get("warmup"), self.args.max_epoch
        if warmup is not None and warmup > last and self.ranks.rank == 0:
            later = "lower it, or train on later, by --resume and a larger --max-epoch"
            say(f"--warmup {warmup:g}: the run ends after epoch {last}, before the rate reaches --lr; {later}")
        if self.args.resume is None:
            self.ranks.on_first(lambda: self._begin_anew(origin, models, left))
            return
        states = {name: state_file(out, name) for name in self.trainers}
        before = self.ranks.on_first(
            lambda: {k: training_state.ranks(path) for k, path in states.items() if path.is_file()}
        )
        for name in before:
            trainer = self.trainers[name]
            training_state.restore(states[name], trainer, measured(trainer), other_ranks=self.args.allow_other_ranks)
        if self.ranks.rank:
            return
        if (others := sorted(set(before.values()) - {size})) and not self.args.quiet:
            count = " and ".join(map(in_ranks, others))
            print(f"saved by {count}, resumed by {in_ranks(size)}: the rest is rounded differently than with {count}")
        for name, trainer in self.trainers.items():
            if trainer.current_epoch and not trainer.batches:  # what was written after its last epoch may be missing
                self.save(name, trainer.model)
        write_history(out, self.columns, self.rows)
        for name, trainer in self.trainers.items():
            if trainer.current_epoch:
                self.arrived(name)

    def _begin_anew(self, origin: dict, models: tuple[str, ...], left: tuple[str, ...]) -> None:
        out = self.args.out
        set_aside(out, models, tuple(dict.fromkeys([*left, *self.pictures])), quiet=self.args.quiet)
        kept = vars(self.args).items()  # config.json is as in earlier versions where it can be
        arguments = Namespace(**{k: v for k, v in kept if k not in RANKS and not (k in LATER and v is None)})
        write_config(out, arguments, origin, **({"ranks": self.ranks.size} if self.ranks.comm else {}))

    def run(self, x, t, facts: dict, *, eval_interval: int | None = 20, title: str = "") -> None:
        """Train up to max_epoch. facts: what a resumed run must have in common with this one, besides its options.

        eval_interval: see ``Trainer.fit``. title: heading of a table after each epoch, with one row per model;
        without it, one table has one row per epoch.
        """
        args, several = self.args, len(self.trainers) > 1
        self.title, self.first = title, min(trainer.current_epoch for trainer in self.trainers.values()) + 1
        self.epoch_size = -(-len(x) // args.batch_size) if hasattr(x, "batches") else max(1, len(x) // args.batch_size)
        facts = {"options": options_of(vars(args)), **facts}
        sizes = args.batch_size, args.max_grad, eval_interval
        epochs = Epochs(args.out, *sizes, facts, args.save_every, self.save, several)
        waiting, wide = [name for name in self.trainers if not self.finished(name)], max(9, *map(len, self.trainers))
        with ExitStack() as stack:
            for name, trainer in self.trainers.items():
                done = trainer.current_epoch * self.epoch_size + len(trainer.losses) * bool(trainer.batches)
                total, label = args.max_epoch * self.epoch_size, f"{name:<{wide}}" if several else None
                shown = {"unit": "it", "position": len(self.bars), "disable": args.quiet or None}
                self.bars[name] = stack.enter_context(tqdm(desc=label, total=total, initial=done, **shown))
            if min(self.jobs, len(waiting)) > 1:
                SideBySide(self, epochs, self.jobs).run()
            else:
                self._in_turn(x, t, epochs)

    def _in_turn(self, x, t, epochs: Epochs) -> None:
        with self.ranks.signals(self.args.out) as stop:
            for name, trainer in self.trainers.items():
                epochs.prepare(name, trainer, stop, Progress(partial(self.progress, name)))
            while (ready := self.next()) is not None:
                epochs.train(ready, self.trainers[ready], x, t)
                self.arrive(ready)
            stop.check()

    def finished(self, name: str) -> bool:
        """Tell whether a model has trained enough."""
        trainer = self.trainers[name]
        return trainer.current_epoch >= self.args.max_epoch or self.is_done(trainer)

    def next(self, busy: Collection[str] = ()) -> str | None:
        """Return the model to train now: of those that are neither finished nor busy, the one with the fewest epochs.

        None when there is none.
        """
        waiting = [name for name in self.order if name not in busy and not self.finished(name)]
        return min(waiting, key=lambda name: self.trainers[name].current_epoch, default=None)

    def progress(self, name: str, done: int) -> None:
        """Show that a model has done so many iterations, in all of its epochs."""
        bar = self.bars[name]
        bar.update(done - bar.n)
        self.progressed(name, done, self.args.max_epoch * self.epoch_size)

    def arrive(self, name: str) -> None:
        """Write the history, and print the results so far of the epoch that a model has finished."""
        if self.ranks.rank:
            return
        args, epoch = self.args, self.trainers[name].current_epoch
        others = [other for other in self.trainers if not self.finished(other)]
        whole = all(self.trainers[other].current_epoch >= epoch for other in others)  # drawing takes time
        write_history(args.out, self.columns, self.rows, draw=whole)
        if not args.quiet:
            rows = [row for row in self.rows if row["epoch"] == epoch]
            lines = table(self.columns, rows, "model" if self.title else "epoch")
            if self.title:
                lines = ["", f"epoch {epoch} / {args.max_epoch}{self.title}", *lines, ""]
            tqdm.write("\n".join(lines if self.title or epoch == self.first else lines[1:]))
        self.arrived(name)
