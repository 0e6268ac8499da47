"""Train baseline, peeky and attention seq2seq on the date task, and compare them.

python scripts/train_date.py                            # generated dates
python scripts/train_date.py --data path/to/date.txt    # a file in the book's format
"""

import time
from contextlib import suppress
from pathlib import Path

import entry

from support.blas_kernel import describe_blas, prefer_fast_kernels

if __name__ == "__main__":
    prefer_fast_kernels()

import numpy as np
from tqdm import tqdm

from common import training_state
from common.callbacks import Measure, PrintLoss, ProgressBar, Seconds
from common.layer import named_params
from common.optimizer import Adam
from common.trainer import Trainer
from common.training_state import SaveState
from dataset import dates
from dataset.sequence import Vocabulary, leaked
from experiment.command_line import Parser, natural, positive_int, resumed, save_every, share, some_text, storable
from experiment.date_model import open_data
from experiment.run_folder import prepare, set_aside, write_config, write_table
from seq2seq import MeasureMaps, exact_match, padding_of, save_model
from seq2seq.kept_maps import KeepMaps
from seq2seq.model_file import MODELS
from support.plot_file import save_figure, to_files
from support.stop_signals import StopSignals

FREE = "resume", "data", "max_epoch", "quiet", "save_every", "until"  # may be given anew to a run that goes on
COLUMNS = ("model", "epoch", "train_loss", "test_accuracy", "seconds")
MEASURES = ("alignment", "pad_mass", "entropy")  # of maps, which attention alone has
KEPT = "maps.npz"  # of --keep-maps
STATES = tuple(f"{name}.state.npz" for name in MODELS)
LEFT = *STATES, KEPT, "history.csv", "accuracy.png", "loss.png", "measures.png", "config.json"  # beside models
MAPS = 500  # test questions whose maps are measured after each epoch


def parse():
    parser = Parser(description=__doc__)
    parser.add_training()
    parser.add_argument("--max-epoch", type=positive_int, default=10)
    parser.add_argument("--seed", type=natural, default=0, help="of weights and shuffling")
    parser.add_argument("--no-reverse", action="store_true", help="give the questions forwards")
    parser.add_argument("--mask-padding", action="store_true", help="attention does not look at the questions' padding")
    parser.add_argument(
        "--keep-maps",
        nargs="?",
        const=True,
        type=some_text,
        metavar="TEXT",
        help=f"keep in {KEPT}, epoch by epoch, where attention looked while it answered TEXT (the first test question)",
    )
    parser.add_argument("--no-shared-prefixes", action="store_true", help="compute every row of the encoder")
    parser.add_workers(
        "threads that share each mini-batch (default: the cores, %(default)s); another number rounds differently"
    )
    parser.add_argument(
        "--until", type=share, metavar="ACCURACY", help="a model stops training after an epoch that reaches this (0..1)"
    )
    parser.add_argument("--leak-free", action="store_true", help="no question of the test part also trains")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/date"),
        metavar="DIR",
        help="an earlier run there is moved to its folder before (default: %(default)s)",
    )
    parser.add_argument(
        "--save-every",
        type=save_every,
        default="30s",
        metavar="N|Ns",
        help="iterations or seconds between saves of the state, beside those after each epoch (default: %(default)s)",
    )
    parser.add_argument("--resume", type=Path, metavar="DIR", help="go on with the run in this folder where it stopped")
    parser.add_argument("--quiet", action="store_true", help="print the last table only")
    args = parser.parse_args()
    for option, given in (("--mask-padding", args.mask_padding), ("--keep-maps", args.keep_maps is not None)):
        if given and "attention" not in args.models:
            parser.error(f"{option} is an option of the model attention")
    if args.resume is None:
        return args, None
    args, facts = resumed(parser, args.resume, states(args.resume), FREE)
    return args, facts["sha256"]


def states(out: Path, models=MODELS) -> list[Path]:
    """The files of the state of each model's training."""
    return [out / f"{name}.state.npz" for name in models]


