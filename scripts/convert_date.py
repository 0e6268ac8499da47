"""Turn written dates into yyyy-mm-dd with a trained model.

python scripts/convert_date.py "May 1, 1972" "nov 13, 1987"
python scripts/convert_date.py < dates.txt
python scripts/convert_date.py --explain "May 1, 1972"      # and where the model looked
"""

import shutil
import sys
from collections.abc import Iterator
from itertools import chain, islice

import entry
import numpy as np

from experiment import DateAnswer, DateModel
from experiment.command_line import Parser, blocks, number

MOST = 1024  # answers to search for at a time, which bounds the memory


def parse():
    parser = Parser(description=__doc__)
    parser.add_argument("texts", nargs="*", metavar="DATE", help="written dates (default: lines on standard input)")
    parser.add_run_of_dates()
    width = number(int, f"a whole number of 1 to {MOST}", lambda value: 1 <= value <= MOST)
    parser.add_argument("--beam", type=width, metavar="K", help="print the K best answers of a beam search of width K")
    parser.add_argument(
        "--explain", action="store_true", help="draw where the model looked; plain digits, in tenths, when piped"
    )
    return parser.parse_args()


def main() -> int:
    args = parse()
    date_model = DateModel(args.run, args.model)
    if args.explain:
        date_model.expect_maps()
    if not args.texts and sys.stdin is None:
        raise ValueError("expected dates, got neither arguments nor a standard input")
    failed, kind = False, "question" if args.texts else "line"
    # someone who types lines wants each answered at once
    size = 1 if not args.texts and sys.stdin.isatty() else MOST // (args.beam or 1)
    numbered = enumerate(args.texts or lines(), 1)
    while chunk := list(islice(numbered, size)):
        questions = []
        for place, text in chunk:
            try:
                questions.append(date_model.encode(text))
            except ValueError as error:
                failed = True
                entry.say(f"{kind} {place}: {error}")
        if questions:
            for answer in chain(*date_model.answers(np.stack(questions), args.beam or 1)):
                print(shown(answer, date_model.T_dec, args), flush=size == 1)
    return 2 if failed else 0


def shown(answer: DateAnswer, width: int, args) -> str:
    """Format the answer, with its probability and its map if asked for."""
    line = answer.text.ljust(width)
    if args.beam or args.explain:
        line += f"  {answer.probability:.4f}"
    if args.explain:
        line += "\n" + answer.map_text(shutil.get_terminal_size().columns, blocks=blocks())
    return line


def lines() -> Iterator[str]:
    # bytes that are not UTF-8 spoil only their own line
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="surrogateescape")
    return (line.rstrip("\r\n") for line in sys.stdin)


if __name__ == "__main__":
    entry.run(main)
