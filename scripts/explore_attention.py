"""Write one page of HTML that runs a trained attention model in the browser, and shows where it looks.

python scripts/explore_attention.py                                     # with the first 200 test questions
python scripts/explore_attention.py --text "May 1, 1972" --out may.html
python scripts/explore_attention.py --models baseline peeky attention   # side by side
python scripts/explore_attention.py --run runs/date --run runs/masked   # of two runs
python scripts/explore_attention.py --epochs                            # all that train_date.py --keep-weights kept
"""

from pathlib import Path

import entry

from experiment import DateModel
from experiment.command_line import Parser, natural, positive_int
from experiment.date_page import open_models, page_of, read_pairs
from experiment.page_size import suggestion
from seq2seq.model_file import MODELS
from support.atomic_file import replacing
from support.html_page import Phrase

COUNT = 200


def parse():
    parser = Parser(description=__doc__)
    runs = "folder that train_date.py wrote; one --run for each that stands side by side (default: runs/date)"
    parser.add_argument("--run", type=Path, action="append", metavar="DIR", help=runs)
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--model", choices=list(MODELS), help="model of each run (default: the first one with attention maps)"
    )
    which.add_argument(
        "--models", nargs="+", choices=list(MODELS), metavar="MODEL", help="models of each run, side by side"
    )
    kept = "epochs to watch the model learn, of those that train_date.py --keep-weights kept (without K: all of them)"
    parser.add_argument("--epochs", nargs="*", type=natural, metavar="K", help=kept)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--count", type=positive_int, metavar="K", help=f"test questions (default {COUNT})")
    what.add_argument("--text", nargs="+", metavar="TEXT", help="your own questions instead")
    what.add_argument(
        "--file", type=Path, metavar="FILE", help="a file of questions: question or question_answer, one per line"
    )
    parser.add_weights()
    parser.add_argument("--out", type=Path, metavar="FILE", help="(default: attention.html in the first run's folder)")
    args = parser.parse_args()
    args.run = args.run or [Path("runs/date")]
    if args.text is None and args.file is None:
        args.count = args.count or COUNT
    args.out = parser.page_path(args)
    return args


def main() -> int:
    args = parse()
    date_models = open_models(args.run, args.model, args.models)
    pairs, origin = questions(args, date_models[0])
    page = page_of(
        date_models,
        pairs,
        origin,
        of_test=args.count is not None,
        epochs=args.epochs,
        precision=args.weights,
        count=args.count,
    )
    with replacing(args.out) as file:
        file.write(page)
    count = len(pairs[: args.count])
    print(f"written to {args.out}: {len(page) / 1e6:.1f} MB, {count:,} question{'s' * (count > 1)}")
    if (hint := suggestion(page, args.weights)) is not None:
        print(hint)
    return 0


def questions(args, date_model: DateModel) -> tuple[list[tuple[str, str | None]], Phrase]:
    """Return the questions with their answers (None if unknown), and a phrase for where they are from."""
    if args.text is not None:
        return [(text, date_model.answer_to(text)) for text in args.text], "questions from the command line"
    if args.file is not None:
        return list(read_pairs(args.file, date_model)), ("questions of {file}", {"file": args.file.name})
    pairs: list = date_model.test_questions()
    counts = {"count": f"{min(args.count, len(pairs)):,}", "all": f"{len(pairs):,}"}
    if date_model.data["path"]:
        source = Path(date_model.data["path"]).name
        return pairs, ("{count} of {all} test questions of {source}", counts | {"source": source})
    return pairs, ("{count} of {all} test questions of generated dates", counts)


if __name__ == "__main__":
    entry.run(main)
