"""What the scripts that write pages have in common: their options, and what they say of the page."""

from argparse import Namespace
from pathlib import Path

from experiment.command_line import Parser, positive_int
from experiment.page_size import suggestion
from support.atomic_file import replacing
from support.packed_weights import PRECISIONS

COUNT = 200


class PageParser(Parser):
    """A parser with the options of a page. script: writes its runs; run: the one that it shows if none is named."""

    def __init__(self, *, description: str | None, script: str, run: str):
        super().__init__(description=description)
        self.first = Path(run)
        runs = f"folder that {script} wrote; one --run for each that stands side by side (default: {run})"
        self.add_argument("--run", type=Path, action="append", metavar="DIR", help=runs)

    def add_page(self, what: str, lines: str) -> None:
        """Add the options that say what the page lists, in how many bytes it holds its weights, and where it is.

        what: what the models read, in the singular; lines: what is in a file of them.
        """
        listed = self.add_mutually_exclusive_group()
        listed.add_argument("--count", type=positive_int, metavar="K", help=f"test {what}s (default {COUNT})")
        listed.add_argument("--text", nargs="+", metavar="TEXT", help=f"your own {what}s instead")
        listed.add_argument("--file", type=Path, metavar="FILE", help=f"a file of {lines}, one per line")
        smaller = "type of the weights in the page; the page says what a smaller one loses (default float32)"
        self.add_argument("--weights", choices=PRECISIONS, default="float32", help=smaller)
        self.add_argument(
            "--out", type=Path, metavar="FILE", help="(default: attention.html in the first run's folder)"
        )

    def parse_args(self, *arguments, **options):
        """Parse as Parser does, with values for the runs, the count (unless it has no meaning) and the page's path."""
        args = super().parse_args(*arguments, **options)
        args.run = args.run or [self.first]
        if args.text is None and args.file is None:
            args.count = args.count or COUNT
        args.out = args.out or args.run[0] / "attention.html"
        if args.out.suffix.lower() not in (".html", ".htm"):
            self.error(f"--out {args.out}: expected a name that ends in .html")
        if args.file is not None and args.file.resolve() == args.out.resolve():
            self.error(f"--out {args.out}: the page would replace what --file reads; choose another name")
        return args


def write(page: bytes, args: Namespace, count: int, what: str) -> None:
    """Write the page where ``--out`` says, and print how large it is. what, count: it lists so many of that."""
    with replacing(args.out) as file:
        file.write(page)
    print(f"written to {args.out}: {len(page) / 1e6:.1f} MB, {count:,} {what}{'s' * (count > 1)}")
    if (hint := suggestion(page, args.weights)) is not None:
        print(hint)