def main() -> int:
    args, sha256 = parse()
    started = time.perf_counter()
    to_files()
    data = open_data(args.data)
    if sha256 not in (None, data.sha256):
        raise ValueError(f"{data.source}: not the data that the run was started with (SHA-256 differs)")
    (x_train, t_train), (x_test, t_test) = data.split(leak_free=args.leak_free)
    if not len(x_test):
        raise ValueError(f"{data.source}: {len(data.questions)} lines leave none for testing, which takes a tenth")
    if not args.no_reverse:
        x_train, x_test = x_train[:, ::-1], x_test[:, ::-1]
    truth = truth_of(args, data.vocabulary, x_test[:MAPS], t_test[:MAPS])
    seen = data.vocabulary.decode(np.unique(x_train))
    keeper = None if args.keep_maps is None else keep_maps(args, data.vocabulary, seen, x_test, t_test, truth.any())
    origin = {
        "path": args.data and str(Path(args.data).resolve()),
        "source": data.source,
        "sha256": data.sha256,
        "leak_free": args.leak_free,
    }
    trainers = {}
    for name in args.models:
        # every model starts from the same streams, whichever others are trained beside it
        weights, shuffling = (np.random.default_rng(s) for s in np.random.SeedSequence(args.seed).spawn(2))
        sizes = len(data.vocabulary), args.wordvec_size, args.hidden_size
        masked = (
            {"mask_padding": data.vocabulary.char_to_id.get(" ")} if name == "attention" and args.mask_padding else {}
        )
        model = MODELS[name](*sizes, **masked, rng=weights)
        model.encoder.share_prefixes = not args.no_shared_prefixes
        accuracy = Measure("accuracy", lambda model: exact_match(model, x_test, t_test, workers=args.workers))
        callbacks = [accuracy, Seconds()] + ([] if args.quiet else [PrintLoss(f"{name:<9} ", started)])
        if model.decoder.attention is not None:
            callbacks.insert(1, measure_maps(args, data.vocabulary, x_test[:MAPS], t_test, truth))
            callbacks[2:2] = [keeper] if keeper is not None else []
        trainers[name] = Trainer(model, Adam(lr=args.lr), rng=shuffling, callbacks=callbacks, workers=args.workers)

    facts = {
        "vocabulary": data.vocabulary.chars,
        "question_characters": seen,
        "start": data.vocabulary.decode(t_train[0, :1]),
        "T_enc": x_train.shape[1],
        "T_dec": t_train.shape[1] - 1,
        "reverse": not args.no_reverse,
        "dates": bool(truth.any()),
        "data": origin,
    }
    prepare(args.out, ["best.npz", "state.npz"])
    if not args.quiet:
        print(
            f"{data.source}: {len(x_train)} questions to train on, {len(x_test)} to test, "
            f"{100 * leaked(x_train, x_test):.1f}% of which are trained on too{unseen(x_train, x_test)}\n"
            f"workers: {args.workers}; {describe_blas()}"
        )
    if args.resume is not None:
        go_on(args.out, trainers, facts)
    else:
        set_aside(args.out, tuple(f"{name}.npz" for name in MODELS), LEFT, quiet=args.quiet)
        write_config(args.out, args, origin)
    iterations = max(1, len(x_train) // args.batch_size)
    done = sum(t.current_epoch * iterations + len(t.losses) * bool(t.batches) for t in trainers.values())
    total = args.max_epoch * len(trainers) * iterations
    with tqdm(total=total, initial=done, unit="it", disable=args.quiet or None) as bar, StopSignals(args.out) as stop:
        kept = {"arguments": storable(args), "sha256": data.sha256}
        for path, trainer in zip(states(args.out, trainers), trainers.values(), strict=True):
            trainer.callbacks += [ProgressBar(bar), SaveState(path, kept, stop=stop, **args.save_every)]
        for epoch in range(1, args.max_epoch + 1):
            waiting = {n: t for n, t in trainers.items() if t.current_epoch < epoch and not reached(args, t)}
            for name, trainer in waiting.items():
                trainer.fit(x_train, t_train, 1, args.batch_size, args.max_grad)
                save_model(args.out / f"{name}.npz", trainer.model, **facts)
                write_history(args.out, rows(trainers))
            if waiting and not args.quiet:
                tqdm.write(
                    f"\nepoch {epoch} / {args.max_epoch}, {len(x_test)} test questions\n"
                    f"{epoch_table(rows(trainers), epoch)}\n"
                )
        stop.check()
    print(final_table(rows(trainers), trainers))
    if args.until is not None:
        for name, trainer in trainers.items():
            seconds = sum(record["seconds"] for record in trainer.history)
            end = f"reached in epoch {trainer.current_epoch}, {seconds:.1f} s"
            print(f"{name}: {100 * args.until:g}% {end if reached(args, trainer) else 'not reached'}")
    if not args.quiet:
        models = ", ".join(f"{name}.npz" for name in trainers)
        pictures = "accuracy.png, loss.png" + ", measures.png" * ("attention" in trainers)
        kept = f", {KEPT}" * (keeper is not None)
        print(f"written to {args.out}: {models}, history.csv, {pictures}{kept}, config.json")
    return 0


def truth_of(args, vocabulary: Vocabulary, xs: np.ndarray, ts: np.ndarray) -> np.ndarray:
    """bool (N, T_dec, T_enc): which characters of questions xs (N, T_enc) each one of their answers ts (N, T_dec + 1)
    comes from, where both are the same date; none else."""
    truth = np.zeros((len(xs), ts.shape[1] - 1, xs.shape[1]), dtype=bool)
    order = slice(None, None, 1 if args.no_reverse else -1)
    for row, x, t in zip(truth, xs, ts, strict=True):
        with suppress(ValueError):
            parsed = dates.parse(vocabulary.decode(x[order]))
            if parsed.date == vocabulary.decode(t[1:]):
                row[...] = parsed.truth[:, order]
    return truth


def measure_maps(args, vocabulary: Vocabulary, xs: np.ndarray, ts: np.ndarray, truth: np.ndarray) -> MeasureMaps:
    """After each epoch, of the maps of the model's own answers to xs (N, T_enc); ts (.., T_dec + 1) the right ones."""
    padding = padding_of(xs, vocabulary.char_to_id.get(" ", -1))
    return MeasureMaps(xs, int(ts[0, 0]), ts.shape[1] - 1, padding, truth, workers=args.workers)


def unseen(x_train: np.ndarray, x_test: np.ndarray) -> str:
    """How many of the test questions x_test (n, T_enc) no model can have learnt to read; nothing for none."""
    count = int(np.isin(x_test, np.unique(x_train), invert=True).any(axis=1).sum())
    return f", {count:,} of which have a character that occurs in no training question" * (count > 0)


def keep_maps(args, vocabulary: Vocabulary, seen: str, xs: np.ndarray, ts: np.ndarray, answers_dates: bool) -> KeepMaps:
    """Of the question that was asked for, in characters that were seen, else the first of xs (N, T_enc); ts
    (N, T_dec + 1) their answers."""
    question, answer = args.keep_maps, None
    if question is not True:
        question = question.strip()
        if not question:
            raise ValueError("--keep-maps: a question wanted, got nothing but spaces")
        # an older run may have begun with any character of the vocabulary, and goes on
        x = vocabulary.encode(question, xs.shape[1], seen=seen if args.resume is None else None)
        x = x[:: 1 if args.no_reverse else -1]
        if answers_dates:
            with suppress(ValueError):
                answer = dates.parse(question).date
    else:
        x, answer = xs[0], vocabulary.decode(ts[0, 1:])
    T_dec, reverse = ts.shape[1] - 1, not args.no_reverse
    return KeepMaps(args.out / KEPT, x, int(ts[0, 0]), T_dec, vocabulary.decode, answer, reverse=reverse)


def go_on(out: Path, trainers: dict[str, Trainer], facts: dict) -> None:
    """Bring each training to where it stopped, then what was written at an epoch's end to the end of the last one."""
    for path, trainer in zip(states(out, trainers), trainers.values(), strict=True):
        if path.is_file():
            training_state.restore(path, trainer, ("accuracy", "seconds"))
    for name, trainer in trainers.items():
        if trainer.current_epoch and not trainer.batches:
            save_model(out / f"{name}.npz", trainer.model, **facts)
    if rows(trainers):
        write_history(out, rows(trainers))


def reached(args, trainer: Trainer) -> bool:
    """Whether the model's last epoch has the accuracy that was asked for."""
    return bool(args.until is not None and trainer.history and trainer.history[-1]["accuracy"] >= args.until)


def rows(trainers: dict[str, Trainer]) -> list[dict]:
    """history.csv: of each epoch a row a model, which has measures if the model has maps."""
    found = [
        dict(zip(COLUMNS, (name, r["epoch"], r["loss"], r["accuracy"], r["seconds"]), strict=True))
        | {key: value for key, value in r.items() if key.startswith(MEASURES)}
        for name, trainer in trainers.items()
        for r in trainer.history
    ]
    return sorted(found, key=lambda row: row["epoch"])


def write_history(out: Path, history: list[dict]) -> None:
    from seq2seq.plot import plot_history, plot_measures

    write_table(out / "history.csv", list(dict.fromkeys(key for row in history for key in row)), history)
    measured = [row for row in history if "pad_mass" in row]
    if measured:
        save_figure(out / "measures.png", plot_measures(measured).figure)
    for value, label, name in (
        ("test_accuracy", "accuracy", "accuracy.png"),
        ("train_loss", "loss [nats per character]", "loss.png"),
    ):
        ax = plot_history(history, value, ylabel=label)
        ax.set_ylim(*((-0.05, 1.05) if label == "accuracy" else (0, 1.05 * max(row[value] for row in history))))
        save_figure(out / name, ax.figure)


def epoch_table(history: list[dict], epoch: int) -> str:
    rows = [row for row in history if row["epoch"] == epoch]
    lines = [f"{'model':<10} {'train loss':>10} {'test accuracy':>14} {'seconds':>8}{measures_head(history)}"]
    for row in rows:
        accuracy = f"{100 * row['test_accuracy']:.2f}%"
        numbers = f"{row['train_loss']:>10.4f} {accuracy:>14} {row['seconds']:>8.1f}"
        lines.append(f"{row['model']:<10} {numbers}{measures_of(row)}")
    return "\n".join(lines)


def final_table(history: list[dict], trainers: dict) -> str:
    lines = [f"{'model':<10} {'parameters':>10} {'accuracy':>9} {'seconds per epoch':>18}{measures_head(history)}"]
    for name, trainer in trainers.items():
        rows = [row for row in history if row["model"] == name]
        count = sum(p.size for p in named_params(trainer.model).values())
        seconds = np.median([row["seconds"] for row in rows])
        numbers = f"{count:>10,} {100 * rows[-1]['test_accuracy']:>8.2f}% {seconds:>18.1f}"
        lines.append(f"{name:<10} {numbers}{measures_of(rows[-1])}")
    return "\n".join(lines)


def measures_head(history: list[dict]) -> str:
    measured = any("pad_mass" in row for row in history)
    return f" {'alignment':>10} {'pad mass':>9} {'entropy':>8}" if measured else ""


def measures_of(row: dict) -> str:
    """The cells of a table that tell of the maps; none for a model without."""
    if "pad_mass" not in row:
        return ""
    aligned, on_padding = (f"{100 * row[key]:.1f}%" if key in row else "-" for key in MEASURES[:2])
    return f" {aligned:>10} {on_padding:>9} {row['entropy']:>8.2f}"


if __name__ == "__main__":
    entry.run(main)
