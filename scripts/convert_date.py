"""Turn written dates into yyyy-mm-dd with a trained model.

python scripts/convert_date.py "May 1, 1972" "nov 13, 1987"
python scripts/convert_date.py < dates.txt
"""

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from cli import DateModel, Parser, run

from seq2seq.model_file import MODELS


def parse():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", nargs="*", metavar="DATE", help="written dates (default: lines on standard input)")
    parser.add_argument("--run", type=Path, default=Path("runs/date"), metavar="DIR", help="what train_date.py wrote")
    parser.add_argument("--model", choices=list(MODELS), default="attention")
    return parser.parse_args()


def main() -> int:
    args = parse()
    date_model = DateModel(args.run, args.model)
    if not args.texts and sys.stdin is None:
        raise ValueError("no dates: neither arguments nor a standard input")
    failed = False
    # someone who types lines wants each answered at once
    size = 1 if not args.texts and sys.stdin.isatty() else 1024
    numbered = enumerate(args.texts or lines(), 1)
    while chunk := list(islice(numbered, size)):
        questions = []
        for number, text in chunk:
            try:
                if not text.strip():
                    raise ValueError("an empty line, a date wanted")
                questions.append(date_model.encode(text))
            except ValueError as error:
                failed = True
                print(f"convert_date.py: line {number}: {error}", file=sys.stderr)
        if questions:
            for ids in date_model.decode(np.stack(questions)).ids:
                print(date_model.vocabulary.decode(ids), flush=size == 1)
    return 2 if failed else 0


def lines() -> Iterator[str]:
    # bytes that are no text spoil their own line only
    sys.stdin.reconfigure(encoding="utf-8-sig", errors="surrogateescape")
    return (line.rstrip("\r\n") for line in sys.stdin)


if __name__ == "__main__":
    run(main)
