"""Command lines: the options that several scripts share, argument types, and the options of a resumed run."""

import argparse
import os
import shlex
import shutil
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path

from common import training_state
from common.ranks import ALONE, Ranks
from common.shared_signals import of_rank
from experiment.run_folder import imported_model
from seq2seq.model_file import MODELS
from support.parser import Parser as PlainParser
from support.terminal import writable

MOST_WORKERS = 256
RANKS = "mpi", "mpi_timeout", "allow_other_ranks"  # options of the processes of a run, of which its state keeps none
BATCH = "examples per mini-batch, of all workers and ranks together"
LEARNING = "warmup", "inverse_sqrt", "cosine", "weight_decay", "label_smoothing"
RECURRENT = [name for name in MODELS if name != "transformer"]
WITH_MAPS = [name for name, model in MODELS.items() if model.has_maps]
MADE_OF = {  # options that say what models are made of, and the models that know them
    "score": ["attention"],
    "bidirectional": RECURRENT,
    "layers": list(MODELS),
    "dropout": list(MODELS),
    "width": ["transformer"],
    "heads": ["transformer"],
    "post_norm": ["transformer"],
}
LATER = *LEARNING, *MADE_OF  # None in runs of earlier versions
PLACE = "out", "resume", "jobs", *RANKS  # options that say where a run is and what computes it, not what it is


