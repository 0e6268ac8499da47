"""The part of training specific to dates: models with their callbacks, measures, kept maps, and the last table.

How to add a measure: see ``common.columns``.
"""

from argparse import Namespace
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.callbacks import SECONDS, Callback, Cosine, InverseSquareRoot, Measure, PrintLoss, Seconds, Warmup
from common.columns import Column, Panel
from common.layer import named_params
from common.optimizer import Adam, AdamW
from common.ranks import ALONE, Ranks
from common.trainer import Trainer
from dataset import dates
from experiment.command_line import WITH_MAPS
from experiment.date_model import DateModel
from experiment.date_parts import MAPS, DateParts
from experiment.history import pictures, table
from experiment.kept_weights import FILES as KEPT_WEIGHTS
from experiment.kept_weights import KeepWeights
from experiment.model_options import made_of
from experiment.run_folder import Files
from experiment.training import Training
from seq2seq import MeasureMaps, exact_match, padding_of, save_model
from seq2seq.kept_maps import KeepMaps
from seq2seq.map_measures import COLUMNS as MAP_COLUMNS
from seq2seq.model_file import MODELS
from support.array import Array

KEPT = "maps.npz"  # the file that --keep-maps writes
MAP = "attention.png"  # the map of the latest epoch
LOSS = Column("loss", "train loss", ".4f", Panel("loss", "loss [nats per character]"), csv="train_loss")
ACCURACY = Column("accuracy", "test accuracy", ".2%", Panel("accuracy", "accuracy", top=1), csv="test_accuracy")
COLUMNS = LOSS, ACCURACY, SECONDS  # the columns of every model
FILES = Files(
    tuple(f"{name}.npz" for name in MODELS),
    (
        *(*(f"{name}.state.npz" for name in MODELS), KEPT, MAP, "history.csv", "config.json"),
        *pictures((*COLUMNS, *MAP_COLUMNS)),
        *(KEPT_WEIGHTS.format(model=name) for name in MODELS),
    ),
    ("best.npz", "state.npz"),
)


def load(args: Namespace, sha256: str | None) -> tuple[DateParts, KeepMaps | None]:
    """Load the data of a run, and make what ``--keep-maps`` asks for. sha256: digest of the data of a resumed run."""
    parts = DateParts(args.data, leak_free=args.leak_free, reverse=not args.no_reverse, sha256=sha256)
    if args.keep_maps is None:
        return parts, None
    x, answer = asked(args, parts)
    text = parts.vocabulary.decode
    return parts, KeepMaps(args.out / KEPT, x, parts.start_id, parts.T_dec, text, answer, reverse=parts.reverse)


def load_and_make(name: str, *, args: Namespace, sha256: str, started: float) -> tuple[Trainer, Array, Array]:
    """Do ``load`` and ``make_trainer`` in the process of one model; also return its questions and answers."""
    parts, keeper = load(args, sha256)
    return make_trainer(name, args, parts, keeper, started), parts.x_train, parts.t_train


def save_as(name: str, model, *, out: Path, facts: dict) -> None:
    """Save a model of the run. facts: what ``DateModel`` needs besides the model."""
    save_model(out / f"{name}.npz", model, **facts)


def make_trainer(
    name: str, args: Namespace, parts: DateParts, keeper: KeepMaps | None, started: float, ranks: Ranks = ALONE
) -> Trainer:
    """Make the trainer of a new model of that name. started: the time from which the chapter's lines count seconds.

    keeper: for the first model with maps; others do without.
    Every model starts from the same random streams, whichever others are trained with it. A model with maps takes
    ``mask_padding``, the id of the padding that it does not look at.
    """
    weights, shuffling = (np.random.default_rng(seed) for seed in np.random.SeedSequence(args.seed).spawn(2))
    kind, (sizes, options) = MODELS[name], made_of(name, args)
    if args.mask_padding and kind.has_maps:
        options["mask_padding"] = parts.space
    model = ranks.on_all(lambda: kind(len(parts.vocabulary), *sizes, **options, rng=weights))  # may be short of memory
    model.encoder.share_prefixes = not args.no_shared_prefixes
    xs, ts = parts.x_test, parts.t_test
    share = {"workers": args.workers, "ranks": ranks}
    model.softmax.label_smoothing = args.label_smoothing or 0.0
    callbacks = schedule(args)
    callbacks.append(Measure(ACCURACY, lambda model: exact_match(model, xs, ts, **share)))
    if model.has_maps:
        padding = padding_of(xs[:MAPS], -1 if parts.space is None else parts.space)
        measured = xs[:MAPS], parts.start_id, parts.T_dec, padding, parts.truth
        callbacks.append(MeasureMaps(*measured, workers=args.workers))
        callbacks += [keeper] if keeper is not None and name == with_maps(args.models) else []
    callbacks += [KeepWeights(args.out, name, parts.facts)] if args.keep_weights else []
    wide = max(9, *map(len, args.models))
    callbacks += [Seconds()] if args.quiet else [Seconds(), PrintLoss(f"{name:<{wide}} ", started)]
    decay = args.weight_decay
    optimizer = Adam(lr=args.lr) if decay is None else AdamW(lr=args.lr, weight_decay=decay)
    return Trainer(model, optimizer, rng=shuffling, callbacks=callbacks, **share)


