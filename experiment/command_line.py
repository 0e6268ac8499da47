"""What the scripts share: the arguments of a command line, and opening a trained run."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from common import training_state
from seq2seq.model_file import MODELS
from support.terminal import writable

MOST_WORKERS = 256


class Parser(argparse.ArgumentParser):
    """argparse, without its usage lines before an error; and an empty path, of a variable that is not set say, is none,
    not the current folder. description: a docstring, of which the first line is shown; ``python -OO`` has none."""

    def __init__(self, *arguments, description: str | None = None, **options):
        super().__init__(*arguments, description=(description or "").partition("\n")[0], **options)
        self.register("type", Path, lambda text: Path(some_text(text)))

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")

    def add_training(self) -> None:
        """The options that say what is trained on what, with the chapter's sizes."""
        data = "a file in the book's format, which `python -m dataset.pairs` makes of others (default: generated dates)"
        self.add_argument("--data", type=some_text, metavar="PATH", help=data)
        self.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS), metavar="MODEL")
        self.add_argument("--batch-size", type=positive_int, default=128)
        self.add_argument("--wordvec-size", type=positive_int, default=16)
        self.add_argument("--hidden-size", type=positive_int, default=256)
        self.add_argument("--max-grad", type=positive_float, default=5.0, help="gradients are clipped to this norm")
        self.add_argument("--lr", type=positive_float, default=0.001)

    def add_run_of_dates(self, help: str = "what train_date.py wrote") -> None:
        """The options that say which trained model of dates to ask."""
        self.add_argument("--run", type=Path, default=Path("runs/date"), metavar="DIR", help=help)
        self.add_argument("--model", choices=list(MODELS), help="of the run (default: its first with attention maps)")

    def add_workers(self, help: str) -> None:
        self.add_argument("--workers", type=workers, default=min(cores(), MOST_WORKERS), help=help)

    def parse_args(self, *arguments, **options):
        """As argparse's; a model that is named twice counts once."""
        args = super().parse_args(*arguments, **options)
        if "models" in args:
            args.models = list(dict.fromkeys(args.models))
        if "resume" in args:  # a training keeps its arguments, as text
            for name, value in vars(args).items():
                if isinstance(value, str | Path) and _has_bytes(str(value)):
                    encoding = sys.getfilesystemencoding()
                    self.error(f"--{name} {str(value)!a}: not {encoding}, as names of files are here; rename it")
        return args


def _has_bytes(text: str) -> bool:
    """Whether the text has a lone surrogate, by which Python stands for a byte that is no text."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def blocks() -> bool:
    """Whether standard output is a terminal that can show shaded blocks, and nobody asked for plain text (NO_COLOR)."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return writable("░▒▓█␣")


def number(kind: type, wanted: str, fits: Callable) -> Callable[[str], int | float]:
    """A type of argument: what is no number, or does not fit, is an error that says what is wanted."""

    def parse(text: str) -> int | float:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not fits(value):
            raise argparse.ArgumentTypeError(f"{wanted} wanted, got {text if value is not None else repr(text)}")
        return value

    return parse


def some_text(text: str) -> str:
    """A type of argument: a text that is not empty."""
    if not text:
        raise argparse.ArgumentTypeError("an empty text was given")
    return text


positive_int = number(int, "a whole number of at least 1", lambda value: value >= 1)
natural = number(int, "a whole number of at least 0", lambda value: value >= 0)
workers = number(int, f"a whole number of 1 to {MOST_WORKERS}", lambda value: 1 <= value <= MOST_WORKERS)
positive_float = number(float, "a number above 0", lambda value: 0 < value < float("inf"))
share = number(float, "a share above 0 and at most 1", lambda value: 0 < value <= 1)
ratio = number(float, "a share of at least 0 and below 1", lambda value: 0 <= value < 1)


def resumed(parser: Parser, folder: Path, states: list[Path], free: tuple[str, ...]) -> tuple[argparse.Namespace, dict]:
    """The arguments of a run that goes on, and the facts in its state files, which have to agree.

    Options on the command line may differ from those it was started with only where ``free`` names them.
    """
    parser.parse_args()  # what was typed is refused before what is stored
    present = [path for path in states if path.is_file()]
    if not present:
        names = " or ".join(path.name for path in states)
        parser.error(f"--resume {folder}: no {names} there, so nothing to go on with")
    (options, facts), *others = [_started(parser, folder, path) for path in present]
    again = parser.parse_args([*options, *sys.argv[1:]])
    wanted = _fixed(facts, free)
    found = {"from what the run was started with": facts | {"arguments": storable(again)}}
    for path, (_, other) in zip(present[1:], others, strict=True):
        found[f"between {present[0].name} and {path.name}"] = other
    for where, other in found.items():
        other = _fixed(other, free)
        changed = [name for name in wanted if other.get(name) != wanted[name]]
        if changed:
            parser.error(f"--resume {folder}: {', '.join(changed)} differs {where}")
    return again, facts


def _fixed(facts: dict, free: tuple[str, ...]) -> dict:
    """What a run that goes on must have in common with the one of these facts, by names to be shown."""
    fixed = {f"--{name.replace('_', '-')}": value for name, value in facts["arguments"].items() if name not in free}
    return fixed | {name: value for name, value in facts.items() if name != "arguments"}


def _started(parser: Parser, folder: Path, state: Path) -> tuple[list[str], dict]:
    """What would have to be typed to start the run of a state file, and the facts in it."""
    facts, known = training_state.facts(state), vars(parser.parse_args())
    arguments, strange = facts.get("arguments"), f"--resume {folder}: {state} was not written by this script"
    if not isinstance(arguments, dict) or arguments.keys() - known or not isinstance(facts.get("sha256"), str):
        parser.error(strange)
    arguments |= {"out": str(folder), "resume": None}
    options = []
    for name, value in arguments.items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, dict):  # of save_every
            value = "".join(f"{count}{'s' * (unit == 'seconds')}" for unit, count in value.items())
        if isinstance(value, list):
            options += [option, *map(str, value)]
        elif value is not None and value is not False:
            options.append(option if value is True else f"{option}={value}")
    prog, parser.prog = parser.prog, f"{parser.prog}: {state}"
    args = parser.parse_args(options)
    parser.prog = prog
    again = storable(args)
    if {name: again[name] for name in arguments} != arguments:
        parser.error(strange)
    facts["arguments"] = again  # with the defaults of options that are younger than the run
    return options, facts


def storable(args: argparse.Namespace) -> dict:
    """The arguments as JSON can hold them."""
    return {key: str(value) if isinstance(value, Path) else value for key, value in vars(args).items()}


def save_every(text: str) -> dict:
    """``50``: iterations; ``30s``: seconds."""
    try:
        return {"seconds": positive_float(text[:-1])} if text.endswith("s") else {"iterations": positive_int(text)}
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"iterations as 50, or seconds as 30s, wanted, got {text}") from None