class Parser(PlainParser):
    """A parser that refuses an empty path, from an unset variable say, instead of taking it for the current folder."""

    def __init__(self, *, description: str | None = None, ranks: Ranks = ALONE, **options):
        super().__init__(description=description, **options)
        self.ranks, self.cores = ranks, min(cores() if ranks.size == 1 else ranks.cores, MOST_WORKERS)
        self.register("type", Path, lambda text: Path(some_text(text)))

    def add_training(self) -> None:
        """Add the options that say what is trained on what, with the chapter's sizes."""
        data = "a file in the book's format, which `python -m dataset.pairs` makes of others (default: generated dates)"
        self.add_argument("--data", type=some_text, metavar="PATH", help=data)
        known = f"of {', '.join(MODELS)} (default: {' '.join(RECURRENT)})"
        self.add_argument("--models", nargs="+", choices=list(MODELS), default=RECURRENT, metavar="MODEL", help=known)
        self.add_argument("--batch-size", type=positive_int, default=128, help=BATCH)
        width = "width of a character's vector in the recurrent models (default: %(default)s)"
        self.add_argument("--wordvec-size", type=positive_int, default=16, help=width)
        units = "units of each layer of LSTMs, and hidden units of a Transformer's feed-forward (default: %(default)s)"
        self.add_argument("--hidden-size", type=positive_int, default=256, help=units)
        self.add_argument("--max-grad", type=positive_float, default=5.0, help="gradients are clipped to this norm")
        self.add_argument("--lr", type=positive_float, default=0.001, help="learning rate of Adam")

    def add_warmup(self) -> None:
        """Add the option that warms the learning rate up."""
        why = (
            "raise the learning rate linearly to --lr over the first EPOCHS (may be a fraction, such as 0.5); useful "
            "when --lr was raised along with --batch-size (Goyal et al. 2017; docs/results.md)"
        )
        self.add_argument("--warmup", type=positive_float, metavar="EPOCHS", help=why)

    def add_schedules(self) -> None:
        """Add the options of ``LEARNING``: the learning rate's schedules, AdamW, and smoothed labels."""
        self.add_warmup()
        root = "after --warmup, lower the learning rate with the square root of the updates made (Vaswani et al. 2017)"
        cosine = (
            "lower the learning rate to 0 by the end of so many epochs, at least --max-epoch, along half a cosine, "
            "after --warmup if that is given (Loshchilov & Hutter 2017)"
        )
        either = self.add_mutually_exclusive_group()
        either.add_argument("--inverse-sqrt", action="store_const", const=True, help=root)
        either.add_argument("--cosine", type=positive_float, metavar="EPOCHS", help=cosine)
        decay = "train with AdamW, which takes this share times the learning rate from each weight at each update"
        self.add_argument("--weight-decay", type=positive_float, metavar="SHARE", help=f"{decay} (default: Adam)")
        smooth = "share of each label to divide equally among all characters; the train loss is that of smoothed labels"
        self.add_argument("--label-smoothing", type=ratio, metavar="SHARE", help=smooth)

    def check_schedules(self, args: Namespace) -> None:
        """Refuse options of ``add_schedules`` that do not go together, in a new run or a resumed one."""
        if args.inverse_sqrt and args.warmup is None:
            self.error("--inverse-sqrt needs --warmup")
        if args.cosine is not None and args.cosine < args.max_epoch:
            when = f"before the end of epoch {args.max_epoch}"
            self.error(f"--cosine {args.cosine:g}: the learning rate would be 0 {when}")
        if args.cosine is not None and args.warmup is not None and args.cosine <= args.warmup:
            self.error(f"--cosine {args.cosine:g}: expected more epochs than --warmup {args.warmup:g}")

    def add_run(self, out: str) -> None:
        """Add the options that say where a run is, how often its state is saved, and whether to resume it."""
        moved = "folder of the run; an earlier run there is moved to DIR/before (default: %(default)s)"
        self.add_argument("--out", type=Path, default=Path(out), metavar="DIR", help=moved)
        often = (
            "iterations or seconds between saves of the state, besides those after each epoch (default: %(default)s)"
        )
        self.add_argument("--save-every", type=save_every, default="30s", metavar="N|Ns", help=often)
        together = (
            "train on all ranks that mpiexec started, which share each mini-batch (docs/cluster.md); --workers then "
            "counts the threads of each rank (default: its share of the cores)"
        )
        self.add_argument("--mpi", action="store_true", help=together)
        waits = "with --mpi: end the run when a rank waits longer than this for the others (default: %(default)g)"
        self.add_argument("--mpi-timeout", type=positive_float, default=300.0, metavar="SECONDS", help=waits)
        allow = "with --resume: continue with a different number of ranks; results are then rounded differently"
        self.add_argument("--allow-other-ranks", action="store_true", help=allow)
        where = "resume the run in this folder from its last saved state"
        self.add_argument("--resume", type=Path, metavar="DIR", help=where)
        self.add_argument("--quiet", action="store_true", help="print the results only")

    def add_run_of_dates(self, help: str = "folder that train_date.py wrote") -> None:
        """Add the options that say which trained model of dates to ask."""
        where = f"{help} (default: %(default)s)"
        self.add_argument("--run", type=Path, default=Path("runs/date"), metavar="DIR", help=where)
        self.add_argument(
            "--model", choices=list(MODELS), help="model of the run (default: the first one with attention maps)"
        )

    def is_of_texts(self, args: Namespace) -> bool:
        """Tell whether ``--run`` is a run of texts, which has one model, so that ``--model`` is refused."""
        of_texts = (args.run / "best.npz").is_file()
        if of_texts and args.model:
            self.error(f"--model {args.model}: {args.run} is a run of train_text.py, which has one model")
        return of_texts

    def add_workers(self, help: str) -> None:
        self.add_argument("--workers", type=workers, default=self.cores, help=help)

    def add_jobs(self) -> None:
        """Add the options that say how models share the cores, besides those of ``add_training``."""
        each = (
            "threads that share each mini-batch; another number rounds differently (default: 1 when several models "
            f"are trained; otherwise the number of cores, here {min(cores(), MOST_WORKERS)})"
        )
        self.add_argument("--workers", type=workers, help=each)
        beside = (
            "models that train side by side, each in a process of its own; no result depends on it, and --resume does "
            f"not keep it; if one fails, the others save their state and stop (default: as many as cores, {cores()})"
        )
        self.add_argument("--jobs", type=workers, metavar="K", help=beside)

    def refuse_others(self, args: Namespace, options_of: Mapping[tuple[str, ...], tuple[str, ...]]) -> None:
        """Refuse options that the model of ``args`` does not use. options_of: names of options, by their models."""
        for models, names in options_of.items():
            given = [name for name in names if getattr(args, name) != self.get_default(name)]
            if given and args.model not in models:
                option, owners = given[0].replace("_", "-"), " or ".join(models)
                self.error(f"--{option} is an option of --model {owners}, not of {args.model}")

    def parse_args(self, *arguments, **options):
        """Parse as argparse does; a model that is named twice counts once, and ``add_jobs``' workers get a number."""
        args = super().parse_args(*arguments, **options)
        if "models" in args and args.models is not None:
            args.models = list(dict.fromkeys(args.models))
        if "jobs" in args and args.workers is None:
            args.workers = 1 if len(args.models) > 1 and not ("mpi" in args and args.mpi) else self.cores
        if "mpi" in args:
            if args.mpi_timeout != self.get_default("mpi_timeout") and not args.mpi:
                self.error("--mpi-timeout needs --mpi")
            if args.allow_other_ranks and args.resume is None:
                self.error("--allow-other-ranks needs --resume")
        if "resume" in args:  # a training keeps its options, as text
            for name, value in vars(args).items():
                if isinstance(value, str | Path) and _has_bytes(str(value)):
                    encoding = sys.getfilesystemencoding()
                    option = f"--{name.replace('_', '-')} {str(value)!a}"
                    self.error(f"{option}: not {encoding}, which file names here use; rename it")
        return args