def schedule(args: Namespace) -> list[Callback]:
    """Return the callback that sets the learning rate of each update; none if it is constant."""
    if args.cosine is not None:
        return [Cosine(args.lr, args.cosine, args.warmup or 0.0)]
    if args.warmup is None:
        return []
    return [(InverseSquareRoot if args.inverse_sqrt else Warmup)(args.lr, args.warmup)]


def with_maps(models: Iterable[str]) -> str | None:
    """Return the first of these models that has maps: the one whose maps are kept and drawn. None if there is none."""
    return next((name for name in models if name in WITH_MAPS), None)


def asked(args: Namespace, parts: DateParts) -> tuple[Array, str | None]:
    """Return the question whose maps are kept and drawn, (T_enc,) as it is read, and its answer, None if unknown.

    It is that of ``--keep-maps``, by default the first test question. Raises ValueError if it cannot be asked.
    """
    if args.keep_maps in (None, True):
        return parts.x_test[0], parts.vocabulary.decode(parts.t_test[0, 1:])
    question, answer = args.keep_maps.strip(), None
    if not question:
        raise ValueError("--keep-maps: expected a question, got nothing but spaces")
    # an older run's question may have any character of the vocabulary; it can still be resumed
    seen = parts.seen if args.resume is None else None
    x = parts.vocabulary.encode(question, parts.x_test.shape[1], seen=seen)[parts.order]
    with suppress(ValueError):
        answer = dates.parse(question).date if parts.truth.any() else None
    return x, answer


def draw_maps(training: Training, parts: DateParts) -> tuple[str, str] | None:
    """Make the training draw where its first model with maps looks, after each epoch of that model.

    The picture, MAP in the run's folder, shows the model as its file has it; ``asked`` says the question. Returns what
    Estimate takes as ``pictured``, or None, and nothing is drawn, if no model has maps.
    """
    if (drawn := with_maps(training.trainers)) is None:
        return None
    out, (x, answer) = training.args.out, asked(training.args, parts)
    question = parts.vocabulary.decode(x[parts.order])

    def arrived(name: str) -> None:
        if name == drawn and (out / f"{name}.npz").is_file():
            from experiment.plot_dates import draw_epoch  # imported only when drawing: it loads matplotlib

            draw_epoch(out / MAP, DateModel(out, name), question, answer, training.trainers[name].current_epoch)

    training.arrived = arrived
    return drawn, f"{out / MAP} shows where {drawn} looks in one question"


def has_reached(accuracy: float | None, trainer: Trainer) -> bool:
    """Whether the model had this accuracy (0..1) after its last epoch; never for None."""
    return bool(accuracy is not None and trainer.history and trainer.history[-1]["accuracy"] >= accuracy)


def last_lines(training: Training, until: float | None = None) -> str:
    """The table of the models after their last epochs; with an accuracy to reach, also when each model reached it."""
    columns = [
        Column("parameters", "parameters", ","),
        replace(ACCURACY, heading="accuracy"),
        replace(SECONDS, heading="seconds per epoch", format=".1f"),
        *(column for column in training.columns if column not in COLUMNS),
    ]
    latest, rows, reached = {row["model"]: row for row in training.rows}, [], []
    for name, trainer in training.trainers.items():
        seconds = [record["seconds"] for record in trainer.history]
        count = sum(param.size for param in named_params(trainer.model).values())
        rows.append(latest[name] | {"parameters": count, "seconds": float(np.median(seconds))})
        if until is not None:
            end = f"reached in epoch {trainer.current_epoch}, {sum(seconds):.1f} s"
            reached.append(f"{name}: {100 * until:g}% {end if has_reached(until, trainer) else 'not reached'}")
    return "\n".join([*table(columns, rows, "model"), *reached])
