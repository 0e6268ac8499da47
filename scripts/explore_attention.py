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
from experiment.command_line import natural
from experiment.date_page import open_models, page_of, read_pairs
from experiment.page_options import PageParser, write
from seq2seq.model_file import MODELS
from support.html_page import Phrase


def parse():
    parser = PageParser(description=__doc__, script="train_date.py", run="runs/date")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--model", choices=list(MODELS), help="model of each run (default: the first one with attention maps)"
    )
    which.add_argument(
        "--models", nargs="+", choices=list(MODELS), metavar="MODEL", help="models of each run, side by side"
    )
    kept = "epochs to watch the model learn, of those that train_date.py --keep-weights kept (without K: all of them)"
    parser.add_argument("--epochs", nargs="*", type=natural, metavar="K", help=kept)
    parser.add_page("question", "questions: question or question_answer")
    return parser.parse_args()


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
    write(page, args, len(pairs[: args.count]), "question")
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