def _has_bytes(text: str) -> bool:
    """Whether the text has a lone surrogate, which is how Python represents a byte that is not text."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def blocks() -> bool:
    """Whether standard output is a terminal that can show shaded blocks, and nobody asked for plain text (NO_COLOR)."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return writable("░▒▓█␣")


def number(kind: type, expected: str, fits: Callable) -> Callable[[str], int | float]:
    """Make an argument type: a text that is not a number, or does not fit, is an error that says what was expected."""

    def parse(text: str) -> int | float:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not fits(value):
            raise argparse.ArgumentTypeError(f"expected {expected}, got {text if value is not None else repr(text)}")
        return value

    return parse


def some_text(text: str) -> str:
    """Argument type: a text that is not empty."""
    if not text:
        raise argparse.ArgumentTypeError("expected a text, got an empty one")
    return text


positive_int = number(int, "a whole number of at least 1", lambda value: value >= 1)
natural = number(int, "a whole number of at least 0", lambda value: value >= 0)
workers = number(int, f"a whole number of 1 to {MOST_WORKERS}", lambda value: 1 <= value <= MOST_WORKERS)
positive_float = number(float, "a number above 0", lambda value: 0 < value < float("inf"))
share = number(float, "a share above 0 and at most 1", lambda value: 0 < value <= 1)
ratio = number(float, "a share of at least 0 and below 1", lambda value: 0 <= value < 1)


def options_of(arguments: dict) -> list[str]:
    """Return the options that reproduce these parsed arguments, whatever the defaults are or become."""
    options: list[str] = []
    for name, value in arguments.items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, dict):  # of save_every
            value = "".join(f"{count}{'s' * (unit == 'seconds')}" for unit, count in value.items())
        if isinstance(value, list):
            options += [option, *map(str, value)]
        elif name not in PLACE and value is not None and value is not False:
            options.append(option if value is True else f"{option}={value}")
    return options


