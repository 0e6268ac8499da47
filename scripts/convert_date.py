"""Turn written dates into yyyy-mm-dd with a trained model.

python scripts/convert_date.py "May 1, 1972" "nov 13, 1987"
python scripts/convert_date.py < dates.txt
python scripts/convert_date.py --explain "May 1, 1972"      # and where the model looked
"""

import shutil
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import entry
import numpy as np

from experiment.command_line import Parser, blocks, number
from experiment.date_model import DateModel
from seq2seq.model_file import MODELS
from seq2seq.text_map import map_text

MOST = 1024  # answers that are searched for at a time, which bounds the memory


def parse():
    parser = Parser(description=__doc__)
    parser.add_argument("texts", nargs="*", metavar="DATE", help="written dates (default: lines on standard input)")
    parser.add_argument("--run", type=Path, default=Path("runs/date"), metavar="DIR", help="what train_date.py wrote")
    parser.add_argument("--model", choices=list(MODELS), help="(default: one with maps)")
    width = number(int, f"a whole number of 1 to {MOST}", lambda value: 1 <= value <= MOST)
    parser.add_argument("--beam", type=width, metavar="K", help="the K best answers of a beam search of width K")
    parser.add_argument(
        "--explain", action="store_true", help="a map of where the model looked; plain, in tenths, when piped"
    )
    return parser.parse_args()


def main() -> int:
    args = parse()
    date_model = DateModel(args.run, args.model)
    if args.explain:
        date_model.expect_maps()
    if not args.texts and sys.stdin is None:
        raise ValueError("no dates: neither arguments nor a standard input")
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
            for answers in answered(date_model, np.stack(questions), args):
                print(answers, flush=size == 1)
    return 2 if failed else 0


def answered(date_model: DateModel, xs: np.ndarray, args) -> Iterator[str]:
    """Of each question xs (N, T_enc) the lines to print: its answers, with probabilities and maps where they were
    asked for."""
    decoded, vocabulary = date_model.beam_search(xs, args.beam or 1), date_model.vocabulary
    order = slice(None, None, -1 if date_model.reverse else 1)
    width, as_blocks = shutil.get_terminal_size().columns, blocks()
    for n, (answers, log_probs) in enumerate(zip(decoded.ids, decoded.log_probs, strict=True)):
        for k, ids in enumerate(answers):
            line = answer = vocabulary.decode(ids)
            if args.beam or args.explain:
                line += f"  {np.exp(log_probs[k]):.4f}"
            if args.explain:
                weights = decoded.attention_weights[n, k][:, order]
                line += "\n" + map_text(weights, vocabulary.decode(xs[n, order]), answer, width, blocks=as_blocks)
            yield line


def lines() -> Iterator[str]:
    # bytes that are no text spoil their own line only
    sys.stdin.reconfigure(encoding="utf-8-sig", errors="surrogateescape")
    return (line.rstrip("\r\n") for line in sys.stdin)


if __name__ == "__main__":
    entry.run(main)