def resumed(parser: Parser, args: Namespace, states: list[Path], free: tuple[str, ...]) -> tuple[Namespace, dict]:
    """Return the arguments of a resumed run, and the facts in its state files, which have to agree.

    args: the typed arguments; only those named in ``free`` may differ from what the run was started with.
    """
    runs = {path: _started(parser, args, path) for path in states if path.is_file()}
    if not runs:
        if (model := imported_model(args.resume)) is not None:
            state = "weights alone, without the state of a training, so there is nothing to resume"
            parser.error(f"--resume {args.resume}: {model.name} was imported: {state}")
        names = " or ".join(path.name for path in states)
        parser.error(f"--resume {args.resume}: no {names} there to go on with; without --resume, a new run starts")
    for path in runs:
        if (count := training_state.ranks(path)) != parser.ranks.size and not args.allow_other_ranks:
            again = mpiexec(count, "--mpi", "--resume", str(args.resume))
            parser.error(
                f"--resume {args.resume}: {path.name} was saved by {in_ranks(count)}, but this job has "
                f"{parser.ranks.size}; to go on with the same bits: {again}; to go on rounded differently, add "
                "--allow-other-ranks"
            )
    (first, (started, facts)), *others = runs.items()
    again = parser.parse_args(namespace=Namespace(**vars(started)))
    found = {"from what the run was started with": (again, facts)}
    found |= {f"between {first.name} and {path.name}": run for path, run in others}
    for where, (other, same) in found.items():
        differing = [name for name in vars(started) if name not in free and vars(other)[name] != vars(started)[name]]
        changed = [f"--{name.replace('_', '-')}" for name in differing] + [n for n in facts if same.get(n) != facts[n]]
        if changed:
            parser.error(f"--resume {args.resume}: {', '.join(changed)} differs {where}")
    return again, facts


def _started(parser: Parser, args: Namespace, state: Path) -> tuple[Namespace, dict]:
    """Return the arguments that the run of a state file was started with, and the other facts in the file."""
    facts, known = training_state.facts(state), options_of(dict.fromkeys(vars(args), True))
    arguments = facts.pop("arguments", None)  # which version 0.1.0 kept
    options = options_of(arguments) if isinstance(arguments, dict) else facts.pop("options", None)
    options = list(map(str, options)) if isinstance(options, list) else ["-"]
    unknown = {option.partition("=")[0] for option in options if option.startswith("-")} - set(known)
    if unknown or not isinstance(facts.get("sha256"), str):
        parser.error(f"--resume {args.resume}: {state} was not written by this script")
    prog, parser.prog = parser.prog, f"{parser.prog}: {state}"
    started = parser.parse_args([*options, f"--out={args.resume}"])
    parser.prog = prog
    return started, facts


def only_once(data: str) -> str | None:
    """Say that data can be read only once, as a pipe; None for a file, a folder, or nothing at all."""
    path = Path(data).absolute()
    device = any(map(path.is_relative_to, ("/dev", "/proc"))) and not path.is_relative_to("/dev/shm")
    if path.exists() and (device or not (path.is_file() or path.is_dir())):
        return f"{data} can be read only once"
    return None


def expect_data(data: str | None, ranks: Ranks) -> None:
    """Raise ValueError, on every rank, for data that only one of several can read."""
    if ranks.size > 1 and data is not None and (said := ranks.first(only_once(data))):
        raise of_rank(0, ValueError(f"{said}; each rank needs a file of its own, with the same content"))


def in_ranks(count: int) -> str:
    """Return ``1 rank`` or ``2 ranks``."""
    return f"{count} rank{'s' * (count > 1)}"


def mpiexec(count: int, *options: str) -> str:
    """Return the command that runs this script, with these options, on so many ranks."""
    python = Path(sys.executable)
    beside = python.with_name("mpiexec")  # of the MPI that mpi4py takes unless it is told another
    own = beside.is_file() and "MPI4PY_LIBMPI" not in os.environ
    launcher = _typed(beside) if own else "mpiexec"
    return shlex.join([launcher, "-n", str(count), _typed(python), "-m", "mpi4py", sys.argv[0], *options])


def _typed(program: Path) -> str:
    """Return what to type for a program: its name, if the shell finds it; else its path, from here if it is below."""
    if shutil.which(program.name) == str(program):
        return program.name
    return str(program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program)


def save_every(text: str) -> dict:
    """Argument type: ``50`` for iterations, ``30s`` for seconds."""
    try:
        return {"seconds": positive_float(text[:-1])} if text.endswith("s") else {"iterations": positive_int(text)}
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"expected iterations as 50, or seconds as 30s, got {text}") from None
